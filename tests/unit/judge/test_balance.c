// test_balance.c - what lists give and cost: each figure is that of the part which says it alone, and pairs are of the same users.
#include "common/judge/balance.h"

#include <math.h>
#include <stdlib.h>

#include "common/judge/lift.h"
#include "common/judge/paired_tests.h"
#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

enum { USERS = 200, ITEMS = 30, DEPTH = 12, D = 5, AT_10 = 2, RECALL = 0 };

static uint32_t targets[USERS], events[ITEMS];
static float embeddings[ITEMS * D];
static const nj_resampling RESAMPLING = {.resample_count = 200, .seed = 3};

static const uint32_t *history_at(const void *history, size_t user, uint32_t *out_count)
{
    static const uint32_t ROWS[] = {0, 1, 2, 3, 4};
    (void)history;
    *out_count = user % 7 == 0 ? 0 : 1 + (uint32_t)user % 5;
    return ROWS;
}

static nj_evaluation make_evaluation(simrandom *random)
{
    for (size_t i = 0; i < ITEMS; i++) {
        events[i] = (uint32_t)simrandom_below(random, 50);
    }
    for (size_t i = 0; i < ITEMS * D; i++) {
        embeddings[i] = (float)((double)simrandom_below(random, 2001) / 1000 - 1);
    }
    for (size_t i = 0; i < USERS; i++) {
        targets[i] = (uint32_t)simrandom_below(random, ITEMS);
    }
    return (nj_evaluation){.user_count = USERS,
                           .targets = targets,
                           .history_at = history_at,
                           .item_count = ITEMS,
                           .live_count = ITEMS,
                           .popularity = events,
                           .embeddings = embeddings,
                           .embedding_width = D};
}

// Runs of the items, of every length; every eleventh user has no list.
static nj_lists make_lists(simrandom *random, uint32_t step)
{
    nj_lists lists = {0};
    assert_int_equal(nj_lists_init(USERS, DEPTH, &lists), NJ_OK);
    for (size_t user = 0; user < USERS; user++) {
        uint32_t items[DEPTH];
        const uint32_t start = (uint32_t)simrandom_below(random, ITEMS);
        for (uint32_t i = 0; i < DEPTH; i++) {
            items[i] = (start + step * i) % ITEMS;
        }
        if (user % 11 != 0) {
            nj_lists_set(&lists, user, items, (uint32_t)simrandom_below(random, DEPTH + 1));
        }
    }
    return lists;
}

static void each_figure_is_what_its_own_part_says(void **state)
{
    (void)state;
    simrandom random = {6};
    const nj_evaluation e = make_evaluation(&random);
    nj_lists lists = make_lists(&random, 1);
    float *inverse = NULL;
    nj_balance_sample sample = {0};
    nj_balance found;
    nj_judgement judgement = {0};
    nj_diversity diversity;
    nj_exposure exposure;
    uint32_t counts[ITEMS];
    double lifts[USERS];
    size_t short_count = 0;
    assert_int_equal(nj_inverse_lengths(embeddings, ITEMS, D, &inverse), NJ_OK);
    assert_int_equal(nj_balance_sample_init(&e, inverse, &lists, AT_10, &sample), NJ_OK);
    assert_int_equal(nj_balance_compare(&sample, &sample, AT_10, &RESAMPLING, &found), NJ_OK);

    assert_int_equal(nj_lists_judge(&lists, targets, &judgement), NJ_OK);
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        assert_true(found.metrics[metric].value ==
                    nj_metric_mean(&NJ_METRICS[metric], 10, judgement.ranks, USERS));
        assert_true(found.differences[metric].value == 0);
        assert_false(found.differences[metric].has_interval);
    }
    assert_true(found.metrics[RECALL].has_interval && found.metrics[RECALL].value > 0.05);
    assert_int_equal(nj_diversity_judge(&lists, embeddings, inverse, D, &diversity), NJ_OK);
    assert_true(fabs(found.diversity.value - diversity.mean[AT_10]) < 1e-12);
    nj_exposure_count(&lists, 10, counts, ITEMS, &exposure);
    assert_int_equal(nj_exposure_judge(counts, ITEMS, ITEMS, events, &exposure), NJ_OK);
    assert_memory_equal(&found.exposure, &exposure, sizeof exposure);
    nj_lift_judge(&e, &lists, 10, lifts);
    assert_true(found.lift.value == nj_mean_estimate(lifts, USERS).value &&
                found.lift.has_interval);
    for (size_t user = 0; user < USERS; user++) {
        short_count += lists.counts[user] < 10;
    }
    assert_int_equal(found.short_count, short_count);
    assert_int_equal(found.absent_count, (USERS + 10) / 11);
    assert_true(found.p == 1 && found.first_only + found.other_only == 0);

    nj_balance_sample_fini(&sample);
    nj_judgement_fini(&judgement);
    nj_lists_fini(&lists);
    free(inverse);
}

static void two_rankings_are_compared_user_by_user(void **state)
{
    (void)state;
    simrandom random = {7};
    const nj_evaluation e = make_evaluation(&random);
    nj_lists lists[] = {make_lists(&random, 1), make_lists(&random, 7)};
    nj_balance_sample samples[2] = {{0}};
    nj_balance there;
    nj_balance back;
    uint64_t first_only = 0;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(nj_balance_sample_init(&e, NULL, &lists[i], AT_10, &samples[i]), NJ_OK);
    }
    for (size_t user = 0; user < USERS; user++) {
        first_only += nj_recall_at(samples[0].ranks[user], 10) > 0 &&
                      !(nj_recall_at(samples[1].ranks[user], 10) > 0);
    }
    assert_int_equal(nj_balance_compare(&samples[0], &samples[1], AT_10, &RESAMPLING, &there),
                     NJ_OK);
    assert_int_equal(nj_balance_compare(&samples[1], &samples[0], AT_10, &RESAMPLING, &back),
                     NJ_OK);
    assert_int_equal(there.first_only, first_only);
    assert_int_equal(back.other_only, first_only);
    assert_true(there.p == nj_sign_test(first_only, there.other_only) && there.p == back.p);
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        assert_true(there.differences[metric].value ==
                    there.metrics[metric].value - back.metrics[metric].value);
        assert_true(fabs(there.differences[metric].low + back.differences[metric].high) < 1e-12);
    }
    assert_true(fabs(there.lift_difference.value + back.lift_difference.value) < 1e-12);
    assert_true(there.lift_difference.has_interval);
    assert_false(there.diversity.has_interval); // no embeddings: nobody has a number
    assert_true(there.diversity.value == 0);
    for (size_t i = 0; i < 2; i++) {
        nj_balance_sample_fini(&samples[i]);
        nj_lists_fini(&lists[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_figure_is_what_its_own_part_says),
        cmocka_unit_test(two_rankings_are_compared_user_by_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
