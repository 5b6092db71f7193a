// test_beam_varied.c - groups and biases against a search that lists every child of every beam and sorts them whole.
#include "tests/unit/beam/beam_world.h"

static fake_model model; // nothing of it lasts beyond a search

typedef struct {
    float score;
    float raw;
    float bias;
    uint32_t token;
    uint32_t parent;
    uint32_t node;
    uint64_t path;
} hypothesis;

typedef struct {
    hypothesis kept[ROWS_MAX];
    uint32_t count;
    hypothesis spares[ROWS_MAX]; // the next best, as many as it may keep
    uint32_t spare_count;
} group;

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

static float norm_of(uint64_t path)
{
    float all[V];
    float norm;
    for (uint32_t v = 0; v < V; v++) {
        all[v] = path_logit(path, v);
    }
    reference_kernels()->log_sum_exp(1, V, all, V, &norm);
    return norm;
}

static bool is_excluded(const nj_trie *trie, uint32_t level, uint32_t node,
                        const nj_exclusions *exclusions)
{
    uint32_t count = 0;
    const uint32_t *items = level == L ? nj_trie_leaf_items(trie, node, &count) : NULL;
    uint32_t excluded = 0;
    for (uint32_t i = 0; i < count; i++) {
        excluded += nj_excluded(exclusions, items[i]);
    }
    return level == L && excluded == count;
}

// How many of all leaves, those of items that are not eligible left out, lie below a node.
static uint32_t slow_leaves_below(const nj_trie *trie, uint32_t level, uint32_t node,
                                  const nj_eligible *eligible)
{
    static uint16_t scratch[K];
    uint32_t count = 0;
    for (uint32_t leaf = 0; leaf < trie->node_count[L]; leaf++) {
        uint16_t codes[L];
        uint32_t at = 0;
        nj_trie_leaf_codes(trie, leaf, codes);
        for (uint32_t l = 0; l < level; l++) {
            nj_trie_children_span span = nj_trie_children(trie, l, at, scratch);
            uint32_t c = 0;
            while (span.codes[c] != codes[l]) {
                c++;
            }
            at = span.first + c;
        }
        count += at == node && (eligible == NULL || nj_bits_has(eligible->nodes[L], leaf));
    }
    return count;
}

static uint32_t count_held(const group *earlier, uint32_t group_count, uint32_t node)
{
    uint32_t held = 0;
    for (uint32_t g = 0; g < group_count; g++) {
        for (uint32_t i = 0; i < earlier[g].count; i++) {
            held += earlier[g].kept[i].node == node;
        }
    }
    return held;
}

// Group g's next beams; those before it have theirs. `chosen` [V]: how often they took each token at this level.
static void grow(const nj_trie *trie, const nj_beam_config *config, uint32_t level,
                 const nj_exclusions *exclusions, const uint32_t *chosen, group *groups,
                 uint32_t group_index)
{
    group *g = &groups[group_index];
    static hypothesis grown[ROWS_MAX * K];
    static uint16_t scratch[K];
    const float *bias = config->node_bias[level];
    const uint32_t room = config->W / (config->kind == NJ_BEAM_DIVERSE ? config->groups : 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        const hypothesis *from = &g->kept[i];
        nj_trie_children_span span = nj_trie_children(trie, level, from->node, scratch);
        const float norm = norm_of(from->path);
        for (uint32_t c = 0; c < span.count; c++) {
            const uint32_t token = config->token_base[level] + span.codes[c];
            const uint32_t node = span.first + c;
            if (is_excluded(trie, level + 1, node, exclusions) ||
                (exclusions->eligible != NULL &&
                 !nj_bits_has(exclusions->eligible->nodes[level + 1], node)) ||
                (group_index > 0 && !config->repeats &&
                 count_held(groups, group_index, node) >=
                     slow_leaves_below(trie, level + 1, node, exclusions->eligible))) {
                continue;
            }
            const float probability = path_logit(from->path, token) - norm;
            const float added = bias != NULL ? bias[node] : 0.0f;
            const float less = config->penalty * (float)chosen[token];
            grown[count++] = (hypothesis){.score = from->score + ((probability + added) - less),
                                          .raw = from->raw + probability,
                                          .bias = from->bias + added,
                                          .token = token,
                                          .parent = i,
                                          .node = node,
                                          .path = mix(from->path + token + 1)};
        }
    }
    qsort(grown, count, sizeof *grown, compare_hypotheses);
    g->count = count < room ? count : room;
    memcpy(g->kept, grown, g->count * sizeof *grown);
    g->spare_count = count - g->count < room ? count - g->count : room;
    memcpy(g->spares, grown + g->count, g->spare_count * sizeof *grown);
}

