// test_contrast.c - outcomes, effect sizes by all pairs and as wide as they should be, and each question by hand.
#include "common/judge/contrast.h"

#include <math.h>
#include <stdlib.h>

#include "common/judge/exposure.h"
#include "common/judge/metric.h"
#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EPSILON 1e-12    // a few double operations
#define EPSILON_F32 1e-6 // features are kept in float32

static void an_outcome_is_who_has_it_within_the_cut_off(void **state)
{
    (void)state;
    assert_int_equal(nj_outcome_of(1, 0, 10), NJ_OUTCOME_WIN);
    assert_int_equal(nj_outcome_of(10, 11, 10), NJ_OUTCOME_WIN);
    assert_int_equal(nj_outcome_of(0, 3, 10), NJ_OUTCOME_LOSS);
    assert_int_equal(nj_outcome_of(2, 9, 10), NJ_OUTCOME_BOTH);
    assert_int_equal(nj_outcome_of(0, 0, 10), NJ_OUTCOME_NEITHER);
    assert_int_equal(nj_outcome_of(11, 12, 10), NJ_OUTCOME_NEITHER);
}

static double plain_delta(const double *x, size_t m, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            sum += (x[i] > y[j]) - (x[i] < y[j]);
        }
    }
    return sum / ((double)m * (double)n);
}

static void delta_is_who_is_above_whom_over_all_pairs(void **state)
{
    (void)state;
    simrandom random = {12};
    for (int round = 0; round < 200; round++) {
        double x[40];
        double y[30];
        const size_t m = 1 + simrandom_below(&random, 40);
        const size_t n = 1 + simrandom_below(&random, 30);
        for (size_t i = 0; i < m; i++) {
            x[i] = (double)simrandom_below(&random, 9);
        }
        for (size_t j = 0; j < n; j++) {
            y[j] = (double)simrandom_below(&random, 12);
        }
        const double wanted = plain_delta(x, m, y, n);
        const nj_effect found = nj_cliffs_delta(x, m, y, n);
        assert_true(fabs(found.delta - wanted) < EPSILON);
        assert_true(found.low <= found.delta && found.delta <= found.high);
        assert_true(found.low >= -1 && found.high <= 1);
    }
    double high[] = {5, 6};
    double low[] = {1, 2};
    const nj_effect all = nj_cliffs_delta(high, 2, low, 2);
    assert_true(all.delta == 1 &&
                !all.has_interval); // they do not overlap: nothing tells the spread
    assert_true(nj_cliffs_delta(high, 0, low, 2).delta == 0);
}

// Of yes and no it is the difference of the shares, with the standard error that n - 1 gives.
static void delta_of_a_question_is_the_difference_of_the_shares(void **state)
{
    (void)state;
    double x[50];
    double y[80];
    for (size_t i = 0; i < 80; i++) {
        y[i] = i % 4 == 0; // 20 of 80
        if (i < 50) {
            x[i] = i % 5 < 3; // 30 of 50
        }
    }
    const nj_effect found = nj_cliffs_delta(x, 50, y, 80);
    const double error = sqrt(0.6 * 0.4 / 49 + 0.25 * 0.75 / 79);
    assert_true(fabs(found.delta - 0.35) < EPSILON);
    assert_true(fabs(found.high - found.low - 2 * 1.959963984540054 * error) < EPSILON);
}

static void intervals_of_delta_hold_the_truth_as_often_as_they_say(void **state)
{
    (void)state;
    enum { SAMPLES = 1500, M = 60, N = 90 };
    size_t held = 0;
    simrandom random = {31};
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        double x[M];
        double y[N];
        for (size_t i = 0; i < N; i++) {
            y[i] = (double)simrandom_below(&random, 100);
            if (i < M) {
                x[i] = (double)simrandom_below(&random, 100) + 25;
            }
        }
        // X - Y = 25 + the difference of two even numbers of 0..99: P(above) - P(below) = 1 - 2 P(below) - P(alike)
        const double truth = 1 - (2 * (74.0 * 75 / 2) + 75) / 10000;
        const nj_effect found = nj_cliffs_delta(x, M, y, N);
        held += found.low <= truth && truth <= found.high;
    }
    assert_in_range(held, 0.93 * SAMPLES, 0.97 * SAMPLES);
}

