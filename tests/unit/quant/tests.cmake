nj_test(unit/quant/test_quant.c LIBS nj_quant LABEL unit)
