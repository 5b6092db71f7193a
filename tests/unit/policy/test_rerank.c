// test_rerank.c - each place's choice against values that are computed from their definitions in float64, and whole lists against all
// subsets of small pools.
#include "worker/policy/rerank.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/support/nj_test.h"

enum {
    ROWS = 60,
    LEVELS = 3,
    CODES = 3,
    WIDTH = 37, // no multiple of a vector's lanes
    CATEGORIES = 5,
    PINS = 2,
    HISTORY = 12,
    TOP = 12,
    SMALL_POOL = 10,
    SMALL_TOP = 4
};

// Tolerances: values are at most some units large and float32 sums of at most TOP x WIDTH terms; the logarithm of a volume magnifies its
// error by 1 / NJ_RERANK_LEAST_VOLUME where it is near that.
#define VALUE_ERROR 2e-5
#define VOLUME_ERROR 2e-2
#define NEAR_LEAST_VOLUME 1e-2 // d^2 below it counts as near

typedef struct {
    uint16_t codes[ROWS * LEVELS];
    float vectors[ROWS * WIDTH];
    uint16_t halves[ROWS * WIDTH];
    uint32_t categories[ROWS];
    uint32_t history[HISTORY];
    nj_sids sids;
    nj_item_vectors item_vectors;
    nj_attributes attributes;
    nj_policy policy;
    nj_rerank_inputs inputs;
    nj_candidate pool[ROWS];
    uint32_t count;
    uint32_t ranked;
    float before[ROWS]; // scores of the pool
    nj_arena arena;
} world;

static double draw(uint64_t *state)
{
    return (double)(nj_rng_next(state) >> 11) * 0x1p-53;
}

static void fill_vectors(world *w, uint64_t *state)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        float *vector = w->vectors + row * WIDTH;
        double square = 0;
        for (uint32_t d = 0; d < WIDTH; d++) {
            vector[d] = (float)(draw(state) - 0.4);
            square += (double)vector[d] * (double)vector[d];
        }
        // One row in eight has no vector, one in eight that of the row before.
        const double scale = row % 8 == 3 ? 0 : 1 / sqrt(square);
        for (uint32_t d = 0; d < WIDTH; d++) {
            vector[d] = row % 8 == 5 ? vector[(int)d - WIDTH] : (float)(vector[d] * scale);
            w->halves[row * WIDTH + d] = nj_f16_of_f32(vector[d]);
        }
    }
}

static world *build(uint64_t seed, uint32_t count, uint32_t ranked)
{
    world *w = calloc(1, sizeof *w);
    uint64_t state = seed;
    const nj_kernels *kernels;
    assert_int_equal(nj_kernels_select("auto", &kernels, NULL), NJ_OK);
    fill_vectors(w, &state);
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t l = 0; l < LEVELS; l++) {
            w->codes[row * LEVELS + l] = (uint16_t)(nj_rng_next(&state) % CODES);
        }
        const uint32_t category = (uint32_t)(nj_rng_next(&state) % (CATEGORIES + 1));
        w->categories[row] = category == CATEGORIES ? NJ_ATTRIBUTE_NONE : category;
    }
    for (uint32_t h = 0; h < HISTORY; h++) {
        w->history[h] = (uint32_t)(nj_rng_next(&state) % ROWS);
    }
    float score = 0;
    const uint32_t first = (uint32_t)(nj_rng_next(&state) % ROWS);
    for (uint32_t i = 0; i < count; i++) {
        score -= (float)draw(&state);
        w->pool[i] = (nj_candidate){.row = (first + 7 * i) % ROWS, .score = i < ranked ? score : 0};
        w->before[i] = w->pool[i].score;
    }
    w->count = count;
    w->ranked = ranked;
    w->sids = (nj_sids){.codes = w->codes, .row_count = ROWS, .level_count = LEVELS};
    w->item_vectors = (nj_item_vectors){.row_count = ROWS, .width = WIDTH, .f32 = w->vectors};
    w->attributes = (nj_attributes){.row_count = ROWS, .count = 1};
    w->attributes.columns[0].of_row = w->categories;
    w->policy = (nj_policy){.calibration_attribute = NJ_POLICY_NONE, .relevance = 1};
    w->inputs = (nj_rerank_inputs){.policy = &w->policy,
                                   .sids = &w->sids,
                                   .vectors = &w->item_vectors,
                                   .attributes = &w->attributes,
                                   .kernels = kernels,
                                   .top = TOP,
                                   .pool_max = ROWS,
                                   .history_max = HISTORY};
    return w;
}

