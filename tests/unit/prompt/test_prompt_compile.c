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
    nj_tokenizer *whole; // that tokenizes rendered texts
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

static void close_world(world *w)
{
    nj_prompt_close(&w->prompt);
    nj_prompt_sections_fini(&w->made);
    nj_tokenizer_close(&w->whole);
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

static void open_whole(world *w)
{
    nj_error err = {0};
    nj_tokenizer_close(&w->whole);
    assert_ok(nj_tokenizer_open(w->source.tokenizer_path, &w->whole, &err), &err);
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
    open_whole(w);
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

static void add(char *out, const char *text)
{
    append(out, text, strlen(text));
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
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 20);
    render(r, request, text);
    assert_ok(nj_tokenizer_encode(w->whole, nj_slice_from(text), true, &ids, &err), &err);
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

// The token that ends answers: byte-level tokenizers here have <|end|>, SentencePiece's </s>.
static const char *end_of(const char *tokenizer)
{
    const bool is_sentencepiece = strstr(tokenizer, "llama2") != NULL ||
                                  strstr(tokenizer, "t5") != NULL ||
                                  strstr(tokenizer, "unigram") != NULL;
    return is_sentencepiece ? "</s>" : "<|end|>";
}

static void write_yaml(const rendering *r, const char *tokenizer, char *out)
{
    char separator[64] = "";
    char item[64] = "";
    for (const char *at = r->separator; *at != '\0'; at++) {
        append(separator, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    }
    append_replaced(item, r->item, "{title}");
    *out = '\0';
    add(out, "prompt: \"");
    for (const char *at = r->text; *at != '\0'; at++) {
        append(out, *at == '\n' ? "\\n" : at, *at == '\n' ? 2 : 1);
    }
    add(out, "\"\nseparator: \"");
    add(out, separator);
    add(out, "\"\nitem: '");
    add(out, item);
    add(out, "'\nanswer:\n  kind: item\n  item: '{title}'\n  end: ");
    add(out, end_of(tokenizer));
    add(out, "\n");
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
            write_yaml(&renderings[r], tokenizers[t], yaml);
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

static void items_that_a_separator_without_spaces_changes_are_counted(void **state)
{
    world w;
    make_world(&w, state);
    compile_and_open(
        &w,
        "prompt: 'x {history} y'\nitem: '{title}'\nseparator: ','\nanswer:\n  kind: text\n"
        "  end: <|end|>\n",
        "gpt2-prefix.json"); // puts a space in front of a text: "a,Heat" and "Heat" differ
    assert_int_equal(w.made.seams, 0); // but the separator is seen in front of an item
    compile_and_open(
        &w,
        "prompt: 'x {history} y'\nitem: '{title}'\nseparator: ''\nanswer:\n  kind: text\n"
        "  end: <|end|>\n",
        "gpt2-prefix.json");
    assert_in_range(w.made.seams, 1, ROWS);
    assert_string_equal(w.made.first_seam, "4000");
    close_world(&w);
}

// ---- answers ----

static void encode(world *w, const char *text, nj_buffer *ids)
{
    nj_error err = {0};
    nj_buffer_clear(ids);
    assert_ok(nj_tokenizer_encode(w->whole, nj_slice_from(text), false, ids, &err), &err);
}

// The items that are answered by the tokens of `text` behind those of `seen`, as "1 8".
static const char *answered_by(world *w, const char *seen, const char *text)
{
    static char said[256];
    char both[TEXT_MAX];
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 20);
    encode(w, seen, &ids);
    const size_t skip = *seen == '\0' ? 0 : ids.size / sizeof(uint32_t);
    (void)snprintf(both, sizeof both, "%s%s", seen, text);
    encode(w, both, &ids);
    const uint32_t *tokens = (const uint32_t *)(const void *)ids.bytes;
    const uint32_t node =
        nj_token_trie_find(&w->prompt.answers, tokens + skip, ids.size / sizeof *tokens - skip);
    said[0] = '\0';
    for (nj_token_trie_range at = nj_token_trie_items(&w->prompt.answers, node);
         node != NJ_TOKEN_TRIE_NONE && at.first < at.end; at.first++) {
        (void)snprintf(said + strlen(said), sizeof said - strlen(said), "%s%u",
                       said[0] == '\0' ? "" : " ", w->prompt.answers.items[at.first]);
    }
    nj_buffer_fini(&ids);
    return said;
}

static void answers_are_the_ids_of_their_texts_and_equal_ones_are_counted(void **state)
{
    world w;
    make_world(&w, state);
    for (size_t t = 0; t < sizeof tokenizers / sizeof *tokenizers; t++) {
        char yaml[TEXT_MAX] =
            "prompt: x\nitem: '{vector} {title} '\nanswer:\n  kind: item\n  end: ";
        add(yaml, end_of(tokenizers[t]));
        w.model.has_vectors = true;
        compile_and_open(&w, yaml, tokenizers[t]);
        assert_int_equal(w.made.equal_answers, 2);
        assert_string_equal(answered_by(&w, "", "Heat"), "1 8");
        assert_string_equal(answered_by(&w, "", "Toy Story (1995)"), "0");
        assert_string_equal(answered_by(&w, "", "Toy"), "");
        assert_int_equal(w.made.answer_tokens_max, w.prompt.answers.depth + 1);
        add(yaml, "\n  lead: ' '\n");
        compile_and_open(&w, yaml, tokenizers[t]);
        assert_string_equal(answered_by(&w, "a", " Toy Story (1995)"), "0");
    }
    close_world(&w);
}

static void a_list_has_the_tokens_of_its_whole_text(void **state)
{
    world w;
    make_world(&w, state);
    static const char yaml[] =
        "prompt: best of {user}\nitem: '{id}'\nanswer:\n  kind: list\n  "
        "lead: ' '\n  count: 3\n  tokens: 20\n  early_stopping: never\n  end: ";
    for (size_t t = 0; t < sizeof tokenizers / sizeof *tokenizers; t++) {
        char whole[TEXT_MAX] = "";
        nj_buffer ids;
        add(whole, yaml);
        add(whole, end_of(tokenizers[t]));
        compile_and_open(&w, whole, tokenizers[t]);
        if (w.made.seams > 0) {
            fail_msg("%s: %u seams", tokenizers[t], w.made.seams);
        }
        nj_buffer_init(&ids, 1u << 20);
        encode(&w, "a", &ids);
        const size_t skip = ids.size;
        encode(&w, "a,", &ids);
        assert_int_equal(ids.size - skip, w.prompt.answer_separator_count * sizeof(uint32_t));
        assert_memory_equal(ids.bytes + skip, w.prompt.answer_separator, ids.size - skip);
        assert_int_equal(w.prompt.list_count, 3);
        assert_int_equal(w.prompt.stop, 2);
        assert_int_equal(w.made.answer_tokens_max, 20);
        nj_buffer_fini(&ids);
    }
    close_world(&w);
}

static void the_end_of_answers_is_found_or_asked_for(void **state)
{
    world w;
    nj_error err = {0};
    make_world(&w, state);
    compile_and_open(&w, "prompt: x\nanswer:\n  kind: text\n", "t5-new.json"); // </s> behind a text
    assert_int_equal(w.prompt.end_token, 1);
    w.model.end_token = 7;
    compile_and_open(&w, "prompt: x\nanswer:\n  kind: text\n", "gpt2.json");
    assert_int_equal(w.prompt.end_token, 7);
    w.model.end_token = NJ_TOKENIZER_NONE;
    assert_refused(compile(&w, "prompt: x\nanswer:\n  kind: text\n", "llama2.model", &err),
                   NJ_CONFIG, &err, "name the token that ends an answer");
    assert_refused(
        compile(&w, "prompt: x\nanswer:\n  kind: text\n  end: <no>\n", "gpt2.json", &err),
        NJ_CONFIG, &err, "\"<no>\" is no token");
    close_world(&w);
}

// ---- vectors, semantic IDs, words, ids made elsewhere ----

static const uint32_t row_two[] = {2, 0};
static const nj_request two = {.user = {"u", 1}, .items = row_two, .item_count = 2};

static void vectors_and_sids_cut_the_text(void **state)
{
    world w;
    uint32_t tokens[TEXT_MAX];
    nj_prompt_written written = {0};
    nj_buffer ids;
    make_world(&w, state);
    w.model.has_vectors = true;
    nj_buffer_init(&ids, 1u << 20);
    compile_and_open(&w,
                     "prompt: 'x {history}. y'\nitem: '{title} {vector}{sid}'\nspecial: false\n"
                     "answer:\n  kind: sid\n",
                     "gpt2.json");
    write_tokens(&w, &two, tokens, NULL, &written);
    size_t at = 0;
    static const char *const parts[] = {"x D\xc3\xa9j\xc3\xa0 Vu! ", ", Toy Story (1995) ", ". y"};
    for (size_t i = 0; i < 3; i++) {
        encode(&w, parts[i], &ids);
        assert_memory_equal(tokens + at, ids.bytes, ids.size);
        at += ids.size / sizeof(uint32_t);
        if (i < 2) {
            assert_int_equal(tokens[at++], NJ_PROMPT_VECTOR | row_two[i]);
            assert_int_equal(tokens[at++], 30000);
            assert_int_equal(tokens[at++], 30100 + row_two[i]);
        }
    }
    assert_int_equal(written.count, at);
    assert_int_equal(w.made.seams, 0);
    nj_buffer_fini(&ids);
    close_world(&w);
}

static void words_begin_where_sentencepiece_marks_them(void **state)
{
    world w;
    uint32_t tokens[TEXT_MAX];
    uint32_t words[TEXT_MAX];
    nj_prompt_written written = {0};
    make_world(&w, state);
    w.model.has_words = true;
    compile_and_open(&w,
                     "prompt: 'user_{user} : {history} ?'\nitem: '{id}'\nseparator: ' -> '\n"
                     "answer:\n  kind: item\n",
                     "t5-old.json");
    write_tokens(&w, &two, tokens, words, &written);
    uint32_t word = 0;
    for (uint32_t i = 0; i + 1 < written.count; i++) {
        word += nj_tokenizer_begins_word(w.whole, tokens[i]);
        assert_int_equal(words[i], word);
    }
    assert_int_equal(word, 6); // user_u : 4074 -> 4000 ?
    assert_int_equal(words[written.count - 1], 0);
    close_world(&w);
}

static void a_prompt_of_sids_alone_is_a_template(void **state)
{
    world w;
    nj_error err = {0};
    nj_buffer ids;
    make_world(&w, state);
    nj_buffer_init(&ids, 1u << 20);
    assert_ok(compile(&w, "prompt: 'seen {history} next'\nitem: '{sid}'\nseparator: ''\n",
                      "gpt2.json", &err),
              &err);
    open_whole(&w);
    assert_true(w.made.is_template);
    assert_int_equal(w.made.prompt.size, 0);
    assert_int_equal(w.made.template.between_count, 0);
    encode(&w, "seen ", &ids);
    assert_int_equal(w.made.template.before_count, 1 + ids.size / sizeof(uint32_t));
    assert_memory_equal(w.made.template.before + 1, ids.bytes, ids.size);
    encode(&w, " next", &ids);
    assert_int_equal(w.made.template.after_count, 1 + ids.size / sizeof(uint32_t));
    assert_memory_equal(w.made.template.after, ids.bytes, ids.size);
    nj_buffer_fini(&ids);
    close_world(&w);
}

static void ids_made_elsewhere_stand_in_the_texts(void **state)
{
    world w;
    nj_error err = {0};
    uint32_t tokens[TEXT_MAX];
    nj_prompt_written written = {0};
    nj_path path;
    char lines[TEXT_MAX] = "";
    make_world(&w, state);
    for (uint32_t i = 0; i < ROWS; i++) {
        char line[128];
        (void)snprintf(line, sizeof line,
                       "{\"item\": \"%u\", \"prompt\": [%u, \"vector\"], \"answer\": [%u, 5]}\n",
                       4000 + i * 37, 100 + i, 200 + i);
        add(lines, line);
    }
    keep_path(sandbox_write(state, "ids.jsonl", lines, strlen(lines)), &path,
              &w.source.token_ids_path);
    w.model.has_vectors = true;
    static const char yaml[] = "prompt: 'x {history} y'\nitem: '{title}'\nspecial: false\n"
                               "answer:\n  kind: item\n  end: <|end|>\n";
    compile_and_open(&w, yaml, "gpt2.json");
    write_tokens(&w, &two, tokens, NULL, &written);
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 20);
    encode(&w, "x", &ids);
    assert_memory_equal(tokens, ids.bytes, ids.size);
    const uint32_t *at = tokens + ids.size / sizeof(uint32_t);
    assert_int_equal(at[0], 102);
    assert_int_equal(at[1], NJ_PROMPT_VECTOR | 2);
    encode(&w, ",", &ids);
    assert_memory_equal(at + 2, ids.bytes, ids.size);
    assert_int_equal(at[2 + ids.size / sizeof(uint32_t)], 100);
    static const uint32_t answer[] = {209, 5};
    assert_true(nj_token_trie_find(&w.prompt.answers, answer, 2) != NJ_TOKEN_TRIE_NONE);
    nj_buffer_fini(&ids);
    static const char few[] = "{\"item\": \"4000\", \"prompt\": [1]}\n";
    keep_path(sandbox_write(state, "ids.jsonl", few, strlen(few)), &path, &w.source.token_ids_path);
    assert_refused(compile(&w, yaml, "gpt2.json", &err), NJ_INPUT, &err,
                   "item \"4037\": has no \"prompt\" among the token ids");
    close_world(&w);
}

// ---- what fits ----

static void a_prompt_must_fit_the_context_beside_its_answer(void **state)
{
    world w;
    nj_error err = {0};
    make_world(&w, state);
    static const char yaml[] = "prompt: 'x {history} y'\nitem: '{id}'\nanswer:\n  kind: text\n  "
                               "tokens: 10\n  end: <|end|>\n";
    w.model.is_decoder_only = true;
    w.model.context_max = 30;
    compile_and_open(&w, yaml, "gpt2.json");
    assert_int_equal(w.prompt.tokens_max, 20);
    w.model.context_max = 14;
    assert_refused(compile(&w, yaml, "gpt2.json", &err), NJ_CONFIG, &err,
                   "(context 14, answer 10): shorten it");
    w.model.context_max = 5000;
    w.model.history_max = 2;
    compile_and_open(&w, yaml, "gpt2.json");
    assert_int_equal(w.made.history_max, 2);
    assert_true(w.prompt.tokens_max < 40);
    close_world(&w);
}

static void what_prompt_yaml_must_not_say_is_refused_with_its_line(void **state)
{
    static const char *const cases[][2] = {
        {"item: '{id}'\n", "prompt: the text that a model reads is missing"},
        {"prompt: x\nitems: '{id}'\n", "line 2: items is not known"},
        {"prompt: 'x {histroy}'\n",
         "line 1: prompt: {histroy} is not known, must be {user}, {history}"},
        {"prompt: 'x {history'\n", "line 1: prompt: a brace stands alone"},
        {"prompt: 'x {history}'\n", "item: how an item stands in the prompt is missing"},
        {"prompt: '{user} {user}'\n", "a placeholder stands twice"},
        {"prompt: x\nanswer:\n  kind: words\n", "line 3: kind: must be sid, item, list or text"},
        {"prompt: x\nanswer:\n  kind: text\n  count: 3\n", "line 4: count: is not for this kind"},
        {"prompt: x\nanswer:\n  kind: text\n  tokens: 0\n",
         "line 4: tokens is \"0\", must be a whole"},
        {"prompt: x\nanswer:\n  kind: text\n  length_penalty: high\n", "must be a number"},
        {"prompt: x\nspecial: 2\n", "line 2: special: must be true or false"},
        {"prompt: '{history}'\nitem: '{plot}'\nanswer:\n  kind: text\n", "plot"},
        {"prompt: '{history}'\nitem: '{vector}'\nanswer:\n  kind: text\n",
         "{vector} wants a vector"},
        {"prompt: '{history}'\nitem: '{id}'\nanswer:\n  kind: item\n  item: '{vector}'\n",
         "{vector} cannot be answered"},
        {"- prompt\n", "must be a mapping"},
    };
    world w;
    make_world(&w, state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nj_error err = {0};
        const nj_status status = compile(&w, cases[i][0], "t5-new.json", &err);
        assert_true(status == NJ_CONFIG || status == NJ_INPUT);
        if (strstr(err.text, cases[i][1]) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i][1]);
        }
    }
    close_world(&w);
}

