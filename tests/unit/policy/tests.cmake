nj_test(unit/policy/test_cold.c LIBS nj_policies LABEL unit)
