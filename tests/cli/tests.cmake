# The command line as a hostile or careless user meets it: one numbered script a behaviour, lib.sh is what they share.
file(GLOB cli_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cli/[0-9]*.t)
foreach(script ${cli_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME cli_${name} COMMAND bash ${script})
    set_tests_properties(cli_${name} PROPERTIES LABELS cli TIMEOUT 120
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
