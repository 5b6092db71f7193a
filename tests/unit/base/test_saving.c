// test_saving.c - the words of --without.
#include "common/base/saving.h"

#include <string.h>

#include "tests/support/nj_test.h"

static void every_word_takes_its_own_saving_away(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_savings savings = 0;
#define NJ_SAVING(name, bit, word, what, why)                                                      \
    assert_ok(nj_savings_without(word, &savings, &err), &err);                                     \
    assert_int_equal(savings, NJ_SAVINGS_ALL & ~(nj_savings)NJ_SAVING_##name);
#include "schemas/saving.def"
}

static void texts_name_every_word_in_order(void **state)
{
    (void)state;
    char known[sizeof NJ_SAVINGS_KNOWN + 64] = "";
#define NJ_SAVING(name, bit, word, what, why)                                                      \
    strcat(known, known[0] != '\0' ? ", " : "");                                                   \
    strcat(known, word);
#include "schemas/saving.def"
    assert_string_equal(known, NJ_SAVINGS_KNOWN);
}

static void words_may_stand_together_and_no_word_leaves_all(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_savings savings = 0;
    assert_ok(nj_savings_without("last-step,token-tables", &savings, &err), &err);
    assert_int_equal(savings,
                     NJ_SAVINGS_ALL & ~(nj_savings)(NJ_SAVING_LAST_STEP | NJ_SAVING_TOKEN_TABLES));
    assert_ok(nj_savings_without("", &savings, &err), &err);
    assert_int_equal(savings, NJ_SAVINGS_ALL);
}

static void an_unknown_word_is_refused_with_those_that_are_known(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_savings savings = 7;
    assert_refused(nj_savings_without("last-step,last", &savings, &err), NJ_USAGE, &err,
                   "\"last\" is not known; known are token-tables");
    assert_refused(nj_savings_without(",", &savings, &err), NJ_USAGE, &err, "\"\"");
    assert_refused(nj_savings_without("last-steps", &savings, &err), NJ_USAGE, &err,
                   "\"last-steps\"");
    assert_int_equal(savings, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_takes_its_own_saving_away),
        cmocka_unit_test(texts_name_every_word_in_order),
        cmocka_unit_test(words_may_stand_together_and_no_word_leaves_all),
        cmocka_unit_test(an_unknown_word_is_refused_with_those_that_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