static void clear(world **w)
{
    nj_arena_fini(&(*w)->arena);
    free(*w);
    *w = NULL;
}

static nj_rerank *begin(world *w)
{
    nj_error err = {0};
    assert_ok(nj_rerank_check(&w->inputs, &err), &err);
    assert_ok(nj_arena_init(&w->arena, nj_rerank_scratch_bytes(&w->inputs), &err), &err);
    return nj_rerank_begin(&w->inputs, w->history, HISTORY, w->pool, w->count, w->ranked,
                           &w->arena);
}

// ---- the definitions ----

static double alike_of(const world *w, uint32_t a, uint32_t b)
{
    const uint32_t x = w->pool[a].row;
    const uint32_t y = w->pool[b].row;
    if (w->policy.alike == NJ_ALIKE_PREFIX) {
        uint32_t common = 0;
        while (common < LEVELS && w->codes[x * LEVELS + common] == w->codes[y * LEVELS + common]) {
            common++;
        }
        return (double)common / LEVELS;
    }
    double product = 0;
    for (uint32_t d = 0; d < WIDTH; d++) {
        product += (double)w->vectors[x * WIDTH + d] * (double)w->vectors[y * WIDTH + d];
    }
    const bool none = nj_item_vectors_is_zero(&w->item_vectors, x) ||
                      nj_item_vectors_is_zero(&w->item_vectors, y);
    return none ? 0 : w->policy.rerank == NJ_RERANK_DETERMINANTAL ? (1 + product) / 2 : product;
}

// The determinant of the chosen ones' matrix, by elimination.
static double determinant(const world *w, const uint32_t *chosen, uint32_t n)
{
    double m[TOP + 1][TOP + 1];
    double result = 1;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            m[i][j] = i == j ? 1 : alike_of(w, chosen[i], chosen[j]);
        }
    }
    for (uint32_t k = 0; k < n; k++) {
        result *= m[k][k];
        for (uint32_t i = k + 1; i < n; i++) {
            const double factor = m[k][k] == 0 ? 0 : m[i][k] / m[k][k];
            for (uint32_t j = k; j < n; j++) {
                m[i][j] -= factor * m[k][j];
            }
        }
    }
    return result;
}

static double relevance_of(const world *w, uint32_t i)
{
    const double most = (double)w->before[0];
    const double least = (double)w->before[w->ranked - 1];
    return w->ranked == 1 ? 1 : ((double)w->before[i] - least) / (most - least);
}

