// test_engine_prompt.c - users who are asked by prompts: what stands in them, the vectors of items and words of P5 among it.
#include "common/catalogue/item_vectors.h"
#include "tests/unit/engine/prompt_world.h"

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

// Nobody is cold where no history is asked for, and nothing of one is left out. All tokens are shared here, and all users get one list.
static void a_prompt_without_a_history_has_no_cold_users(void **state)
{
    (void)state;
    static world_lists found;
    for (int with_lm = 0; with_lm < 2; with_lm++) {
        static shop s;
        open_item_shop(&s, with_lm == 1);
        nj_prompt prompt = make_item_prompt(&s);
        prompt.piece_count = 1;
        prompt.needs_history = false;
        put_prompt(&s, &prompt);
        s.users.requests[3].item_count = 0;
        nj_settings settings = string_settings(&s, 8, 5);
        settings.keep_history = true;
        world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &found);
        for (uint32_t u = 0; u < USERS; u++) {
            assert_int_equal(found.lists[u].flags, 0);
            assert_int_equal(found.lists[u].count, 5);
            assert_memory_equal(found.lists[u].items, found.lists[0].items, 5 * sizeof(uint32_t));
        }
        close_shop(&s);
    }
}

// ---- vectors of items ----

#define VECTOR_WIDTH 3
#define HIDDEN 4
#define SHOWN 21 // the row whose vector is another one

// The bundle's tensors and others.
static void add_tensors(shop *s, const nj_tensor_source *more, size_t more_count, nj_buffer *out)
{
    nj_error err = {0};
    nj_tensor_source sources[64];
    nj_generator_config config;
    nj_tensor_set *weights = NULL;
    read_model(s, &config, &weights);
    size_t count = nj_tensor_set_count(weights);
    for (size_t i = 0; i < count; i++) {
        const nj_tensor *tensor = nj_tensor_set_at(weights, i);
        sources[i] = (nj_tensor_source){
            tensor->name, tensor->dim_count, {0}, (const float *)(const void *)tensor->data};
        memcpy(sources[i].shape, tensor->shape, sizeof tensor->shape);
    }
    memcpy(sources + count, more, more_count * sizeof *more);
    nj_buffer_init(out, (size_t)1 << 24);
    assert_ok(nj_tensors_write(sources, count + more_count, out, &err), &err);
    nj_tensor_set_close(&weights);
    put(s, NJ_SECTION_WEIGHTS, out->bytes, out->size);
}

static void add_projector(shop *s, nj_buffer *section)
{
    static float values[4096];
    const size_t D = s->lm.config.D;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        values[i] = sinf((float)i);
    }
    const nj_tensor_source projector[] = {
        {"projector.0.weight", 2, {HIDDEN, VECTOR_WIDTH}, values},
        {"projector.0.bias", 1, {HIDDEN}, values + 100},
        {"projector.2.weight", 2, {D, HIDDEN}, values + 200},
        {"projector.2.bias", 1, {D}, values + 2000},
    };
    add_tensors(s, projector, sizeof projector / sizeof *projector, section);
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

// ---- words ----

#define WORDS 30
#define WORDS_WIDTH 16 // of the world's model

// Each item begins a word with its first token.
static void put_word_strings(shop *s)
{
    for (uint32_t row = 0; row < ITEMS; row++) {
        s->tokens[s->offset[row]] |= NJ_PROMPT_WORD;
    }
    nj_prompt prompt = make_item_prompt(s);
    prompt.counts_words = true;
    put_prompt(s, &prompt);
    for (uint32_t row = 0; row < ITEMS; row++) {
        s->tokens[s->offset[row]] &= ~NJ_PROMPT_WORD;
    }
}

static void decode_with_words(shop *s, const float *table, uint32_t batch, world_lists *out)
{
    nj_buffer weights;
    const nj_tensor_source words = {
        "encoder.whole_word_embeddings.weight", 2, {WORDS, WORDS_WIDTH}, table};
    const nj_section plain = *world_section(&s->world, NJ_SECTION_WEIGHTS);
    const nj_settings settings = string_settings(s, 6, 4);
    nj_engine_options options = world_options(batch, world_kernels("auto"));
    options.savings = NJ_SAVINGS_ALL;
    add_tensors(s, &words, 1, &weights);
    world_decode_with(&s->world, &settings, &options, &s->users, out);
    put(s, NJ_SECTION_WEIGHTS, plain.bytes, plain.size);
    nj_buffer_fini(&weights);
}

// Words of nothing change no bit. Others change the scores, and no batch does.
static void words_are_counted_where_the_model_has_them(void **state)
{
    (void)state;
    static world_lists plain;
    static world_lists found;
    static world_lists again;
    static shop s;
    static float table[WORDS * WORDS_WIDTH];
    open_item_shop(&s, false);
    const nj_settings settings = string_settings(&s, 6, 4);
    world_decode(&s.world, &settings, 5, world_kernels("auto"), &s.users, &plain);
    put_word_strings(&s);
    decode_with_words(&s, table, 5, &found);
    for (uint32_t u = 0; u < USERS; u++) {
        assert_same_list(&found.lists[u], &plain.lists[u]);
    }
    for (size_t i = WORDS_WIDTH; i < sizeof table / sizeof *table; i++) { // all but word 0
        table[i] = cosf((float)i);
    }
    decode_with_words(&s, table, 5, &found);
    decode_with_words(&s, table, 1, &again);
    for (uint32_t u = 0; u < USERS; u++) {
        assert_same_list(&found.lists[u], &again.lists[u]);
        assert_memory_not_equal(found.lists[u].scores, plain.lists[u].scores, sizeof(float));
    }
    close_shop(&s);
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
        cmocka_unit_test(a_prompt_without_a_history_has_no_cold_users),
        cmocka_unit_test(the_vectors_of_items_stand_in_prompts),
        cmocka_unit_test(words_are_counted_where_the_model_has_them),
        cmocka_unit_test(an_answer_that_is_retired_is_refused),
        cmocka_unit_test(prompts_that_the_model_cannot_read_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
