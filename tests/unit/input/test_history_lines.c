// test_history_lines.c - sequence files, and what sequence and jsonl share.
#include <stdlib.h>

#include "tests/unit/input/collect.h"

#define LIMITS (&NJ_HISTORIES_LIMITS)

static void a_line_is_a_user_and_items_oldest_first(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "u1 a b a\nu2\n7 x\n",
        "u1 a b a\r\nu2\r\n7 x\r\n",
        "\xef\xbb\xbfu1\ta  b\t a \nu2 \n\t7 x",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        assert_histories(NJ_HISTORIES_SEQUENCE, LIMITS, TEXTS[i], strlen(TEXTS[i]),
                         "u1@1[a b a] u2@2[] 7@3[x]");
    }
}

static void blank_lines_are_skipped_and_counted(void **state)
{
    (void)state;
    static const char TEXT[] = "\n \t\nu1 a\n\r\nu2 b\n\n";
    assert_histories(NJ_HISTORIES_SEQUENCE, LIMITS, TEXT, sizeof TEXT - 1, "u1@3[a] u2@5[b]");
}

static void the_same_user_twice_names_both_lines(void **state)
{
    (void)state;
    static const char TEXT[] = "7 a\n007 b\n\n7 c\n";
    static const char JSON[] = "{\"user\":\"7\",\"items\":[]}\n{\"user\":7,\"items\":[]}\n";
    assert_histories_refused(NJ_HISTORIES_SEQUENCE, LIMITS, TEXT, sizeof TEXT - 1,
                             "line 4: user \"7\" stands on line 1 too");
    assert_histories_refused(NJ_HISTORIES_JSONL, LIMITS, JSON, sizeof JSON - 1,
                             "line 2: user \"7\" stands on line 1 too");
}

static void bad_ids_name_line_kind_and_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } CASES[] = {
        {"u a\nv b\x01\n", "line 2: item \"b?\" contains a control character"},
        {"u a\nv\x7f b\n", "line 2: user \"v?\" contains a control character"},
        {"u \xff\n", "line 1: item \"?\" is not valid UTF-8"},
        {"\xc0\x80 a\n", "line 1: user \"??\" is not valid UTF-8"},
        {"u a\rb\n", "contains a control character"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_histories_refused(NJ_HISTORIES_SEQUENCE, LIMITS, CASES[i].text,
                                 strlen(CASES[i].text), CASES[i].says);
    }
    assert_histories_refused(NJ_HISTORIES_SEQUENCE, LIMITS, "u a\0b\n", 6,
                             "line 1: contains a NUL byte");
}

static void an_id_of_510_bytes_is_read_and_one_of_511_is_not(void **state)
{
    (void)state;
    char text[600] = "u ";
    char expected[600] = "u@1[";
    memset(text + 2, 'x', 510);
    memset(expected + 4, 'x', 200); // printed short
    expected[204] = ']';
    assert_histories(NJ_HISTORIES_SEQUENCE, LIMITS, text, 512, expected);
    text[512] = 'x';
    assert_histories_refused(NJ_HISTORIES_SEQUENCE, LIMITS, text, 513, "is longer than 510 bytes");
}

static void limits_hold_at_the_limit_and_refuse_one_more(void **state)
{
    (void)state;
    nj_histories_limits limits = NJ_HISTORIES_LIMITS;
    limits.items_max = 2;
    assert_histories(NJ_HISTORIES_SEQUENCE, &limits, "u a b\n", 6, "u@1[a b]");
    assert_histories_refused(NJ_HISTORIES_SEQUENCE, &limits, "u a b c\n", 8,
                             "line 1: has more than 2 items");
    limits.line_bytes_max = 7;
    assert_histories(NJ_HISTORIES_SEQUENCE, &limits, "u aa bb\n", 8, "u@1[aa bb]");
    assert_histories_refused(NJ_HISTORIES_SEQUENCE, &limits, "v\nu aaa bb\n", 11,
                             "line 2: is longer than 7 bytes");
}

static void a_history_of_ten_thousand_items_is_read(void **state)
{
    (void)state;
    enum { ITEMS = 10000 };
    char *texts[2] = {malloc(8 * ITEMS), malloc(8 * ITEMS)}; // sequence, jsonl
    assert_true(texts[0] != NULL && texts[1] != NULL);
    size_t sizes[2] = {(size_t)sprintf(texts[0], "u"),
                       (size_t)sprintf(texts[1], "{\"user\":\"u\",\"items\":[")};
    for (unsigned i = 0; i < ITEMS; i++) {
        sizes[0] += (size_t)sprintf(texts[0] + sizes[0], " %u", i);
        sizes[1] += (size_t)sprintf(texts[1] + sizes[1], "%s%u", i > 0 ? "," : "", i);
    }
    sizes[1] += (size_t)sprintf(texts[1] + sizes[1], "]}");
    for (int format = NJ_HISTORIES_SEQUENCE; format <= NJ_HISTORIES_JSONL; format++) {
        collected all;
        nj_error err = {0};
        collected_init(&all);
        assert_ok(nj_histories_read(
                      &(nj_histories_source){.path = memfile_write(texts[format], sizes[format]),
                                             .format = (nj_histories_format)format},
                      collect, &all, &err),
                  &err);
        assert_int_equal(all.item_count, ITEMS);
        nj_buffer_fini(&all.text);
        free(texts[format]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_user_and_items_oldest_first),
        cmocka_unit_test(blank_lines_are_skipped_and_counted),
        cmocka_unit_test(the_same_user_twice_names_both_lines),
        cmocka_unit_test(bad_ids_name_line_kind_and_rule),
        cmocka_unit_test(an_id_of_510_bytes_is_read_and_one_of_511_is_not),
        cmocka_unit_test(limits_hold_at_the_limit_and_refuse_one_more),
        cmocka_unit_test(a_history_of_ten_thousand_items_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
