// test_cold.c - cold items against plain loops over all items of random catalogues: the same items, in the same order, the same bits.
//
// Vectors are of few kinds, so that cosines tie. Numbers of items lie on both sides of a block of the product.
#include "worker/policy/cold.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/bits.h"
#include "common/base/rng.h"
#include "common/sid/eligible.h"
#include "common/sid/trie_build.h"
#include "tests/support/nj_test.h"
#include "worker/policy/cold_parts.h"

#define ROWS_MAX 1400
#define D_MAX 33
#define L 3
#define K 6
#define USERS 9
#define HISTORY_MAX 12
#define KINDS 300

static uint64_t mix(uint64_t x)
{
    return nj_rng_mix(x + NJ_RNG_STEP);
}

typedef struct {
    uint32_t rows;
    uint32_t D;
    uint16_t codes[ROWS_MAX * L];
    uint8_t retired[ROWS_MAX];
    uint32_t counts[ROWS_MAX];
    uint64_t denied[ROWS_MAX / 64 + 1];
    uint64_t eligible_rows[ROWS_MAX / 64 + 1];
    float values[ROWS_MAX * D_MAX];
    uint32_t history[USERS][HISTORY_MAX];
    uint32_t excluded[USERS][ROWS_MAX];
    nj_buffer trie_bytes;
    void *eligible_memory;
    nj_eligible eligible;
    nj_catalogue_view catalogue;
    nj_item_vectors vectors;
    nj_policy policy;
    nj_exclusions exclusions[USERS];
    nj_cold_user users[USERS];
    nj_cold_inputs inputs;
} world;

// One kind is all zeros.
static void make_vector(const world *w, uint64_t seed, uint32_t row, float *x)
{
    const uint64_t kind = mix(seed * 31 + row) % KINDS;
    double square = 0;
    for (uint32_t d = 0; d < w->D; d++) {
        x[d] = kind == 0 ? 0 : (float)(mix(kind * 1000 + d) % 7) - 3;
        square += (double)x[d] * (double)x[d];
    }
    for (uint32_t d = 0; d < w->D && square > 0; d++) {
        x[d] = (float)((double)x[d] / sqrt(square));
    }
}

static void make_users(world *w, uint64_t seed)
{
    for (uint32_t b = 0; b < USERS; b++) {
        uint32_t excluded = 0;
        for (uint32_t row = 0; row < w->rows; row++) {
            if (mix(seed * 5 + row * USERS + b) % 8 == 0) {
                w->excluded[b][excluded++] = row;
            }
        }
        for (uint32_t i = 0; i < HISTORY_MAX; i++) {
            w->history[b][i] = (uint32_t)(mix(seed * 7 + i * USERS + b) % w->rows);
        }
        w->exclusions[b] =
            (nj_exclusions){w->excluded[b], excluded, b % 3 == 1 ? &w->eligible : NULL};
        // User 4 has no history.
        w->users[b] =
            (nj_cold_user){w->history[b], b == 4 ? 0 : 1 + b % HISTORY_MAX, &w->exclusions[b]};
    }
}

static void make_rows(world *w, uint64_t seed)
{
    for (uint32_t row = 0; row < w->rows; row++) {
        w->retired[row] = row > 0 && mix(seed * 3 + row) % 10 == 0;
        w->counts[row] = row == 0 || mix(seed * 11 + row) % 4 == 0;
        for (uint32_t l = 0; l < L; l++) {
            w->codes[row * L + l] = (uint16_t)(mix(seed * 77 + row * L + l) % K);
        }
        if (mix(seed * 13 + row) % 9 == 0) {
            nj_bits_add(w->denied, row);
        }
        if (mix(seed * 17 + row) % 2 == 0 || row == 0) {
            nj_bits_add(w->eligible_rows, row);
        }
        make_vector(w, seed, row, w->values + (size_t)row * w->D);
    }
}

