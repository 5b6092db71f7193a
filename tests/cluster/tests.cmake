# What others run nightjar with: manifests, pods on network namespaces, alert rules, the dashboard, the DAG.
file(GLOB cluster_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cluster/[0-9]*.t)
foreach(script ${cluster_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME cluster_${name} COMMAND bash ${script})
    set_tests_properties(cluster_${name} PROPERTIES LABELS integration TIMEOUT 300 PROCESSORS 1 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
