// test_beam.c - the search against a brute force that scores every prefix, on random tries and a model made of a hash.
#include "common/sid/prefix.h"
#include "tests/unit/beam/beam_world.h"

// ---- brute force ----

typedef struct {
    float score;
    uint32_t token;
    uint32_t parent;
    uint32_t node;
    uint64_t path;
    uint32_t prefix; // its name
} hypothesis;

// Of the last slow search: the prefixes that it looked at, the root aside.
static uint32_t slow_trace[ROWS_MAX];
static uint32_t slow_trace_count;

static int compare_hypotheses(const void *a, const void *b)
{
    const hypothesis *x = a;
    const hypothesis *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    if (x->token != y->token) {
        return x->token < y->token ? -1 : 1;
    }
    return x->parent < y->parent ? -1 : x->parent > y->parent;
}

static float slow_norm(const nj_kernels *kernels, const nj_beam_config *config, uint64_t path,
                       uint32_t base, const nj_trie_children_span *span)
{
    float all[V];
    float norm;
    uint32_t count = config->renormalise ? span->count : V;
    for (uint32_t v = 0; v < count; v++) {
        uint32_t token = config->renormalise ? base + span->codes[v] : v;
        all[v] = path_logit(path, token) * (1.0f / config->temperature);
    }
    kernels->log_sum_exp(1, count, all, count, &norm);
    return norm;
}

static bool slow_leaf_is_open(const nj_trie *trie, uint32_t leaf, const nj_exclusions *exclusions)
{
    uint32_t count;
    const uint32_t *items = nj_trie_leaf_items(trie, leaf, &count);
    for (uint32_t i = 0; i < count; i++) {
        bool found = false;
        for (uint32_t e = 0; e < exclusions->count; e++) {
            found = found || exclusions->rows[e] == items[i];
        }
        if (!found) {
            return true;
        }
    }
    return false;
}

// Every child of every kept hypothesis is listed and sorted whole.
static uint32_t slow_search(const nj_trie *trie, const nj_beam_config *config, uint32_t user,
                            const nj_exclusions *exclusions, hypothesis *kept)
{
    static hypothesis grown[ROWS_MAX * K];
    static uint16_t scratch[K];
    const nj_kernels *kernels = reference_kernels();
    uint32_t kept_count = 1;
    slow_trace_count = 0;
    kept[0] = (hypothesis){.path = start_path(user, config->start_token)};
    for (uint32_t l = 0; l < L; l++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < kept_count; i++) {
            nj_trie_children_span span = nj_trie_children(trie, l, kept[i].node, scratch);
            uint32_t base = config->token_base[l];
            float norm = slow_norm(kernels, config, kept[i].path, base, &span);
            for (uint32_t c = 0; c < span.count; c++) {
                uint32_t token = base + span.codes[c];
                if (l + 1 == L && !slow_leaf_is_open(trie, span.first + c, exclusions)) {
                    continue;
                }
                float logit = path_logit(kept[i].path, token) * (1.0f / config->temperature);
                grown[count++] =
                    (hypothesis){.score = kept[i].score + (logit - norm),
                                 .token = token,
                                 .parent = i,
                                 .node = span.first + c,
                                 .path = mix(kept[i].path + token + 1),
                                 .prefix = nj_prefix_append(kept[i].prefix, span.codes[c])};
            }
        }
        qsort(grown, count, sizeof *grown, compare_hypotheses);
        kept_count = count < config->W ? count : config->W;
        memcpy(kept, grown, kept_count * sizeof *kept);
        for (uint32_t i = 0; i < kept_count && l + 1 < L; i++) {
            slow_trace[slow_trace_count++] = kept[i].prefix;
        }
    }
    return kept_count;
}

// Returns how many rows the last step computed.
static uint32_t check_against_slow(const world *w, const nj_beam_config *config,
                                   const nj_exclusions *exclusions, uint32_t B, uint32_t chunk)
{
    static fake_model model;
    static hypothesis kept[ROWS_MAX];
    nj_error err = {0};
    nj_arena arena;
    nj_beam_result results[8];
    model.broken = false;
    nj_beam_model callbacks = {&model, V, chunk, begin_step, logits};
    size_t bytes = nj_beam_scratch_bytes(&w->trie, config, B, V, chunk);
    assert_ok(nj_arena_init(&arena, bytes, &err), &err);
    nj_beam_search(&w->trie, config, &callbacks, reference_kernels(), exclusions, B, &arena,
                   results);
    assert_true(arena.peak <= bytes);
    for (uint32_t b = 0; b < B; b++) {
        uint32_t count = slow_search(&w->trie, config, b, &exclusions[b], kept);
        count = count < config->leaves ? count : config->leaves;
        assert_true(results[b].finite);
        assert_int_equal(results[b].count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(results[b].leaves[i], kept[i].node);
            assert_memory_equal(&results[b].scores[i], &kept[i].score, sizeof(float));
        }
    }
    nj_arena_fini(&arena);
    return model.last_rows;
}

