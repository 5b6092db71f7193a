include_guard()
add_library(nj_test_lm STATIC ${CMAKE_CURRENT_SOURCE_DIR}/support/lm_fixture.c)
target_link_libraries(nj_test_lm PUBLIC nj_decoder_only nj_test_support)
