// test_bootstrap.c - intervals: known answers, coverage of simulated truths, pairing, and the plainest bootstrap beside it.
#include "common/judge/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

enum { RECALL, NDCG, MRR };        // of NJ_METRICS
enum { AT_1, AT_5, AT_10, AT_20 }; // of NJ_CUTOFFS
enum { USERS_MAX = 4000 };

static uint32_t a[USERS_MAX];
static uint32_t b[USERS_MAX];
static const uint32_t *const BOTH[] = {a, b};

// A hit in `odds` of 1,000 cases, at a rank of 1 to 20 or just behind.
static uint32_t draw_rank(simrandom *random, uint32_t odds)
{
    return simrandom_chance(random, odds, 1000) ? (uint32_t)simrandom_between(random, 1, 22)
                                                : NJ_RANK_NONE;
}

// The other model agrees with the first in two of three cases.
static void draw_users(simrandom *random, size_t count, uint32_t odds)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = draw_rank(random, odds);
        b[i] = simrandom_chance(random, 2, 3) ? a[i] : draw_rank(random, odds);
    }
}

static nj_bootstrap resample(size_t rankings, size_t users, uint32_t count, uint64_t seed)
{
    nj_bootstrap bootstrap = {0};
    const nj_resampling resampling = {count, seed};
    assert_int_equal(nj_bootstrap_init(BOTH, rankings, NULL, users, &resampling, &bootstrap),
                     NJ_OK);
    return bootstrap;
}

static void means_are_those_of_the_users_bit_for_bit(void **state)
{
    (void)state;
    simrandom random = {1};
    draw_users(&random, 1001, 300);
    nj_bootstrap bootstrap = resample(2, 1001, 3, 1);
    assert_int_equal(NJ_CUTOFFS[NJ_CUTOFF_COUNT - 1], NJ_CUTOFF_MAX);
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            const double of_a = nj_metric_mean(&NJ_METRICS[metric], NJ_CUTOFFS[c], a, 1001);
            const double of_b = nj_metric_mean(&NJ_METRICS[metric], NJ_CUTOFFS[c], b, 1001);
            assert_true(nj_bootstrap_value(&bootstrap, 0, metric, c).value == of_a);
            assert_true(nj_bootstrap_value(&bootstrap, 1, metric, c).value == of_b);
            assert_true(nj_bootstrap_difference(&bootstrap, 0, 1, metric, c).value == of_a - of_b);
        }
    }
    nj_bootstrap_fini(&bootstrap);
}

static void only_members_count(void **state)
{
    (void)state;
    static const uint32_t MEMBERS[] = {1, 4, 5, 9};
    for (uint32_t i = 0; i < 10; i++) {
        a[i] = i == 1 || i == 5 ? 2 : i == 9 ? NJ_RANK_NONE : 1;
    }
    nj_bootstrap bootstrap = {0};
    const nj_resampling resampling = {100, 1};
    assert_int_equal(nj_bootstrap_init(BOTH, 1, MEMBERS, 4, &resampling, &bootstrap), NJ_OK);
    assert_true(nj_bootstrap_value(&bootstrap, 0, RECALL, AT_1).value == 0.25);
    assert_true(nj_bootstrap_value(&bootstrap, 0, RECALL, AT_5).value == 0.75);
    assert_true(nj_bootstrap_value(&bootstrap, 0, MRR, AT_20).value == 0.5);
    nj_bootstrap_fini(&bootstrap);
}

// With p hits of n the mean's standard error is sqrt(p (1 - p) / n): the bootstrap has to find it.
static void an_interval_is_as_wide_as_theory_says(void **state)
{
    (void)state;
    enum { USERS = 4000 };
    for (size_t i = 0; i < USERS; i++) {
        a[i] = i % 5 == 0 ? 1 : NJ_RANK_NONE;
        b[i] = i % 4 == 0 ? 1 : NJ_RANK_NONE;
    }
    nj_bootstrap bootstrap = resample(2, USERS, 4000, 7);
    const nj_estimate value = nj_bootstrap_value(&bootstrap, 0, RECALL, AT_10);
    const double error = sqrt(0.2 * 0.8 / USERS);
    assert_true(value.has_interval);
    assert_true(fabs(value.low - (0.2 - 1.96 * error)) < 0.1 * error);
    assert_true(fabs(value.high - (0.2 + 1.96 * error)) < 0.1 * error);
    // of each user's difference: +1 for 3 of 20, -1 for 4 of 20
    const nj_estimate difference = nj_bootstrap_difference(&bootstrap, 0, 1, RECALL, AT_10);
    const double of_difference = sqrt((0.15 + 0.2 - 0.05 * 0.05) / USERS);
    assert_true(fabs(difference.value + 0.05) < 1e-12);
    assert_true(fabs(difference.high - difference.low - 2 * 1.96 * of_difference) <
                0.2 * of_difference);
    nj_bootstrap_fini(&bootstrap);
}

