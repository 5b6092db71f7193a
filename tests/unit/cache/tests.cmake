nj_test(unit/cache/test_cached.c LIBS nj_cache LABEL unit)
