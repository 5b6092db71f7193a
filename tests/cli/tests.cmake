# The command line as a hostile or careless user meets it: one numbered script a behaviour, lib.sh is what they share.
# Some compute for long under a sanitizer, and what they reach in the programs unit tests and fuzz targets reach there too: those run in
# release only.
set(release_only 0015-tables-agree 0050-json-outputs 0145-what-to-do-next 0255-bundle-items 0257-bundle-text 0340-long-histories 0370-eligible 0376-answers-in-words 0390-forms
    0506-load-redis 0540-refused-nights 0560-channels 0600-full-disk 0620-untouched-outputs 0700-bench 0730-eval
    0745-eval-protocol 0750-pairing 0755-policy-sweep 0770-whole-night-refused 0780-train-t5 0830-train-sasrec 0850-lab 0870-plan 0880-policy 0885-cold-items 1105-grade-controls 1110-grade-trend 1115-grade-stored 1120-grade-channels 2010-reader-library)
file(GLOB cli_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cli/[0-9]*.t)
foreach(script ${cli_tests})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME cli_${name} COMMAND bash ${script})
    set(labels cli)
    if(name IN_LIST release_only)
        list(APPEND labels release-only)
    endif()
    set_tests_properties(cli_${name} PROPERTIES LABELS "${labels}" TIMEOUT 120
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
