// test_tokenizer_decode.c - ids back to text: what HuggingFace tokenizers and sentencepiece say (tests/data/tokenizers/NAME.said).
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "common/text/tokenizer.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define LINE_MAX_BYTES 8192
#define IDS_MAX 512

static const char *const names[] = {
    "gpt2.json",       "gpt2-prefix.json",    "llama3.json",      "qwen2.json",  "qwen3.5.json",
    "llama2-new.json", "llama2-old.json",     "t5-new.json",      "t5-old.json", "llama2.model",
    "t5.model",        "unigram-bytes.model", "bpe-suffix.model",
};

static void open_named(const char *name, nj_tokenizer **out)
{
    char path[128];
    nj_error err = {0};
    (void)snprintf(path, sizeof path, "tokenizers/%s", name);
    assert_ok(nj_tokenizer_open(data_path(path), out, &err), &err);
}

static void assert_said(const nj_tokenizer *tokenizer, const char *name, const char *line)
{
    nj_error err = {0};
    json_t *row = NULL;
    uint32_t ids[IDS_MAX];
    nj_buffer said;
    nj_buffer_init(&said, 1u << 20);
    assert_ok(nj_json_parse(line, strlen(line), name, &row, &err), &err);
    const json_t *list = json_object_get(row, "ids");
    const json_t *text = json_object_get(row, "text");
    const size_t count = json_array_size(list);
    assert_true(count <= IDS_MAX);
    for (size_t i = 0; i < count; i++) {
        ids[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    }
    assert_ok(nj_tokenizer_decode(tokenizer, ids, count, &said, &err), &err);
    if (said.size != json_string_length(text) ||
        (said.size > 0 && memcmp(said.bytes, json_string_value(text), said.size) != 0)) {
        fail_msg("%s: ids %.60s... say \"%.*s\", not \"%s\"", name, line, (int)said.size,
                 (const char *)said.bytes, json_string_value(text));
    }
    nj_buffer_fini(&said);
    json_decref(row);
}

static void ids_say_what_the_originals_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        char line[LINE_MAX_BYTES];
        size_t count = 0;
        nj_tokenizer *tokenizer = NULL;
        open_named(names[i], &tokenizer);
        (void)snprintf(path, sizeof path, "tokenizers/%s.said", names[i]);
        FILE *file = fopen(data_path(path), "r");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL) {
            assert_said(tokenizer, names[i], line);
            count++;
        }
        assert_in_range(count, 60, 71);
        assert_int_equal(fclose(file), 0);
        nj_tokenizer_close(&tokenizer);
    }
}

static void a_packed_tokenizer_encodes_and_decodes_alike(void **state)
{
    static const nj_slice text = {"Toy Story (1995), d\xc3\xa9j\xc3\xa0 vu", 25};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        nj_error err = {0};
        nj_tokenizer *from[2] = {NULL, NULL};
        nj_buffer bytes;
        nj_buffer ids[2];
        nj_buffer said[2];
        nj_buffer_init(&bytes, 1u << 24);
        open_named(names[i], &from[0]);
        assert_ok(nj_tokenizer_pack(from[0], &bytes, &err), &err);
        assert_ok(nj_tokenizer_open_bytes(nj_buffer_slice(&bytes), "packed", &from[1], &err), &err);
        for (int t = 0; t < 2; t++) {
            nj_buffer_init(&ids[t], 1u << 20);
            nj_buffer_init(&said[t], 1u << 20);
            assert_ok(nj_tokenizer_encode(from[t], text, true, &ids[t], &err), &err);
            assert_ok(nj_tokenizer_decode(from[t], (const uint32_t *)(const void *)ids[t].bytes,
                                          ids[t].size / sizeof(uint32_t), &said[t], &err),
                      &err);
        }
        assert_true(nj_slice_equal(nj_buffer_slice(&ids[0]), nj_buffer_slice(&ids[1])));
        assert_true(nj_slice_equal(nj_buffer_slice(&said[0]), nj_buffer_slice(&said[1])));
        assert_refused(nj_tokenizer_pack(from[1], &bytes, &err), NJ_INPUT, &err, "packed already");
        for (int t = 0; t < 2; t++) {
            nj_buffer_fini(&ids[t]);
            nj_buffer_fini(&said[t]);
            nj_tokenizer_close(&from[t]);
        }
        nj_buffer_fini(&bytes);
    }
}

static void bytes_that_are_no_packed_tokenizer_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
        {"", 0, "neither a tokenizer.json nor"},
        {"NJPIECES\xff\0\0\0\0\0\0\0", 16, "a configuration of at most 0 bytes"},
        {"NJPIECEZ\0\0\0\0\0\0\0\0", 16, "must begin with"},
        {"NJPIECES\2\0\0\0\0\0\0\0{]", 18, "no piece"},
        {"{\"model\": 1}", 12, "\"model\" must be there, an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nj_error err = {0};
        nj_tokenizer *tokenizer = NULL;
        assert_refused(nj_tokenizer_open_bytes((nj_slice){cases[i].bytes, cases[i].size}, "it",
                                               &tokenizer, &err),
                       NJ_INPUT, &err, cases[i].part);
        assert_null(tokenizer);
    }
}

