nj_test(unit/prompt/test_prompt.c LIBS nj_prompt LABEL unit)
