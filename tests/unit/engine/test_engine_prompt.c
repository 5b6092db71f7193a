// test_engine_prompt.c - users who are asked by prompts: what stands in them, and answers that are strings, lists and text.
//
// What the model thinks of an answer comes from teacher forcing (worker/engine/forced.h), which knows no search: where a search covers
// the trie, its list is all answers by that score.
#include "common/catalogue/item_vectors.h"
#include "common/catalogue/section_names.h"
#include "common/catalogue/view.h"
#include "common/codec/json.h"
#include "common/policy/policy_pack.h"
#include "common/policy/policy_read.h"
#include "common/prompt/prompt.h"
#include "tests/support/lm_fixture.h"
#include "tests/unit/engine/world.h"
#include "worker/engine/forced.h"

#define ITEMS 60
#define L 2
#define K 16 // with the token base 2 the first 34 of a language model's 50 tokens
#define USERS 12
#define STRING_MAX 4 // tokens of an item
#define END 1
#define SEPARATOR_TOKEN 33 // of no string

// ---- bundles ----

typedef struct {
    nj_synthetic world;
    lm_fixture lm; // where the model is one
    bool has_lm;
    char *model; // its config.json
    uint32_t V;
    uint32_t tokens[2 * ITEMS * STRING_MAX];
    uint64_t offset[ITEMS + 1];
    nj_buffer prompt, strings, answers;
    world_users users;
} shop;

static void put(shop *s, const char *name, const void *bytes, size_t size)
{
    nj_sections_put(&s->world.sections, name, bytes, size);
}

static void open_shop(shop *s, bool with_lm)
{
    nj_error err = {0};
    const nj_synthetic_shape shape = world_shape(L, K, ITEMS);
    *s = (shop){.has_lm = with_lm};
    world_make(&s->world, &shape);
    s->V = 2 + L * K;
    nj_buffer_init(&s->prompt, 1 << 20);
    nj_buffer_init(&s->strings, 1 << 20);
    nj_buffer_init(&s->answers, 1 << 20);
    if (with_lm) {
        const nj_kernels *kernels;
        assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
        lm_fixture_open("qwen3-million", kernels, &s->lm);
        s->V = 50;
        s->model = json_dumps(s->lm.json, 0);
        put(s, NJ_SECTION_MODEL, s->model, strlen(s->model));
        put(s, NJ_SECTION_WEIGHTS, s->lm.section.bytes, s->lm.section.size);
    }
    for (uint32_t u = 0; u < USERS; u++) {
        world_add_random(&s->users, u / 2, ITEMS, 1 + u / 2); // two of each history
    }
}

static void close_shop(shop *s)
{
    nj_synthetic_free(&s->world);
    nj_buffer_fini(&s->prompt);
    nj_buffer_fini(&s->strings);
    nj_buffer_fini(&s->answers);
    if (s->has_lm) {
        free(s->model);
        lm_fixture_close(&s->lm);
    }
}

// before | items, with `between` in front of all but the first | after
static const uint32_t before[] = {3, 5, 7};
static const uint32_t after[] = {2, 4};
static const uint32_t nothing[] = {6};

static nj_prompt make_prompt(const shop *s, uint32_t form_count)
{
    return (nj_prompt){
        .piece_count = 3,
        .pieces = {{.kind = NJ_PIECE_TOKENS, .tokens = before, .count = 3},
                   {.kind = NJ_PIECE_HISTORY, .tokens = nothing, .count = 1},
                   {.kind = NJ_PIECE_TOKENS, .tokens = after, .count = 2}},
        .row_count = ITEMS,
        .form_count = form_count,
        .tokens = s->tokens,
        .offset = s->offset,
        .needs_history = true,
        .tokens_max = 64,
    };
}

static void put_prompt(shop *s, const nj_prompt *prompt)
{
    nj_buffer_clear(&s->prompt);
    nj_buffer_clear(&s->strings);
    assert_int_equal(nj_prompt_pack(prompt, &s->prompt), NJ_OK);
    assert_int_equal(nj_prompt_pack_strings(prompt, &s->strings), NJ_OK);
    put(s, NJ_SECTION_PROMPT, s->prompt.bytes, s->prompt.size);
    put(s, NJ_SECTION_STRINGS, s->strings.bytes, s->strings.size);
}

