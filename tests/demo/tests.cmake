add_test(NAME demo_data COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/demo/check-data)
set_tests_properties(demo_data PROPERTIES LABELS cli SKIP_RETURN_CODE 77)

add_test(NAME demo_links COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/demo/links)
set_tests_properties(demo_links PROPERTIES LABELS cli)

# Trains a model and runs a night: ten seconds of CPU, so not under sanitizers.
add_test(NAME demo_readme COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/demo/readme-figures)
set_tests_properties(demo_readme PROPERTIES LABELS demo TIMEOUT 300 ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})

# Hours on a slow mirror: by name only.
add_test(NAME demo_bare_debian COMMAND ${PROJECT_SOURCE_DIR}/ops/setup/try-bare)
set_tests_properties(demo_bare_debian PROPERTIES LABELS soak TIMEOUT 3600 SKIP_RETURN_CODE 77)

# Starting torch takes longer than nightjar does.
add_test(NAME demo_model_page COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/demo/model-page)
set_tests_properties(demo_model_page PROPERTIES LABELS demo TIMEOUT 300 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
