nj_test(unit/policy/test_item_attributes.c LIBS nj_item_attributes LABEL unit)
nj_test(unit/policy/test_policy_read.c LIBS nj_policy m LABEL unit)
nj_test(unit/policy/test_policy_check.c LIBS nj_policy LABEL unit)
nj_test(unit/policy/test_policy_pack.c LIBS nj_policy LABEL unit)
