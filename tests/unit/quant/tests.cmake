nj_test(unit/quant/test_encoder.c LIBS nj_quant LABEL unit)
