# Fuzz targets: one function over bytes each, in two programs.
#
# fuzz_replay_NAME runs everywhere as a test: the corpus, every cut of it, every flipped bit, and seeded mutations.
# fuzz_NAME is libFuzzer's, with clang only. Instrument the libraries too, or it sees no coverage:
#   cmake --preset clang -B build/fuzz -DNIGHTJAR_FUZZ=ON -DNIGHTJAR_SANITIZE=fuzzer-no-link,address,undefined
#   build/fuzz/bin/fuzz_npy -max_len=4096 NEW_CORPUS tests/fuzz/corpus/npy
option(NIGHTJAR_FUZZ "Build libFuzzer targets (clang)" OFF)

# nj_fuzz(npy LIBS nj_input): fuzz/fuzz_npy.c and fuzz/corpus/npy/.
function(nj_fuzz name)
    cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
    add_executable(fuzz_replay_${name} fuzz/replay.c fuzz/fuzz_${name}.c)
    target_link_libraries(fuzz_replay_${name} PRIVATE ${ARG_LIBS})
    add_test(NAME fuzz_replay_${name} COMMAND fuzz_replay_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_replay_${name} PROPERTIES LABELS fuzz TIMEOUT 300)
    if(NIGHTJAR_FUZZ AND CMAKE_C_COMPILER_ID MATCHES Clang)
        add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
        target_link_libraries(fuzz_${name} PRIVATE ${ARG_LIBS})
        target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
    endif()
endfunction()

nj_fuzz(histories LIBS nj_input)
nj_fuzz(index_json LIBS nj_input)
nj_fuzz(npy LIBS nj_input)
nj_fuzz(safetensors LIBS nj_input)