static double divergence(const world *w, const uint32_t *chosen, uint32_t n)
{
    double known = 0;
    double p[CATEGORIES] = {0};
    double q[CATEGORIES] = {0};
    double sum = 0;
    for (uint32_t h = 0; h < HISTORY; h++) {
        const uint32_t category = w->categories[w->history[h]];
        if (category != NJ_ATTRIBUTE_NONE) {
            p[category]++;
            known++;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t category = w->categories[w->pool[chosen[i]].row];
        if (category != NJ_ATTRIBUTE_NONE) {
            q[category] += 1.0 / n;
        }
    }
    for (uint32_t g = 0; g < CATEGORIES; g++) {
        const double share = p[g] / known;
        sum += share == 0 ? 0 : share * log(share / (0.99 * q[g] + 0.01 * share));
    }
    return sum;
}

// What i adds to those that added something when they were chosen.
static double volume_of(const world *w, const uint32_t *chosen, uint32_t n, uint32_t i)
{
    uint32_t basis[TOP + 1];
    uint32_t size = 0;
    double before = 1;
    for (uint32_t k = 0; k < n; k++) {
        basis[size] = chosen[k];
        const double with = determinant(w, basis, size + 1);
        if (with / before >= (double)NJ_RERANK_LEAST_VOLUME) {
            before = with;
            size++;
        }
    }
    basis[size] = i;
    return determinant(w, basis, size + 1) / before;
}

// With the determinant, `least` gets the volume that i adds.
static double step_of(const world *w, uint32_t *chosen, uint32_t n, uint32_t i, double *least)
{
    const nj_policy *policy = &w->policy;
    const double r = (double)policy->relevance;
    double nearest = n == 0 ? 0 : -1;
    if (policy->rerank == NJ_RERANK_NONE) {
        return policy->calibration > 0 ? relevance_of(w, i) : (double)w->before[i];
    }
    if (policy->rerank == NJ_RERANK_DETERMINANTAL) {
        *least = volume_of(w, chosen, n, i);
        return r * relevance_of(w, i) + (1 - r) * log(fmax(*least, (double)NJ_RERANK_LEAST_VOLUME));
    }
    for (uint32_t k = 0; k < n; k++) {
        nearest = fmax(nearest, alike_of(w, chosen[k], i));
    }
    return r * relevance_of(w, i) - (1 - r) * nearest;
}

static double value_of(const world *w, uint32_t *chosen, uint32_t n, uint32_t i, double *least)
{
    const double c = (double)w->policy.calibration;
    const double step = step_of(w, chosen, n, i, least);
    if (c == 0) {
        return step;
    }
    const double now = divergence(w, chosen, n);
    chosen[n] = i;
    return (1 - c) * step - c * (divergence(w, chosen, n + 1) - now);
}

// ---- choices ----

typedef struct {
    const world *world;
    const uint32_t *chosen;
    uint32_t n;
} gate;

// Two of each first code at the most.
static bool allows_two_of_a_code(void *context, const nj_candidate *candidate)
{
    const gate *g = context;
    uint32_t same = 0;
    for (uint32_t k = 0; k < g->n; k++) {
        same += g->world->codes[g->world->pool[g->chosen[k]].row * LEVELS] ==
                g->world->codes[candidate->row * LEVELS];
    }
    return same < 2;
}

static bool is_chosen(const uint32_t *chosen, uint32_t n, uint32_t i)
{
    while (n > 0 && chosen[n - 1] != i) {
        n--;
    }
    return n > 0;
}

// The choice for the next place is worth what the definition says, and no other candidate is worth more.
static void check_place(const world *w, gate *g, uint32_t *chosen, uint32_t best, bool capped)
{
    double volume = 1;
    const double value = value_of(w, chosen, g->n, best, &volume);
    const double error = volume < NEAR_LEAST_VOLUME ? VOLUME_ERROR : VALUE_ERROR;
    for (uint32_t i = 0; i < w->ranked; i++) {
        if (is_chosen(chosen, g->n, i) || (capped && !allows_two_of_a_code(g, &w->pool[i]))) {
            continue;
        }
        double other = 1;
        const double its = value_of(w, chosen, g->n, i, &other);
        if (its > value + error + (other < NEAR_LEAST_VOLUME ? VOLUME_ERROR : 0)) {
            fail_msg("place %u: candidate %u is worth %g, %u was chosen and is worth %g", g->n, i,
                     its, best, value);
        }
    }
}

static void check_score(const world *w, uint32_t *chosen, uint32_t n, uint32_t i)
{
    double volume = 1;
    const nj_candidate *candidate = &w->pool[i];
    const double value = value_of(w, chosen, n, i, &volume);
    const double error = volume < NEAR_LEAST_VOLUME ? VOLUME_ERROR : VALUE_ERROR;
    assert_true(fabs((double)candidate->score - value) <= error);
    const double sum = (double)w->before[i] + (double)candidate->adjust[NJ_ADJUST_RERANK] +
                       (double)candidate->adjust[NJ_ADJUST_CALIBRATION];
    assert_true(fabs(sum - (double)candidate->score) <= VALUE_ERROR);
}

// Plays a whole list: a pin at place 1 where there are pins, every choice checked. Returns how many were chosen.
static uint32_t play(world *w, bool capped, uint32_t *chosen)
{
    nj_rerank *rerank = begin(w);
    gate g = {.world = w, .chosen = chosen};
    while (g.n < TOP) {
        if (g.n == 1 && w->count > w->ranked) {
            const nj_candidate before = w->pool[w->ranked];
            nj_rerank_take(rerank, w->ranked);
            assert_memory_equal(&before, &w->pool[w->ranked], sizeof before);
            chosen[g.n++] = w->ranked;
            continue;
        }
        const uint32_t best = nj_rerank_best(rerank, capped ? allows_two_of_a_code : NULL, &g);
        if (best == NJ_POLICY_NONE) {
            break;
        }
        assert_in_range(best, 0, w->ranked - 1);
        assert_false(is_chosen(chosen, g.n, best));
        assert_true(!capped || allows_two_of_a_code(&g, &w->pool[best]));
        check_place(w, &g, chosen, best, capped);
        nj_rerank_take(rerank, best);
        check_score(w, chosen, g.n, best);
        chosen[g.n++] = best;
    }
    return g.n;
}

static const nj_rerank_kind KINDS[] = {NJ_RERANK_NONE, NJ_RERANK_MMR, NJ_RERANK_DETERMINANTAL};

static void every_place_gets_the_candidate_of_the_greatest_value(void **state)
{
    (void)state;
    static const float RELEVANCE[] = {1, 0.7f, 0.3f, 0};
    static const float CALIBRATION[] = {0, 0.4f, 1};
    uint32_t chosen[TOP + 1];
    uint64_t seed = 1;
    for (unsigned round = 0; round < 2 * 3 * 4 * 3 * 4; round++) {
        const uint32_t ranked = 1 + (uint32_t)(nj_rng_next(&seed) % (ROWS - PINS));
        world *w = build(nj_rng_next(&seed), ranked + round % 2 * PINS, ranked);
        w->policy.alike = round / 2 % 2 == 0 ? NJ_ALIKE_VECTORS : NJ_ALIKE_PREFIX;
        w->policy.rerank = KINDS[round / 4 % 3];
        w->policy.relevance = RELEVANCE[round / 12 % 4];
        w->policy.calibration = CALIBRATION[round / 48 % 3];
        w->policy.calibration_attribute = w->policy.calibration > 0 ? 0 : NJ_POLICY_NONE;
        const bool capped = round % 5 == 0;
        const uint32_t n = play(w, capped, chosen);
        assert_true(capped || n == TOP || n == ranked + (round % 2 != 0 && ranked > 0));
        clear(&w);
    }
}

static void with_all_of_it_off_scores_and_order_stay(void **state)
{
    (void)state;
    world *w = build(4, 30, 30);
    nj_rerank *rerank = begin(w);
    for (uint32_t place = 0; place < TOP; place++) {
        const nj_candidate before = w->pool[place];
        assert_int_equal(nj_rerank_best(rerank, NULL, NULL), place);
        nj_rerank_take(rerank, place);
        assert_memory_equal(&before, &w->pool[place], sizeof before);
    }
    clear(&w);
}

static void relevance_alone_keeps_the_order_and_equal_ones_that_of_the_pool(void **state)
{
    (void)state;
    for (unsigned k = 1; k < 3; k++) {
        world *w = build(5, 20, 20);
        w->policy.rerank = KINDS[k];
        w->pool[3].score = w->pool[2].score;
        nj_rerank *rerank = begin(w);
        for (uint32_t place = 0; place < TOP; place++) {
            assert_int_equal(nj_rerank_best(rerank, NULL, NULL), place);
            nj_rerank_take(rerank, place);
        }
        clear(&w);
    }
}

// A copy of what stands in the list comes behind all that are no copies.
static void copies_come_last_where_diversity_alone_counts(void **state)
{
    (void)state;
    for (unsigned k = 1; k < 3; k++) {
        world *w = build(6, 8, 8);
        for (uint32_t i = 0; i < 8; i++) {
            w->pool[i].row = i < 4 ? 8 * i : 8 * (i - 4) + 1;
            for (uint32_t d = 0; d < WIDTH; d++) {
                w->vectors[(8 * (i % 4) + i / 4) * WIDTH + d] = d == i % 4 ? 1 : 0;
            }
        }
        w->policy.rerank = KINDS[k];
        w->policy.relevance = 0;
        nj_rerank *rerank = begin(w);
        unsigned seen = 0;
        for (uint32_t place = 0; place < 4; place++) {
            const uint32_t best = nj_rerank_best(rerank, NULL, NULL);
            seen |= 1u << best % 4;
            nj_rerank_take(rerank, best);
        }
        assert_int_equal(seen, 15);
        clear(&w);
    }
}

// ---- against all subsets ----

// What the greedy search of the determinant or of calibration goes for, of a whole set.
static double worth(const world *w, const uint32_t *chosen, uint32_t n)
{
    const double r = (double)w->policy.relevance;
    const double c = (double)w->policy.calibration;
    double relevant = 0;
    for (uint32_t i = 0; i < n; i++) {
        relevant += relevance_of(w, chosen[i]);
    }
    return w->policy.rerank == NJ_RERANK_DETERMINANTAL
               ? r * relevant + (1 - r) * log(fmax(determinant(w, chosen, n), 1e-30))
               : (1 - c) * relevant - c * (divergence(w, chosen, n) - divergence(w, chosen, 0));
}

static double best_worth(const world *w)
{
    double best = -INFINITY;
    for (unsigned set = 0; set < 1u << SMALL_POOL; set++) {
        uint32_t chosen[SMALL_POOL];
        uint32_t n = 0;
        for (uint32_t i = 0; i < SMALL_POOL; i++) {
            if ((set >> i & 1u) != 0) {
                chosen[n++] = i;
            }
        }
        best = n == SMALL_TOP ? fmax(best, worth(w, chosen, n)) : best;
    }
    return best;
}

// Greedy is no guarantee of the best set. It may be above none; over these pools, whose seeds are fixed, it finds the best set itself in
// more than half of them, and its scores add up to what its set is worth.
static void greedy_lists_are_near_the_best_of_all_subsets(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        unsigned found = 0;
        for (uint64_t seed = 0; seed < 40; seed++) {
            world *w = build(100 + seed, SMALL_POOL, SMALL_POOL);
            w->policy.rerank = kind == 0 ? NJ_RERANK_DETERMINANTAL : NJ_RERANK_NONE;
            w->policy.relevance = 0.6f;
            w->policy.calibration = kind == 0 ? 0 : 0.6f;
            w->policy.calibration_attribute = kind == 0 ? NJ_POLICY_NONE : 0;
            uint32_t chosen[TOP + 1];
            double scores = 0;
            nj_rerank *rerank = begin(w);
            for (uint32_t n = 0; n < SMALL_TOP; n++) {
                chosen[n] = nj_rerank_best(rerank, NULL, NULL);
                nj_rerank_take(rerank, chosen[n]);
                scores += (double)w->pool[chosen[n]].score;
            }
            const double greedy = worth(w, chosen, SMALL_TOP);
            const double best = best_worth(w);
            assert_true(fabs(scores - greedy) <= SMALL_TOP * VALUE_ERROR);
            assert_true(greedy <= best + 1e-9);
            assert_true(greedy >= best - 0.35);
            found += greedy >= best - 1e-9;
            clear(&w);
        }
        assert_in_range(found, 21, 40);
    }
}

