nj_test(unit/judge/test_lists.c LIBS nj_judge LABEL unit)
nj_test(unit/judge/test_metric.c LIBS nj_judge m LABEL unit)