static void every_width_batch_and_chunk_equals_the_brute_force(void **state)
{
    (void)state;
    static const uint32_t WIDTHS[] = {1, 2, 5, 20, 64, 500};
    static const uint32_t CHUNKS[] = {1, 3, 1000};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world w;
        make_world(&w, seed * 1000, seed == 6 ? 1 : ITEMS);
        nj_exclusions none[4] = {{0}};
        for (size_t i = 0; i < 6; i++) {
            for (size_t c = 0; c < 3; c++) {
                nj_beam_config config = make_config(WIDTHS[i]);
                check_against_slow(&w, &config, none, 1 + (uint32_t)(seed % 4), CHUNKS[c]);
            }
        }
        nj_buffer_fini(&w.bytes);
    }
}

static void check_trace(const world *w, const nj_beam_config *config)
{
    static fake_model model;
    static hypothesis kept[ROWS_MAX];
    nj_error err = {0};
    nj_arena arena;
    nj_beam_result results[2];
    const nj_exclusions none[2] = {{0}};
    nj_beam_model callbacks = {&model, V, 7, begin_step, logits};
    size_t bytes = nj_beam_scratch_bytes(&w->trie, config, 2, V, 7);
    assert_ok(nj_arena_init(&arena, bytes, &err), &err);
    nj_beam_search(&w->trie, config, &callbacks, reference_kernels(), none, 2, &arena, results);
    assert_true(arena.peak <= bytes);
    for (uint32_t b = 0; b < 2; b++) {
        slow_search(&w->trie, config, b, &none[b], kept);
        assert_true(slow_trace_count <= nj_beam_trace_max(&w->trie, config));
        assert_int_equal(results[b].trace_count, slow_trace_count);
        assert_memory_equal(results[b].trace, slow_trace, slow_trace_count * sizeof *slow_trace);
    }
    nj_arena_fini(&arena);
}

static void a_trace_names_every_prefix_that_the_search_looked_at(void **state)
{
    (void)state;
    static const uint32_t WIDTHS[] = {1, 5, 20, 500};
    for (size_t i = 0; i < sizeof WIDTHS / sizeof WIDTHS[0]; i++) {
        world w;
        make_world(&w, 4000 + i, ITEMS);
        nj_beam_config config = make_config(WIDTHS[i]);
        config.trace = true;
        check_trace(&w, &config);
        config.leaves = 1; // beams that the last step leaves out are in it too
        check_trace(&w, &config);
        nj_buffer_fini(&w.bytes);
    }
}

static void excluded_items_take_no_beam_at_the_last_step(void **state)
{
    (void)state;
    world w;
    make_world(&w, 77, ITEMS);
    static uint32_t most[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++) {
        most[i] = i;
    }
    static const uint32_t SOME[] = {3, 17, 40, 41, 99};
    nj_exclusions exclusions[3] = {{SOME, 5, NULL}, {NULL, 0, NULL}, {most + 2, ITEMS - 2, NULL}};
    nj_beam_config config = make_config(20);
    check_against_slow(&w, &config, exclusions, 3, 7);
    config.W = 200;
    check_against_slow(&w, &config, exclusions, 3, 7);
    exclusions[2] = (nj_exclusions){most, ITEMS, NULL};
    check_against_slow(&w, &config, exclusions, 3, 7);
    nj_buffer_fini(&w.bytes);
}

// The slow search of a trie that has nothing else says what a set of eligible items must give. Leaves have other numbers there, so
// their items are compared; a leaf's SID is the same.
static void check_against_narrower(const world *w, const world *narrow, const nj_eligible *eligible,
                                   const nj_beam_config *config)
{
    static fake_model model;
    static hypothesis kept[ROWS_MAX];
    nj_error err = {0};
    nj_arena arena;
    nj_beam_result results[2];
    const nj_exclusions exclusions[2] = {{.eligible = eligible}, {.rows = NULL}};
    nj_beam_model callbacks = {&model, V, 7, begin_step, logits};
    model.broken = false;
    assert_ok(nj_arena_init(&arena, nj_beam_scratch_bytes(&w->trie, config, 2, V, 7), &err), &err);
    nj_beam_search(&w->trie, config, &callbacks, reference_kernels(), exclusions, 2, &arena,
                   results);
    for (uint32_t b = 0; b < 2; b++) { // user 1 has the whole trie
        const nj_trie *trie = b == 0 ? &narrow->trie : &w->trie;
        uint32_t count = slow_search(trie, config, b, &exclusions[1], kept);
        count = count < config->leaves ? count : config->leaves;
        assert_int_equal(results[b].count, count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t found_count;
            uint32_t wanted_count;
            const uint32_t *found =
                nj_trie_leaf_items(&w->trie, results[b].leaves[i], &found_count);
            const uint32_t *wanted = nj_trie_leaf_items(trie, kept[i].node, &wanted_count);
            uint32_t at = 0;
            for (uint32_t k = 0; k < found_count; k++) {
                if (!nj_excluded(&exclusions[b], found[k])) {
                    assert_true(at < wanted_count);
                    assert_int_equal(found[k], wanted[at++]);
                }
            }
            assert_int_equal(at, wanted_count);
            assert_memory_equal(&results[b].scores[i], &kept[i].score, sizeof(float));
        }
    }
    nj_arena_fini(&arena);
}

