// test_exposure.c - coverage, Gini, novelty and diversity: by hand, and by their definitions over all pairs.
#include "common/judge/exposure.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EPSILON 1e-12 // the same few double operations in another order
// float32 sums of up to 20 unit vectors against double pairs: 20 * 2^-24 of a sum of at most 20
#define EPSILON_F32 1e-5

#define assert_close(a, b, epsilon)                                                                \
    do {                                                                                           \
        const double a_ = (a), b_ = (b);                                                           \
        if (!(fabs(a_ - b_) <= (epsilon))) {                                                       \
            fail_msg("%.17g, expected %.17g", a_, b_);                                             \
        }                                                                                          \
    } while (0)

#define X NJ_ITEM_INVALID

static nj_lists make_lists(size_t users, uint32_t depth)
{
    nj_lists lists = {0};
    assert_int_equal(nj_lists_init(users, depth, &lists), NJ_OK);
    return lists;
}

static void items_are_counted_within_the_cut_off(void **state)
{
    (void)state;
    static const uint32_t ONE[] = {2, X, 0, 3};
    static const uint32_t OTHER[] = {2, 4};
    nj_lists lists = make_lists(4, 4);
    uint32_t counts[6] = {9, 9, 9, 9, 9, 9};
    nj_exposure e;
    nj_lists_set(&lists, 0, ONE, 4);
    nj_lists_set(&lists, 2, OTHER, 2);
    nj_lists_set(&lists, 3, NULL, 0); // the user before has no list at all
    nj_exposure_count(&lists, 3, counts, 6, &e);
    static const uint32_t WANTED[] = {1, 0, 2, 0, 1, 0};
    assert_memory_equal(counts, WANTED, sizeof WANTED);
    assert_int_equal(e.recommended, 4);
    assert_int_equal(e.invalid, 1);
    assert_int_equal(e.distinct, 3);

    static const uint32_t EVENTS[] = {7, 100, 3, 0, 0, 0}; // 110 in all, of six items
    assert_int_equal(nj_exposure_judge(counts, 6, 5, EVENTS, &e), NJ_OK); // one item is retired
    assert_close(e.coverage, 3.0 / 5, EPSILON);
    assert_close(e.novelty, -(log2(8.0 / 116) + 2 * log2(4.0 / 116) + log2(1.0 / 116)) / 4,
                 EPSILON);
    assert_close(e.popularity, (7 + 2 * 3 + 0) / 4.0, EPSILON);
    // five live items of 0 0 1 1 2: |differences| of all ordered pairs sum up to 20; over 2 n^2 mean = 2 * 25 * 0.8
    assert_close(e.gini, 20.0 / 40, EPSILON);
    nj_lists_fini(&lists);
}

static double gini(const uint32_t *counts, size_t count, size_t live_count)
{
    nj_exposure e = {0};
    assert_int_equal(nj_exposure_judge(counts, count, live_count, NULL, &e), NJ_OK);
    return e.gini;
}

static void gini_goes_from_all_alike_to_one_has_all(void **state)
{
    (void)state;
    static const uint32_t ALIKE[] = {3, 3, 3, 3};
    static const uint32_t ONE[] = {0, 0, 8, 0};
    static const uint32_t TWO[] = {3, 1};
    static const uint32_t NONE[] = {0, 0};
    assert_close(gini(ALIKE, 4, 4), 0, EPSILON);
    assert_close(gini(ONE, 4, 4), 0.75, EPSILON); // 1 - 1 / n
    assert_close(gini(TWO, 2, 2), 0.25, EPSILON);
    assert_close(gini(NONE, 2, 2), 0, EPSILON);
    assert_close(gini(NULL, 0, 0), 0, EPSILON);
}

static void gini_is_the_mean_difference_of_all_pairs(void **state)
{
    (void)state;
    enum { N = 97 };
    simrandom random = {4};
    uint32_t counts[N];
    double total = 0;
    double differences = 0;
    for (size_t i = 0; i < N; i++) {
        counts[i] = simrandom_chance(&random, 1, 2) ? (uint32_t)simrandom_below(&random, 50) : 0;
        total += counts[i];
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            differences += fabs((double)counts[i] - (double)counts[j]);
        }
    }
    assert_close(gini(counts, N, N), differences / (2.0 * N * total), EPSILON);
}

// ---- diversity ----

enum { N = 40, D = 13 };
static float embeddings[N * D];

