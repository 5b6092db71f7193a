// test_wordpiece.c - words and pieces of small vocabularies that a reader can follow; the corpus is in tests/parity/embed_transformers.py.
#include <stdio.h>
#include <string.h>

#include "common/text/wordpiece.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

// Ids:                      0      1      2      3      4      5   6     7    8    9    10  11 12 13       14
static const char VOCABULARY[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nred\n##der\n##de\nred.\n."
                                 "\n\u8b77\n\u00e9\ne\ni\u0307\n##\u00e9\n";

enum {
    PAD,
    UNK,
    CLS,
    SEP,
    MASK,
    RED,
    DER,
    DE,
    DOTTED,
    DOT,
    HAN,
    E_ACUTE,
    E,
    I_DOT,
    E_ACUTE_INSIDE
};

static nj_wordpiece *open_with(void **state, const char *vocabulary, const char *config)
{
    nj_error err = {0};
    nj_wordpiece *tokenizer = NULL;
    sandbox_write(state, "vocab.txt", vocabulary, strlen(vocabulary));
    sandbox_write(state, "tokenizer_config.json", config, strlen(config));
    assert_ok(nj_wordpiece_open(((nj_path *)*state)->text, &tokenizer, &err), &err);
    return tokenizer;
}

// Checks the tokens between [CLS] and [SEP].
static void assert_tokens(nj_wordpiece *tokenizer, const char *text, size_t tokens_max,
                          const uint32_t *expected, size_t count)
{
    nj_error err = {0};
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    assert_ok(nj_wordpiece_encode(tokenizer, nj_slice_from(text), tokens_max, &out, NULL, &err),
              &err);
    const uint32_t *tokens = (const uint32_t *)(const void *)out.bytes;
    if (out.size / sizeof *tokens != count + 2 ||
        memcmp(tokens + 1, expected, count * sizeof *tokens) != 0) {
        for (size_t i = 0; i < out.size / sizeof *tokens; i++) {
            print_error(" %u", tokens[i]);
        }
        fail_msg("are the tokens of \"%s\"; expected %zu of its own", text, count);
    }
    assert_int_equal(tokens[0], CLS);
    assert_int_equal(tokens[count + 1], SEP);
    nj_buffer_fini(&out);
}

#define TOKENS(...)                                                                                \
    (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)

static void the_longest_piece_from_the_left_is_taken(void **state)
{
    nj_wordpiece *tokenizer = open_with(state, VOCABULARY, "{}");
    assert_tokens(tokenizer, "redder REDDE", 64, TOKENS(RED, DER, RED, DE));
    assert_tokens(tokenizer, "reddex", 64, TOKENS(UNK));    // not red, ##de and something
    assert_tokens(tokenizer, "red.", 64, TOKENS(RED, DOT)); // punctuation stands alone
    assert_tokens(tokenizer, "\u8b77red\u8b77", 64, TOKENS(HAN, RED, HAN));
    assert_tokens(tokenizer, "re\u00add r\ted", 64,
                  TOKENS(RED, UNK, UNK)); // a soft hyphen is nothing
    nj_wordpiece_close(&tokenizer);
}

static void accents_go_with_lower_case_or_as_told(void **state)
{
    nj_wordpiece *tokenizer = open_with(state, VOCABULARY, "{}");
    assert_tokens(tokenizer, "\u00c9 e\u0301 \u0130", 64, TOKENS(E, E, UNK));
    nj_wordpiece_close(&tokenizer);
    tokenizer = open_with(state, VOCABULARY, "{\"strip_accents\": false}");
    assert_tokens(tokenizer, "\u00c9 \u0130 RED\u00c9", 64,
                  TOKENS(E_ACUTE, I_DOT, RED, E_ACUTE_INSIDE));
    nj_wordpiece_close(&tokenizer);
    tokenizer = open_with(state, VOCABULARY, "{\"do_lower_case\": false}");
    assert_tokens(tokenizer, "\u00e9 \u00c9 red RED", 64, TOKENS(E_ACUTE, UNK, RED, UNK));
    nj_wordpiece_close(&tokenizer);
    tokenizer = open_with(state, VOCABULARY, "{\"tokenize_chinese_chars\": false}");
    assert_tokens(tokenizer, "\u8b77 \u8b77red", 64, TOKENS(HAN, UNK));
    nj_wordpiece_close(&tokenizer);
}

static void special_tokens_in_a_text_are_themselves(void **state)
{
    nj_wordpiece *tokenizer = open_with(state, VOCABULARY, "{}");
    assert_tokens(tokenizer, "red[MASK]red [SEP][sep]", 64,
                  TOKENS(RED, MASK, RED, SEP, UNK, UNK, UNK));
    nj_wordpiece_close(&tokenizer);
}

static void a_word_of_more_than_a_hundred_characters_is_unknown(void **state)
{
    char word[128] = "red";
    nj_wordpiece *tokenizer = open_with(state, "[UNK]\n[PAD]\n[CLS]\n[SEP]\nred\n##e\n", "{}");
    uint32_t expected[98] = {4};
    for (size_t i = 1; i < 98; i++) {
        strcat(word, "e");
        expected[i] = 5;
    }
    assert_tokens(tokenizer, word, 128, expected, 98); // 100 characters
    strcat(word, "e");
    assert_tokens(tokenizer, word, 128, TOKENS(0));
    nj_wordpiece_close(&tokenizer);
}

static void a_long_text_is_cut_before_the_last_token(void **state)
{
    nj_error err = {0};
    nj_buffer out;
    bool is_cut;
    nj_wordpiece *tokenizer = open_with(state, VOCABULARY, "{}");
    nj_buffer_init(&out, SIZE_MAX / 2);
    assert_tokens(tokenizer, "red red red", 4, TOKENS(RED, RED));
    assert_ok(nj_wordpiece_encode(tokenizer, nj_slice_from("redder"), 3, &out, &is_cut, &err),
              &err);
    assert_true(is_cut);
    assert_ok(nj_wordpiece_encode(tokenizer, nj_slice_from("redder"), 4, &out, &is_cut, &err),
              &err);
    assert_false(is_cut);
    nj_buffer_fini(&out);
    nj_wordpiece_close(&tokenizer);
}

static void later_marks_and_punctuation_are_letters_as_in_the_original(void **state)
{
    nj_wordpiece *tokenizer =
        open_with(state, "[UNK]\n[PAD]\n[CLS]\n[SEP]\na\u07fdb\na\u2e5db\na\nb\n\u166d\n", "{}");
    assert_tokens(tokenizer, "a\u07fdb a\u2e5db", 64, TOKENS(4, 5)); // a mark, a bracket
    assert_tokens(tokenizer, "a\u166db a\u1734", 64, TOKENS(6, 8, 7, 6));
    nj_wordpiece_close(&tokenizer);
}

static void bytes_that_are_no_utf8_are_refused_and_nothing_is_added(void **state)
{
    static const char *const TEXTS[] = {"red\xff", "\xc3", "\xed\xa0\x80", "\xc0\xaf",
                                        "\xf4\x90\x80\x80"};
    nj_wordpiece *tokenizer = open_with(state, VOCABULARY, "{}");
    nj_buffer out;
    nj_buffer_init(&out, SIZE_MAX / 2);
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        nj_error err = {0};
        assert_refused(
            nj_wordpiece_encode(tokenizer, nj_slice_from(TEXTS[i]), 64, &out, NULL, &err), NJ_INPUT,
            &err, "is not UTF-8");
        assert_int_equal(out.size, 0);
    }
    nj_buffer_fini(&out);
    nj_wordpiece_close(&tokenizer);
}

