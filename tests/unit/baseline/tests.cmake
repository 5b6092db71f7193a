nj_test(unit/baseline/test_neighbours.c LIBS nj_baseline LABEL unit)
nj_test(unit/baseline/test_recommender.c LIBS nj_baseline LABEL unit)
nj_test(unit/baseline/test_top.c LIBS nj_baseline LABEL unit)
