nj_test(unit/bundle/test_bundle.c LIBS nj_bundle LABEL unit)