// Items by their semantic IDs.
static void make_sid_strings(shop *s)
{
    nj_error err = {0};
    nj_catalogue_view view;
    assert_ok(nj_catalogue_view_open(&s->world.sections, &view, &err), &err);
    for (uint32_t row = 0; row < ITEMS; row++) {
        for (uint32_t l = 0; l < L; l++) {
            s->tokens[row * L + l] = view.token_base[l] + view.sids.codes[row * L + l];
        }
        s->offset[row + 1] = s->offset[row] + L;
    }
}

// ---- prompts ----

static void put_template(shop *s, nj_buffer *facts)
{
    nj_error err = {0};
    nj_catalogue_view view;
    nj_template template = {.before_count = 3, .after_count = 2};
    memcpy(template.before, before, sizeof before);
    memcpy(template.after, after, sizeof after);
    assert_ok(nj_catalogue_view_open(&s->world.sections, &view, &err), &err);
    nj_buffer_init(facts, 1 << 20);
    assert_ok(nj_catalogue_section_write(&view.sids, view.token_base[0], &template, 5, facts),
              &err);
    put(s, NJ_SECTION_CATALOGUE, facts->bytes, facts->size);
}

// A language model computes two tokens ahead for all users here, and three there: sums of other orders, so that bits differ.
static void assert_same_within(const world_list *a, const world_list *b, float most)
{
    world_list copy = *b;
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
        assert_true(fabsf(a->scores[i] - b->scores[i]) <= most);
        copy.scores[i] = a->scores[i];
    }
    assert_same_list(a, &copy);
}

// The lists of a prompt whose items are semantic IDs, and are answered by them, are those of the template that says the same.
static void a_prompt_of_semantic_ids_gives_the_lists_of_its_template(void **state)
{
    (void)state;
    static world_lists found;
    static world_lists wanted;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        static shop s;
        nj_buffer facts;
        open_shop(&s, with_lm == 1);
        put_template(&s, &facts);
        const nj_settings settings = world_settings(9, 6, &s.users);
        world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &wanted);
        make_sid_strings(&s);
        const nj_prompt prompt = make_prompt(&s, 1);
        put_prompt(&s, &prompt);
        world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
        for (uint32_t u = 0; u < USERS; u++) {
            assert_int_equal((found.lists[u].flags & NJ_ROW_TRUNCATED) != 0,
                             s.users.requests[u].item_count > 5);
            assert_same_within(&found.lists[u], &wanted.lists[u], with_lm == 1 ? 2e-5f : 0);
        }
        close_shop(&s);
        nj_buffer_fini(&facts);
    }
}

// ---- answers that are strings ----

// Items by strings of one to four tokens. Rows 7 and 31 have equal ones, and that of row 12 goes on as row 13's.
static void make_strings(shop *s)
{
    uint64_t end = 0;
    for (uint32_t row = 0; row < ITEMS; row++) {
        uint32_t count = 1 + (uint32_t)(world_mix(row) % STRING_MAX);
        for (uint32_t t = 0; t < count; t++) {
            s->tokens[end + t] = 2 + (uint32_t)(world_mix(row * 10 + t) % (s->V - 4));
        }
        if (row == 31 || row == 13) {
            const uint32_t from = row == 31 ? 7 : 12;
            const uint32_t copied = (uint32_t)(s->offset[from + 1] - s->offset[from]);
            memcpy(s->tokens + end, s->tokens + s->offset[from], copied * sizeof *s->tokens);
            count = row == 31 ? copied : copied + 1;
        }
        end += count;
        s->offset[row + 1] = end;
    }
}

static void put_answers(shop *s)
{
    nj_error err = {0};
    const nj_token_strings strings = {
        .tokens = s->tokens, .offset = s->offset, .row_count = ITEMS, .V = s->V};
    nj_buffer_clear(&s->answers);
    assert_ok(nj_token_trie_build(&strings, &s->answers, &err), &err);
    put(s, NJ_SECTION_ANSWERS, s->answers.bytes, s->answers.size);
}

