# Pages that people open, looked at in a real browser without a network. Not run under sanitizers: nothing of ours runs in it.
if(NOT NIGHTJAR_SANITIZE)
    file(GLOB browser_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/browser/[0-9]*.t)
    foreach(script ${browser_tests})
        get_filename_component(name ${script} NAME_WE)
        add_test(NAME browser_${name} COMMAND bash ${script})
        set_tests_properties(browser_${name} PROPERTIES LABELS browser TIMEOUT 180 SKIP_RETURN_CODE 77
                ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
    endforeach()
endif()
