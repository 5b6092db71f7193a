nj_test(unit/http/test_server.c LIBS nj_http LABEL unit)
