// test_prompt_compile.c - prompts compiled with every kind of tokenizer: what a user gets are the ids of the whole text.
#include "common/prompt/prompt_compile.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/catalogue/section_names.h"
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
} world;

static void keep_path(const char *path, nj_path *kept, const char **out)
{
    assert_int_equal(nj_path_copy(path, kept, NULL), NJ_OK);
    *out = kept->text;
}

static void make_world(world *w, void **state)
{
    nj_error err = {0};
    nj_idlist_builder ids;
    char table[TEXT_MAX] = "item_id\ttitle\tgenre\n";
    *w = (world){.state = state, .bases = {30000, 30100}, .model = {.V = VOCABULARY}};
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

static void close_world(world *w)
{
    nj_prompt_close(&w->prompt);
    nj_prompt_sections_fini(&w->made);
    nj_buffer_fini(&w->item_bytes);
}

static nj_status compile(world *w, const char *yaml, const char *tokenizer, nj_error *err)
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

static void put(world *w, const char *name, const nj_buffer *bytes)
{
    if (bytes->size > 0) {
        nj_sections_put(&w->sections, name, bytes->bytes, bytes->size);
    }
}

static void compile_and_open(world *w, const char *yaml, const char *tokenizer)
{
    nj_error err = {0};
    assert_ok(compile(w, yaml, tokenizer, &err), &err);
    w->sections = (nj_sections){0};
    put(w, NJ_SECTION_PROMPT, &w->made.prompt);
    put(w, NJ_SECTION_STRINGS, &w->made.strings);
    put(w, NJ_SECTION_ANSWERS, &w->made.answers);
    put(w, NJ_SECTION_TOKENIZER, &w->made.tokenizer);
    assert_ok(nj_prompt_open(&w->sections, ROWS, VOCABULARY, &w->prompt, &err), &err);
}

// ---- the whole text ----

typedef struct {
    const char *text; // with {u}, {h}, {c} and {t}
    const char *separator;
    const char *item; // with {t} for the title
} rendering;

static void append(char *out, const char *text, size_t size)
{
    const size_t at = strlen(out);
    assert_true(at + size < TEXT_MAX);
    memcpy(out + at, text, size);
    out[at + size] = '\0';
}

// Each "@" of `text` is replaced by `with`.
static void append_replaced(char *out, const char *text, const char *with)
{
    for (; *text != '\0'; text++) {
        append(out, *text == '@' ? with : text, *text == '@' ? strlen(with) : 1);
    }
}

static void append_items(char *out, const rendering *r, const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        append(out, r->separator, i > 0 ? strlen(r->separator) : 0);
        append_replaced(out, r->item, titles[rows[i]]);
    }
}

static void render(const rendering *r, const nj_request *request, char *out)
{
    *out = '\0';
    for (const char *at = r->text; *at != '\0'; at++) {
        if (strncmp(at, "{user}", 6) == 0) {
            append(out, request->user.bytes, request->user.size);
            at += 5;
        } else if (strncmp(at, "{text}", 6) == 0) {
            append(out, request->text.bytes, request->text.size);
            at += 5;
        } else if (strncmp(at, "{history}", 9) == 0) {
            append_items(out, r, request->items, request->item_count);
            at += 8;
        } else if (strncmp(at, "{candidates}", 12) == 0) {
            append_items(out, r, request->candidates, request->candidate_count);
            at += 11;
        } else {
            append(out, at, 1);
        }
    }
}

static void write_tokens(world *w, const nj_request *request, uint32_t *tokens, uint32_t *words,
                         nj_prompt_written *written)
{
    nj_error err = {0};
    nj_buffer scratch;
    nj_buffer_init(&scratch, 1u << 20);
    assert_ok(nj_prompt_write(&w->prompt, request, 100, words != NULL ? 500 : 0, &scratch, tokens,
                              words, written, &err),
              &err);
    nj_buffer_fini(&scratch);
}

// The written tokens are those of the rendered text.
static void assert_whole(world *w, const char *tokenizer, const rendering *r,
                         const nj_request *request)
{
    char text[TEXT_MAX];
    uint32_t tokens[TEXT_MAX];
    nj_prompt_written written = {0};
    nj_error err = {0};
    nj_tokenizer *whole = NULL;
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 20);
    render(r, request, text);
    assert_ok(nj_tokenizer_open(w->source.tokenizer_path, &whole, &err), &err);
    assert_ok(nj_tokenizer_encode(whole, nj_slice_from(text), true, &ids, &err), &err);
    write_tokens(w, request, tokens, NULL, &written);
    const uint32_t *expected = (const uint32_t *)(const void *)ids.bytes;
    const size_t count = ids.size / sizeof *expected;
    for (size_t i = 0; i < count && i < written.count; i++) {
        if (expected[i] != tokens[i]) {
            fail_msg("%s: \"%s\": token %zu is %u, the whole text has %u", tokenizer, text, i,
                     tokens[i], expected[i]);
        }
    }
    assert_int_equal(written.count, count);
    nj_buffer_fini(&ids);
    nj_tokenizer_close(&whole);
}

static const rendering renderings[] = {
    {"Given the history of user_{user} : {history} predict the next item ?", " -> ", "@"},
    {"This user has watched {history} in the previous. Choose from {candidates}. Answer:", ", ",
     "@"},
    {"[{history}] and ({candidates}) of {user}!", "; ", "\"@\""},
    {"{history}", "\n", "- @"},
    {"User: {text}\nList:\n{candidates}\nAnswer: ", "\n", "@ by 5"},
    {"x {text} {history}", " ", "@"},
    {"{user}: {text} {history}.", ", ", "@"},
};

static void write_yaml(const rendering *r, char *out)
{
    char separator[64] = "";
    char item[64] = "";
    for (const char *at = r->separator; *at != '\0'; at++) {
        append(separator, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    }
    append_replaced(item, r->item, "{title}");
    *out = '\0';
    append(out, "prompt: \"", 9);
    for (const char *at = r->text; *at != '\0'; at++) {
        append(out, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    }
    append(out, "\"\nseparator: \"", 14);
    append(out, separator, strlen(separator));
    append(out, "\"\nitem: '", 9);
    append(out, item, strlen(item));
    append(out, "'\n", 2);
}

static void a_prompt_has_the_ids_of_its_whole_text(void **state)
{
    world w;
    static const uint32_t history[] = {0, 3, 9, 7, 1, 4};
    static const uint32_t candidates[] = {6, 2, 5};
    make_world(&w, state);
    for (size_t t = 0; t < sizeof tokenizers / sizeof *tokenizers; t++) {
        for (size_t r = 0; r < sizeof renderings / sizeof *renderings; r++) {
            char yaml[TEXT_MAX];
            write_yaml(&renderings[r], yaml);
            compile_and_open(&w, yaml, tokenizers[t]);
            for (uint32_t count = 1; count <= 6; count++) {
                const nj_request request = {.user = nj_slice_from("A15466"),
                                            .items = history,
                                            .item_count = count,
                                            .candidates = candidates,
                                            .candidate_count = 3 - count / 3,
                                            .text = nj_slice_from("Well, it's good (5/5)")};
                assert_whole(&w, tokenizers[t], &renderings[r], &request);
            }
            if (w.made.seams > 0) {
                fail_msg("%s: prompt %zu: %u seams, %s the first", tokenizers[t], r, w.made.seams,
                         w.made.first_seam);
            }
        }
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_prompt_has_the_ids_of_its_whole_text, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