static nj_prompt make_item_prompt(const shop *s)
{
    nj_prompt prompt = make_prompt(s, 1);
    prompt.answer = NJ_SAYS_ITEM;
    prompt.end_token = END;
    prompt.length_penalty = 0.7f;
    return prompt;
}

static void open_item_shop(shop *s, bool with_lm)
{
    open_shop(s, with_lm);
    make_strings(s);
    put_answers(s);
    const nj_prompt prompt = make_item_prompt(s);
    put_prompt(s, &prompt);
}

// What one user is asked, written as the prompt says.
static uint32_t write_asked(const shop *s, const nj_request *request, uint32_t items_max,
                            uint32_t *tokens)
{
    const uint32_t used = request->item_count < items_max ? request->item_count : items_max;
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        tokens[count++] = before[i];
    }
    for (uint32_t i = request->item_count - used; i < request->item_count; i++) {
        const uint32_t row = request->items[i];
        for (uint64_t t = s->offset[row]; t < s->offset[row + 1]; t++) {
            tokens[count++] = s->tokens[t];
        }
    }
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        tokens[count++] = after[i];
    }
    return count;
}

static void read_model(const shop *s, nj_generator_config *config, nj_tensor_set **weights)
{
    nj_error err = {0};
    json_t *json = NULL;
    const nj_section *model = world_section(&s->world, NJ_SECTION_MODEL);
    const nj_section *bytes = world_section(&s->world, NJ_SECTION_WEIGHTS);
    assert_ok(nj_json_parse(model->bytes, model->size, "model", &json, &err), &err);
    assert_ok(nj_generator_config_read(json, "model", config, &err), &err);
    json_decref(json);
    assert_ok(nj_tensor_set_open_bytes(bytes->bytes, bytes->size, "weights", weights, &err), &err);
}

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

static void mark_legal(const nj_request *request, bool keep_history, bool *may)
{
    for (uint32_t row = 0; row < ITEMS; row++) {
        may[row] = keep_history || !world_had(request, row);
        for (uint32_t i = 0; i < request->exclude_count; i++) {
            may[row] = may[row] && request->exclude[i] != row;
        }
        bool named = request->candidates == NULL;
        for (uint32_t i = 0; i < request->candidate_count && !named; i++) {
            named = request->candidates[i] == row;
        }
        may[row] = may[row] && named;
    }
}

// Any two of them are far enough apart that rounding orders none of them.
static const uint32_t CANDIDATES[] = {40, 7, 31, 12, 13, 3, 59, 22};
static const uint32_t EXCLUDED[] = {13, 31, 5};

// Every third user has candidates, every fourth excludes items.
static void vary_users(world_users *users)
{
    for (uint32_t u = 0; u < users->count; u++) {
        nj_request *request = &users->requests[u];
        request->candidates = u % 3 == 2 ? CANDIDATES : NULL;
        request->candidate_count = u % 3 == 2 ? 8 : 0;
        request->exclude = EXCLUDED;
        request->exclude_count = u % 4 == 1 ? 3 : 0;
    }
}

static nj_settings string_settings(const shop *s, uint32_t beam, uint32_t top)
{
    nj_settings settings = world_settings(beam, top, &s->users);
    settings.exclusions_max += 3;
    settings.candidates_max = 8;
    return settings;
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
    world_decode(&s.world, &settings, 7, world_kernels("auto"), &s.users, &cut);
    for (uint32_t u = 0; u < USERS; u++) {
        const world_list *list = &found.lists[u];
        bool may[ITEMS];
        mark_legal(&s.users.requests[u], false, may);
        assert_true(list->count >= 1 && list->count <= 6);
        assert_true((list->flags & NJ_ROW_SHORT) != 0 && (list->flags & NJ_ROW_WIDENED) == 0);
        for (uint32_t i = 0; i < list->count; i++) {
            assert_true(may[list->items[i]]); // once
            may[list->items[i]] = false;
            assert_true(i == 0 || list->scores[i] < list->scores[i - 1]);
        }
        check_first(&s, &s.users.requests[u], list);
        assert_int_equal(cut.lists[u].count, list->count < 3 ? list->count : 3);
        assert_memory_equal(cut.lists[u].items, list->items,
                            cut.lists[u].count * sizeof *list->items);
        assert_memory_equal(cut.lists[u].scores, list->scores,
                            cut.lists[u].count * sizeof *list->scores);
    }
    close_shop(&s);
}

