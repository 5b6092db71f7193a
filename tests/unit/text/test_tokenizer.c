// test_tokenizer.c - tokenizers small enough to follow by eye; tests/cli/1960-tokenize.t compares larger ones with the originals.
#include "common/text/tokenizer.h"

#include <stdio.h>

#include "tests/support/memfile.h"
#include "tests/support/nj_test.h"

// a b c ab abc, and <s> before; "ab" is joined first.
#define BPE(more)                                                                                  \
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, "        \
    "\"abc\": 4, \"bc\": 5, \"?\": 6}, \"merges\": [\"a b\", [\"b\", \"c\"], \"ab c\"], "          \
    "\"unk_token\": \"?\", \"fuse_unk\": true}" more "}"
#define ADDED                                                                                      \
    ", \"added_tokens\": [{\"id\": 9, \"content\": \"<x>\", \"special\": true, \"lstrip\": true}]"

static nj_status open_text(const char *text, nj_tokenizer **out, nj_error *err)
{
    return nj_tokenizer_open(memfile_write(text, strlen(text)), out, err);
}

static void assert_ids(const char *file, const char *text, const char *expected)
{
    nj_error err = {0};
    nj_tokenizer *tokenizer = NULL;
    nj_buffer ids;
    nj_buffer said;
    nj_buffer_init(&ids, 1u << 20);
    nj_buffer_init(&said, 1u << 20);
    assert_ok(open_text(file, &tokenizer, &err), &err);
    assert_ok(nj_tokenizer_encode(tokenizer, nj_slice_from(text), true, &ids, &err), &err);
    const uint32_t *id = (const uint32_t *)(const void *)ids.bytes;
    for (size_t i = 0; i < ids.size / sizeof *id; i++) {
        assert_int_equal(nj_buffer_printf(&said, "%s%u", i > 0 ? " " : "", id[i]), NJ_OK);
    }
    assert_int_equal(nj_buffer_append(&said, "", 1), NJ_OK);
    assert_string_equal((const char *)said.bytes, expected);
    nj_buffer_fini(&ids);
    nj_buffer_fini(&said);
    nj_tokenizer_close(&tokenizer);
}

static void the_earliest_rule_joins_first_and_then_the_leftmost(void **state)
{
    (void)state;

    assert_ids(BPE(""), "abc", "4");
    assert_ids(BPE(""), "abab", "3 3");
    assert_ids(BPE(""), "bcb", "5 1");
}

static void a_run_of_unknown_characters_is_one_token(void **state)
{
    (void)state;

    assert_ids(BPE(""), "axyzb", "0 6 1");
}

static void an_added_token_is_cut_out_with_the_spaces_before_it(void **state)
{
    (void)state;

    assert_ids(BPE(ADDED), "ab  <x>c", "3 9 2");
    assert_ids(BPE(ADDED), "<x><x>", "9 9");
}

static void a_template_puts_its_tokens_around_the_text(void **state)
{
    (void)state;

    assert_ids(BPE(", \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": ["
                   "{\"SpecialToken\": {\"id\": \"s\"}}, {\"Sequence\": {\"id\": \"A\"}}, "
                   "{\"SpecialToken\": {\"id\": \"e\"}}], \"special_tokens\": "
                   "{\"s\": {\"ids\": [7]}, \"e\": {\"ids\": [8, 8]}}}"),
               "ab", "7 3 8 8");
}

static void unigram_takes_the_highest_sum(void **state)
{
    (void)state;

    assert_ids("{\"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"?\", 0], "
               "[\"a\", -1], [\"b\", -1], [\"ab\", -3], [\"bb\", -1.5]]}}",
               "abbxyb", "1 4 0 2");
}

static void the_vocabulary_and_ids_by_text_count_added_tokens(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tokenizer *tokenizer = NULL;

    assert_ok(open_text(BPE(ADDED), &tokenizer, &err), &err);

    assert_int_equal(nj_tokenizer_vocabulary(tokenizer), 10);
    assert_int_equal(nj_tokenizer_id(tokenizer, nj_slice_from("<x>")), 9);
    assert_int_equal(nj_tokenizer_id(tokenizer, nj_slice_from("ab")), 3);
    assert_true(nj_tokenizer_id(tokenizer, nj_slice_from("zz")) == NJ_TOKENIZER_NONE);
    nj_tokenizer_close(&tokenizer);
    assert_null(tokenizer);
}

static void a_failure_leaves_the_ids_as_they_were(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_tokenizer *tokenizer = NULL;
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 20);
    assert_ok(open_text("{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", -1]]}}",
                        &tokenizer, &err),
              &err);
    assert_ok(nj_tokenizer_encode(tokenizer, nj_slice_from("aa"), true, &ids, &err), &err);

    assert_refused(nj_tokenizer_encode(tokenizer, nj_slice_from("aab"), true, &ids, &err), NJ_INPUT,
                   &err, "\"b\" has no token");
    assert_refused(nj_tokenizer_encode(tokenizer, nj_slice_from("a\xff"), true, &ids, &err),
                   NJ_INPUT, &err, "no UTF-8");

    assert_int_equal(ids.size, 2 * sizeof(uint32_t));
    nj_buffer_fini(&ids);
    nj_tokenizer_close(&tokenizer);
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {BPE(", \"normalizer\": {\"type\": \"NFKD\"}"), "normalizer \"NFKD\""},
        {BPE(", \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": "
             "\"Sequence\", "
             "\"normalizers\": []}]}"),
         "normalizer \"Sequence\""},
        {BPE(", \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA*\"}"),
         "base64"},
        {BPE(", \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": "
             "\"/////w==\"}"),
         "charsmap"},
        {BPE(", \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\"}"),
         "Metaspace's replacement"},
        {BPE(", \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"String\": \"x\"}}"),
         "Split's pattern"},
        {BPE(", \"added_tokens\": [{\"id\": 4194304, \"content\": \"x\"}]"), "4194304"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}", "id -1"},
        {"{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}", "no tokens"},
        {"{}", "\"model\" must be there"},
        {"{\"model\": []}", "\"model\" must be there"},
        {"{\"model\": {}}", "model.type is \"\""},
        {"\x0a\xff", "no SentencePiece model"},
        {"", "no piece"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        nj_error err = {0};
        nj_tokenizer *tokenizer = NULL;
        assert_refused(open_text(cases[i][0], &tokenizer, &err), NJ_INPUT, &err, cases[i][1]);
        assert_null(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_rule_joins_first_and_then_the_leftmost),
        cmocka_unit_test(a_run_of_unknown_characters_is_one_token),
        cmocka_unit_test(an_added_token_is_cut_out_with_the_spaces_before_it),
        cmocka_unit_test(a_template_puts_its_tokens_around_the_text),
        cmocka_unit_test(unigram_takes_the_highest_sum),
        cmocka_unit_test(the_vocabulary_and_ids_by_text_count_added_tokens),
        cmocka_unit_test(a_failure_leaves_the_ids_as_they_were),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
