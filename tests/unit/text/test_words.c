// test_words.c - texts of several scripts, and the words they become.
#include "common/text/words.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

static nj_words words;

static int open_words(void **state)
{
    (void)state;
    nj_words_init(&words);
    return 0;
}

static int close_words(void **state)
{
    (void)state;
    nj_words_fini(&words);
    return 0;
}

// The words of a text with a bar behind each.
static const char *split(const char *text, size_t size)
{
    static char out[1024];
    size_t used = 0;
    nj_slice word;
    nj_error err = {0};
    assert_ok(nj_words_open(&words, (nj_slice){text, size}, &err), &err);
    out[0] = '\0';
    while (nj_words_next(&words, &word)) {
        used +=
            (size_t)snprintf(out + used, sizeof out - used, "%.*s|", (int)word.size, word.bytes);
        assert_true(used < sizeof out);
    }
    return out;
}

#define assert_words(text, expected) assert_string_equal(split(text, sizeof text - 1), expected)

static void words_are_runs_of_two_letters_or_digits_and_more(void **state)
{
    (void)state;
    assert_words("OPI Nail-Lacquer, 0.5 Ounce (15ml)", "opi|nail|lacquer|ounce|15ml|");
    assert_words("Men's  A\tB_C x1", "men|x1|");
    assert_words("", "");
    assert_words("- / .", "");
}

static void one_word_has_one_spelling(void **state)
{
    (void)state;
    assert_words("CAFÉ café Cafe\xcc\x81", "café|café|café|");
    assert_words("STRASSE Straße", "strasse|strasse|");
    assert_words("ＣＲＥＡＭ ﬁne Ⅻ", "cream|fine|xii|");
    assert_words("co\xc2\xadop", "coop|"); // a soft hyphen
    assert_words("ΣΊΣΥΦΟΣ σίσυφος", "σίσυφοσ|σίσυφοσ|");
}

static void letters_of_scripts_without_spaces_are_words(void **state)
{
    (void)state;
    assert_words("資生堂 UVケア 50ml", "資|生|堂|uv|ケ|ア|50ml|");
    assert_words("아모레 퍼시픽", "아모레|퍼시픽|");
    assert_words("हिन्दी", "हिन्दी|"); // marks belong to their letters
    assert_words("か\xe3\x82\x99", "が|");
}

static void bytes_that_are_not_utf8_end_a_word_and_are_counted(void **state)
{
    (void)state;
    assert_words("caf\xe9 bar\xff\xfe"
                 "foo",
                 "caf|bar|foo|");
    assert_int_equal(words.bad_byte_count, 3);
    assert_words("\xe8\xb3", "");
    assert_int_equal(words.bad_byte_count, 5);
}

static void a_run_longer_than_a_word_may_be_is_passed_over(void **state)
{
    (void)state;
    char text[NJ_WORD_BYTES_MAX + 8];
    memset(text, 'a', sizeof text);
    memcpy(text + NJ_WORD_BYTES_MAX, " bc", 3);
    const char *out = split(text, NJ_WORD_BYTES_MAX + 3);
    assert_int_equal(strlen(out), NJ_WORD_BYTES_MAX + 4);
    text[NJ_WORD_BYTES_MAX] = 'a';
    text[NJ_WORD_BYTES_MAX + 1] = ' ';
    memcpy(text + NJ_WORD_BYTES_MAX + 2, "bc", 2);
    assert_string_equal(split(text, NJ_WORD_BYTES_MAX + 4), "bc|");
    memcpy(text + NJ_WORD_BYTES_MAX - 1, "\xc3\xa9z",
           3); // its first byte would fit, and so would the letter behind it
    assert_string_equal(split(text, NJ_WORD_BYTES_MAX + 2), "");
}

static void a_character_that_stands_for_many_is_written_out(void **state)
{
    (void)state;
    char text[300];
    for (size_t i = 0; i < sizeof text; i += 3) {
        memcpy(text + i, "\xef\xb7\xba", 3); // U+FDFA, a phrase of 18 characters
    }
    size_t count = 0;
    nj_slice word;
    nj_error err = {0};
    assert_ok(nj_words_open(&words, (nj_slice){text, sizeof text}, &err), &err);
    while (nj_words_next(&words, &word)) {
        count++;
    }
    assert_int_equal(count, 301); // four words each, the last joined with the first of the next
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_runs_of_two_letters_or_digits_and_more),
        cmocka_unit_test(one_word_has_one_spelling),
        cmocka_unit_test(letters_of_scripts_without_spaces_are_words),
        cmocka_unit_test(bytes_that_are_not_utf8_end_a_word_and_are_counted),
        cmocka_unit_test(a_run_longer_than_a_word_may_be_is_passed_over),
        cmocka_unit_test(a_character_that_stands_for_many_is_written_out),
    };
    return cmocka_run_group_tests(tests, open_words, close_words);
}
