// test_arguments_with.c - other defaults than the table's: what somebody has given stays.
#include "common/cli/cli.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

static unsigned runs;

static nj_status compare(const nj_arguments *arguments, nj_error *err)
{
    static const nj_option_value VALUES[] = {{"word", "w"},    {"set", "s"},  {"fallback", "f"},
                                             {"unknown", "u"}, {"none", "n"}, {"keep-it", "true"}};
    nj_arguments *with = NULL;
    assert_ok(nj_arguments_with(arguments, VALUES, 6, &with, err), err);
    assert_string_equal(nj_argument(with, "word"), "given");
    assert_string_equal(nj_argument(with, "set"), "of the environment");
    assert_string_equal(nj_argument(with, "fallback"), "f");
    assert_string_equal(nj_argument(with, "none"), "n");
    assert_true(nj_argument_flag(with, "keep_it"));
    assert_null(nj_argument(with, "unknown"));
    assert_string_equal(nj_argument(arguments, "fallback"), "table's");
    assert_null(nj_argument(arguments, "none"));
    assert_true(nj_argument_is_given(arguments, "word"));
    assert_true(nj_argument_is_given(arguments, "set"));
    assert_false(nj_argument_is_given(arguments, "fallback"));
    assert_false(nj_argument_is_given(arguments, "none"));
    assert_false(nj_argument_is_given(arguments, "unknown"));
    assert_false(nj_argument_is_given(with, "none"));
    nj_arguments_free(&with);
    nj_arguments_free(&with);
    runs++;
    return NJ_OK;
}

static const nj_option OPTIONS[] = {
    {"word", "TEXT", "table's", "of the command line", false},
    {"set", "TEXT", NULL, "of the environment", false},
    {"fallback", "TEXT", "table's", "of the table", false},
    {"none", "TEXT", NULL, "of nobody", false},
    {"keep-it", NULL, NULL, "a flag", false},
};
static const nj_command COMMANDS[] = {{"", "compares", NULL, OPTIONS, 5, compare}};
static const nj_program PROGRAM = {"program", "a program", COMMANDS, 1, NULL, 0};

static void values_stand_in_place_of_the_tables_defaults(void **state)
{
    (void)state;
    char name[] = "program";
    char word[] = "--word=given";
    char *argv[] = {name, word, NULL};
    assert_int_equal(setenv("NIGHTJAR_SET", "of the environment", 1), 0);
    assert_int_equal(nj_cli_main(&PROGRAM, 2, argv), 0);
    assert_int_equal(unsetenv("NIGHTJAR_SET"), 0);
    assert_int_equal(runs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_in_place_of_the_tables_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