// The best spare whose leaf is not in the list; NULL: there is none.
static const hypothesis *find_spare(const group *groups, uint32_t G, const hypothesis *list,
                                    uint32_t list_count)
{
    const hypothesis *best = NULL;
    for (uint32_t g = 0; g < G; g++) {
        for (uint32_t i = 0; i < groups[g].spare_count; i++) {
            const hypothesis *spare = &groups[g].spares[i];
            uint32_t at = 0;
            while (at < list_count && list[at].node != spare->node) {
                at++;
            }
            if (at == list_count && (best == NULL || compare_hypotheses(spare, best) < 0)) {
                best = spare;
            }
        }
    }
    return best;
}

// All groups' leaves, each once with its best score, best first.
static uint32_t slow_search(const nj_trie *trie, const nj_beam_config *config, uint32_t user,
                            const nj_exclusions *exclusions, hypothesis *out)
{
    static group groups[8];
    const uint32_t G = config->kind == NJ_BEAM_DIVERSE ? config->groups : 1;
    assert_in_range(G, 1, 8);
    for (uint32_t g = 0; g < G; g++) {
        groups[g].count = 1;
        groups[g].kept[0] = (hypothesis){.path = start_path(user, config->start_token)};
    }
    for (uint32_t l = 0; l < L; l++) {
        uint32_t chosen[V] = {0};
        for (uint32_t g = 0; g < G; g++) {
            grow(trie, config, l, exclusions, chosen, groups, g);
            for (uint32_t i = 0; i < groups[g].count; i++) {
                chosen[groups[g].kept[i].token]++;
            }
        }
    }
    uint32_t count = 0;
    for (uint32_t g = 0; g < G; g++) {
        for (uint32_t i = 0; i < groups[g].count; i++) {
            const hypothesis *h = &groups[g].kept[i];
            uint32_t at = 0;
            while (at < count && out[at].node != h->node) {
                at++;
            }
            if (at == count || compare_hypotheses(h, &out[at]) < 0) {
                out[at] = *h;
                count += at == count;
            }
        }
    }
    while (G > 1 && !config->repeats && count < config->W) {
        const hypothesis *best = find_spare(groups, G, out, count);
        if (best == NULL) {
            break;
        }
        out[count++] = *best;
    }
    qsort(out, count, sizeof *out, compare_hypotheses);
    return count;
}

static void check_against_slow(const world *w, const nj_beam_config *config,
                               const nj_exclusions *exclusions, uint32_t B, uint32_t chunk)
{
    static hypothesis wanted[ROWS_MAX];
    nj_arena arena;
    nj_beam_result results[4];
    search(w, config, exclusions, B, chunk, &model, &arena, results);
    for (uint32_t b = 0; b < B; b++) {
        uint32_t count = slow_search(&w->trie, config, b, &exclusions[b], wanted);
        count = count < config->leaves ? count : config->leaves;
        assert_true(results[b].finite);
        assert_int_equal(results[b].count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_memory_equal(&results[b].scores[i], &wanted[i].score, sizeof(float));
            assert_int_equal(results[b].leaves[i], wanted[i].node);
            assert_memory_equal(&results[b].raw[i], &wanted[i].raw, sizeof(float));
            if (results[b].bias != NULL) {
                assert_memory_equal(&results[b].bias[i], &wanted[i].bias, sizeof(float));
            }
        }
    }
    nj_arena_fini(&arena);
}

// [node_count[l + 1]] of each level, of either sign. Few distinct values: ties must happen.
static void make_bias(const world *w, uint64_t seed, float scale, nj_beam_config *config,
                      float memory[L][ITEMS])
{
    for (uint32_t l = 0; l < L; l++) {
        for (uint32_t n = 0; n < w->trie.node_count[l + 1]; n++) {
            memory[l][n] = (float)((int)(mix(seed * 7919 + l * 1000 + n) % 9) - 4) * scale;
        }
        config->node_bias[l] = memory[l];
    }
}