// ---- bits, forms, refusals ----

static void every_exact_set_of_kernels_gives_the_same_bits(void **state)
{
    (void)state;
    const nj_kernels *kernels;
    unsigned sets = 0;
    for (unsigned k = 1; k < 3; k++) {
        float scores[TOP];
        sets = 0;
        for (size_t at = 0; (kernels = nj_kernels_at(at)) != NULL; at++) {
            if (strcmp(kernels->numeric_class, "exact") != 0) {
                continue;
            }
            world *w = build(7, 40, 40);
            w->policy.rerank = KINDS[k];
            w->policy.relevance = 0.5f;
            w->policy.calibration = 0.3f;
            w->policy.calibration_attribute = 0;
            w->inputs.kernels = kernels;
            nj_rerank *rerank = begin(w);
            for (uint32_t n = 0; n < TOP; n++) {
                const uint32_t best = nj_rerank_best(rerank, NULL, NULL);
                nj_rerank_take(rerank, best);
                if (sets == 0) {
                    scores[n] = w->pool[best].score;
                }
                assert_memory_equal(&scores[n], &w->pool[best].score, sizeof scores[n]);
            }
            sets++;
            clear(&w);
        }
        assert_true(sets >= 2); // the reference and the portable one at least
    }
}

// Rows that float16 holds exactly give the same bits in both forms.
static void vectors_of_both_forms_give_the_same_list(void **state)
{
    (void)state;
    for (unsigned k = 1; k < 3; k++) {
        float scores[2][TOP];
        for (unsigned form = 0; form < 2; form++) {
            world *w = build(8, 40, 40);
            w->policy.rerank = KINDS[k];
            w->policy.relevance = 0.4f;
            for (uint32_t i = 0; i < ROWS * WIDTH; i++) {
                w->vectors[i] = nj_f32_of_f16(w->halves[i]);
            }
            if (form == 1) {
                w->item_vectors.f32 = NULL;
                w->item_vectors.f16 = w->halves;
                w->item_vectors.form = NJ_VECTORS_F16;
            }
            nj_rerank *rerank = begin(w);
            for (uint32_t n = 0; n < TOP; n++) {
                const uint32_t best = nj_rerank_best(rerank, NULL, NULL);
                nj_rerank_take(rerank, best);
                scores[form][n] = w->pool[best].score;
            }
            clear(&w);
        }
        assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    }
}

