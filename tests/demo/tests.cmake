add_test(NAME demo_data COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/demo/check-data)
set_tests_properties(demo_data PROPERTIES LABELS cli SKIP_RETURN_CODE 77)
