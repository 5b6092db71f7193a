nj_test(unit/policy/test_policy_read.c LIBS nj_policy m LABEL unit)