static world *make_world(uint64_t seed, uint32_t rows, uint32_t D)
{
    nj_error err = {0};
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->rows = rows;
    w->D = D;
    make_rows(w, seed);
    w->catalogue.counts = w->counts;
    w->catalogue.sids = (nj_sids){.codes = w->codes,
                                  .row_count = rows,
                                  .level_count = L,
                                  .codes_per_level = {K, K, K},
                                  .retired = w->retired};
    nj_trie *trie = &w->catalogue.trie;
    nj_buffer_init(&w->trie_bytes, SIZE_MAX / 2);
    assert_ok(nj_trie_build(&w->catalogue.sids, &w->trie_bytes, &err), &err);
    assert_ok(nj_trie_open(w->trie_bytes.bytes, w->trie_bytes.size, rows, trie, &err), &err);
    w->eligible_memory = aligned_alloc(64, (nj_eligible_bytes(trie) + 63) / 64 * 64);
    assert_non_null(w->eligible_memory);
    nj_eligible_fold(trie, w->eligible_rows, w->eligible_memory, &w->eligible);
    w->vectors = (nj_item_vectors){.row_count = rows, .width = D, .f32 = w->values};
    w->policy = (nj_policy){.cold_places = 3, .cold_least = -1, .cold_fading = 0.7f};
    make_users(w, seed);
    w->inputs = (nj_cold_inputs){.policy = &w->policy,
                                 .catalogue = &w->catalogue,
                                 .vectors = &w->vectors,
                                 .denied = w->denied};
    assert_ok(nj_kernels_select("auto", &w->inputs.kernels, &err), &err);
    return w;
}

static void free_world(world *w)
{
    nj_buffer_fini(&w->trie_bytes);
    free(w->eligible_memory);
    free(w);
}

// ---- the law ----

static bool is_in_pool(const world *w, uint32_t row)
{
    const bool is_cold = w->policy.cold_items == NJ_COLD_ITEMS_UNSEEN
                             ? w->counts[row] == 0
                             : row >= w->inputs.trained_item_count;
    return is_cold && w->retired[row] == 0 && !nj_bits_has(w->denied, row);
}

static bool is_shut_out(const world *w, uint32_t b, uint32_t row)
{
    const nj_exclusions *e = &w->exclusions[b];
    bool is_excluded = false;
    for (uint32_t i = 0; i < e->count; i++) {
        is_excluded = is_excluded || e->rows[i] == row;
    }
    return is_excluded || (e->eligible != NULL && !nj_bits_has(w->eligible_rows, row));
}

static bool plain_vector(const world *w, uint32_t b, float *out)
{
    double sum[D_MAX] = {0};
    double weight = 1;
    double square = 0;
    for (uint32_t i = w->users[b].history_count; i-- > 0;) {
        for (uint32_t d = 0; d < w->D; d++) {
            sum[d] += weight * (double)w->values[w->history[b][i] * w->D + d];
        }
        weight *= (double)w->policy.cold_fading;
    }
    for (uint32_t d = 0; d < w->D; d++) {
        square += sum[d] * sum[d];
    }
    for (uint32_t d = 0; d < w->D; d++) {
        out[d] = square > 0 ? (float)(sum[d] / sqrt(square)) : 0;
    }
    return square > 0;
}

static float plain_cosine(const world *w, const float *vector, uint32_t row)
{
    float sum = 0;
    for (uint32_t d = 0; d < w->D; d++) {
        sum = fmaf(vector[d], w->values[row * w->D + d], sum);
    }
    return sum;
}

static bool has_vector(const world *w, uint32_t row)
{
    float sum = 0;
    for (uint32_t d = 0; d < w->D; d++) {
        sum += fabsf(w->values[row * w->D + d]);
    }
    return sum > 0;
}

// The best row that is not in the list yet; the number of rows where there is none.
static uint32_t next_best(const world *w, uint32_t b, const float *cosines, const bool *used)
{
    uint32_t best = w->rows;
    for (uint32_t row = 0; row < w->rows; row++) {
        if (!used[row] && is_in_pool(w, row) && has_vector(w, row) &&
            cosines[row] >= w->policy.cold_least &&
            (best == w->rows || cosines[row] > cosines[best]) && !is_shut_out(w, b, row)) {
            best = row;
        }
    }
    return best;
}

