nj_test(unit/encoder/test_encoder_pack.c LIBS nj_encoder LABEL unit)