static void a_user_without_categories_is_ranked_by_the_rest(void **state)
{
    (void)state;
    world *w = build(9, 20, 20);
    w->policy.calibration = 0.5f;
    w->policy.calibration_attribute = 0;
    nj_error err = {0};
    assert_ok(nj_arena_init(&w->arena, nj_rerank_scratch_bytes(&w->inputs), &err), &err);
    nj_rerank *rerank = nj_rerank_begin(&w->inputs, NULL, 0, w->pool, 20, 20, &w->arena);
    for (uint32_t place = 0; place < TOP; place++) {
        assert_int_equal(nj_rerank_best(rerank, NULL, NULL), place);
        nj_rerank_take(rerank, place);
    }
    clear(&w);
}

static void the_last_of_a_long_history_count(void **state)
{
    (void)state;
    float scores[2][TOP];
    for (unsigned form = 0; form < 2; form++) {
        world *w = build(10, 20, 20);
        w->policy.calibration = 0.5f;
        w->policy.calibration_attribute = 0;
        w->inputs.history_max = 5;
        nj_error err = {0};
        assert_ok(nj_arena_init(&w->arena, nj_rerank_scratch_bytes(&w->inputs), &err), &err);
        const uint32_t left_out = form == 0 ? 0 : HISTORY - 5;
        nj_rerank *rerank = nj_rerank_begin(&w->inputs, w->history + left_out, HISTORY - left_out,
                                            w->pool, 20, 20, &w->arena);
        for (uint32_t n = 0; n < TOP; n++) {
            const uint32_t best = nj_rerank_best(rerank, NULL, NULL);
            nj_rerank_take(rerank, best);
            scores[form][n] = w->pool[best].score;
        }
        clear(&w);
    }
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
}

