# The units of ops/systemd as systemd reads them, and (soak) under a systemd of their own: machine.sh. Skipped where systemd or root are
# missing. A test that boots a systemd is nothing to surprise somebody with who only wanted to run the tests.
file(GLOB systemd_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/systemd/[0-9]*.t)
foreach(script ${systemd_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME systemd_${name} COMMAND bash ${script})
    set_tests_properties(systemd_${name} PROPERTIES LABELS systemd TIMEOUT 300 PROCESSORS 1 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
set_tests_properties(systemd_0020-nights-under-systemd PROPERTIES LABELS soak)
