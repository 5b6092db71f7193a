// test_suggest.c - which word of a table a mistyped one was meant to be.
#include "common/cli/suggest.h"

#include <stdint.h>

#include "tests/support/nj_test.h"

static void an_edit_is_a_letter_more_less_other_or_swapped(void **state)
{
    (void)state;

    assert_int_equal(nj_word_edits("beam", "beam"), 0);
    assert_int_equal(nj_word_edits("beam", "beams"), 1);
    assert_int_equal(nj_word_edits("beam", "bam"), 1);
    assert_int_equal(nj_word_edits("beam", "bean"), 1);
    assert_int_equal(nj_word_edits("bundel", "bundle"), 1);
    assert_int_equal(nj_word_edits("keep-history", "keep_history"), 0);
    assert_int_equal(nj_word_edits("", "top"), 3);
    assert_int_equal(nj_word_edits("ca", "abc"), 3); // no part is edited twice
}

static void a_word_past_the_bound_is_like_none(void **state)
{
    (void)state;
    char word[NJ_SUGGEST_BYTES_MAX + 2];
    memset(word, 'a', sizeof word);
    word[NJ_SUGGEST_BYTES_MAX + 1] = '\0';

    assert_true(nj_word_edits(word, "a") == SIZE_MAX);
    word[NJ_SUGGEST_BYTES_MAX] = '\0';
    assert_int_equal(nj_word_edits(word, "a"), NJ_SUGGEST_BYTES_MAX - 1);
}

static const char *nearest(const char *word)
{
    static const char *const TABLE[] = {"users", "beam", "top", "store", "batch", "keep_history"};
    nj_suggestion suggestion = {.word = word};
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        nj_suggestion_offer(&suggestion, TABLE[i]);
    }
    return suggestion.nearest;
}

static void the_nearest_word_is_suggested_and_a_far_one_is_not(void **state)
{
    (void)state;

    assert_string_equal(nearest("user"), "users");
    assert_string_equal(nearest("stroe"), "store");
    assert_string_equal(nearest("keep-histroy"), "keep_history");
    assert_string_equal(nearest("tpo"), "top");
    assert_null(nearest("bogus"));
    assert_null(nearest("xy"));
}

static void a_beginning_is_enough(void **state)
{
    (void)state;

    assert_string_equal(nearest("keep"), "keep_history");
    assert_string_equal(nearest("beams-kept"), "beam");
    assert_null(nearest("ke"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_is_a_letter_more_less_other_or_swapped),
        cmocka_unit_test(a_word_past_the_bound_is_like_none),
        cmocka_unit_test(the_nearest_word_is_suggested_and_a_far_one_is_not),
        cmocka_unit_test(a_beginning_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