static void the_planned_memory_is_enough_for_every_policy(void **state)
{
    (void)state;
    for (unsigned form = 0; form < 12; form++) {
        world *w = build(11, ROWS, ROWS - PINS);
        w->policy.rerank = KINDS[form % 3];
        w->policy.alike = form / 3 % 2 == 0 ? NJ_ALIKE_VECTORS : NJ_ALIKE_PREFIX;
        w->policy.calibration = form < 6 ? 0 : 0.5f;
        w->policy.calibration_attribute = form < 6 ? NJ_POLICY_NONE : 0;
        w->item_vectors.f32 = NULL;
        w->item_vectors.f16 = w->halves;
        nj_rerank *rerank = begin(w); // an arena that is too small asserts
        for (uint32_t n = 0; n < TOP; n++) {
            nj_rerank_take(rerank, nj_rerank_best(rerank, NULL, NULL));
        }
        assert_true(w->arena.peak <= nj_rerank_scratch_bytes(&w->inputs));
        clear(&w);
    }
    world *w = build(12, 1, 1);
    w->inputs.pool_max = UINT32_MAX;
    w->inputs.top = UINT32_MAX;
    w->policy.rerank = NJ_RERANK_DETERMINANTAL;
    assert_true(nj_rerank_scratch_bytes(&w->inputs) == SIZE_MAX);
    clear(&w);
}