// A folder as T5's checkpoints are: 222 pieces, and behind them the sentinels, the first of them the last.
static void t5_has_sentinels_behind_its_pieces(void **state)
{
    nj_error err = {0};
    nj_tokenizer *tokenizer = NULL;
    char *model = NULL;
    size_t size = 0;
    nj_buffer ids;
    nj_buffer said;
    static const char config[] = "{\"tokenizer_class\": \"T5Tokenizer\", \"extra_ids\": 100, "
                                 "\"model_max_length\": 1000000000000000019884624838656}";
    nj_buffer_init(&ids, 1u << 20);
    nj_buffer_init(&said, 1u << 20);
    assert_ok(nj_file_read(data_path("tokenizers/t5.model"), 1u << 24, &model, &size, &err), &err);
    (void)sandbox_write(state, "tokenizer_config.json", config, strlen(config));
    assert_ok(
        nj_tokenizer_open(sandbox_write(state, "spiece.model", model, size), &tokenizer, &err),
        &err);

    assert_int_equal(nj_tokenizer_vocabulary(tokenizer), 322);
    assert_int_equal(nj_tokenizer_id(tokenizer, nj_slice_from("<extra_id_0>")), 321);
    assert_int_equal(nj_tokenizer_id(tokenizer, nj_slice_from("<extra_id_99>")), 222);
    // As transformers 5.23 has it.
    static const uint32_t expected[] = {3, 79, 5, 6, 6, 39, 321, 31, 39, 10, 6, 35, 1, 1};
    assert_ok(nj_tokenizer_encode(tokenizer, nj_slice_from("hello <extra_id_0> world</s>"), true,
                                  &ids, &err),
              &err);
    assert_int_equal(ids.size, sizeof expected);
    assert_memory_equal(ids.bytes, expected, sizeof expected);
    assert_ok(nj_tokenizer_decode(tokenizer, expected, 14, &said, &err), &err);
    assert_true(nj_slice_equal(nj_buffer_slice(&said), nj_slice_from("hello world")));

    nj_tokenizer_close(&tokenizer);
    static const char bad[] = "{\"tokenizer_class\": \"T5Tokenizer\", \"extra_ids\": 0.5}";
    (void)sandbox_write(state, "tokenizer_config.json", bad, strlen(bad));
    assert_refused(nj_tokenizer_open(sandbox_path(state, "spiece.model"), &tokenizer, &err),
                   NJ_INPUT, &err, "extra_ids is 0.5, must be 0 to 1000");

    nj_buffer_fini(&ids);
    nj_buffer_fini(&said);
    free(model);
}

static void a_decoder_that_is_not_known_is_refused_when_it_is_asked(void **state)
{
    (void)state;
    static const char json[] =
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, "
        "\"decoder\": {\"type\": \"CTC\"}}";
    static const uint32_t ids[] = {0, 7};
    nj_error err = {0};
    nj_tokenizer *tokenizer = NULL;
    nj_buffer said;
    nj_buffer_init(&said, 1u << 20);
    assert_ok(nj_tokenizer_open_bytes(nj_slice_from(json), "it", &tokenizer, &err), &err);
    assert_refused(nj_tokenizer_decode(tokenizer, ids, 2, &said, &err), NJ_INPUT, &err,
                   "decoder \"CTC\"");
    assert_int_equal(said.size, 0);
    nj_buffer_fini(&said);
    nj_tokenizer_close(&tokenizer);
}

static void marks_of_words_are_known(void **state)
{
    (void)state;
    nj_tokenizer *tokenizer = NULL;
    open_named("t5.model", &tokenizer);
    assert_true(nj_tokenizer_begins_word(tokenizer, 3));     // U+2581 itself
    assert_true(nj_tokenizer_begins_word(tokenizer, 31));    // U+2581 w
    assert_false(nj_tokenizer_begins_word(tokenizer, 79));   // h
    assert_false(nj_tokenizer_begins_word(tokenizer, 1));    // </s>
    assert_false(nj_tokenizer_begins_word(tokenizer, 9999)); // none
    nj_tokenizer_close(&tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_say_what_the_originals_read),
        cmocka_unit_test(a_packed_tokenizer_encodes_and_decodes_alike),
        cmocka_unit_test(bytes_that_are_no_packed_tokenizer_are_refused),
        cmocka_unit_test_setup_teardown(t5_has_sentinels_behind_its_pieces, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(a_decoder_that_is_not_known_is_refused_when_it_is_asked),
        cmocka_unit_test(marks_of_words_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