static void check_choice(const world *w, uint32_t b, const nj_cold_choice *choice)
{
    bool used[ROWS_MAX] = {false};
    float cosines[ROWS_MAX];
    float vector[D_MAX];
    if (!plain_vector(w, b, vector)) {
        assert_null(choice->vector);
        assert_int_equal(choice->best.count, 0);
        return;
    }
    for (uint32_t row = 0; row < w->rows; row++) {
        cosines[row] = plain_cosine(w, vector, row);
    }
    uint32_t place = 0;
    for (; place < w->policy.cold_places + NJ_COLD_SPARE; place++) {
        const uint32_t row = next_best(w, b, cosines, used);
        if (row == w->rows) {
            break;
        }
        assert_true(place < choice->best.count);
        const nj_candidate *item = &choice->best.items[place];
        assert_int_equal(item->row, row);
        assert_int_equal(item->leaf, nj_trie_find(&w->catalogue.trie, w->codes + row * L));
        assert_int_equal(item->source, NJ_SOURCE_COLD);
        assert_true(item->raw == cosines[row] && item->score == cosines[row]);
        used[row] = true;
    }
    assert_int_equal(choice->best.count, place);
}

// Opens, plans and computes within what was planned.
static nj_cold *begin(const world *w, const nj_cold_user *users, uint32_t B, nj_arena *arena,
                      nj_cold_choice *choices)
{
    nj_error err = {0};
    nj_cold *cold = NULL;
    assert_ok(nj_cold_open(&w->inputs, &cold, &err), &err);
    const size_t planned = nj_cold_scratch_bytes(cold, B);
    assert_ok(nj_arena_init(arena, planned, &err), &err);
    nj_cold_begin(cold, users, B, arena, choices);
    assert_int_equal(arena->peak, planned);
    return cold;
}

static void check_world(const world *w)
{
    nj_arena arena = {0};
    nj_cold_choice choices[USERS];
    nj_cold *cold = begin(w, w->users, USERS, &arena, choices);
    uint32_t count = 0;
    for (uint32_t row = 0; row < w->rows; row++) {
        assert_int_equal(nj_cold_has(cold, row), is_in_pool(w, row));
        count += is_in_pool(w, row);
    }
    assert_int_equal(nj_cold_pool_count(cold), count);
    for (uint32_t b = 0; b < USERS; b++) {
        check_choice(w, b, &choices[b]);
    }
    nj_arena_fini(&arena);
    nj_cold_close(&cold);
}

// ---- scores ----

static void the_best_cold_items_are_those_of_a_search_through_all(void **state)
{
    (void)state;
    // Pools below and above one block of the product.
    const struct {
        uint32_t rows, D;
    } SIZES[] = {{2, 1}, {40, 5}, {700, 8}, {820, 33}, {1399, 16}};
    for (uint64_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        world *w = make_world(i + 1, SIZES[i].rows, SIZES[i].D);
        check_world(w);
        w->policy.cold_least = 0.4f;
        check_world(w);
        w->policy.cold_items = NJ_COLD_ITEMS_ADDED;
        w->inputs.trained_item_count = SIZES[i].rows / 2 + 1;
        check_world(w);
        free_world(w);
    }
}

static void a_user_gets_the_same_bits_alone_in_a_batch_and_from_every_exact_kernel(void **state)
{
    (void)state;
    nj_cold_choice together[USERS];
    nj_arena arena = {0};
    world *w = make_world(21, 1300, 24);
    nj_cold *cold = begin(w, w->users, USERS, &arena, together);
    const nj_kernels *kernels = NULL;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (strcmp(kernels->numeric_class, "exact") != 0) {
            continue;
        }
        w->inputs.kernels = kernels;
        for (uint32_t b = 0; b < USERS; b++) {
            nj_cold_choice alone;
            nj_arena small = {0};
            nj_cold *other = begin(w, &w->users[b], 1, &small, &alone);
            assert_int_equal(alone.best.count, together[b].best.count);
            for (uint32_t k = 0; k < alone.best.count; k++) {
                assert_int_equal(alone.best.items[k].row, together[b].best.items[k].row);
                assert_true(alone.best.items[k].raw == together[b].best.items[k].raw);
            }
            nj_arena_fini(&small);
            nj_cold_close(&other);
        }
    }
    nj_arena_fini(&arena);
    nj_cold_close(&cold);
    free_world(w);
}

