# Real processes over TCP on loopback: one numbered script a behaviour, lib.sh is what they share.
add_executable(count_shards integration/count_shards.c)
target_link_libraries(count_shards PRIVATE nightjar_flags PkgConfig::LMDB)

file(GLOB integration_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/integration/[0-9]*.t)
foreach(script ${integration_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME integration_${name} COMMAND bash ${script})
    set_tests_properties(integration_${name} PROPERTIES LABELS integration TIMEOUT 300 PROCESSORS 1 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
