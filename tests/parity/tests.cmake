include(${CMAKE_CURRENT_SOURCE_DIR}/support/t5_fixture.cmake)
nj_test(parity/test_t5_golden.c LIBS nj_test_t5 LABEL parity)
nj_test(parity/test_t5_teacher_forced.c LIBS nj_test_t5 LABEL parity)
nj_test(parity/test_decode.c LIBS nj_engine LABEL parity)
