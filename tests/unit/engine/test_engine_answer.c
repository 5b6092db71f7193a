// test_engine_answer.c - answers that are no semantic IDs: strings, lists that are said in one, text.
//
// What the model thinks of an answer comes from teacher forcing (worker/engine/forced.h), which knows no search: where a search covers
// the trie, its list is all answers by that score.
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "tests/unit/engine/prompt_world.h"

#define SEPARATOR_TOKEN 33 // of no string

// ---- items ----

// The score of every item for one user: log-probabilities of its tokens and the end, over their count to the power of the penalty.
static void score_items(const shop *s, const nj_request *request, uint32_t items_max, float *scores)
{
    uint32_t tokens[128];
    const uint32_t offset[2] = {0, write_asked(s, request, items_max, tokens)};
    nj_generator_config config;
    nj_tensor_set *weights = NULL;
    read_model(s, &config, &weights);
    for (uint32_t count = 1; count <= STRING_MAX + 1; count++) {
        nj_error err = {0};
        nj_forced *forced = NULL;
        assert_ok(nj_forced_open(&config, weights, offset[1], count + 1, &forced, &err), &err);
        for (uint32_t row = 0; row < ITEMS; row++) {
            uint32_t targets[STRING_MAX + 2];
            float found[STRING_MAX + 2];
            double sum = 0;
            if (s->offset[row + 1] - s->offset[row] != count) {
                continue;
            }
            memcpy(targets, s->tokens + s->offset[row], count * sizeof *targets);
            targets[count] = END;
            nj_forced_score(forced, tokens, offset, 1, targets, found);
            for (uint32_t t = 0; t <= count; t++) {
                sum += (double)found[t];
            }
            scores[row] = (float)(sum / pow(count + 1, 0.7f));
        }
        nj_forced_close(&forced);
    }
    nj_tensor_set_close(&weights);
}

// The list is the best of the rows that `may` has, equal strings in catalogue order.
static void check_list(const world_list *list, uint32_t top, const float *scores, const bool *may)
{
    uint32_t legal = 0;
    for (uint32_t row = 0; row < ITEMS; row++) {
        legal += may[row];
    }
    assert_int_equal(list->count, legal < top ? legal : top);
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t better = 0; // rows that must stand in front
        assert_true(may[list->items[i]]);
        assert_true(fabsf(list->scores[i] - scores[list->items[i]]) <= 2e-5f);
        for (uint32_t row = 0; row < ITEMS; row++) {
            better += may[row] && scores[row] > scores[list->items[i]] + 2e-5f;
        }
        assert_true(better <= i);
        assert_true(i == 0 || list->scores[i] <= list->scores[i - 1]);
        assert_true(i == 0 || list->scores[i] != list->scores[i - 1] ||
                    list->items[i] > list->items[i - 1]);
    }
}

static void a_search_that_covers_the_answers_gives_all_by_their_scores(void **state)
{
    (void)state;
    static world_lists found;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        static shop s;
        open_item_shop(&s, with_lm == 1);
        vary_users(&s.users);
        for (uint32_t top = 5; top <= ITEMS; top += 55) {
            const nj_settings settings = string_settings(&s, ITEMS, top);
            world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
            for (uint32_t u = 0; u < USERS; u++) {
                float scores[ITEMS];
                bool may[ITEMS];
                score_items(&s, &s.users.requests[u], UINT32_MAX, scores);
                mark_legal(&s.users.requests[u], false, may);
                check_list(&found.lists[u], top, scores, may);
            }
        }
        close_shop(&s);
    }
}

