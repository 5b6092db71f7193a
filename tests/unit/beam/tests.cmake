nj_test(unit/beam/test_beam.c LIBS nj_beam LABEL unit)
