// test_beam_stochastic.c - draws without replacement: against the published algorithm over whole tries, and how often each leaf is drawn
// against exact chances.
#include <stdio.h>

#include "common/base/rng.h"
#include "tests/unit/beam/beam_world.h"

// |score - the same in float64| <= SCORE_BOUND * (1 + |score|): a logarithm of float32 and sums of float64 of exponentials that are right
// to 1e-7 each.
#define SCORE_BOUND 2e-6
// Two leaves whose scores are so near may stand in either order.
#define NEAR_TIE 1e-5
// A count of N draws with chance p lies within SIGMAS * sqrt(N p (1 - p)) of N p: of a thousand counts all do, but for 6 chances in 10,000.
// Seeds are fixed, so a search that passes always passes.
#define SIGMAS 5.0

#define USERS 20000
#define USERS_A_SEARCH 1000

// ---- the published algorithm, in float64, over every leaf ----

typedef struct {
    double score; // G of the paper
    double chance;
    double raw;
    uint32_t node;
    uint64_t path;
    uint64_t key;
} hypothesis;

typedef struct {
    hypothesis at[ITEMS];
    uint32_t count;
} level_set;

static int compare_scores(const void *a, const void *b)
{
    const hypothesis *x = a;
    const hypothesis *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1) : 0;
}

// Gumbel noise of the location 0 from a key.
static double gumbel(uint64_t key)
{
    const double u = ((double)(key >> 11) + 0.5) * 0x1p-53;
    return -log(-log1p(-u));
}

static int compare_falling(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return x > y ? -1 : x < y;
}

// The chance below which top_p leaves a child out.
static double least_kept(const double *chances, uint32_t count, double top_p)
{
    double sorted[K];
    memcpy(sorted, chances, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_falling);
    double mass = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        mass += sorted[i];
        if (mass >= top_p - 1e-7) {
            return sorted[i];
        }
    }
    return 0.0;
}

// Chances of the children of one prefix: over those that are allowed, 0 for the others.
static void child_chances(const nj_trie_children_span *span, const nj_beam_config *config,
                          const nj_eligible *eligible, uint32_t level, uint64_t path,
                          double chances[K])
{
    double total = 0.0;
    for (uint32_t c = 0; c < span->count; c++) {
        const uint32_t node = span->first + c;
        const bool open = eligible == NULL || nj_bits_has(eligible->nodes[level + 1], node);
        const float *bias = config->node_bias[level];
        const double logit = (double)fine_logit(path, config->token_base[level] + span->codes[c]) +
                             (bias != NULL ? (double)bias[node] : 0.0);
        chances[c] = open ? exp(logit / (double)config->draw_temperature) : 0.0;
        total += chances[c];
    }
    double kept = 0.0;
    for (uint32_t c = 0; c < span->count; c++) {
        chances[c] /= total;
    }
    const double least = least_kept(chances, span->count, (double)config->top_p);
    for (uint32_t c = 0; c < span->count; c++) {
        chances[c] = chances[c] >= least ? chances[c] : 0.0;
        kept += chances[c];
    }
    for (uint32_t c = 0; c < span->count; c++) {
        chances[c] /= kept;
    }
}

static double log_norm(uint64_t path)
{
    double total = 0.0;
    for (uint32_t v = 0; v < V; v++) {
        total += exp((double)fine_logit(path, v));
    }
    return log(total);
}

// Appends the children of one prefix, drawn under the condition that the best of them is as good as the prefix (appendix B.3).
static void draw_children(const nj_trie *trie, const nj_beam_config *config,
                          const nj_eligible *eligible, uint32_t level, const hypothesis *from,
                          level_set *out)
{
    static uint16_t scratch[K];
    double chances[K];
    double drawn[K];
    double best = -INFINITY;
    nj_trie_children_span span = nj_trie_children(trie, level, from->node, scratch);
    child_chances(&span, config, eligible, level, from->path, chances);
    for (uint32_t c = 0; c < span.count; c++) {
        const uint64_t key = nj_rng_mix(from->key + (span.codes[c] + 1u) * NJ_RNG_STEP);
        drawn[c] = log(from->chance * chances[c]) + gumbel(key);
        best = drawn[c] > best ? drawn[c] : best;
    }
    for (uint32_t c = 0; c < span.count; c++) {
        if (chances[c] > 0.0) {
            const uint32_t token = config->token_base[level] + span.codes[c];
            const double v = from->score - drawn[c] + log1p(-exp(drawn[c] - best));
            const double more = v > 0.0 ? v : 0.0;
            out->at[out->count++] = (hypothesis){
                .score = from->score - more - log1p(exp(-fabs(v))),
                .chance = from->chance * chances[c],
                .raw = from->raw + (double)fine_logit(from->path, token) - log_norm(from->path),
                .node = span.first + c,
                .path = mix(from->path + token + 1),
                .key = nj_rng_mix(from->key + (span.codes[c] + 1u) * NJ_RNG_STEP)};
        }
    }
}