// Narrow searches find less than a user may get: they are repeated wider until his list is full or everything is in it.
static void short_lists_of_strings_are_searched_wider(void **state)
{
    (void)state;
    static world_lists found;
    static shop s;
    uint32_t widened = 0;
    open_item_shop(&s, false);
    s.users.count = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        world_add_nearly_all(&s.users, u, ITEMS, 2 + u);
        s.users.requests[u].exclude_count = 0;
    }
    nj_settings settings = world_settings(2, 6, &s.users);
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
    for (uint32_t u = 0; u < USERS; u++) {
        const world_list *list = &found.lists[u];
        assert_int_equal(list->count, 2 + u < 6 ? 2 + u : 6);
        assert_int_equal((list->flags & NJ_ROW_SHORT) != 0, 2 + u < 6);
        widened += (list->flags & NJ_ROW_WIDENED) != 0;
        for (uint32_t i = 0; i < list->count; i++) {
            assert_false(world_had(&s.users.requests[u], list->items[i]));
        }
    }
    assert_true(widened > 0);
    close_shop(&s);
}

// Of one search that is wide enough: the first half of a list and its reserve are the list of twice as many, and the half is the same alone.
static void list_and_reserve_are_the_longer_list(void **state)
{
    (void)state;
    static world_lists split, whole, bare;
    static shop s;
    uint32_t compared = 0;
    open_item_shop(&s, false);
    vary_users(&s.users);
    nj_settings settings = string_settings(&s, 12, 8);
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &whole);
    settings.top = 4;
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &bare);
    settings.reserve = 4;
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &split);
    for (uint32_t u = 0; u < USERS; u++) {
        const world_list *list = &split.lists[u];
        assert_same_list(list, &bare.lists[u]);
        if (list->reserve_count == 4 && (whole.lists[u].flags & NJ_ROW_WIDENED) == 0) {
            assert_memory_equal(list->items, whole.lists[u].items, 4 * sizeof *list->items);
            assert_memory_equal(list->reserve, whole.lists[u].items + 4, 4 * sizeof *list->items);
            compared++;
        }
    }
    assert_in_range(compared, USERS / 2, USERS);
    close_shop(&s);
}

// Users with the same history and other candidates get other lists, those with the same candidates the same; whatever the batch and what
// is saved.
static void lists_of_strings_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    static world_lists found;
    static world_lists wanted;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        static shop s;
        open_item_shop(&s, with_lm == 1);
        vary_users(&s.users);
        const nj_settings settings = string_settings(&s, 6, 4);
        world_decode(&s.world, &settings, 1, world_kernels("auto"), &s.users, &wanted);
        for (uint32_t batch = 3; batch <= 16; batch += 13) {
            nj_engine_options options = world_options(batch, world_kernels("auto"));
            options.savings = NJ_SAVINGS_ALL;
            world_decode_with(&s.world, &settings, &options, &s.users, &found);
            for (uint32_t u = 0; u < USERS; u++) {
                assert_same_list(&found.lists[u], &wanted.lists[u]);
            }
        }
        close_shop(&s);
    }
}

// ---- lists that are said in one answer ----

static const uint32_t separator[] = {SEPARATOR_TOKEN};

static void open_list_shop(shop *s, uint32_t list_count, uint32_t tokens_max)
{
    open_item_shop(s, false);
    nj_prompt prompt = make_item_prompt(s);
    prompt.answer = NJ_SAYS_LIST;
    prompt.list_count = list_count;
    prompt.answer_tokens_max = tokens_max;
    prompt.answer_separator = separator;
    prompt.answer_separator_count = 1;
    put_prompt(s, &prompt);
}

// The first item said has the log-probability of its tokens.
static void check_first(const shop *s, const nj_request *request, const world_list *list)
{
    nj_error err = {0};
    uint32_t tokens[128];
    uint32_t targets[STRING_MAX + 1];
    float found[STRING_MAX + 1];
    const uint32_t offset[2] = {0, write_asked(s, request, UINT32_MAX, tokens)};
    const uint32_t row = list->items[0];
    const uint32_t count = (uint32_t)(s->offset[row + 1] - s->offset[row]);
    nj_generator_config config;
    nj_tensor_set *weights = NULL;
    nj_forced *forced = NULL;
    read_model(s, &config, &weights);
    memcpy(targets, s->tokens + s->offset[row], count * sizeof *targets);
    assert_ok(nj_forced_open(&config, weights, offset[1], count, &forced, &err), &err);
    nj_forced_score(forced, tokens, offset, 1, targets, found);
    for (uint32_t t = 1; t < count; t++) {
        found[0] += found[t];
    }
    assert_true(fabsf(list->scores[0] - found[0]) <= 2e-5f);
    nj_forced_close(&forced);
    nj_tensor_set_close(&weights);
}

