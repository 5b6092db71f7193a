// test_prompt_answers.c - how items are answered, what fits into a model, and what prompt.yaml must not say.
#include "tests/unit/prompt/prompt_world.h"

// ---- answers ----

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
        compile_and_open(&w, yaml, tokenizers[t]); // needs no vectors, for no prompt holds an item
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
                   "(context 14, answer 10): shorten it or the answer");
    w.model.context_max = 30;
    assert_refused(compile(&w,
                           "tokens: 2\nprompt: 'x {history} y'\nitem: '{id}'\nanswer:\n  kind: "
                           "text\n  end: <|end|>\n  tokens: 10\n",
                           "gpt2.json", &err),
                   NJ_CONFIG, &err, "tokens is 2: raise that, or shorten the prompt");
    w.model.context_max = 5000;
    w.model.history_max = 2;
    compile_and_open(&w, yaml, "gpt2.json");
    assert_int_equal(w.made.history_max, 2);
    assert_true(w.prompt.tokens_max < 40);
    close_world(&w);
}

// As examples before a question are: 10,000 bytes of text on both sides of a place, with braces among them.
static void a_long_text_is_read_whole(void **state)
{
    enum { WORDS = 2000 };
    static char yaml[12 * WORDS + 200];
    char *at =
        yaml +
        sprintf(yaml,
                "tokens: 40000\nspecial: false\nanswer:\n  kind: text\n  end: <|end|>\nprompt: '");
    world w;
    make_world(&w, state);
    for (size_t i = 0; i < 2 * WORDS; i++) {
        at += sprintf(at, "%s", i == WORDS ? "{{ {user} }}" : " word");
    }
    (void)sprintf(at, "'\n");
    compile_and_open(&w, yaml, "gpt2.json");
    nj_buffer ids;
    nj_buffer_init(&ids, 1u << 20);
    encode(&w, " word", &ids);
    const size_t of_word = ids.size / sizeof(uint32_t);
    size_t count = 0;
    for (uint32_t i = 0; i < w.prompt.piece_count; i++) {
        count += w.prompt.pieces[i].count;
    }
    assert_in_range(count, of_word * (2 * WORDS - 1), of_word * (2 * WORDS - 1) + 8);
    nj_buffer_fini(&ids);
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
        {"prompt: x\nanswer:\n  kind: text\n  length_penalty: high\n",
         "line 4: length_penalty is \"high\", must be a number of -10 to 10"},
        {"prompt: x\nanswer:\n  kind: text\n  length_penalty: -10.5\n", "is \"-10.5\", must be"},
        {"prompt: x\nanswer:\n  kind: text\n  length_penalty: nan\n", "is \"nan\", must be"},
        {"prompt: '{history}{candidates}'\nitem: '{id}'\ncandidate: '{vector}'\nanswer:\n  kind: "
         "text\n",
         "line 3: {vector} wants a vector"},
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
        IN_SANDBOX(answers_are_the_ids_of_their_texts_and_equal_ones_are_counted),
        IN_SANDBOX(a_list_has_the_tokens_of_its_whole_text),
        IN_SANDBOX(the_end_of_answers_is_found_or_asked_for),
        IN_SANDBOX(a_prompt_must_fit_the_context_beside_its_answer),
        IN_SANDBOX(a_long_text_is_read_whole),
        IN_SANDBOX(what_prompt_yaml_must_not_say_is_refused_with_its_line),
        IN_SANDBOX(a_catalogue_or_model_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
