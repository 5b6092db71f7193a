nj_test(tables/test_ledger_table.c LIBS nj_coordinator_core LABEL unit)
nj_test(tables/test_roster_table.c LIBS nj_coordinator_core LABEL unit)
nj_test(tables/test_session_table.c LIBS nj_session LABEL unit)
