nj_test(unit/wire/test_keys.c LIBS nj_wire LABEL unit)
nj_test(unit/wire/test_message.c LIBS nj_wire LABEL unit)
nj_test(unit/wire/test_socket.c LIBS nj_wire LABEL unit)