static void draw_embeddings(simrandom *random)
{
    for (size_t i = 0; i < sizeof embeddings / sizeof *embeddings; i++) {
        embeddings[i] = (float)((double)simrandom_below(random, 20001) / 1000 - 10);
    }
    for (size_t d = 0; d < D; d++) {
        embeddings[7 * D + d] = 0; // no direction
    }
}

static double plain_cosine(uint32_t a, uint32_t b)
{
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (size_t d = 0; d < D; d++) {
        dot += (double)embeddings[a * D + d] * embeddings[b * D + d];
        aa += (double)embeddings[a * D + d] * embeddings[a * D + d];
        bb += (double)embeddings[b * D + d] * embeddings[b * D + d];
    }
    return aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 0;
}

// -1 for a list without a pair.
static double plain_distance(const uint32_t *items, uint32_t count, uint32_t cutoff)
{
    double sum = 0;
    size_t pairs = 0;
    for (uint32_t i = 0; i < count && i < cutoff; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (items[i] != X && items[j] != X) {
                sum += 1 - plain_cosine(items[i], items[j]);
                pairs++;
            }
        }
    }
    return pairs > 0 ? sum / (double)pairs : -1;
}

static void diversity_is_the_mean_distance_of_all_pairs(void **state)
{
    (void)state;
    enum { USERS = 60, DEPTH = 23 };
    simrandom random = {8};
    nj_lists lists = make_lists(USERS, DEPTH);
    double sums[NJ_CUTOFF_COUNT] = {0};
    size_t users[NJ_CUTOFF_COUNT] = {0};
    float *inverse = NULL;
    nj_diversity found;
    draw_embeddings(&random);
    for (size_t user = 0; user < USERS; user++) {
        uint32_t items[DEPTH];
        const uint32_t count = (uint32_t)simrandom_below(&random, DEPTH + 1);
        const uint32_t start = (uint32_t)simrandom_below(&random, N);
        for (uint32_t i = 0; i < count; i++) {
            items[i] = simrandom_chance(&random, 1, 10) ? X : (start + 3 * i) % N;
        }
        nj_lists_set(&lists, user, items, count);
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            const double distance = plain_distance(items, count, NJ_CUTOFFS[c]);
            sums[c] += distance >= 0 ? distance : 0;
            users[c] += distance >= 0;
        }
    }
    assert_int_equal(nj_inverse_lengths(embeddings, N, D, &inverse), NJ_OK);
    assert_int_equal(nj_diversity_judge(&lists, embeddings, inverse, D, &found), NJ_OK);
    for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
        assert_int_equal(found.users[c], users[c]);
        assert_close(found.mean[c], users[c] > 0 ? sums[c] / (double)users[c] : 0, EPSILON_F32);
    }
    assert_int_equal(users[0], 0); // a list of one has no pair
    assert_true(users[3] > USERS / 2);
    assert_close(nj_cosine(embeddings, inverse, D, 3, 4), plain_cosine(3, 4), EPSILON_F32);
    assert_close(nj_cosine(embeddings, inverse, D, 3, 7), 0, EPSILON);
    free(inverse);
    nj_lists_fini(&lists);
}

static void lengths_that_a_float_cannot_invert_are_zero(void **state)
{
    (void)state;
    static const float ROWS[] = {1e-42f, 1e-42f, 0, 0, 1e38f, 1e38f};
    static const uint32_t ITEMS[] = {0, 1, 2};
    float *inverse = NULL;
    nj_lists lists = make_lists(1, 3);
    nj_diversity found;
    nj_lists_set(&lists, 0, ITEMS, 3);
    assert_int_equal(nj_inverse_lengths(ROWS, 3, 2, &inverse), NJ_OK);
    assert_close(nj_cosine(ROWS, inverse, 2, 0, 2), 0, EPSILON);
    assert_close(nj_cosine(ROWS, inverse, 2, 2, 2), 1, EPSILON_F32);
    assert_int_equal(nj_diversity_judge(&lists, ROWS, inverse, 2, &found), NJ_OK);
    assert_close(found.mean[1], 1, EPSILON_F32);
    free(inverse);
    nj_lists_fini(&lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_counted_within_the_cut_off),
        cmocka_unit_test(gini_goes_from_all_alike_to_one_has_all),
        cmocka_unit_test(gini_is_the_mean_difference_of_all_pairs),
        cmocka_unit_test(diversity_is_the_mean_distance_of_all_pairs),
        cmocka_unit_test(lengths_that_a_float_cannot_invert_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