static void a_list_is_said_in_one_answer_and_cut_at_top(void **state)
{
    (void)state;
    static world_lists found;
    static world_lists cut;
    static shop s;
    open_list_shop(&s, 6, 60);
    vary_users(&s.users);
    nj_settings settings = string_settings(&s, 5, 10);
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
    settings.top = 3;
    settings.reserve = 10;
    world_decode(&s.world, &settings, 7, world_kernels("auto"), &s.users, &cut);
    for (uint32_t u = 0; u < USERS; u++) {
        const world_list *list = &found.lists[u];
        bool may[ITEMS];
        mark_legal(&s.users.requests[u], false, may);
        assert_true(list->count >= 1 && list->count <= 6);
        assert_int_equal((list->flags & NJ_ROW_SHORT) != 0,
                         list->count < 6); // it is asked for 6, whatever top is
        assert_true((list->flags & NJ_ROW_WIDENED) == 0);
        for (uint32_t i = 0; i < list->count; i++) {
            assert_true(may[list->items[i]]); // once
            may[list->items[i]] = false;
            assert_true(i == 0 || list->scores[i] < list->scores[i - 1]);
        }
        check_first(&s, &s.users.requests[u], list);
        assert_int_equal(cut.lists[u].count, list->count < 3 ? list->count : 3);
        assert_memory_equal(cut.lists[u].items, list->items,
                            cut.lists[u].count * sizeof *list->items);
        assert_int_equal(cut.lists[u].reserve_count, list->count - cut.lists[u].count);
        assert_memory_equal(cut.lists[u].reserve, list->items + cut.lists[u].count,
                            cut.lists[u].reserve_count * sizeof *list->items);
        assert_memory_equal(cut.lists[u].scores, list->scores,
                            cut.lists[u].count * sizeof *list->scores);
    }
    close_shop(&s);
}

// ---- text ----

#define TEXT_TOKENS 6 // the most that are said
#define TEXT_END 9
#define ACCENTED "\xc3\xa9"
#define METASPACE                                                                                  \
    "{\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", \"prepend_scheme\": \"first\"}"

// Letters, each with so many accented ones behind it: token 2 begins with "a", token 28 with "A". The first two tokens are special.
static void put_tokenizer(shop *s, uint32_t tail, nj_buffer *json)
{
    nj_buffer_init(json, 1 << 20);
    assert_int_equal(
        nj_buffer_printf(
            json, "{\"added_tokens\": [{\"id\": 0, \"content\": \"<pad>\", \"special\": true}, "
                  "{\"id\": 1, \"content\": \"</s>\", \"special\": true}], "
                  "\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {\"<pad>\": 0, "
                  "\"</s>\": 1"),
        NJ_OK);
    for (uint32_t token = 2; token < s->V; token++) {
        const char letter = (char)(token < 28 ? 'a' + (char)(token - 2) : 'A' + (char)(token - 28));
        assert_int_equal(nj_buffer_printf(json, ", \"%c", letter), NJ_OK);
        for (uint32_t i = 0; i < tail; i++) {
            assert_int_equal(nj_buffer_append(json, ACCENTED, 2), NJ_OK);
        }
        assert_int_equal(nj_buffer_printf(json, "\": %u", token), NJ_OK);
    }
    assert_int_equal(
        nj_buffer_printf(json, "}}, \"pre_tokenizer\": " METASPACE ", \"decoder\": " METASPACE "}"),
        NJ_OK);
    put(s, NJ_SECTION_TOKENIZER, json->bytes, json->size);
}