static nj_beam_config make_diverse(uint32_t W, uint32_t groups, float penalty)
{
    nj_beam_config config = make_config(W);
    config.kind = NJ_BEAM_DIVERSE;
    config.groups = groups;
    config.penalty = penalty;
    return config;
}

static void groups_choose_after_each_other_as_a_plain_search_of_each_would(void **state)
{
    (void)state;
    static const uint32_t SHAPES[][2] = {{4, 2}, {6, 3}, {20, 5}, {8, 8}, {12, 2}, {200, 2}};
    static const float PENALTIES[] = {0.0f, 0.3f, 0.5f, 1.25f, 50.0f, -0.5f};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world w;
        make_world(&w, seed * 500, seed == 6 ? 2 : ITEMS);
        static const uint32_t SOME[] = {0, 3, 17, 40, 41, 99};
        uint64_t items[2] = {0};
        for (uint32_t i = 0; i < ITEMS; i++) {
            if (i == 0 || mix(seed * 31 + i) % 4 == 0) {
                nj_bits_add(items, i);
            }
        }
        nj_eligible eligible;
        void *folded = malloc(nj_eligible_bytes(&w.trie));
        nj_eligible_fold(&w.trie, items, folded, &eligible);
        const nj_exclusions exclusions[3] = {
            {0}, {SOME, seed == 6 ? 1 : 6, NULL}, {.eligible = &eligible}};
        for (uint32_t i = 0; i < 12; i++) {
            for (uint32_t p = 0; p < 6; p++) {
                nj_beam_config config =
                    make_diverse(SHAPES[i % 6][0], SHAPES[i % 6][1], PENALTIES[p]);
                config.repeats = i >= 6;
                config.leaves = p % 2 == 0 ? config.W : 1 + config.W / 3;
                check_against_slow(&w, &config, exclusions, 3, 1 + 3 * p);
            }
        }
        free(folded);
        nj_buffer_fini(&w.bytes);
    }
}

static void groups_fill_the_list_where_repeats_leave_it_short(void **state)
{
    (void)state;
    uint32_t with_repeats = 0;
    uint32_t without = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world w;
        make_world(&w, seed * 700, ITEMS);
        const nj_exclusions none[4] = {{0}};
        for (uint32_t repeats = 0; repeats < 2; repeats++) {
            nj_arena arena;
            nj_beam_result results[4];
            nj_beam_config config = make_diverse(20, 5, 0.5f);
            config.repeats = repeats == 1;
            search(&w, &config, none, 4, 9, &model, &arena, results);
            for (uint32_t b = 0; b < 4; b++) {
                *(repeats == 1 ? &with_repeats : &without) += results[b].count;
            }
            nj_arena_fini(&arena);
        }
        nj_buffer_fini(&w.bytes);
    }
    assert_int_equal(without, 6 * 4 * 20);
    assert_true(with_repeats < without);
}

static void biases_are_added_level_by_level_and_may_raise_a_score(void **state)
{
    (void)state;
    static const uint32_t WIDTHS[] = {1, 5, 20, 500};
    static float memory[L][ITEMS];
    for (uint64_t seed = 1; seed <= 12; seed++) {
        world w;
        make_world(&w, seed * 900, ITEMS);
        const nj_exclusions none[2] = {{0}};
        for (size_t i = 0; i < 8; i++) {
            nj_beam_config config = i < 4 ? make_config(WIDTHS[i]) : make_diverse(12, 3, 0.4f);
            // Large ones lift leaves of beams that would else be left out.
            make_bias(&w, seed + i, seed % 4 == 1 ? 1.5f : 0.25f, &config, memory);
            config.node_bias[i % L] = seed % 3 == 0 ? NULL : config.node_bias[i % L];
            config.leaves = seed % 2 == 0 ? config.W : 1 + config.W / 3;
            check_against_slow(&w, &config, none, 2, 7);
        }
        nj_buffer_fini(&w.bytes);
    }
}