// ---- vectors of items ----

#define VECTOR_WIDTH 3
#define HIDDEN 4
#define SHOWN 21 // the row whose vector is another one

// The fixture's tensors and a projector.
static void add_projector(shop *s, nj_buffer *section)
{
    nj_error err = {0};
    nj_tensor_source sources[64];
    static float values[4096];
    const size_t D = s->lm.config.D;
    size_t count = nj_tensor_set_count(s->lm.weights);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        values[i] = sinf((float)i);
    }
    for (size_t i = 0; i < count; i++) {
        const nj_tensor *tensor = nj_tensor_set_at(s->lm.weights, i);
        sources[i] = (nj_tensor_source){
            tensor->name, tensor->dim_count, {0}, (const float *)(const void *)tensor->data};
        memcpy(sources[i].shape, tensor->shape, sizeof tensor->shape);
    }
    sources[count++] = (nj_tensor_source){"projector.0.weight", 2, {HIDDEN, VECTOR_WIDTH}, values};
    sources[count++] = (nj_tensor_source){"projector.0.bias", 1, {HIDDEN}, values + 100};
    sources[count++] = (nj_tensor_source){"projector.2.weight", 2, {D, HIDDEN}, values + 200};
    sources[count++] = (nj_tensor_source){"projector.2.bias", 1, {D}, values + 2000};
    nj_buffer_init(section, (size_t)1 << 24);
    assert_ok(nj_tensors_write(sources, count, section, &err), &err);
    put(s, NJ_SECTION_WEIGHTS, section->bytes, section->size);
}

static void put_vectors(shop *s, float shown, nj_buffer *section)
{
    nj_error err = {0};
    nj_catalogue_view view;
    float rows[ITEMS][VECTOR_WIDTH];
    for (uint32_t row = 0; row < ITEMS; row++) {
        for (uint32_t d = 0; d < VECTOR_WIDTH; d++) {
            rows[row][d] = row == SHOWN ? shown : cosf((float)(row * VECTOR_WIDTH + d));
        }
    }
    const nj_npy npy = {.data = (const uint8_t *)rows,
                        .type = NJ_NPY_F32,
                        .element_bytes = sizeof(float),
                        .dim_count = 2,
                        .shape = {ITEMS, VECTOR_WIDTH},
                        .path = "vectors"};
    assert_ok(nj_catalogue_view_open(&s->world.sections, &view, &err), &err);
    nj_buffer_clear(section);
    assert_ok(nj_item_vectors_write(&npy, &view.items, NULL, NJ_VECTORS_GIVEN, section, &err),
              &err);
    put(s, NJ_SECTION_COLLABORATIVE, section->bytes, section->size);
}

// Each item stands in a prompt as its first token and its vector.
static void put_vector_strings(shop *s)
{
    for (uint32_t row = 0; row < ITEMS; row++) {
        s->tokens[2 * row] = 2 + row % 40;
        s->tokens[2 * row + 1] = NJ_PROMPT_VECTOR | row;
        s->offset[row + 1] = 2 * row + 2;
    }
    nj_prompt prompt = make_item_prompt(s);
    prompt.has_vectors = true;
    put_prompt(s, &prompt);
}

