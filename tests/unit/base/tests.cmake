foreach(name arena buffer checked digest error failpoint file id idlist log mapped status)
    nj_test(unit/base/test_${name}.c LIBS nj_base LABEL unit)
endforeach()
