nj_test(unit/policy/test_rerank.c LIBS nj_policies LABEL unit)
nj_test(unit/policy/test_item_attributes.c LIBS nj_item_attributes LABEL unit)
