# Nights on a Slurm cluster of this machine: cluster.sh. Skipped where Slurm's packages or root are missing.
file(GLOB slurm_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/slurm/[0-9]*.t)
foreach(script ${slurm_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME slurm_${name} COMMAND bash ${script})
    set_tests_properties(slurm_${name} PROPERTIES LABELS slurm TIMEOUT 300 PROCESSORS 1 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
