include(${CMAKE_CURRENT_SOURCE_DIR}/support/t5_fixture.cmake)
nj_test(parity/test_t5_golden.c LIBS nj_test_t5 LABEL parity)
nj_test(parity/test_t5_teacher_forced.c LIBS nj_test_t5 LABEL parity)
nj_test(parity/test_forced.c LIBS nj_engine nj_test_t5 LABEL parity)
nj_test(parity/test_train_trace.c LIBS nj_train nj_test_t5 LABEL parity)
nj_test(parity/test_decode.c LIBS nj_bundle_pack LABEL parity)
nj_test(parity/test_diverse.c LIBS nj_beam nj_input nj_test_t5 LABEL parity)
nj_test(parity/test_answers.c LIBS nj_engine LABEL parity)
# All of Beauty takes minutes.
add_test(NAME parity_beauty_quality COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/parity/beauty_quality)
set_tests_properties(parity_beauty_quality PROPERTIES LABELS soak TIMEOUT 3600 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME parity_beauty_pairing COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/parity/beauty_pairing)
set_tests_properties(parity_beauty_pairing PROPERTIES LABELS soak TIMEOUT 600 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME parity_train_transformers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/parity/train_transformers)
set_tests_properties(parity_train_transformers PROPERTIES LABELS parity TIMEOUT 300 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME parity_decoder_only_transformers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/parity/decoder_only_transformers)
set_tests_properties(parity_decoder_only_transformers PROPERTIES LABELS soak TIMEOUT 1200 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME parity_text_models_transformers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/parity/text_models_transformers)
set_tests_properties(parity_text_models_transformers PROPERTIES LABELS soak TIMEOUT 1200 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
add_test(NAME parity_answers_transformers COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/parity/answers_transformers)
set_tests_properties(parity_answers_transformers PROPERTIES LABELS soak TIMEOUT 1200 SKIP_RETURN_CODE 77
        ENVIRONMENT NIGHTJAR_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
nj_test(parity/test_encoder_golden.c LIBS nj_encoder nj_text LABEL parity)
add_executable(wordpiece_tokens parity/wordpiece_tokens.c)
target_link_libraries(wordpiece_tokens PRIVATE nj_text)
