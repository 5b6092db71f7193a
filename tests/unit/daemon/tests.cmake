nj_test(unit/daemon/test_section_cache.c LIBS nj_worker_daemon LABEL unit)
