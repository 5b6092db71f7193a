// test_id.c - which bytes may name a user or an item, and which names are numbers.
#include "common/base/id.h"

#include "tests/support/nj_test.h"

#define SURROGATE_FIRST 0xd800u
#define SURROGATE_LAST 0xdfffu
#define CODE_POINT_MAX 0x10ffffu

// The definition, written down the slow way: encodes a code point in `length` bytes whether or not that is legal.
static size_t encode(uint32_t code_point, size_t length, char out[4])
{
    static const uint8_t LEAD[5] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(LEAD[length] | code_point);
    return length;
}

static size_t shortest(uint32_t code_point)
{
    return code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
}

static void every_code_point_but_the_surrogates_is_valid(void **state)
{
    (void)state;
    char bytes[4];
    for (uint32_t code_point = 0; code_point <= CODE_POINT_MAX; code_point++) {
        bool expected = code_point < SURROGATE_FIRST || code_point > SURROGATE_LAST;
        size_t size = encode(code_point, shortest(code_point), bytes);
        if (nj_utf8_valid(bytes, size) != expected) {
            fail_msg("U+%04X", code_point);
        }
    }
}

static void every_overlong_form_is_refused(void **state)
{
    (void)state;
    char bytes[4];
    for (uint32_t code_point = 0; code_point < 0x10000; code_point++) {
        for (size_t length = shortest(code_point) + 1; length <= 4; length++) {
            size_t size = encode(code_point, length, bytes);
            if (nj_utf8_valid(bytes, size)) {
                fail_msg("U+%04X in %zu bytes", code_point, length);
            }
        }
    }
}

static void code_points_beyond_unicode_are_refused(void **state)
{
    (void)state;
    char bytes[4];
    for (uint32_t code_point = CODE_POINT_MAX + 1; code_point < 0x200000; code_point++) {
        size_t size = encode(code_point, 4, bytes);
        if (nj_utf8_valid(bytes, size)) {
            fail_msg("U+%04X", code_point);
        }
    }
    assert_false(nj_utf8_valid("\xf8\x88\x80\x80\x80", 5));
    assert_false(nj_utf8_valid("\xff", 1));
    assert_false(nj_utf8_valid("\xfe", 1));
}

static void stray_and_missing_continuation_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const LEADS[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\xa6"};
    for (size_t i = 0; i < sizeof LEADS / sizeof LEADS[0]; i++) {
        size_t full = strlen(LEADS[i]);
        for (size_t size = 1; size < full; size++) {
            assert_false(nj_utf8_valid(LEADS[i], size)); // cut at the end of the text
            char broken[5] = {0};
            memcpy(broken, LEADS[i], full);
            broken[size] = 'x'; // cut by another character
            assert_false(nj_utf8_valid(broken, full));
            broken[size] = (char)0xc3; // cut by another lead
            assert_false(nj_utf8_valid(broken, full));
        }
    }
    for (unsigned byte = 0x80; byte <= 0xbf; byte++) {
        char stray[3] = {'a', (char)byte, 'b'};
        assert_false(nj_utf8_valid(stray, 3));
    }
    assert_true(nj_utf8_valid("", 0));
    assert_true(nj_utf8_valid(NULL, 0));
}

static void assert_problem(const char *bytes, size_t size, const char *expected)
{
    const char *problem = nj_id_problem((nj_slice){bytes, size});
    assert_non_null(problem);
    assert_string_equal(problem, expected);
}

static void ids_are_1_to_510_bytes_of_text_without_control_characters(void **state)
{
    (void)state;
    char longest[NJ_ID_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);

    assert_null(nj_id_problem((nj_slice){longest, NJ_ID_BYTES_MAX}));
    assert_null(nj_id_problem(nj_slice_from("B00-1 caf\xc3\xa9")));
    assert_problem(longest, NJ_ID_BYTES_MAX + 1, "is longer than 510 bytes");
    assert_problem("", 0, "is empty");
    assert_problem("a\xff", 2, "is not valid UTF-8");
    for (unsigned byte = 0; byte < 0x80; byte++) {
        char id[2] = {'a', (char)byte};
        bool is_control = byte < 0x20 || byte == 0x7f;
        if (is_control) {
            assert_problem(id, 2, "contains a control character");
        } else {
            assert_null(nj_id_problem((nj_slice){id, 2}));
        }
    }
}

static void canonical_decimals_below_2_to_the_64_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } NUMBERS[] = {
        {"0", 0},
        {"7", 7},
        {"10", 10},
        {"4294967296", 4294967296u},
        {"9999999999999999999", 9999999999999999999u},
        {"10000000000000000000", 10000000000000000000u},
        {"18446744073709551609", UINT64_MAX - 6},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        uint64_t value = 1;
        assert_true(nj_id_is_number(nj_slice_from(NUMBERS[i].text), &value));
        assert_true(value == NUMBERS[i].value);
    }
}

static void anything_else_is_text_and_leaves_the_value_alone(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "",
        "00",
        "007",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "a",
        "/",
        ":",
        "18446744073709551616", // 2^64
        "18446744073709551620",
        "20000000000000000000",
        "99999999999999999999",
        "100000000000000000000",
        "\xd9\xa1", // an Arabic-Indic one
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        uint64_t value = 77;
        if (nj_id_is_number(nj_slice_from(TEXTS[i]), &value) || value != 77) {
            fail_msg("\"%s\"", TEXTS[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_but_the_surrogates_is_valid),
        cmocka_unit_test(every_overlong_form_is_refused),
        cmocka_unit_test(code_points_beyond_unicode_are_refused),
        cmocka_unit_test(stray_and_missing_continuation_bytes_are_refused),
        cmocka_unit_test(ids_are_1_to_510_bytes_of_text_without_control_characters),
        cmocka_unit_test(canonical_decimals_below_2_to_the_64_are_numbers),
        cmocka_unit_test(anything_else_is_text_and_leaves_the_value_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
