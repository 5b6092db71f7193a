nj_test(unit/sid/test_trie.c LIBS nj_sid LABEL unit)
nj_test(unit/sid/test_trie_hostile.c LIBS nj_sid LABEL unit)
nj_test(unit/sid/test_trie_random.c LIBS nj_sid LABEL unit)
nj_test(unit/sid/test_eligible.c LIBS nj_sid LABEL unit)
