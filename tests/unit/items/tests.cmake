nj_test(unit/items/test_item_desk.c LIBS nj_items LABEL unit)
