nj_test(unit/items/test_item_desk.c LIBS nj_items LABEL unit)
nj_test(unit/items/test_embed_work.c LIBS nj_items nj_encoder LABEL unit)