static void a_vocabulary_that_lacks_what_is_needed_is_refused(void **state)
{
    static const struct {
        const char *vocabulary;
        const char *part;
    } CASES[] = {
        {"[UNK]\n[CLS]\nred\n", "the vocabulary has no piece \"[SEP]\""},
        {"[CLS]\n[SEP]\n", "the vocabulary has no piece \"[UNK]\""},
        {"", "the vocabulary has no piece \"[UNK]\""},
        {"[UNK]\n[CLS]\n[SEP]\nred\nred\n", "piece \"red\" stands there twice: ids 3 and 4"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_wordpiece *tokenizer = NULL;
        sandbox_write(state, "vocab.txt", CASES[i].vocabulary, strlen(CASES[i].vocabulary));
        assert_refused(nj_wordpiece_open(((nj_path *)*state)->text, &tokenizer, &err), NJ_INPUT,
                       &err, CASES[i].part);
        assert_null(tokenizer);
    }
}

static void a_folder_without_a_tokenizer_is_not_found(void **state)
{
    nj_error err = {0};
    nj_wordpiece *tokenizer = NULL;
    assert_refused(nj_wordpiece_open(((nj_path *)*state)->text, &tokenizer, &err), NJ_NOT_FOUND,
                   &err, "vocab.txt");
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(the_longest_piece_from_the_left_is_taken),
        IN_SANDBOX(accents_go_with_lower_case_or_as_told),
        IN_SANDBOX(special_tokens_in_a_text_are_themselves),
        IN_SANDBOX(a_word_of_more_than_a_hundred_characters_is_unknown),
        IN_SANDBOX(a_long_text_is_cut_before_the_last_token),
        IN_SANDBOX(later_marks_and_punctuation_are_letters_as_in_the_original),
        IN_SANDBOX(bytes_that_are_no_utf8_are_refused_and_nothing_is_added),
        IN_SANDBOX(a_vocabulary_that_lacks_what_is_needed_is_refused),
        IN_SANDBOX(a_folder_without_a_tokenizer_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
