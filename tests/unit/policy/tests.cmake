nj_test(unit/policy/test_rerank.c LIBS nj_policies LABEL unit)
