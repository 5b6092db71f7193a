include_guard()
add_library(nj_test_t5 STATIC ${CMAKE_CURRENT_SOURCE_DIR}/support/t5_fixture.c
            ${CMAKE_CURRENT_SOURCE_DIR}/support/t5_random.c)
target_link_libraries(nj_test_t5 PUBLIC nj_t5 nj_test_support)