// All leaves that can be drawn, best first, the excluded ones left out.
static level_set draw_all(const nj_trie *trie, const nj_beam_config *config, uint64_t path,
                          uint64_t key, const nj_exclusions *exclusions)
{
    static level_set sets[2];
    sets[0].count = 1;
    sets[0].at[0] = (hypothesis){.chance = 1.0, .path = path, .key = key};
    for (uint32_t l = 0; l < L; l++) {
        level_set *out = &sets[(l + 1) % 2];
        out->count = 0;
        for (uint32_t i = 0; i < sets[l % 2].count; i++) {
            draw_children(trie, config, exclusions->eligible, l, &sets[l % 2].at[i], out);
        }
    }
    level_set kept = {.count = 0};
    for (uint32_t i = 0; i < sets[L % 2].count; i++) {
        uint32_t items;
        const uint32_t *rows = nj_trie_leaf_items(trie, sets[L % 2].at[i].node, &items);
        uint32_t left = 0;
        for (uint32_t k = 0; k < items; k++) {
            left += !nj_excluded(exclusions, rows[k]);
        }
        if (left > 0) {
            kept.at[kept.count++] = sets[L % 2].at[i];
        }
    }
    qsort(kept.at, kept.count, sizeof *kept.at, compare_scores);
    return kept;
}

static uint32_t find_leaf(const level_set *set, uint32_t leaf)
{
    uint32_t at = 0;
    while (at < set->count && set->at[at].node != leaf) {
        at++;
    }
    return at;
}

static void check_against_paper(const world *w, const nj_beam_config *config,
                                const nj_exclusions *exclusions, uint32_t B, uint32_t chunk)
{
    static fake_model model = {.logit = fine_logit};
    nj_arena arena;
    nj_beam_result results[4];
    search(w, config, exclusions, B, chunk, &model, &arena, results);
    for (uint32_t b = 0; b < B; b++) {
        const level_set wanted = draw_all(&w->trie, config, start_path(b, config->start_token),
                                          config->user_keys[b], &exclusions[b]);
        assert_true(results[b].finite);
        // Without exclusions the list is the head of all leaves; with them each leaf still has its value.
        const bool whole = exclusions[b].count == 0;
        const uint32_t count = wanted.count < config->leaves ? wanted.count : config->leaves;
        assert_true(whole ? results[b].count == count : results[b].count <= count);
        for (uint32_t i = 0; i < results[b].count; i++) {
            const uint32_t place = find_leaf(&wanted, results[b].leaves[i]);
            assert_in_range(place, 0, wanted.count - 1);
            const hypothesis *h = &wanted.at[place];
            assert_true(fabs((double)results[b].scores[i] - h->score) <=
                        SCORE_BOUND * (1.0 + fabs(h->score)));
            assert_true(fabs((double)results[b].raw[i] - h->raw) < 1e-5);
            assert_true(i == 0 || results[b].scores[i] <= results[b].scores[i - 1]);
            assert_true(!whole || fabs(h->score - wanted.at[i].score) < NEAR_TIE);
        }
    }
    nj_arena_fini(&arena);
}

static void every_width_batch_and_chunk_draws_what_the_paper_draws_of_all_leaves(void **state)
{
    (void)state;
    static const uint32_t WIDTHS[] = {1, 2, 5, 20, 64, 500};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world w;
        make_world(&w, seed * 1100, seed == 6 ? 1 : ITEMS);
        static const uint32_t SOME[] = {3, 17, 40, 41, 77, 80, 99};
        const nj_exclusions exclusions[4] = {{0}, {SOME, seed == 6 ? 0 : 7, NULL}, {0}, {0}};
        const uint64_t keys[4] = {mix(seed), mix(seed + 50), 0, UINT64_MAX};
        for (size_t i = 0; i < 6; i++) {
            nj_beam_config config = make_stochastic(WIDTHS[i], keys);
            config.leaves = seed % 2 == 0 ? config.W : 1 + config.W / 2;
            check_against_paper(&w, &config, exclusions, 4, 1 + 6 * (uint32_t)i);
        }
        nj_buffer_fini(&w.bytes);
    }
}