// ---- questions ----

enum { ITEMS = 6, USERS = 3, L = 3, D = 2 };
static const uint16_t CODES[ITEMS * L] = {1, 1, 0, 1, 1, 1, 1, 2, 0, 3, 3, 0, 3, 4, 0, 5, 5, 0};
static const uint32_t EVENTS[ITEMS] = {10, 0, 20, 30, 5, 1};
static const uint32_t CATEGORIES[ITEMS] = {0, 0, 1, 1, NJ_GROUP_NONE, 0};
static const float EMBEDDINGS[ITEMS * D] = {1, 0, 0, 2, -3, 0, 1, 1, 0, 0, 4, 0};
static const uint32_t LENGTHS[USERS] = {3, 4, 0};
static const uint32_t TARGETS[USERS] = {0, 1, 4};
// User 0 has 1 and 2, user 1 (who had two unknown items too) 3 and 1, user 2 nothing.
static const uint32_t HISTORIES[USERS][2] = {{1, 2}, {3, 1}, {0, 0}};

static const uint32_t *history_at(const void *history, size_t user, uint32_t *out_count)
{
    (void)history;
    *out_count = user == 2 ? 0 : 2;
    return HISTORIES[user];
}

static void each_question_is_answered_as_by_hand(void **state)
{
    (void)state;
    const nj_evaluation e = {
        .user_count = USERS,
        .targets = TARGETS,
        .history_lengths = LENGTHS,
        .history_at = history_at,
        .item_count = ITEMS,
        .popularity = EVENTS,
        .codes = CODES,
        .level_count = L,
        .has_suffix = true,
        .embeddings = EMBEDDINGS,
        .embedding_width = D,
        .texts = {.category_of = CATEGORIES, .category_count = 2},
    };
    static const double WANTED[NJ_FEATURE_COUNT][USERS] = {
        [NJ_FEATURE_HISTORY_LENGTH] = {3, 4, 0},
        [NJ_FEATURE_TARGET_EVENTS] = {10, 0, 5},
        [NJ_FEATURE_TARGET_COLD] = {0, 1, 0},
        [NJ_FEATURE_HISTORY_EVENTS] = {10, 15, NAN},
        [NJ_FEATURE_REPEATED_ITEM] = {0, 1, 0},
        [NJ_FEATURE_REPEATED_CATEGORY] = {1, 1, NAN}, // item 4 has no category
        [NJ_FEATURE_FIRST_CODE_SEEN] = {1, 1, 0},
        [NJ_FEATURE_SECOND_CODE_SEEN] = {1, 1, 0},
        [NJ_FEATURE_SHARED_SID_ITEMS] = {1, 1, 0}, // 1 1 is of two items
        [NJ_FEATURE_LAST_COSINE] = {-1, 1, NAN},
        [NJ_FEATURE_NEAREST_COSINE] = {0, 1, NAN},
    };
    float *inverse = NULL;
    nj_features features;
    assert_int_equal(nj_inverse_lengths(EMBEDDINGS, ITEMS, D, &inverse), NJ_OK);
    assert_int_equal(nj_features_init(&e, inverse, &features), NJ_OK);
    for (size_t f = 0; f < NJ_FEATURE_COUNT; f++) {
        for (size_t user = 0; user < USERS; user++) {
            const double found = features.values[f][user];
            const double wanted = WANTED[f][user];
            if (!(isnan(wanted) ? isnan(found) : fabs(found - wanted) < EPSILON_F32)) {
                fail_msg("%s of user %zu: %g, expected %g", NJ_FEATURES[f].name, user, found,
                         wanted);
            }
        }
    }
    nj_features_fini(&features);
    free(inverse);
}