static void eligible_items_are_searched_as_if_there_were_no_others(void **state)
{
    (void)state;
    static const uint32_t WIDTHS[] = {1, 4, 20, 500};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        world w;
        world narrow;
        uint64_t items[2] = {0};
        uint8_t others[ITEMS];
        make_world(&w, seed * 1000, ITEMS);
        for (uint32_t i = 0; i < ITEMS; i++) {
            others[i] = i != 7 && mix(seed * 31 + i) % 12 > seed;
            if (others[i] == 0) {
                nj_bits_add(items, i);
            }
        }
        make_world_without(&narrow, seed * 1000, ITEMS, others);
        nj_eligible eligible;
        void *memory = malloc(nj_eligible_bytes(&w.trie));
        nj_eligible_fold(&w.trie, items, memory, &eligible);
        for (size_t i = 0; i < 8; i++) {
            nj_beam_config config = make_config(WIDTHS[i % 4]);
            config.renormalise = i >= 4;
            config.leaves = seed % 2 == 0 ? config.W : 1 + config.W / 2;
            check_against_narrower(&w, &narrow, &eligible, &config);
        }
        free(memory);
        nj_buffer_fini(&w.bytes);
        nj_buffer_fini(&narrow.bytes);
    }
}

static void fewer_leaves_are_the_head_of_the_list_and_skip_beams(void **state)
{
    (void)state;
    static const uint32_t LEAVES[] = {1, 2, 7, 20, 39};
    uint32_t skipped = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world w;
        make_world(&w, seed * 100, ITEMS);
        nj_exclusions none[4] = {{0}};
        nj_beam_config config = make_config(40);
        uint32_t all = check_against_slow(&w, &config, none, 4, 5);
        for (size_t i = 0; i < 10; i++) {
            config.leaves = LEAVES[i % 5];
            config.renormalise = i >= 5;
            uint32_t rows = check_against_slow(&w, &config, none, 4, 5);
            assert_in_range(rows, 1, all);
            skipped += all - rows;
        }
        nj_buffer_fini(&w.bytes);
    }
    assert_true(skipped > 0);
}

static void temperature_and_renormalisation_follow_their_definitions(void **state)
{
    (void)state;
    world w;
    make_world(&w, 5, ITEMS);
    nj_exclusions none[2] = {{0}};
    nj_beam_config config = make_config(10);
    config.temperature = 0.5f;
    check_against_slow(&w, &config, none, 2, 4);
    config.renormalise = true;
    check_against_slow(&w, &config, none, 2, 4);
    nj_buffer_fini(&w.bytes);
}

static void a_model_that_gives_nan_is_reported_and_not_ranked(void **state)
{
    (void)state;
    static fake_model model;
    nj_error err = {0};
    world w;
    make_world(&w, 9, ITEMS);
    nj_arena arena;
    nj_beam_result result;
    nj_exclusions none = {0};
    nj_beam_config config = make_config(5);
    model.broken = true;
    nj_beam_model callbacks = {&model, V, 16, begin_step, logits};
    assert_ok(nj_arena_init(&arena, nj_beam_scratch_bytes(&w.trie, &config, 1, V, 16), &err), &err);
    nj_beam_search(&w.trie, &config, &callbacks, reference_kernels(), &none, 1, &arena, &result);
    assert_false(result.finite);
    assert_int_equal(result.count, 0);
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_batch_and_chunk_equals_the_brute_force),
        cmocka_unit_test(a_trace_names_every_prefix_that_the_search_looked_at),
        cmocka_unit_test(excluded_items_take_no_beam_at_the_last_step),
        cmocka_unit_test(eligible_items_are_searched_as_if_there_were_no_others),
        cmocka_unit_test(fewer_leaves_are_the_head_of_the_list_and_skip_beams),
        cmocka_unit_test(temperature_and_renormalisation_follow_their_definitions),
        cmocka_unit_test(a_model_that_gives_nan_is_reported_and_not_ranked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