// The likeliest next token behind each answer so far.
static uint32_t find_next(const shop *s, const uint32_t *tokens, uint32_t count,
                          const uint32_t *said, uint32_t said_count)
{
    nj_error err = {0};
    float found[TEXT_TOKENS + 1];
    uint32_t targets[TEXT_TOKENS + 1];
    const uint32_t offset[2] = {0, count};
    nj_generator_config config;
    nj_tensor_set *weights = NULL;
    nj_forced *forced = NULL;
    uint32_t best = 0;
    float most = -INFINITY;
    read_model(s, &config, &weights);
    assert_ok(nj_forced_open(&config, weights, count, said_count + 1, &forced, &err), &err);
    memcpy(targets, said, said_count * sizeof *said);
    for (uint32_t token = 0; token < s->V; token++) {
        targets[said_count] = token;
        nj_forced_score(forced, tokens, offset, 1, targets, found);
        if (found[said_count] > most) {
            most = found[said_count];
            best = token;
        }
    }
    nj_forced_close(&forced);
    nj_tensor_set_close(&weights);
    return best;
}

// What the likeliest tokens, one after the other, spell.
static void spell(const shop *s, const nj_request *request, char *out)
{
    uint32_t tokens[128];
    uint32_t said[TEXT_TOKENS];
    const uint32_t count = write_asked(s, request, UINT32_MAX, tokens);
    uint32_t letters = 0;
    for (uint32_t t = 0; t < TEXT_TOKENS; t++) {
        said[t] = find_next(s, tokens, count, said, t);
        if (said[t] == TEXT_END) {
            break;
        }
        if (said[t] >= 2) {
            out[letters++] =
                (char)(said[t] < 28 ? 'a' + (char)(said[t] - 2) : 'A' + (char)(said[t] - 28));
        }
    }
    out[letters] = '\0';
}

typedef struct {
    char text[USERS][TEXT_TOKENS + 1];
    uint32_t flags[USERS];
    nj_buffer rows;
    const nj_engine *engine;
} texts;

static nj_status take_text(void *context, size_t index, const nj_list *list, nj_error *err)
{
    texts *t = context;
    (void)err;
    assert_int_equal(list->count, 0);
    t->flags[index] = list->flags;
    assert_true(list->text.size <= TEXT_TOKENS);
    if (list->text.size > 0) {
        memcpy(t->text[index], list->text.bytes, list->text.size);
    }
    t->text[index][list->text.size] = '\0';
    nj_buffer_clear(&t->rows);
    assert_int_equal(nj_engine_pack_row(t->engine, list, &t->rows), NJ_OK);
    static nj_row row;
    assert_ok(nj_row_unpack(nj_buffer_slice(&t->rows), &row, err), err);
    assert_int_equal(row.text.bytes != NULL, list->text.bytes != NULL);
    assert_int_equal(row.text.size, list->text.size);
    assert_int_equal(row.count, 0);
    return NJ_OK;
}

static void decode_texts(const shop *s, const nj_settings *settings, nj_savings savings, texts *out)
{
    nj_error err = {0};
    nj_engine_options options = world_options(5, world_kernels("auto"));
    options.savings = savings;
    nj_engine *engine = world_open_with(&s->world, settings, &options);
    out->engine = engine;
    nj_buffer_init(&out->rows, NJ_ROW_BYTES_MAX);
    assert_ok(nj_engine_decode(engine, s->users.requests, USERS, take_text, out, &err), &err);
    assert_ok(nj_engine_decode(engine, s->users.requests, USERS, take_text, out, &err), &err);
    nj_buffer_fini(&out->rows);
    nj_engine_close(&engine);
}

static void open_text_shop(shop *s, uint32_t tail, nj_buffer *json)
{
    open_item_shop(s, true);
    nj_prompt prompt = make_item_prompt(s);
    prompt.answer = NJ_SAYS_TEXT;
    prompt.answer_tokens_max = TEXT_TOKENS;
    prompt.end_token = TEXT_END;
    put_prompt(s, &prompt);
    put_tokenizer(s, tail, json);
}

