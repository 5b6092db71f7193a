// test_columns.c - --columns and --delimiter as they are typed.
#include "common/input/columns.h"

#include "tests/support/nj_test.h"

static void names_are_taken_in_any_order(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_columns columns;
    assert_ok(nj_columns_parse("item=sku,user=customer id,times=a=b", &columns, &err), &err);
    assert_string_equal(columns.names[NJ_COLUMN_USER], "customer id");
    assert_string_equal(columns.names[NJ_COLUMN_ITEM], "sku");
    assert_string_equal(columns.names[NJ_COLUMN_TIMES], "a=b");
    assert_string_equal(columns.names[NJ_COLUMN_GROUP], "");
    assert_false(columns.by_place);
    assert_ok(nj_columns_parse("item=a,items=a,timestamp=b,times=b", &columns, &err), &err);
    assert_ok(nj_columns_parse("item=#256,user=#1", &columns, &err), &err);
    assert_true(columns.by_place);
    assert_int_equal(columns.places[NJ_COLUMN_ITEM], 256);
    assert_int_equal(columns.places[NJ_COLUMN_USER], 1);
    assert_int_equal(columns.places[NJ_COLUMN_TIMESTAMP], 0);
}

static void a_malformed_list_is_a_mistake_of_the_command_line(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",
                                      "user",
                                      "user=",
                                      "=a",
                                      "users=a",
                                      "user=a,",
                                      "user=a,,",
                                      "user=#",
                                      "user=#-1",
                                      "user=#257",
                                      "user=#1x",
                                      "item=#1",
                                      "user=#1,item=b",
                                      "user=a,user=b",
                                      "user=a,item=a",
                                      "user=#1,item=#01",
                                      "item=#1,user=#2,timestamp=#1"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_error err = {0};
        nj_columns columns = {.by_place = true};
        assert_refused(nj_columns_parse(BAD[i], &columns, &err), NJ_USAGE, &err, "--columns");
        assert_true(columns.by_place); // as it was
    }
    nj_error err = {0};
    nj_columns columns;
    char text[NJ_COLUMN_NAME_BYTES + 5] = "user=";
    memset(text + 5, 'x', NJ_COLUMN_NAME_BYTES - 1);
    assert_ok(nj_columns_parse(text, &columns, &err), &err);
    char longer[NJ_COLUMN_NAME_BYTES + 6] = "user=";
    memset(longer + 5, 'x', NJ_COLUMN_NAME_BYTES);
    assert_refused(nj_columns_parse(longer, &columns, &err), NJ_USAGE, &err, "at most 127 bytes");
}

static void a_delimiter_is_a_word_or_a_mark(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char expected; // 0: refused
    } CASES[] = {
        {"tab", '\t'}, {"\\t", '\t'}, {"\t", '\t'}, {"semicolon", ';'}, {"pipe", '|'}, {",", ','},
        {"^", '^'},    {" ", ' '},    {"", 0},      {"a", 0},           {"1", 0},      {"\"", 0},
        {".", 0},      {"-", 0},      {";;", 0},    {"\n", 0},          {"\xc3", 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        char found = 0;
        const nj_status status = nj_delimiter_parse(CASES[i].text, &found, &err);
        assert_int_equal(status, CASES[i].expected != 0 ? NJ_OK : NJ_USAGE);
        assert_int_equal(found, CASES[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_taken_in_any_order),
        cmocka_unit_test(a_malformed_list_is_a_mistake_of_the_command_line),
        cmocka_unit_test(a_delimiter_is_a_word_or_a_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
