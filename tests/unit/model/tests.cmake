nj_test(unit/model/test_checkpoint.c LIBS nj_model LABEL unit)
nj_test(unit/model/test_lora.c LIBS nj_model LABEL unit)
