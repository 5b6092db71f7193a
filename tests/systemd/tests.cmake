# The units of ops/systemd as systemd reads them, and (soak) under a systemd of their own: machine.sh. Skipped where systemd or root are
# missing. A test that boots a systemd is nothing to surprise somebody with who only wanted to run the tests.
nj_scripts(systemd LABEL systemd TIMEOUT 300 WAITS)
set_tests_properties(systemd_0020-nights-under-systemd PROPERTIES LABELS soak)
