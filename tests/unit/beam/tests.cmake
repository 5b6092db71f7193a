nj_test(unit/beam/test_beam.c LIBS nj_beam LABEL unit)
nj_test(unit/beam/test_beam_varied.c LIBS nj_beam LABEL unit)
nj_test(unit/beam/test_beam_stochastic.c LIBS nj_beam LABEL unit)
nj_test(unit/beam/test_beam_draws.c LIBS nj_beam LABEL unit)
