# Workers without an engine, and the fleet of them.
add_executable(read_histories EXCLUDE_FROM_ALL bench/read_histories.c)
target_link_libraries(read_histories PRIVATE nj_input)

add_executable(stub_worker bench/stub_worker.c)
target_link_libraries(stub_worker PRIVATE nj_session nj_wire nj_cli nj_codec nj_base)

# What a batch of users costs against a pool of cold items; built when asked for by name.
add_executable(cold_pool EXCLUDE_FROM_ALL bench/cold_pool.c)
target_link_libraries(cold_pool PRIVATE nj_policies nj_base m)

# How long one get of libnightjar-reader takes; built when asked for by name.
add_executable(bench_reader_latency EXCLUDE_FROM_ALL bench/reader_latency.c)
target_link_libraries(bench_reader_latency PRIVATE nj_reader nj_store nj_test_support)

# What the gates on packed lists cost; built when asked for by name.
add_executable(bench_gates_after EXCLUDE_FROM_ALL bench/gates_after.c)
target_link_libraries(bench_gates_after PRIVATE nj_coordinator_daemon nj_store nj_test_support)

# Requests at a fixed rate for `nightjar serve-cache`; built when asked for by name.
add_executable(bench_serve_load EXCLUDE_FROM_ALL bench/serve_load.c)
target_link_libraries(bench_serve_load PRIVATE nj_base)

# A search for answers beside the head of its model; built when asked for by name.
add_executable(answers EXCLUDE_FROM_ALL bench/answers.c)
target_link_libraries(answers PRIVATE nj_beam nj_base)

foreach(size tiny large)
    add_test(NAME bench_fleet_${size} COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/bench/fleet --size ${size} --check)
    set_tests_properties(bench_fleet_${size} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77
            ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
endforeach()
set_tests_properties(bench_fleet_tiny PROPERTIES LABELS fault)
set_tests_properties(bench_fleet_large PROPERTIES LABELS soak RUN_SERIAL ON)

# Our products beside those of other libraries: built only when asked for, with the folder that bench/fetch_blas_peers made.
set(NIGHTJAR_COMPARE_BLAS "" CACHE PATH "Folder with the libraries to compare products with (tests/bench/fetch_blas_peers); empty: no comparison")
if(NIGHTJAR_COMPARE_BLAS)
    add_executable(compare_blas bench/compare_blas.c bench/compare_blas_cases.c bench/blas_peers.c bench/blas_peers_onednn.c bench/blas_peers_xsmm.c)
    target_include_directories(compare_blas SYSTEM PRIVATE ${NIGHTJAR_COMPARE_BLAS}/include)
    target_link_libraries(compare_blas PRIVATE nj_math nj_base ${CMAKE_DL_LIBS} m)
endif()

# One side of bench/compare_faiss.py; built when asked for by name.
add_executable(compare_faiss_ours EXCLUDE_FROM_ALL bench/compare_faiss_ours.c)
target_link_libraries(compare_faiss_ours PRIVATE nj_quant nj_input nj_math nj_base)
