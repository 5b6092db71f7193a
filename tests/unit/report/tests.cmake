nj_test(unit/report/test_processes.c LIBS nj_report LABEL unit)
nj_test(unit/report/test_study.c LIBS nj_report LABEL unit)
nj_test(unit/report/test_page.c LIBS nj_report LABEL unit)
