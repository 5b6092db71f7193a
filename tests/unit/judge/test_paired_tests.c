// test_paired_tests.c - p-values: by hand, by every possible swap, and as rare among equals as they say.
#include "common/judge/paired_tests.h"

#include <math.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

enum { USERS_MAX = 400 };

static uint32_t first[USERS_MAX];
static uint32_t other[USERS_MAX];

static void a_split_is_as_unlikely_as_coins_say(void **state)
{
    (void)state;
    static const struct {
        uint64_t first_only, other_only;
        double p;
    } ROWS[] = {
        {0, 0, 1},
        {1, 0, 1},
        {3, 3, 1},
        {0, 5, 2.0 / 32},
        {5, 0, 2.0 / 32},
        {1, 9, 22.0 / 1024},
        {2, 8, 112.0 / 1024},
        {4, 6, 772.0 / 1024},
        {0, 2000, 0},             // too small for a double, nearly
        {500, 580, 0.0161821419}, // sum of C(1080, k) / 2^1079 over k to 500, in exact integers
        {1000000, 1003000, 0.0340883651}, // the same
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const double p = nj_sign_test(ROWS[i].first_only, ROWS[i].other_only);
        if (!(fabs(p - ROWS[i].p) <= 1e-8)) {
            fail_msg("row %zu: %.10g, expected %.10g", i, p, ROWS[i].p);
        }
    }
}

static double difference_of(size_t metric, size_t c, size_t count, unsigned swapped)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = NJ_METRICS[metric].at(first[i], NJ_CUTOFFS[c]) -
                         NJ_METRICS[metric].at(other[i], NJ_CUTOFFS[c]);
        sum += (swapped >> i & 1) != 0 ? -d : d;
    }
    return sum;
}

// All 2^count swaps are equally likely; the share of them that reach the seen difference is the truth.
static double exact_p(size_t metric, size_t c, size_t count)
{
    const double seen = fabs(difference_of(metric, c, count, 0));
    size_t reached = 0;
    for (unsigned swapped = 0; swapped < 1u << count; swapped++) {
        reached += fabs(difference_of(metric, c, count, swapped)) >= seen - 1e-9;
    }
    return (double)reached / (double)(1u << count);
}

static void randomisation_agrees_with_every_possible_swap(void **state)
{
    (void)state;
    enum { ROUNDS = 12, COUNT = 11 };
    simrandom random = {3};
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            first[i] = (uint32_t)simrandom_below(&random, 24);
            other[i] = round % 3 == 0 ? 0 : (uint32_t)simrandom_below(&random, 24);
        }
        nj_paired_tests tests;
        nj_paired_test(first, other, COUNT, NJ_RANDOMISATIONS, 1, &tests);
        for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
            for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
                const double p = exact_p(metric, c, COUNT);
                // 10,000 rounds are off by 0.005 at the most; four times that. The sign test is exact.
                assert_true(fabs(tests.p[metric][c] - p) <= (metric == 0 ? 1e-9 : 0.02));
            }
        }
    }
}

static void users_whom_one_model_alone_finds_are_counted(void **state)
{
    (void)state;
    static const uint32_t A[] = {1, 0, 7, 21, 3, 0};
    static const uint32_t B[] = {2, 9, 0, 20, 3, 0};
    nj_paired_tests tests;
    nj_paired_test(A, B, 6, 100, 1, &tests);
    static const uint64_t A_ONLY[] = {1, 0, 1, 1};
    static const uint64_t B_ONLY[] = {0, 0, 1, 2};
    assert_memory_equal(tests.first_only, A_ONLY, sizeof A_ONLY);
    assert_memory_equal(tests.other_only, B_ONLY, sizeof B_ONLY);
}

static void equals_are_found_different_as_rarely_as_p_says(void **state)
{
    (void)state;
    enum { SAMPLES = 600, USERS = 300, ROUNDS = 400 };
    size_t below[NJ_METRIC_COUNT] = {0};
    simrandom random = {23};
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        for (size_t i = 0; i < USERS; i++) {
            first[i] = simrandom_chance(&random, 1, 4) ? (uint32_t)simrandom_below(&random, 21) : 0;
            other[i] = simrandom_chance(&random, 1, 4) ? (uint32_t)simrandom_below(&random, 21) : 0;
        }
        nj_paired_tests tests;
        nj_paired_test(first, other, USERS, ROUNDS, sample, &tests);
        for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
            below[metric] += tests.p[metric][2] <= 0.05;
        }
    }
    assert_in_range(below[0], 0.01 * SAMPLES, 0.07 * SAMPLES); // exact tests of counts are careful
    assert_in_range(below[1], 0.03 * SAMPLES, 0.07 * SAMPLES);
    assert_in_range(below[2], 0.03 * SAMPLES, 0.07 * SAMPLES);
}

static void the_order_of_the_models_does_not_matter_nor_do_those_alike(void **state)
{
    (void)state;
    simrandom random = {29};
    for (size_t i = 0; i < USERS_MAX; i++) {
        first[i] = (uint32_t)simrandom_below(&random, 30);
        other[i] =
            simrandom_chance(&random, 1, 5) ? (uint32_t)simrandom_below(&random, 10) : first[i];
    }
    nj_paired_tests forward;
    nj_paired_tests backward;
    nj_paired_tests alike;
    nj_paired_test(first, other, USERS_MAX, 1000, 5, &forward);
    nj_paired_test(other, first, USERS_MAX, 1000, 5, &backward);
    nj_paired_test(first, first, USERS_MAX, 1000, 5, &alike);
    assert_memory_equal(forward.p, backward.p, sizeof forward.p);
    assert_memory_equal(forward.first_only, backward.other_only, sizeof forward.first_only);
    assert_true(forward.p[1][2] < 0.01); // ranks of 1 to 9 in place of 1 to 29 are better
    for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
        assert_true(alike.p[0][c] == 1 && alike.p[1][c] == 1 && alike.p[2][c] == 1);
    }
    nj_paired_test(first, other, 0, 1000, 5, &alike); // nobody
    assert_true(alike.p[0][0] == 1 && alike.p[1][0] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_split_is_as_unlikely_as_coins_say),
        cmocka_unit_test(randomisation_agrees_with_every_possible_swap),
        cmocka_unit_test(users_whom_one_model_alone_finds_are_counted),
        cmocka_unit_test(equals_are_found_different_as_rarely_as_p_says),
        cmocka_unit_test(the_order_of_the_models_does_not_matter_nor_do_those_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
