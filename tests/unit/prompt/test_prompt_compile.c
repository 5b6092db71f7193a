// test_prompt_compile.c - prompts compiled with every kind of tokenizer: what a user gets are the ids of the whole text.
#include "tests/unit/prompt/prompt_world.h"

// ---- the whole text ----

typedef struct {
    const char *text; // with {u}, {h}, {c} and {t}
    const char *separator;
    const char *item; // with {t} for the title
} rendering;

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
    {"-> {candidates}  {text} [  {history}   so", "  ", "@"},
};

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

// "\n  " is a token, and "\n " another in front of " Heat": the place before has the first.
static void items_that_change_the_text_between_two_places_are_counted(void **state)
{
    world w;
    make_world(&w, state);
    compile_and_open(&w,
                     "prompt: \"x {candidates}\\n  {history} y\"\nitem: '{title}'\nanswer:\n"
                     "  kind: text\n  end: <|end|>\n",
                     "gpt2.json");
    assert_int_equal(w.made.seams, ROWS);
    compile_and_open(&w,
                     "prompt: \"x {candidates}\\n{history} y\"\nitem: '{title}'\nanswer:\n"
                     "  kind: text\n  end: <|end|>\n",
                     "gpt2.json");
    assert_int_equal(w.made.seams, 0);
    close_world(&w);
}

// Of a token that lies across two items, nothing is lost.
static void a_seam_keeps_the_text(void **state)
{
    static const uint32_t rows[] = {0, 3, 9};
    const nj_request request = {.user = {"u", 1}, .items = rows, .item_count = 3};
    const rendering r = {"x {history} y", "o", "me@"};
    world w;
    nj_error err = {0};
    uint32_t tokens[TEXT_MAX];
    char text[TEXT_MAX];
    nj_prompt_written written = {0};
    nj_buffer said;
    make_world(&w, state);
    nj_buffer_init(&said, 1u << 20);
    compile_and_open(&w,
                     "prompt: 'x {history} y'\nitem: 'me{title}'\nseparator: 'o'\nanswer:\n  kind: "
                     "text\n  end: <|end|>\n",
                     "gpt2.json");
    assert_int_equal(w.made.seams, ROWS); // "ome" is one token
    write_tokens(&w, &request, tokens, NULL, &written);
    assert_ok(nj_tokenizer_decode(w.whole, tokens, written.count, &said, &err), &err);
    render(&r, &request, text);
    assert_true(nj_slice_equal(nj_buffer_slice(&said), nj_slice_from(text)));
    nj_buffer_fini(&said);
    close_world(&w);
}

// ---- vectors, semantic IDs, words, ids made elsewhere ----

static const uint32_t row_two[] = {2, 0};
static const nj_request two = {.user = {"u", 1}, .items = row_two, .item_count = 2};

