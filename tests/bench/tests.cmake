# Workers without an engine, and the fleet of them.
add_executable(stub_worker bench/stub_worker.c)
target_link_libraries(stub_worker PRIVATE nj_session nj_wire nj_cli nj_codec nj_base)

foreach(size tiny large)
    add_test(NAME bench_fleet_${size} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/bench/fleet --size ${size} --check)
    set_tests_properties(bench_fleet_${size} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
set_tests_properties(bench_fleet_tiny PROPERTIES LABELS fault)
set_tests_properties(bench_fleet_large PROPERTIES LABELS soak RUN_SERIAL ON)
