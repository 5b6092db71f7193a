foreach(name arena buffer checked cpus digest error failpoint file id idlist mapped saving status)
    nj_test(unit/base/test_${name}.c LIBS nj_base LABEL unit)
endforeach()
nj_test(unit/base/test_log.c LIBS nj_base PkgConfig::JANSSON LABEL unit)