static void a_catalogue_or_model_that_does_not_fit_is_refused(void **state)
{
    world w;
    nj_error err = {0};
    make_world(&w, state);
    static const char sid[] = "prompt: '{history}'\nitem: '{sid}'\n";
    static const char text[] = "prompt: '{history}'\nitem: '{title}'\nanswer:\n  kind: text\n";
    w.model.V = 100;
    assert_refused(compile(&w, text, "t5-new.json", &err), NJ_CONFIG, &err,
                   "the model's vocabulary ends at 99");
    w.model.V = 30000; // below the SIDs' tokens
    assert_refused(compile(&w, "prompt: '{history}'\nitem: '{title}{sid}'\n", "t5-new.json", &err),
                   NJ_CONFIG, &err, "item \"4000\": has token 30000");
    w.model.V = VOCABULARY;
    w.source.texts_path = NULL;
    assert_refused(compile(&w, text, "t5-new.json", &err), NJ_CONFIG, &err,
                   "{title} is a column of the table of items");
    nj_path path;
    static const char few[] = "item_id\ttitle\n4000\tHeat\n";
    keep_path(sandbox_write(state, "few.tsv", few, strlen(few)), &path, &w.source.texts_path);
    assert_refused(compile(&w, text, "t5-new.json", &err), NJ_INPUT, &err,
                   "item \"4037\": has no text in column \"title\"");
    nj_prompt_close(&w.prompt);
    nj_prompt_sections_fini(&w.made);
    w.source.prompt_path = sandbox_write(state, "prompt.yaml", sid, strlen(sid));
    assert_refused(nj_prompt_compile(&w.source, &w.model, &w.items, NULL, w.bases, &w.made, &err),
                   NJ_CONFIG, &err, "give --catalogue");
    close_world(&w);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_prompt_has_the_ids_of_its_whole_text),
        IN_SANDBOX(items_that_a_separator_without_spaces_changes_are_counted),
        IN_SANDBOX(answers_are_the_ids_of_their_texts_and_equal_ones_are_counted),
        IN_SANDBOX(a_list_has_the_tokens_of_its_whole_text),
        IN_SANDBOX(the_end_of_answers_is_found_or_asked_for),
        IN_SANDBOX(vectors_and_sids_cut_the_text),
        IN_SANDBOX(words_begin_where_sentencepiece_marks_them),
        IN_SANDBOX(a_prompt_of_sids_alone_is_a_template),
        IN_SANDBOX(ids_made_elsewhere_stand_in_the_texts),
        IN_SANDBOX(a_prompt_must_fit_the_context_beside_its_answer),
        IN_SANDBOX(what_prompt_yaml_must_not_say_is_refused_with_its_line),
        IN_SANDBOX(a_catalogue_or_model_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