static void vectors_and_sids_cut_the_text(void **state)
{
    static const char *const parts[] = {"x D\xc3\xa9j\xc3\xa0 Vu! ", ", Toy Story (1995) ", ". y"};
    static const char *const kinds[] = {"gpt2.json",
                                        "llama2-old.json"}; // the second marks what is behind a cut
    world w;
    nj_error err = {0};
    uint32_t tokens[TEXT_MAX];
    nj_prompt_written written = {0};
    nj_buffer ids;
    make_world(&w, state);
    w.model.has_vectors = true;
    nj_buffer_init(&ids, 1u << 20);
    for (size_t k = 0; k < 2; k++) {
        size_t at = 0;
        compile_and_open(&w,
                         "prompt: 'x {history}. y'\nitem: '{title} {vector}{sid}'\nspecial: false\n"
                         "answer:\n  kind: sid\n",
                         kinds[k]);
        write_tokens(&w, &two, tokens, NULL, &written);
        for (size_t i = 0; i < 3; i++) {
            const nj_slice part = nj_slice_from(parts[i]);
            nj_buffer_clear(&ids);
            assert_ok(i == 0 ? nj_tokenizer_encode(w.whole, part, false, &ids, &err)
                             : nj_tokenizer_encode_behind(w.whole, part, &ids, &err),
                      &err);
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
    }
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

// The text behind the history fills its part of the template, and <|end|> would be left out.
static void a_template_is_refused_before_its_end_is_left_out(void **state)
{
    world w;
    nj_error err = {0};
    nj_buffer ids;
    char yaml[TEXT_MAX] = "item: '{sid}'\nprompt: 'seen {history}";
    make_world(&w, state);
    nj_buffer_init(&ids, 1u << 20);
    w.source.tokenizer_path = data_path("tokenizers/gpt2.json");
    open_whole(&w);
    encode(&w, " Q", &ids);
    for (size_t count = 0; count < NJ_TEMPLATE_TOKENS_MAX; count += ids.size / sizeof(uint32_t)) {
        add(yaml, " Q");
    }
    add(yaml, "'\nspecial: false\n");
    assert_ok(compile(&w, yaml, "gpt2.json", &err), &err);
    assert_int_equal(w.made.template.after_count, NJ_TEMPLATE_TOKENS_MAX);
    *strstr(yaml, "special") = '\0';
    assert_refused(compile(&w, yaml, "gpt2.json", &err), NJ_CONFIG, &err,
                   "line 2: prompt: 1025 tokens stand side by side, at most 1024");
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
                   "ids.jsonl: item \"4037\": has no \"prompt\" among the token ids");
    close_world(&w);
}

// Ids of the ten items; those of the first are so many, and the answer's this token.
static size_t write_ids(char *out, uint32_t prompt_count, uint32_t answer_count, uint32_t token)
{
    char *at = out;
    for (uint32_t i = 0; i < ROWS; i++) {
        at += sprintf(at, "{\"item\": \"%u\", \"prompt\": [7", 4000 + i * 37);
        for (uint32_t n = 1; i == 0 && n < prompt_count; n++) {
            at += sprintf(at, ",7");
        }
        at += sprintf(at, "], \"answer\": [");
        for (uint32_t n = 0; n < (i == 0 ? answer_count : 1); n++) {
            at += sprintf(at, "%s%u", n > 0 ? "," : "", i == 0 ? token : 6 + i);
        }
        at += sprintf(at, "]}\n");
    }
    return (size_t)(at - out);
}

static void ids_made_elsewhere_that_do_not_fit_are_refused_by_item_and_number(void **state)
{
    static const struct {
        uint32_t prompt_count, answer_count, answer_token;
        const char *says; // NULL: it fits
    } cases[] = {
        {300, 256, 5, NULL},
        {4097, 1, 5, "ids.jsonl: line 1: \"prompt\" has 4097 ids, must be a list of 1 to 4096"},
        {1, 257, 5, "ids.jsonl: line 1: \"answer\" has 257 ids, must be a list of 1 to 256"},
        {1, 0, 5, "ids.jsonl: line 1: \"answer\" has 0 ids"},
        {1, 1, VOCABULARY,
         "ids.jsonl: item \"4000\": is answered by token 40000, the model's vocabulary ends at "
         "39999"},
    };
    static const char yaml[] =
        "prompt: x\nitem: '{title}'\nanswer:\n  kind: item\n  end: <|end|>\n";
    static char lines[4 * TEXT_MAX];
    world w;
    nj_path path;
    make_world(&w, state);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        nj_error err = {0};
        const size_t size =
            write_ids(lines, cases[c].prompt_count, cases[c].answer_count, cases[c].answer_token);
        keep_path(sandbox_write(state, "ids.jsonl", lines, size), &path, &w.source.token_ids_path);
        const nj_status status = compile(&w, yaml, "gpt2.json", &err);
        if (cases[c].says == NULL) {
            assert_ok(status, &err);
        } else if (status == NJ_OK || strstr(err.text, cases[c].says) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[c].says);
        }
    }
    close_world(&w);
}

#define IN_SANDBOX(test) cmocka_unit_test_setup_teardown(test, sandbox_setup, sandbox_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_prompt_has_the_ids_of_its_whole_text),
        IN_SANDBOX(items_that_a_separator_without_spaces_changes_are_counted),
        IN_SANDBOX(items_that_change_the_text_between_two_places_are_counted),
        IN_SANDBOX(a_seam_keeps_the_text),
        IN_SANDBOX(vectors_and_sids_cut_the_text),
        IN_SANDBOX(words_begin_where_sentencepiece_marks_them),
        IN_SANDBOX(a_prompt_of_sids_alone_is_a_template),
        IN_SANDBOX(a_template_is_refused_before_its_end_is_left_out),
        IN_SANDBOX(ids_made_elsewhere_stand_in_the_texts),
        IN_SANDBOX(ids_made_elsewhere_that_do_not_fit_are_refused_by_item_and_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