static void questions_without_what_they_take_are_not_asked(void **state)
{
    (void)state;
    const nj_evaluation e = {.user_count = USERS,
                             .targets = TARGETS,
                             .item_count = ITEMS,
                             .codes = CODES,
                             .level_count = L,
                             .has_suffix = true};
    nj_features features;
    assert_int_equal(nj_features_init(&e, NULL, &features), NJ_OK);
    for (size_t f = 0; f < NJ_FEATURE_COUNT; f++) {
        assert_true((features.values[f] != NULL) == (f == NJ_FEATURE_SHARED_SID_ITEMS));
    }
    nj_features_fini(&features);
}

static void wins_losses_and_the_rest_are_told_apart(void **state)
{
    (void)state;
    static const uint32_t A[] = {1, 2, 0, 0, 3, 5, 0, 0};
    static const uint32_t B[] = {0, 0, 4, 0, 2, 6, 0, 0};
    float lengths[] = {10, 20, 1, 5, 6, 7, NAN, 8};
    float asked[] = {1, 1, 0, 0, 1, 1, 0, 1};
    const nj_features features = {
        .user_count = 8,
        .values = {[NJ_FEATURE_HISTORY_LENGTH] = lengths, [NJ_FEATURE_TARGET_COLD] = asked}};
    nj_contrast c;
    assert_int_equal(nj_contrast_init(&features, A, B, 10, &c), NJ_OK);
    assert_int_equal(c.counts[NJ_OUTCOME_WIN], 2);
    assert_int_equal(c.counts[NJ_OUTCOME_LOSS], 1);
    assert_int_equal(c.counts[NJ_OUTCOME_BOTH], 2);
    assert_int_equal(c.counts[NJ_OUTCOME_NEITHER], 3);
    assert_int_equal(c.both_first, 1);
    assert_int_equal(c.both_other, 1);
    assert_true(c.known[NJ_FEATURE_HISTORY_LENGTH] && !c.known[NJ_FEATURE_LAST_COSINE]);
    const nj_feature_contrast *length = &c.features[NJ_FEATURE_HISTORY_LENGTH];
    assert_int_equal(length->counts[NJ_OUTCOME_NEITHER], 2); // one has no number
    assert_true(length->typical[NJ_OUTCOME_WIN] == 15 && length->typical[NJ_OUTCOME_LOSS] == 1);
    assert_true(length->wins_losses.delta == 1 && length->wins_rest.delta == 1);
    assert_true(length->losses_rest.delta == -1);
    const nj_feature_contrast *cold = &c.features[NJ_FEATURE_TARGET_COLD];
    assert_true(fabs(cold->typical[NJ_OUTCOME_NEITHER] - 1.0 / 3) < EPSILON);
    assert_true(fabs(cold->wins_rest.delta - (1 - 3.0 / 5)) < EPSILON);
}

static void examples_stand_for_all_of_their_outcome(void **state)
{
    (void)state;
    uint32_t first[100];
    uint32_t users[10];
    const uint32_t none[100] = {0};
    for (uint32_t i = 0; i < 100; i++) {
        first[i] = i % 2; // 50 wins: 1, 3, 5 ... 99
    }
    assert_int_equal(nj_contrast_examples(first, none, 100, 10, NJ_OUTCOME_WIN, users, 5), 5);
    static const uint32_t FIVE[] = {1, 21, 41, 61, 81};
    assert_memory_equal(users, FIVE, sizeof FIVE);
    assert_int_equal(nj_contrast_examples(first, none, 5, 10, NJ_OUTCOME_WIN, users, 10), 2);
    static const uint32_t TWO[] = {1, 3};
    assert_memory_equal(users, TWO, sizeof TWO);
    assert_int_equal(nj_contrast_examples(first, none, 100, 10, NJ_OUTCOME_LOSS, users, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outcome_is_who_has_it_within_the_cut_off),
        cmocka_unit_test(delta_is_who_is_above_whom_over_all_pairs),
        cmocka_unit_test(delta_of_a_question_is_the_difference_of_the_shares),
        cmocka_unit_test(intervals_of_delta_hold_the_truth_as_often_as_they_say),
        cmocka_unit_test(each_question_is_answered_as_by_hand),
        cmocka_unit_test(questions_without_what_they_take_are_not_asked),
        cmocka_unit_test(wins_losses_and_the_rest_are_told_apart),
        cmocka_unit_test(examples_stand_for_all_of_their_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
