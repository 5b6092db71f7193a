nj_test(unit/reader/test_reader.c LIBS nj_reader nj_store LABEL unit)
nj_test(unit/reader/test_damage.c LIBS nj_reader nj_store LABEL unit)