// The greedy answer is spelled by the likeliest tokens; a user who is not asked has none.
static void an_answer_in_text_is_read_back(void **state)
{
    (void)state;
    static shop s;
    static texts plain;
    static texts saved;
    nj_buffer json;
    uint32_t spelled = 0;
    open_text_shop(&s, 0, &json);
    s.users.requests[4].item_count = 0;
    const nj_settings settings = string_settings(&s, 1, 10);
    decode_texts(&s, &settings, NJ_SAVINGS_ALL & ~(nj_savings)NJ_SAVING_SAME_HISTORY, &plain);
    decode_texts(&s, &settings, NJ_SAVINGS_ALL, &saved);
    for (uint32_t u = 0; u < USERS; u++) {
        char wanted[TEXT_TOKENS + 1] = "";
        if (u != 4) {
            spell(&s, &s.users.requests[u], wanted);
        }
        assert_string_equal(plain.text[u], wanted);
        assert_string_equal(saved.text[u], wanted);
        assert_int_equal(plain.flags[u], u == 4 ? NJ_ROW_COLD : 0);
        spelled += wanted[0] != '\0';
    }
    assert_true(spelled > USERS / 2);
    close_shop(&s);
    nj_buffer_fini(&json);
}

#define TAIL 2047 // a token has 4,095 bytes, and byte 16,384 of a text is inside a letter

static nj_status take_cut(void *context, size_t index, const nj_list *list, nj_error *err)
{
    uint32_t *cut = context;
    (void)index;
    (void)err;
    assert_int_equal(list->text.size % (2 * TAIL + 1) == 0, list->text.size < 16383);
    assert_true(list->text.size <= 16383);
    *cut += list->text.size == 16383;
    return NJ_OK;
}

static void a_text_beyond_what_a_row_holds_is_cut_between_letters(void **state)
{
    (void)state;
    static shop s;
    nj_error err = {0};
    nj_buffer json;
    uint32_t cut = 0;
    open_text_shop(&s, TAIL, &json);
    const nj_settings settings = string_settings(&s, 1, 10);
    nj_engine *engine = world_open(&s.world, &settings, 5, world_kernels("auto"));
    assert_ok(nj_engine_decode(engine, s.users.requests, USERS, take_cut, &cut, &err), &err);
    assert_true(cut > 0);
    nj_engine_close(&engine);
    close_shop(&s);
    nj_buffer_fini(&json);
}

// ---- masks, policies ----

// Of the night's items every third is closed: no list has one, and no beam is spent on one.
static void a_mask_is_folded_up_the_trie_of_answers(void **state)
{
    (void)state;
    static world_lists found;
    static shop s;
    nj_error err = {0};
    nj_catalogue_view view;
    nj_buffer section;
    uint64_t rows = 0;
    for (uint32_t row = 0; row < ITEMS; row++) {
        rows |= row % 3 == 0 ? 0 : (uint64_t)1 << row;
    }
    const nj_mask_rows mask = {nj_slice_from(""), &rows};
    open_item_shop(&s, false);
    vary_users(&s.users);
    assert_ok(nj_catalogue_view_open(&s.world.sections, &view, &err), &err);
    nj_buffer_init(&section, 1 << 20);
    assert_ok(nj_masks_write(&view.trie, ITEMS, &mask, 1, &section, &err), &err);
    put(&s, NJ_SECTION_ELIGIBLE, section.bytes, section.size);
    for (uint32_t beam = 4; beam <= ITEMS; beam += 56) {
        const nj_settings settings = string_settings(&s, beam, 4);
        world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
        for (uint32_t u = 0; u < USERS; u++) {
            float scores[ITEMS];
            bool may[ITEMS];
            mark_legal(&s.users.requests[u], false, may);
            for (uint32_t row = 0; row < ITEMS; row += 3) {
                may[row] = false;
            }
            assert_int_equal(found.lists[u].count, 4);
            for (uint32_t i = 0; i < 4; i++) {
                assert_true(may[found.lists[u].items[i]]);
            }
            if (beam == ITEMS) {
                score_items(&s, &s.users.requests[u], UINT32_MAX, scores);
                check_list(&found.lists[u], 4, scores, may);
            }
        }
    }
    nj_buffer_fini(&section);
    close_shop(&s);
}

