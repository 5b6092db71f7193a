nj_test(unit/quant/test_codebooks.c LIBS nj_quant LABEL unit)
nj_test(unit/quant/test_encoder.c LIBS nj_quant LABEL unit)
nj_test(unit/quant/test_kinds.c LIBS nj_quant LABEL unit)
nj_test(unit/quant/test_transform.c LIBS nj_quant LABEL unit)
