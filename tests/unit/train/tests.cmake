include(${CMAKE_CURRENT_SOURCE_DIR}/support/t5_fixture.cmake)
nj_test(unit/train/test_gradient.c LIBS nj_train nj_test_t5 LABEL unit)
nj_test(unit/train/test_team.c LIBS nj_train nj_test_t5 LABEL unit)
nj_test(unit/train/test_samples.c LIBS nj_train LABEL unit)
