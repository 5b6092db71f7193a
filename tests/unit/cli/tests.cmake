nj_test(unit/cli/test_arguments_with.c LIBS nj_cli LABEL unit)
nj_test(unit/cli/test_cli.c LIBS nj_cli LABEL unit)
nj_test(unit/cli/test_progress.c LIBS nj_cli LABEL unit)
nj_test(unit/cli/test_suggest.c LIBS nj_cli LABEL unit)