// Whoever had the item whose vector changes gets other scores, and nobody else does.
static void the_vectors_of_items_stand_in_prompts(void **state)
{
    (void)state;
    static world_lists first;
    static world_lists second;
    static shop s;
    nj_buffer weights;
    nj_buffer vectors;
    uint32_t had = 0;
    nj_buffer_init(&vectors, 1 << 20);
    open_item_shop(&s, true);
    add_projector(&s, &weights);
    put_vector_strings(&s);
    s.users.items[3][0] = s.users.items[8][2] = SHOWN;
    const nj_settings settings = string_settings(&s, 6, 4);
    put_vectors(&s, 0, &vectors);
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &first);
    put_vectors(&s, 2, &vectors);
    world_decode(&s.world, &settings, 7, world_kernels("auto"), &s.users, &second);
    for (uint32_t u = 0; u < USERS; u++) {
        if (world_had(&s.users.requests[u], SHOWN)) {
            assert_memory_not_equal(first.lists[u].scores, second.lists[u].scores, sizeof(float));
            had++;
        } else {
            assert_same_list(&first.lists[u], &second.lists[u]);
        }
    }
    assert_true(had >= 2 && had < USERS / 2);
    close_shop(&s);
    nj_buffer_fini(&weights);
    nj_buffer_fini(&vectors);
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

// ---- sections that do not fit ----

static void an_answer_that_is_retired_is_refused(void **state)
{
    (void)state;
    static shop s;
    nj_error err = {0};
    nj_engine *engine = NULL;
    nj_catalogue_view view;
    nj_buffer trie;
    uint8_t retired[ITEMS] = {[33] = 1};
    open_item_shop(&s, false);
    assert_ok(nj_catalogue_view_open(&s.world.sections, &view, &err), &err);
    nj_sids sids = view.sids;
    sids.retired = retired;
    nj_buffer_init(&trie, 1 << 20);
    assert_ok(nj_trie_build(&sids, &trie, &err), &err);
    put(&s, NJ_SECTION_TRIE, trie.bytes, trie.size);
    const nj_settings settings = string_settings(&s, 9, 5);
    const nj_engine_options options = world_options(5, world_kernels("auto"));
    assert_refused(nj_engine_open(&s.world.sections, &settings, &options, &engine, &err), NJ_INPUT,
                   &err, "section \"answers\" has row 33, which is retired");
    nj_buffer_fini(&trie);
    close_shop(&s);
}

static void prompts_that_the_model_cannot_read_are_refused(void **state)
{
    (void)state;
    static shop s;
    nj_error err = {0};
    nj_engine *engine = NULL;
    open_item_shop(&s, false);
    const nj_settings settings = string_settings(&s, 9, 5);
    const nj_engine_options options = world_options(5, world_kernels("auto"));
    nj_prompt prompt = make_item_prompt(&s);
    prompt.counts_words = true;
    put_prompt(&s, &prompt);
    assert_refused(nj_engine_open(&s.world.sections, &settings, &options, &engine, &err), NJ_CONFIG,
                   &err, "the prompt counts words, the model has no embedding of words");
    prompt.counts_words = false;
    prompt.has_vectors = true;
    put_prompt(&s, &prompt);
    assert_refused(nj_engine_open(&s.world.sections, &settings, &options, &engine, &err), NJ_INPUT,
                   &err, "has no \"collaborative\" section");
    prompt.has_vectors = false;
    prompt.end_token = s.V;
    put_prompt(&s, &prompt);
    assert_refused(nj_engine_open(&s.world.sections, &settings, &options, &engine, &err), NJ_CONFIG,
                   &err, "ends with token 34, the model's vocabulary has 34");
    assert_null(engine);
    close_shop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_of_semantic_ids_gives_the_lists_of_its_template),
        cmocka_unit_test(a_search_that_covers_the_answers_gives_all_by_their_scores),
        cmocka_unit_test(short_lists_of_strings_are_searched_wider),
        cmocka_unit_test(lists_of_strings_do_not_depend_on_the_batch),
        cmocka_unit_test(a_list_is_said_in_one_answer_and_cut_at_top),
        cmocka_unit_test(the_vectors_of_items_stand_in_prompts),
        cmocka_unit_test(a_mask_is_folded_up_the_trie_of_answers),
        cmocka_unit_test(a_policy_acts_on_lists_of_strings),
        cmocka_unit_test(a_policy_that_chooses_by_semantic_ids_is_refused),
        cmocka_unit_test(an_answer_that_is_retired_is_refused),
        cmocka_unit_test(prompts_that_the_model_cannot_read_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
