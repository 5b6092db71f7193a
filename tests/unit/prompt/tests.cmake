nj_test(unit/prompt/test_prompt.c LIBS nj_prompt LABEL unit)
nj_test(unit/prompt/test_prompt_compile.c LIBS nj_prompt_compile LABEL unit)
nj_test(unit/prompt/test_prompt_answers.c LIBS nj_prompt_compile LABEL unit)
