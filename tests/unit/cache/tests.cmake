nj_test(unit/cache/test_cached.c LIBS nj_cache LABEL unit)
nj_test(unit/cache/test_pace.c LIBS nj_cache LABEL unit)
