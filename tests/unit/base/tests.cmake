foreach(name arena buffer digest error file id idlist mapped status)
    nj_test(unit/base/test_${name}.c LIBS nj_base LABEL unit)
endforeach()
