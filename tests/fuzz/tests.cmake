# Fuzz targets: one function over bytes each, in two programs.
#
# fuzz_replay_NAME runs everywhere as a test: the corpus, cuts of it, flipped bits, and seeded mutations.
# fuzz_NAME is libFuzzer's, with clang only: `cmake --preset fuzz && cmake --build --preset fuzz` builds them all with the libraries
# they need, instrumented; tests/fuzz/run and tests/fuzz/soak run them.
option(NIGHTJAR_FUZZ "Build libFuzzer targets (clang)" OFF)
if(NIGHTJAR_FUZZ)
    add_custom_target(fuzz)
endif()

add_executable(make_corpus fuzz/make_corpus.c)
target_link_libraries(make_corpus PRIVATE nj_engine nj_wire nj_store nj_catalogue)

# nj_fuzz(npy LIBS nj_input): fuzz/fuzz_npy.c and fuzz/corpus/npy/. SOURCE names another file, DEFINE a macro for it; RUNS is how many
# changes the replay makes, where the default would take too long.
function(nj_fuzz name)
    cmake_parse_arguments(ARG "" "SOURCE;DEFINE;RUNS" "LIBS" ${ARGN})
    if(NOT ARG_SOURCE)
        set(ARG_SOURCE fuzz_${name}.c)
    endif()
    add_executable(fuzz_replay_${name} fuzz/replay.c fuzz/${ARG_SOURCE})
    target_link_libraries(fuzz_replay_${name} PRIVATE ${ARG_LIBS})
    target_compile_definitions(fuzz_replay_${name} PRIVATE ${ARG_DEFINE})
    add_test(NAME fuzz_replay_${name} COMMAND fuzz_replay_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name} ${ARG_RUNS})
    set_tests_properties(fuzz_replay_${name} PROPERTIES LABELS fuzz TIMEOUT 300)
    if(NIGHTJAR_FUZZ)
        add_executable(fuzz_${name} fuzz/${ARG_SOURCE})
        target_link_libraries(fuzz_${name} PRIVATE ${ARG_LIBS})
        target_compile_definitions(fuzz_${name} PRIVATE ${ARG_DEFINE})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzz fuzz_${name})
    endif()
endfunction()

nj_fuzz(bundle RUNS 3000 LIBS nj_engine)
nj_fuzz(catalogue RUNS 3000 LIBS nj_catalogue)
nj_fuzz(codec LIBS nj_codec)
nj_fuzz(config LIBS nj_cli nj_codec)
nj_fuzz(csv SOURCE fuzz_histories.c DEFINE FUZZ_FORMAT=NJ_HISTORIES_CSV LIBS nj_input)
nj_fuzz(dispatch LIBS nj_coordinator_daemon)
nj_fuzz(index_json LIBS nj_input)
nj_fuzz(inter SOURCE fuzz_histories.c DEFINE FUZZ_FORMAT=NJ_HISTORIES_INTER LIBS nj_input)
nj_fuzz(jsonl SOURCE fuzz_histories.c DEFINE FUZZ_FORMAT=NJ_HISTORIES_JSONL LIBS nj_input)
nj_fuzz(keys LIBS nj_wire)
nj_fuzz(message LIBS nj_wire)
nj_fuzz(model LIBS nj_t5 nj_codec)
nj_fuzz(npy LIBS nj_input)
nj_fuzz(record LIBS nj_store)
nj_fuzz(safetensors LIBS nj_input)
nj_fuzz(sections LIBS nj_engine)
nj_fuzz(sequence SOURCE fuzz_histories.c DEFINE FUZZ_FORMAT=NJ_HISTORIES_SEQUENCE LIBS nj_input)
nj_fuzz(session LIBS nj_session)
nj_fuzz(store RUNS 3000 LIBS nj_store)
nj_fuzz(trie LIBS nj_sid)
