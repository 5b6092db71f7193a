nj_test(unit/daemon/test_section_cache.c LIBS nj_worker_daemon LABEL unit)
nj_test(unit/daemon/test_pause.c LIBS nj_coordinator_daemon LABEL unit)
nj_test(unit/daemon/test_log_gate.c LIBS nj_coordinator_daemon LABEL unit)
nj_test(unit/daemon/test_audit.c LIBS nj_coordinator_daemon LABEL unit)
