# The fault matrix: one file a fault, real processes, real LMDB, real TCP. lib.sh is what they share.
file(GLOB fault_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fault/[0-9]*.t)
foreach(script ${fault_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME fault_${name} COMMAND bash ${script})
    set_tests_properties(fault_${name} PROPERTIES LABELS fault TIMEOUT 300 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