static void assert_same_list(const nj_beam_result *a, const nj_beam_result *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->leaves, b->leaves, a->count * sizeof *a->leaves);
    assert_memory_equal(a->scores, b->scores, a->count * sizeof *a->scores);
    assert_memory_equal(a->raw, b->scores, a->count * sizeof *a->raw);
}

static void one_group_and_a_bias_of_nothing_give_the_bits_of_a_plain_search(void **state)
{
    (void)state;
    static float zeros[ITEMS];
    world w;
    make_world(&w, 31, ITEMS);
    const nj_exclusions none[3] = {{0}};
    for (uint32_t W = 1; W <= 40; W += 13) {
        nj_arena arenas[3];
        nj_beam_result plain[3];
        nj_beam_result biased[3];
        nj_beam_result grouped[3];
        nj_beam_config config = make_config(W);
        config.trace = true;
        search(&w, &config, none, 3, 5, &model, &arenas[0], plain);
        assert_ptr_equal(plain[0].raw, plain[0].scores);
        config.node_bias[1] = zeros;
        search(&w, &config, none, 3, 5, &model, &arenas[1], biased);
        config = make_diverse(W, 1, 3.0f);
        config.trace = true;
        search(&w, &config, none, 3, 5, &model, &arenas[2], grouped);
        for (uint32_t b = 0; b < 3; b++) {
            assert_same_list(&biased[b], &plain[b]);
            assert_same_list(&grouped[b], &plain[b]);
            assert_int_equal(grouped[b].trace_count, plain[b].trace_count);
            assert_memory_equal(grouped[b].trace, plain[b].trace,
                                plain[b].trace_count * sizeof *plain[b].trace);
        }
        for (size_t i = 0; i < 3; i++) {
            nj_arena_fini(&arenas[i]);
        }
    }
    nj_buffer_fini(&w.bytes);
}

static void a_search_of_width_one_takes_the_likeliest_child_at_each_level(void **state)
{
    (void)state;
    static uint16_t scratch[K];
    world w;
    make_world(&w, 63, ITEMS);
    const nj_exclusions none[4] = {{0}};
    nj_arena arena;
    nj_beam_result results[4];
    const nj_beam_config config = make_config(1);
    search(&w, &config, none, 4, 2, &model, &arena, results);
    for (uint32_t b = 0; b < 4; b++) {
        uint64_t path = start_path(b, config.start_token);
        uint32_t node = 0;
        for (uint32_t l = 0; l < L; l++) {
            nj_trie_children_span span = nj_trie_children(&w.trie, l, node, scratch);
            uint32_t best = 0;
            for (uint32_t c = 1; c < span.count; c++) {
                const uint32_t base = config.token_base[l];
                if (path_logit(path, base + span.codes[c]) >
                    path_logit(path, base + span.codes[best])) {
                    best = c;
                }
            }
            path = mix(path + config.token_base[l] + span.codes[best] + 1);
            node = span.first + best;
        }
        assert_int_equal(results[b].count, 1);
        assert_int_equal(results[b].leaves[0], node);
    }
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

static void a_group_search_with_nan_is_reported(void **state)
{
    (void)state;
    static float memory[L][ITEMS];
    world w;
    make_world(&w, 9, ITEMS);
    const nj_exclusions none[2] = {{0}};
    nj_beam_config config = make_diverse(6, 3, 0.5f);
    make_bias(&w, 1, 0.5f, &config, memory);
    memory[1][0] = INFINITY; // as a logit may be; a bias may not
    nj_arena arena;
    nj_beam_result results[2];
    config.W = 600;
    config.leaves = 600;
    search(&w, &config, none, 2, 4, &model, &arena, results);
    assert_false(results[0].finite);
    assert_false(results[1].finite);
    nj_arena_fini(&arena);
    nj_buffer_fini(&w.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_choose_after_each_other_as_a_plain_search_of_each_would),
        cmocka_unit_test(groups_fill_the_list_where_repeats_leave_it_short),
        cmocka_unit_test(biases_are_added_level_by_level_and_may_raise_a_score),
        cmocka_unit_test(one_group_and_a_bias_of_nothing_give_the_bits_of_a_plain_search),
        cmocka_unit_test(a_search_of_width_one_takes_the_likeliest_child_at_each_level),
        cmocka_unit_test(a_group_search_with_nan_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
