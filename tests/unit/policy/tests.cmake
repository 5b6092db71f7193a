nj_test(unit/policy/test_item_attributes.c LIBS nj_item_attributes LABEL unit)
