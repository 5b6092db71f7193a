nj_test(unit/coordinator/test_heap.c LIBS nj_coordinator_core LABEL unit)
nj_test(unit/coordinator/test_ledger.c LIBS nj_coordinator_core LABEL unit)
nj_test(unit/coordinator/test_roster.c LIBS nj_coordinator_core LABEL unit)
nj_test(unit/coordinator/test_dispatch.c LIBS nj_coordinator_core LABEL unit)
