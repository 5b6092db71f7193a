// prompt_world.h - a catalogue of ten titles, and prompts that are compiled for it with the tokenizers of tests/data.
#ifndef NJ_TEST_PROMPT_WORLD_H
#define NJ_TEST_PROMPT_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/section_names.h"
#include "common/prompt/prompt_compile.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define VOCABULARY 40000u
#define TEXT_MAX 4096

static const char *const titles[] = {
    "Toy Story (1995)",
    "Heat",
    "D\xc3\xa9j\xc3\xa0 Vu!",
    "2001: A Space Odyssey",
    "Alien (1979)",
    "Se7en",
    "What's Up, Doc? (1972)",
    "\xe6\x9d\xb1\xe4\xba\xac",
    "Heat",
    "M*A*S*H (1970), again",
};
enum { ROWS = sizeof titles / sizeof titles[0], LEVELS = 2 };

static const char *const tokenizers[] = {
    "gpt2.json",    "gpt2-prefix.json", "llama3.json",     "qwen2.json",
    "qwen3.5.json", "llama2-new.json",  "llama2-old.json", "t5-new.json",
    "t5-old.json",  "llama2.model",     "t5.model",        "unigram-bytes.model",
};

typedef struct {
    void **state;
    nj_path table;
    nj_path yaml;
    nj_path tokenizer;
    nj_idlist items;
    nj_buffer item_bytes;
    uint16_t codes[ROWS * LEVELS];
    uint32_t bases[LEVELS];
    nj_sids sids;
    nj_prompt_source source;
    nj_prompt_model model;
    nj_prompt_sections made;
    nj_sections sections;
    nj_prompt prompt;
    nj_tokenizer *whole; // that tokenizes rendered texts
} world;

static inline void keep_path(const char *path, nj_path *kept, const char **out)
{
    assert_int_equal(nj_path_copy(path, kept, NULL), NJ_OK);
    *out = kept->text;
}

static inline void make_world(world *w, void **state)
{
    nj_error err = {0};
    nj_idlist_builder ids;
    char table[TEXT_MAX] = "item_id\ttitle\tgenre\n";
    *w = (world){.state = state,
                 .bases = {30000, 30100},
                 .model = {.V = VOCABULARY, .end_token = NJ_TOKENIZER_NONE}};
    nj_idlist_builder_init(&ids);
    nj_buffer_init(&w->item_bytes, 1u << 20);
    for (uint32_t i = 0; i < ROWS; i++) {
        char line[256];
        const size_t size = (size_t)snprintf(line, sizeof line, "%u", 4000 + i * 37);
        assert_int_equal(nj_idlist_builder_add(&ids, (nj_slice){line, size}), NJ_OK);
        (void)snprintf(line, sizeof line, "%u\t%s\tg%u\n", 4000 + i * 37, titles[i], i % 3);
        (void)strncat(table, line, sizeof table - strlen(table) - 1);
        w->codes[i * LEVELS + 1] = (uint16_t)i;
    }
    assert_int_equal(nj_idlist_builder_write(&ids, &w->item_bytes), NJ_OK);
    nj_idlist_builder_fini(&ids);
    assert_ok(nj_idlist_open(w->item_bytes.bytes, w->item_bytes.size, "items", &w->items, &err),
              &err);
    w->sids = (nj_sids){
        .codes = w->codes, .row_count = ROWS, .level_count = LEVELS, .codes_per_level = {2, 100}};
    keep_path(sandbox_write(state, "items.tsv", table, strlen(table)), &w->table,
              &w->source.texts_path);
}

static inline void close_world(world *w)
{
    nj_prompt_close(&w->prompt);
    nj_prompt_sections_fini(&w->made);
    nj_tokenizer_close(&w->whole);
    nj_buffer_fini(&w->item_bytes);
}

static inline nj_status compile(world *w, const char *yaml, const char *tokenizer, nj_error *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, "tokenizers/%s", tokenizer);
    nj_prompt_close(&w->prompt);
    nj_prompt_sections_fini(&w->made);
    keep_path(sandbox_write(w->state, "prompt.yaml", yaml, strlen(yaml)), &w->yaml,
              &w->source.prompt_path);
    keep_path(data_path(name), &w->tokenizer, &w->source.tokenizer_path);
    return nj_prompt_compile(&w->source, &w->model, &w->items, &w->sids, w->bases, &w->made, err);
}

static inline void put(world *w, const char *name, const nj_buffer *bytes)
{
    if (bytes->size > 0) {
        nj_sections_put(&w->sections, name, bytes->bytes, bytes->size);
    }
}

static inline void open_whole(world *w)
{
    nj_error err = {0};
    nj_tokenizer_close(&w->whole);
    assert_ok(nj_tokenizer_open(w->source.tokenizer_path, &w->whole, &err), &err);
}

static inline void compile_and_open(world *w, const char *yaml, const char *tokenizer)
{
    nj_error err = {0};
    assert_ok(compile(w, yaml, tokenizer, &err), &err);
    w->sections = (nj_sections){0};
    put(w, NJ_SECTION_PROMPT, &w->made.prompt);
    put(w, NJ_SECTION_STRINGS, &w->made.strings);
    put(w, NJ_SECTION_ANSWERS, &w->made.answers);
    put(w, NJ_SECTION_TOKENIZER, &w->made.tokenizer);
    assert_ok(nj_prompt_open(&w->sections, ROWS, VOCABULARY, &w->prompt, &err), &err);
    open_whole(w);
}

static inline void append(char *out, const char *text, size_t size)
{
    const size_t at = strlen(out);
    assert_true(at + size < TEXT_MAX);
    memcpy(out + at, text, size);
    out[at + size] = '\0';
}

static inline void add(char *out, const char *text)
{
    append(out, text, strlen(text));
}

static inline void write_tokens(world *w, const nj_request *request, uint32_t *tokens,
                                uint32_t *words, nj_prompt_written *written)
{
    nj_error err = {0};
    nj_buffer scratch;
    nj_buffer_init(&scratch, 1u << 20);
    assert_ok(nj_prompt_write(&w->prompt, request, 100, words != NULL ? 500 : 0, &scratch, tokens,
                              words, written, &err),
              &err);
    nj_buffer_fini(&scratch);
}

// The token that ends answers: byte-level tokenizers here have <|end|>, SentencePiece's </s>.
static inline const char *end_of(const char *tokenizer)
{
    const bool is_sentencepiece = strstr(tokenizer, "llama2") != NULL ||
                                  strstr(tokenizer, "t5") != NULL ||
                                  strstr(tokenizer, "unigram") != NULL;
    return is_sentencepiece ? "</s>" : "<|end|>";
}

static inline void encode(world *w, const char *text, nj_buffer *ids)
{
    nj_error err = {0};
    nj_buffer_clear(ids);
    assert_ok(nj_tokenizer_encode(w->whole, nj_slice_from(text), false, ids, &err), &err);
}

#endif