static void a_bundle_that_lacks_what_the_policy_asks_for_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    world *w = build(13, 1, 1);
    w->policy.rerank = NJ_RERANK_MMR;
    w->inputs.vectors = NULL;
    assert_refused(nj_rerank_check(&w->inputs, &err), NJ_CONFIG, &err, "--item-vectors");
    w->policy.alike = NJ_ALIKE_PREFIX;
    assert_ok(nj_rerank_check(&w->inputs, &err), &err);
    w->policy.calibration = 0.5f;
    w->policy.calibration_attribute = 3;
    assert_refused(nj_rerank_check(&w->inputs, &err), NJ_CONFIG, &err, "column 3");
    w->policy.calibration_attribute = 0;
    assert_ok(nj_rerank_check(&w->inputs, &err), &err);
    w->attributes.columns[0].of_row = NULL;
    assert_refused(nj_rerank_check(&w->inputs, &err), NJ_CONFIG, &err, "of words");
    w->inputs.attributes = NULL;
    assert_refused(nj_rerank_check(&w->inputs, &err), NJ_CONFIG, &err, "--attributes");
    clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_gets_the_candidate_of_the_greatest_value),
        cmocka_unit_test(with_all_of_it_off_scores_and_order_stay),
        cmocka_unit_test(relevance_alone_keeps_the_order_and_equal_ones_that_of_the_pool),
        cmocka_unit_test(copies_come_last_where_diversity_alone_counts),
        cmocka_unit_test(greedy_lists_are_near_the_best_of_all_subsets),
        cmocka_unit_test(every_exact_set_of_kernels_gives_the_same_bits),
        cmocka_unit_test(vectors_of_both_forms_give_the_same_list),
        cmocka_unit_test(a_user_without_categories_is_ranked_by_the_rest),
        cmocka_unit_test(the_last_of_a_long_history_count),
        cmocka_unit_test(the_planned_memory_is_enough_for_every_policy),
        cmocka_unit_test(a_bundle_that_lacks_what_the_policy_asks_for_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