static void vectors_of_sixteen_bits_give_what_their_values_give(void **state)
{
    (void)state;
    world *w = make_world(31, 600, 7);
    uint16_t *halves = calloc((size_t)w->rows * w->D, sizeof *halves);
    assert_non_null(halves);
    for (size_t i = 0; i < (size_t)w->rows * w->D; i++) {
        halves[i] = nj_f16_of_f32(w->values[i]);
        w->values[i] = nj_f32_of_f16(halves[i]);
    }
    w->vectors.f32 = NULL;
    w->vectors.f16 = halves;
    w->vectors.form = NJ_VECTORS_F16;
    check_world(w);
    free(halves);
    free_world(w);
}

static void the_least_cosine_and_the_least_distance_ahead_are_enough(void **state)
{
    (void)state;
    nj_arena arena = {0};
    nj_cold_choice choices[USERS];
    world *w = make_world(37, 500, 9);
    nj_cold *cold = begin(w, w->users, USERS, &arena, choices);
    const nj_candidate *item = &choices[0].best.items[1];
    const float cosine = item->raw;
    const nj_candidate other = {.row = choices[0].best.items[choices[0].best.count - 1].row};
    w->policy.cold_ahead = cosine - plain_cosine(w, choices[0].vector, other.row);
    assert_true(nj_cold_displaces(cold, &choices[0], item, &other));
    w->policy.cold_ahead = nextafterf(w->policy.cold_ahead, 2);
    assert_false(nj_cold_displaces(cold, &choices[0], item, &other));
    nj_arena_fini(&arena);
    nj_cold_close(&cold);

    w->policy.cold_least = cosine;
    check_world(w);
    w->policy.cold_least = nextafterf(cosine, 2);
    check_world(w);
    free_world(w);
}

static void an_item_displaces_only_what_it_is_far_enough_ahead_of(void **state)
{
    (void)state;
    nj_arena arena = {0};
    nj_cold_choice choices[USERS];
    world *w = make_world(41, 500, 9);
    nj_cold *cold = begin(w, w->users, USERS, &arena, choices);
    uint32_t yes = 0;
    uint32_t no = 0;
    for (uint32_t b = 0; b < USERS; b++) {
        for (uint32_t row = 0; row < w->rows && choices[b].vector != NULL; row++) {
            const nj_candidate *item = &choices[b].best.items[b % choices[b].best.count];
            const nj_candidate displaced = {.row = row};
            const bool is_ahead = item->raw - plain_cosine(w, choices[b].vector, row) >= 0.5f;
            w->policy.cold_ahead = 0.5f;
            assert_int_equal(nj_cold_displaces(cold, &choices[b], item, &displaced), is_ahead);
            yes += is_ahead;
            no += !is_ahead;
            w->policy.cold_ahead = -2;
            assert_true(nj_cold_displaces(cold, &choices[b], item, &displaced));
            w->policy.cold_ahead = 2;
            assert_true(nj_cold_displaces(cold, &choices[b], item, NULL));
        }
    }
    assert_true(yes > 100 && no > 100);
    nj_arena_fini(&arena);
    nj_cold_close(&cold);
    free_world(w);
}

// ---- borrowing ----

// Best first, two and two of one score.
static uint32_t make_candidates(const world *w, uint64_t seed, uint32_t count, nj_candidate *items)
{
    uint32_t made = 0;
    for (uint32_t row = 0; row < w->rows && made < count; row++) {
        if (w->retired[row] == 0 && mix(seed * 19 + row) % 5 == 0) {
            const uint32_t leaf = nj_trie_find(&w->catalogue.trie, w->codes + row * L);
            items[made] = (nj_candidate){.row = row, .leaf = leaf, .score = -(float)(made / 2)};
            made++;
        }
    }
    return made;
}

