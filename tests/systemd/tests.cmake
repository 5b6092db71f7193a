# The units of ops/systemd as systemd reads them, and under a systemd of their own: machine.sh. Skipped where systemd or root are missing.
file(GLOB systemd_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/systemd/[0-9]*.t)
foreach(script ${systemd_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME systemd_${name} COMMAND bash ${script})
    set_tests_properties(systemd_${name} PROPERTIES LABELS systemd TIMEOUT 300 PROCESSORS 1 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