// The draws are those of the header; everything else is done again with loops.
static void the_plainest_bootstrap_says_the_same(void **state)
{
    (void)state;
    enum { USERS = 57, RESAMPLES = 40 };
    simrandom random = {5};
    draw_users(&random, USERS, 500);
    nj_bootstrap bootstrap = resample(2, USERS, RESAMPLES, 3);
    double values[RESAMPLES];
    simrandom stream = {simrandom_mix(3 + 0x9e3779b97f4a7c15u)};
    for (size_t r = 0; r < RESAMPLES; r++) {
        uint32_t first[USERS];
        uint32_t other[USERS];
        for (size_t i = 0; i < USERS; i += 2) {
            const uint64_t bits = simrandom_next(&stream);
            for (size_t half = 0; half < 2 && i + half < USERS; half++) {
                const uint64_t word = half == 0 ? bits & UINT32_MAX : bits >> 32;
                first[i + half] = a[word * USERS >> 32];
                other[i + half] = b[word * USERS >> 32];
            }
        }
        values[r] = nj_metric_mean(&NJ_METRICS[NDCG], 5, first, USERS) -
                    nj_metric_mean(&NJ_METRICS[NDCG], 5, other, USERS);
    }
    nj_sort_values(values, RESAMPLES);
    const nj_estimate found = nj_bootstrap_difference(&bootstrap, 0, 1, NDCG, AT_5);
    assert_true(fabs(found.low - (values[0] + 0.975 * (values[1] - values[0]))) < 1e-12);
    assert_true(fabs(found.high - (values[38] + 0.025 * (values[39] - values[38]))) < 1e-12);
    nj_bootstrap_fini(&bootstrap);
}

// The truth of draw_rank is known; of many samples of users 95 % of the intervals have to hold it. A share of 1,000 is off by 0.7 %.
static void intervals_hold_the_truth_as_often_as_they_say(void **state)
{
    (void)state;
    enum { SAMPLES = 1000, USERS = 250, RESAMPLES = 200 };
    const double odds = 0.3;
    double ndcg = 0;
    for (uint32_t rank = 1; rank <= 10; rank++) {
        ndcg += odds / 22 * nj_ndcg_at(rank, 10);
    }
    size_t recall_held = 0;
    size_t ndcg_held = 0;
    size_t difference_held = 0;
    simrandom random = {17};
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        draw_users(&random, USERS, 300);
        nj_bootstrap bootstrap = resample(2, USERS, RESAMPLES, sample);
        const nj_estimate recall = nj_bootstrap_value(&bootstrap, 0, RECALL, AT_20);
        const nj_estimate of_ndcg = nj_bootstrap_value(&bootstrap, 1, NDCG, AT_10);
        const nj_estimate difference = nj_bootstrap_difference(&bootstrap, 0, 1, NDCG, AT_10);
        recall_held += recall.low <= odds * 20 / 22 && odds * 20 / 22 <= recall.high;
        ndcg_held += of_ndcg.low <= ndcg && ndcg <= of_ndcg.high;
        difference_held += difference.low <= 0 && 0 <= difference.high;
        nj_bootstrap_fini(&bootstrap);
    }
    assert_in_range(recall_held, 0.93 * SAMPLES, 0.97 * SAMPLES);
    assert_in_range(ndcg_held, 0.93 * SAMPLES, 0.97 * SAMPLES);
    assert_in_range(difference_held, 0.93 * SAMPLES, 0.97 * SAMPLES);
}

