nj_test(unit/session/test_session.c LIBS nj_session LABEL unit)
