// test_buffer.c - growth to the stated limit and not past it, and JSON strings.
#include "common/base/buffer.h"

#include "tests/support/nj_test.h"

#define LIMIT 1000

static void a_buffer_fills_to_its_limit_and_no_further(void **state)
{
    (void)state;
    nj_buffer buffer;
    nj_buffer_init(&buffer, LIMIT);

    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(nj_buffer_append(&buffer, "x", 1), NJ_OK);
    }

    assert_int_equal(buffer.size, LIMIT);
    assert_int_equal(nj_buffer_append(&buffer, "y", 1), NJ_NO_MEMORY);
    assert_int_equal(nj_buffer_printf(&buffer, "y"), NJ_NO_MEMORY);
    assert_int_equal(buffer.size, LIMIT);
    assert_int_equal(buffer.bytes[LIMIT - 1], 'x');
    nj_buffer_fini(&buffer);
}

static void a_limit_below_the_first_allocation_holds(void **state)
{
    (void)state;
    nj_buffer buffer;
    nj_buffer_init(&buffer, 3);

    assert_int_equal(nj_buffer_append(&buffer, "abcd", 4), NJ_NO_MEMORY);
    assert_int_equal(nj_buffer_append(&buffer, "abc", 3), NJ_OK);
    assert_int_equal(nj_buffer_append(&buffer, "d", 1), NJ_NO_MEMORY);

    assert_memory_equal(buffer.bytes, "abc", 3);
    nj_buffer_fini(&buffer);
}

static void printed_text_may_end_exactly_at_the_limit(void **state)
{
    (void)state;
    nj_buffer buffer;
    nj_buffer_init(&buffer, 300);

    assert_int_equal(nj_buffer_printf(&buffer, "%0299d", 7), NJ_OK);
    assert_int_equal(nj_buffer_printf(&buffer, "%s", "ab"), NJ_NO_MEMORY);
    assert_int_equal(nj_buffer_printf(&buffer, "%s", ""), NJ_OK);
    assert_int_equal(nj_buffer_printf(&buffer, "%c", '!'), NJ_OK);

    assert_int_equal(buffer.size, 300);
    assert_memory_equal(buffer.bytes + 297, "07!", 3);
    nj_buffer_fini(&buffer);
}

static void an_empty_text_is_printed_into_an_empty_buffer(void **state)
{
    (void)state;
    nj_buffer buffer;
    nj_buffer_init(&buffer, LIMIT);

    assert_int_equal(nj_buffer_printf(&buffer, "%s", ""), NJ_OK);
    assert_int_equal(nj_buffer_append(&buffer, NULL, 0), NJ_OK);

    assert_int_equal(buffer.size, 0);
    assert_int_equal(nj_buffer_slice(&buffer).size, 0);
    nj_buffer_fini(&buffer);
}

static void absurd_sizes_are_refused_without_allocating(void **state)
{
    (void)state;
    nj_buffer buffer;
    nj_buffer_init(&buffer, SIZE_MAX);
    assert_int_equal(nj_buffer_append(&buffer, "ab", 2), NJ_OK);

    assert_int_equal(nj_buffer_reserve(&buffer, SIZE_MAX), NJ_NO_MEMORY);
    assert_int_equal(nj_buffer_reserve(&buffer, SIZE_MAX - 2), NJ_NO_MEMORY);

    assert_int_equal(buffer.size, 2);
    assert_memory_equal(buffer.bytes, "ab", 2);
    nj_buffer_fini(&buffer);
}

static void clear_keeps_the_memory_and_fini_keeps_the_limit(void **state)
{
    (void)state;
    nj_buffer buffer;
    nj_buffer_init(&buffer, 10);
    assert_int_equal(nj_buffer_append(&buffer, "abc", 3), NJ_OK);
    const uint8_t *memory = buffer.bytes;

    nj_buffer_clear(&buffer);
    assert_int_equal(nj_buffer_append(&buffer, "d", 1), NJ_OK);
    assert_ptr_equal(buffer.bytes, memory);

    nj_buffer_fini(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(nj_buffer_append(&buffer, "01234567890", 11), NJ_NO_MEMORY);
    nj_buffer_fini(&buffer);
}

static void assert_json(const char *bytes, size_t size, const char *expected)
{
    nj_buffer buffer;
    nj_buffer_init(&buffer, strlen(expected)); // exactly as much as it needs
    assert_int_equal(nj_buffer_json_string(&buffer, (nj_slice){bytes, size}), NJ_OK);
    assert_int_equal(buffer.size, strlen(expected));
    assert_memory_equal(buffer.bytes, expected, buffer.size);
    nj_buffer_fini(&buffer);

    nj_buffer_init(&buffer, strlen(expected) - 1);
    assert_int_equal(nj_buffer_json_string(&buffer, (nj_slice){bytes, size}), NJ_NO_MEMORY);
    assert_int_equal(buffer.size, 0);
    nj_buffer_fini(&buffer);
}

static void json_strings_escape_what_json_asks_for_and_nothing_else(void **state)
{
    (void)state;
    assert_json("", 0, "\"\"");
    assert_json(NULL, 0, "\"\"");
    assert_json("plain/\x7f", 7, "\"plain/\x7f\"");
    assert_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    assert_json("\0\x01\n\x1f ", 5, "\"\\u0000\\u0001\\u000a\\u001f \"");
    assert_json("caf\xc3\xa9 \xf0\x9f\x90\xa6", 10, "\"caf\xc3\xa9 \xf0\x9f\x90\xa6\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_fills_to_its_limit_and_no_further),
        cmocka_unit_test(a_limit_below_the_first_allocation_holds),
        cmocka_unit_test(printed_text_may_end_exactly_at_the_limit),
        cmocka_unit_test(an_empty_text_is_printed_into_an_empty_buffer),
        cmocka_unit_test(absurd_sizes_are_refused_without_allocating),
        cmocka_unit_test(clear_keeps_the_memory_and_fini_keeps_the_limit),
        cmocka_unit_test(json_strings_escape_what_json_asks_for_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
