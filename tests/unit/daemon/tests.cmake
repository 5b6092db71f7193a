foreach(name compute section_cache watchdog)
    nj_test(unit/daemon/test_${name}.c LIBS nj_worker_daemon LABEL unit)
endforeach()