// The first candidate that begins with the same codes; `count` where there is none.
static uint32_t plain_lender(const world *w, const nj_candidate *items, uint32_t count,
                             uint32_t row)
{
    const size_t bytes = w->policy.borrow_levels * sizeof *w->codes;
    uint32_t i = 0;
    while (i < count && memcmp(w->codes + items[i].row * L, w->codes + row * L, bytes) != 0) {
        i++;
    }
    return i;
}

// Rows from `first` on that are this one, each checked against its lender.
static uint32_t count_borrowed(const world *w, const nj_candidate *items, uint32_t lenders,
                               uint32_t count, uint32_t row)
{
    const uint32_t lender = plain_lender(w, items, lenders, row);
    uint32_t found = 0;
    for (uint32_t i = lenders; i < count; i++) {
        if (items[i].row != row) {
            continue;
        }
        found++;
        assert_int_equal(items[i].source, NJ_SOURCE_BORROWED);
        assert_int_equal(items[i].leaf, nj_trie_find(&w->catalogue.trie, w->codes + row * L));
        assert_true(lender < lenders && items[i].raw == items[lender].score);
        assert_true(items[i].score == items[i].raw - w->policy.borrow_less);
    }
    return found;
}

static void check_borrowed(const world *w, uint32_t b, const nj_candidate *items, uint32_t lenders,
                           uint32_t count)
{
    uint32_t wanted = lenders;
    for (uint32_t row = 0; row < w->rows; row++) {
        bool is_lender = false;
        for (uint32_t i = 0; i < lenders; i++) {
            is_lender = is_lender || items[i].row == row;
        }
        const bool may = is_in_pool(w, row) && !is_shut_out(w, b, row) && !is_lender &&
                         plain_lender(w, items, lenders, row) < lenders;
        assert_int_equal(count_borrowed(w, items, lenders, count, row), may);
        wanted += may;
    }
    assert_int_equal(count, wanted);
}

static void borrow(const world *w, uint32_t b, uint64_t seed)
{
    nj_error err = {0};
    nj_cold *cold = NULL;
    nj_arena arena = {0};
    nj_candidate items[ROWS_MAX];
    nj_candidate few[ROWS_MAX];
    const uint32_t lenders = make_candidates(w, seed, 12, items);
    memcpy(few, items, lenders * sizeof *few);
    nj_candidates all = {items, lenders, ROWS_MAX};
    assert_ok(nj_cold_open(&w->inputs, &cold, &err), &err);
    assert_ok(nj_arena_init(&arena, nj_cold_borrow_bytes(cold), &err), &err);
    nj_cold_borrow(cold, &w->exclusions[b], &arena, &all);
    check_borrowed(w, b, items, lenders, all.count);
    assert_int_equal(arena.used, 0);
    // Where room ends, those that borrow of the best candidates are there.
    nj_candidates cut = {few, lenders, lenders + (all.count - lenders) / 2};
    nj_cold_borrow(cold, &w->exclusions[b], &arena, &cut);
    assert_int_equal(cut.count, cut.room);
    for (uint32_t i = 0; i < cut.count; i++) {
        assert_int_equal(few[i].row, items[i].row);
    }
    nj_arena_fini(&arena);
    nj_cold_close(&cold);
}

static void a_cold_item_borrows_the_score_of_the_best_candidate_with_its_prefix(void **state)
{
    (void)state;
    for (uint32_t levels = 1; levels <= L; levels++) {
        world *w = make_world(50 + levels, 400, 2);
        w->policy = (nj_policy){.borrow_levels = levels, .borrow_less = 0.25f};
        w->inputs.vectors = NULL;
        for (uint32_t b = 0; b < 3; b++) {
            borrow(w, b, levels * 3 + b);
        }
        free_world(w);
    }
}