static void temperature_mass_bias_and_eligible_items_change_the_chances(void **state)
{
    (void)state;
    static float memory[L][ITEMS];
    static const uint64_t KEYS[2] = {77, 78};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        world w;
        uint64_t items[2] = {0};
        make_world(&w, seed * 1300, ITEMS);
        for (uint32_t i = 0; i < ITEMS; i++) {
            if (mix(seed * 31 + i) % 3 > 0) {
                nj_bits_add(items, i);
            }
        }
        nj_eligible eligible;
        void *folded = malloc(nj_eligible_bytes(&w.trie));
        nj_eligible_fold(&w.trie, items, folded, &eligible);
        const nj_exclusions exclusions[2] = {{.eligible = &eligible}, {0}};
        for (uint32_t i = 0; i < 16; i++) {
            nj_beam_config config = make_stochastic(1 + 9 * (i % 3), KEYS);
            config.draw_temperature = (i & 1) != 0 ? 0.3f : (i & 4) != 0 ? 4.0f : 1.0f;
            config.top_p = (i & 2) != 0 ? 0.55f : (i & 4) != 0 ? 1e-6f : 1.0f;
            for (uint32_t l = 0; l < L && (i & 8) != 0; l++) {
                for (uint32_t n = 0; n < w.trie.node_count[l + 1]; n++) {
                    memory[l][n] = (float)(mix(seed + l * 500 + n) % 100) * 0.03f - 1.5f;
                }
                config.node_bias[l] = memory[l];
            }
            check_against_paper(&w, &config, exclusions, 2, 9);
        }
        free(folded);
        nj_buffer_fini(&w.bytes);
    }
}

// ---- how often ----

typedef struct {
    uint32_t first[ITEMS];    // how often a leaf was drawn first
    uint32_t included[ITEMS]; // or at all
} tally;

static tally count_draws(const world *w, nj_beam_config config)
{
    static fake_model model = {.logit = fine_logit, .same_users = true};
    static uint64_t keys[USERS_A_SEARCH];
    static nj_exclusions none[USERS_A_SEARCH];
    static nj_beam_result results[USERS_A_SEARCH];
    tally t = {0};
    config.user_keys = keys;
    for (uint32_t first = 0; first < USERS; first += USERS_A_SEARCH) {
        nj_arena arena;
        for (uint32_t b = 0; b < USERS_A_SEARCH; b++) {
            char id[16];
            const int size = snprintf(id, sizeof id, "%u", first + b);
            keys[b] = nj_beam_user_key(2026, (nj_slice){id, (size_t)size});
        }
        search(w, &config, none, USERS_A_SEARCH, 500, &model, &arena, results);
        for (uint32_t b = 0; b < USERS_A_SEARCH; b++) {
            t.first[results[b].leaves[0]]++;
            for (uint32_t i = 0; i < results[b].count; i++) {
                t.included[results[b].leaves[i]]++;
            }
        }
        nj_arena_fini(&arena);
    }
    return t;
}

// The chance that a leaf is among three draws without replacement, summed over all orders.
static double chance_of_three(const double *p, uint32_t count, uint32_t leaf)
{
    double total = p[leaf];
    for (uint32_t a = 0; a < count; a++) {
        if (a == leaf) {
            continue;
        }
        total += p[a] * p[leaf] / (1.0 - p[a]);
        for (uint32_t b = 0; b < count; b++) {
            if (b != leaf && b != a) {
                total += p[a] * (p[b] / (1.0 - p[a])) * (p[leaf] / (1.0 - p[a] - p[b]));
            }
        }
    }
    return total;
}

static void check_count(uint32_t count, double chance)
{
    const double wanted = USERS * chance;
    const double bound = SIGMAS * sqrt(wanted * (1.0 - chance)) + 1.0;
    if (fabs(count - wanted) > bound) {
        fail_msg("drawn %u times, expected %.1f, allowed difference %.1f", count, wanted, bound);
    }
}

static void leaves_are_drawn_as_often_as_their_chances_say(void **state)
{
    (void)state;
    world w;
    make_world(&w, 4242, 14);
    for (uint32_t i = 0; i < 3; i++) {
        nj_beam_config config = make_stochastic(3, NULL);
        config.draw_temperature = i == 1 ? 2.0f : 1.0f;
        config.top_p = i == 2 ? 0.8f : 1.0f;
        const nj_exclusions none = {0};
        const level_set all =
            draw_all(&w.trie, &config, mix(mix(0) + config.start_token + 1), 1, &none);
        double p[ITEMS] = {0};
        assert_in_range(all.count, 4, 14);
        for (uint32_t k = 0; k < all.count; k++) {
            p[all.at[k].node] = all.at[k].chance;
        }
        const tally t = count_draws(&w, config);
        for (uint32_t leaf = 0; leaf < w.trie.node_count[L]; leaf++) {
            check_count(t.first[leaf], p[leaf]);
            check_count(t.included[leaf],
                        p[leaf] > 0.0 ? chance_of_three(p, w.trie.node_count[L], leaf) : 0.0);
        }
    }
    nj_buffer_fini(&w.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_batch_and_chunk_draws_what_the_paper_draws_of_all_leaves),
        cmocka_unit_test(temperature_mass_bias_and_eligible_items_change_the_chances),
        cmocka_unit_test(leaves_are_drawn_as_often_as_their_chances_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