static void the_same_seed_says_the_same_and_a_model_is_judged_alike_beside_any_other(void **state)
{
    (void)state;
    simrandom random = {9};
    draw_users(&random, 500, 300);
    nj_bootstrap one = resample(2, 500, 200, 42);
    nj_bootstrap again = resample(2, 500, 200, 42);
    nj_bootstrap alone = resample(1, 500, 200, 42);
    nj_bootstrap other = resample(1, 500, 200, 43);
    const nj_estimate value = nj_bootstrap_value(&one, 0, NDCG, AT_20);
    assert_memory_equal(one.resamples, again.resamples, 2 * 12 * 200 * sizeof(double));
    assert_memory_equal(one.resamples, alone.resamples, 12 * 200 * sizeof(double));
    assert_true(value.low == nj_bootstrap_value(&alone, 0, NDCG, AT_20).low);
    assert_true(value.low != nj_bootstrap_value(&other, 0, NDCG, AT_20).low);
    nj_bootstrap_fini(&one);
    nj_bootstrap_fini(&again);
    nj_bootstrap_fini(&alone);
    nj_bootstrap_fini(&other);
}

static void check_no_interval(size_t users, uint32_t resamples, double value)
{
    nj_bootstrap bootstrap = resample(1, users, resamples, 1);
    const nj_estimate found = nj_bootstrap_value(&bootstrap, 0, RECALL, AT_10);
    assert_false(found.has_interval);
    assert_true(found.value == value && found.low == value && found.high == value);
    nj_bootstrap_fini(&bootstrap);
}

// Of `users` users none has a hit with a chance of 2.5 % where the true share is the bound.
static void a_share_that_nobody_shows_has_an_upper_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        a[i] = NJ_RANK_NONE;
    }
    for (size_t users = 1; users <= 1000; users *= 10) {
        nj_bootstrap bootstrap = resample(1, users, 50, 1);
        const nj_estimate found = nj_bootstrap_value(&bootstrap, 0, RECALL, AT_10);
        double none = 1;
        for (size_t i = 0; i < users; i++) {
            none *= 1 - found.high;
        }
        assert_true(found.has_interval && found.value == 0 && found.low == 0);
        assert_true(fabs(none - 0.025) < 1e-12);
        assert_true(found.high == nj_bootstrap_value(&bootstrap, 0, NDCG, AT_10).high);
        nj_bootstrap_fini(&bootstrap);
    }
    assert_true(nj_no_hit_bound(0) == 1);
    check_no_interval(100, 0, 0); // nothing was resampled
}

static void where_nothing_varies_there_is_no_interval(void **state)
{
    (void)state;
    check_no_interval(0, 50, 0); // nobody
    for (size_t i = 0; i < 100; i++) {
        a[i] = 3;
    }
    check_no_interval(100, 50, 1); // all hits
    check_no_interval(1, 50, 1);
    a[0] = UINT32_MAX;
    check_no_interval(100, 0, 0.99);         // no resamples
    nj_bootstrap far = resample(1, 1, 1, 1); // a rank far behind all cut-offs is no hit
    assert_true(nj_bootstrap_value(&far, 0, RECALL, AT_10).high == nj_no_hit_bound(1));
    nj_bootstrap_fini(&far);
}

static void quantiles_lie_between_the_values(void **state)
{
    (void)state;
    static const double VALUES[] = {1, 2, 4, 8, 16};
    assert_true(nj_quantile(VALUES, 5, 0) == 1);
    assert_true(nj_quantile(VALUES, 5, 1) == 16);
    assert_true(nj_quantile(VALUES, 5, 0.5) == 4);
    assert_true(nj_quantile(VALUES, 5, 0.125) == 1.5);
    assert_true(nj_quantile(VALUES, 1, 0.3) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_those_of_the_users_bit_for_bit),
        cmocka_unit_test(only_members_count),
        cmocka_unit_test(an_interval_is_as_wide_as_theory_says),
        cmocka_unit_test(the_plainest_bootstrap_says_the_same),
        cmocka_unit_test(intervals_hold_the_truth_as_often_as_they_say),
        cmocka_unit_test(the_same_seed_says_the_same_and_a_model_is_judged_alike_beside_any_other),
        cmocka_unit_test(a_share_that_nobody_shows_has_an_upper_bound),
        cmocka_unit_test(where_nothing_varies_there_is_no_interval),
        cmocka_unit_test(quantiles_lie_between_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
