nj_test(unit/policy/test_fill.c LIBS nj_policies LABEL unit)