static void put_policy(shop *s, const char *text, nj_buffer *out)
{
    nj_error err = {0};
    nj_catalogue_view view;
    nj_policy policy;
    const nj_attributes none = {0};
    assert_ok(nj_catalogue_view_open(&s->world.sections, &view, &err), &err);
    const nj_policy_names names = {
        .attributes = &none, .items = &view.items, .level_count = L, .has_counts = true};
    assert_ok(nj_policy_parse(text, strlen(text), "policy", NULL, 0, &names, &policy, &err), &err);
    nj_buffer_clear(out);
    assert_ok(nj_policy_pack(&policy, &names, out, &err), &err);
    put(s, NJ_SECTION_POLICY, out->bytes, out->size);
}

// A pin, a denied item: the others stand as they stood.
static void a_policy_acts_on_lists_of_strings(void **state)
{
    (void)state;
    static world_lists plain;
    static world_lists found;
    static shop s;
    nj_buffer policy;
    nj_buffer_init(&policy, 1 << 20);
    open_item_shop(&s, false);
    nj_settings settings = string_settings(&s, ITEMS, ITEMS);
    settings.keep_history = true;
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &plain);
    settings.top = ITEMS - 1;
    put_policy(&s,
               "version: 1\nconstraints:\n  deny:\n    - item: 7\n  pins:\n"
               "    - {item: 20, place: 3}\n",
               &policy);
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
    for (uint32_t u = 0; u < USERS; u++) {
        const world_list *list = &found.lists[u];
        uint32_t at = 0;
        assert_int_equal(list->count, ITEMS - 1);
        assert_int_equal(list->items[2], 20);
        for (uint32_t i = 0; i < ITEMS; i++) {
            const uint32_t row = plain.lists[u].items[i];
            at += at == 2;
            if (row != 7 && row != 20) {
                assert_int_equal(list->items[at++], row);
            }
        }
    }
    close_shop(&s);
    nj_buffer_fini(&policy);
}

static void a_policy_that_chooses_by_semantic_ids_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rule;
    } CASES[] = {
        {"version: 1\ncandidates:\n  search: diverse\n  diverse: {groups: 3, penalty: 0.5}\n",
         "the policy wants a diverse search, which chooses by semantic IDs"},
        {"version: 1\ncandidates:\n  search: stochastic\n"
         "  stochastic: {temperature: 1.5, top_p: 0.9, seed: 4}\n",
         "the policy wants a stochastic search"},
        {"version: 1\nadjust:\n  prefix_prior: {alpha: [0.2, 0.1], smoothing: 1}\n",
         "the policy wants adjust.prefix_prior"},
    };
    static shop s;
    nj_buffer policy;
    nj_buffer_init(&policy, 1 << 20);
    open_item_shop(&s, false);
    const nj_settings settings = string_settings(&s, 9, 5);
    const nj_engine_options options = world_options(5, world_kernels("auto"));
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        nj_engine *engine = NULL;
        put_policy(&s, CASES[i].text, &policy);
        assert_refused(nj_engine_open(&s.world.sections, &settings, &options, &engine, &err),
                       NJ_CONFIG, &err, CASES[i].rule);
        assert_null(engine);
    }
    close_shop(&s);
    nj_buffer_fini(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_that_covers_the_answers_gives_all_by_their_scores),
        cmocka_unit_test(short_lists_of_strings_are_searched_wider),
        cmocka_unit_test(lists_of_strings_do_not_depend_on_the_batch),
        cmocka_unit_test(list_and_reserve_are_the_longer_list),
        cmocka_unit_test(a_list_is_said_in_one_answer_and_cut_at_top),
        cmocka_unit_test(an_answer_in_text_is_read_back),
        cmocka_unit_test(a_text_beyond_what_a_row_holds_is_cut_between_letters),
        cmocka_unit_test(a_mask_is_folded_up_the_trie_of_answers),
        cmocka_unit_test(a_policy_acts_on_lists_of_strings),
        cmocka_unit_test(a_policy_that_chooses_by_semantic_ids_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