// ---- what a bundle may lack, and memory ----

static void expect_refusal(const world *w, const char *words)
{
    nj_error err = {0};
    nj_cold *cold = NULL;
    assert_int_equal(nj_cold_open(&w->inputs, &cold, &err), NJ_CONFIG);
    assert_non_null(strstr(err.text, words));
    assert_null(cold);
}

static void a_rule_that_the_bundle_has_nothing_for_is_refused(void **state)
{
    (void)state;
    world *w = make_world(61, 50, 4);
    w->catalogue.counts = NULL;
    expect_refusal(w, "--histories");
    assert_int_equal(nj_cold_count(&w->inputs), 0);
    w->policy.cold_items = NJ_COLD_ITEMS_ADDED;
    expect_refusal(w, "on how many items");
    w->inputs.trained_item_count = 40;
    assert_int_equal(nj_cold_count(&w->inputs), 10);
    w->inputs.vectors = NULL;
    expect_refusal(w, "--item-vectors");
    w->inputs.vectors = &w->vectors;
    w->policy.borrow_levels = L + 1;
    expect_refusal(w, "levels");
    free_world(w);
}

static void an_empty_pool_gives_nobody_anything(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_cold *cold = NULL;
    nj_cold_choice choices[USERS];
    nj_candidate item = {.row = 0, .leaf = 0};
    nj_candidates candidates = {&item, 1, 2};
    world *w = make_world(71, 50, 4);
    w->policy.cold_items = NJ_COLD_ITEMS_ADDED;
    w->policy.borrow_levels = 1;
    w->inputs.trained_item_count = 50;
    assert_ok(nj_cold_open(&w->inputs, &cold, &err), &err);
    assert_int_equal(nj_cold_pool_count(cold), 0);
    assert_int_equal(nj_cold_scratch_bytes(cold, USERS), 0);
    nj_cold_begin(cold, w->users, USERS, NULL, choices);
    nj_cold_borrow(cold, &w->exclusions[0], NULL, &candidates);
    assert_int_equal(candidates.count, 1);
    for (uint32_t b = 0; b < USERS; b++) {
        assert_int_equal(choices[b].best.count, 0);
        assert_null(choices[b].vector);
    }
    nj_cold_close(&cold);
    free_world(w);
}

// Each array that is allocated, counted anew.
static void what_is_planned_before_holds_the_pool(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_cold *cold = NULL;
    world *w = make_world(81, 1000, 8);
    w->policy.borrow_levels = 2;
    assert_ok(nj_cold_open(&w->inputs, &cold, &err), &err);
    const size_t planned = nj_cold_bytes(&w->inputs, nj_cold_count(&w->inputs));
    const size_t used = sizeof *cold + 4 * (size_t)(2 * cold->count + cold->scored_count) +
                        (cold->group_count + 1) * sizeof *cold->groups +
                        4 * (size_t)cold->scored_count * w->D + w->rows / 8;
    assert_true(planned >= used);
    assert_true(nj_cold_count(&w->inputs) > cold->count); // retired and denied ones
    w->vectors.width = UINT32_MAX;
    assert_true(nj_cold_bytes(&w->inputs, UINT32_MAX) == SIZE_MAX);
    nj_cold_close(&cold);
    free_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_cold_items_are_those_of_a_search_through_all),
        cmocka_unit_test(a_user_gets_the_same_bits_alone_in_a_batch_and_from_every_exact_kernel),
        cmocka_unit_test(vectors_of_sixteen_bits_give_what_their_values_give),
        cmocka_unit_test(the_least_cosine_and_the_least_distance_ahead_are_enough),
        cmocka_unit_test(an_item_displaces_only_what_it_is_far_enough_ahead_of),
        cmocka_unit_test(a_cold_item_borrows_the_score_of_the_best_candidate_with_its_prefix),
        cmocka_unit_test(a_rule_that_the_bundle_has_nothing_for_is_refused),
        cmocka_unit_test(an_empty_pool_gives_nobody_anything),
        cmocka_unit_test(what_is_planned_before_holds_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
