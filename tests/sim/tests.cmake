nj_test(sim/test_night_small.c LIBS nj_coordinator_core nj_session LABEL sim)
