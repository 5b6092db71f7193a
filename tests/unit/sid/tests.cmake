nj_test(unit/sid/test_live_rows.c LIBS nj_sid LABEL unit)
nj_test(unit/sid/test_trie.c LIBS nj_sid LABEL unit)
nj_test(unit/sid/test_trie_hostile.c LIBS nj_sid LABEL unit)
