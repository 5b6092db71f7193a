// test_lift.c - popularity lift and means over users: by hand, and by drawing often.
#include "common/judge/lift.h"

#include <math.h>

#include "tests/support/nj_test.h"
#include "tests/support/simrandom.h"

#define EPSILON 1e-12 // the same few double operations in another order
#define X NJ_ITEM_INVALID

enum { USERS = 5, ITEMS = 4 };
static const uint32_t EVENTS[ITEMS] = {0, 1, 7, 99};

// Users 0 and 1 had items 1 and 2, user 2 item 3, the others nothing.
static const uint32_t *history_at(const void *history, size_t user, uint32_t *out_count)
{
    static const uint32_t PAIR[] = {1, 2};
    static const uint32_t ONE[] = {3};
    (void)history;
    *out_count = user < 2 ? 2 : user == 2;
    return user < 2 ? PAIR : ONE;
}

static void assert_close(double found, double wanted)
{
    if (!(fabs(found - wanted) <= EPSILON)) {
        fail_msg("%.17g, expected %.17g", found, wanted);
    }
}

static void a_list_is_as_popular_as_the_mean_of_its_logarithms(void **state)
{
    (void)state;
    static const uint32_t LIST[] = {3, X, 0, 2};
    assert_close(nj_mean_log_events(LIST, 4, 4, EVENTS), (log(100) + log(1) + log(8)) / 3);
    assert_close(nj_mean_log_events(LIST, 4, 2, EVENTS), log(100)); // what is no item has no place
    assert_true(isnan(nj_mean_log_events(LIST + 1, 1, 1, EVENTS)));
    assert_true(isnan(nj_mean_log_events(LIST, 0, 4, EVENTS)));
}

static void lift_is_over_the_users_own_history(void **state)
{
    (void)state;
    static const uint32_t TARGETS[USERS] = {2, 0, 3, 1, 1};
    static const uint32_t SHOWN[] = {3, 3, 0};
    const nj_evaluation e = {
        .user_count = USERS, .targets = TARGETS, .popularity = EVENTS, .history_at = history_at};
    const double pair = (log(2) + log(8)) / 2;
    double lifts[USERS];
    nj_lists lists = {0};
    assert_int_equal(nj_lists_init(USERS, 3, &lists), NJ_OK);
    nj_lists_set(&lists, 0, SHOWN, 3);
    nj_lists_set(&lists, 2, SHOWN, 1);
    nj_lists_set(&lists, 3, SHOWN, 3);
    nj_lift_judge(&e, &lists, 2, lifts);
    assert_close(lifts[0], log(100) - pair);
    assert_true(isnan(lifts[1])); // no list
    assert_close(lifts[2], 0);    // the very item that he had
    assert_true(isnan(lifts[3]) && isnan(lifts[4]));

    nj_lift_judge(&e, NULL, 10, lifts);
    assert_close(lifts[0], log(8) - pair);
    assert_close(lifts[1], log(1) - pair);
    assert_close(lifts[2], 0);
    nj_lists_fini(&lists);
}

static void a_mean_leaves_out_what_is_no_number(void **state)
{
    (void)state;
    static const double ONE[] = {1, NAN, 3, 8, NAN};
    static const double OTHER[] = {0, 5, NAN, 4, NAN};
    const nj_estimate mean = nj_mean_estimate(ONE, 5);
    assert_close(mean.value, 4);
    // deviations -3, -1, 4: variance 13, over three
    assert_close(mean.high - mean.value, 1.959963984540054 * sqrt(13.0 / 3));
    assert_close(mean.value - mean.low, mean.high - mean.value);
    assert_close(nj_mean_difference(ONE, OTHER, 5).value, 2.5); // of 1 and 4
    assert_true(nj_mean_difference(ONE, OTHER, 5).has_interval);

    assert_false(nj_mean_estimate(ONE, 2).has_interval); // one number
    assert_false(nj_mean_difference(ONE, ONE, 5).has_interval);
    assert_close(nj_mean_estimate(ONE + 1, 1).value, 0); // none
}

// 1000 means of 100 numbers from 0 to 9: the interval misses the truth in 5 of 100, give or take 4 standard deviations.
static void an_interval_holds_the_truth_as_often_as_it_says(void **state)
{
    (void)state;
    simrandom random = {4};
    size_t missed = 0;
    for (size_t round = 0; round < 1000; round++) {
        double values[100];
        for (size_t i = 0; i < 100; i++) {
            values[i] = (double)simrandom_below(&random, 10);
        }
        const nj_estimate mean = nj_mean_estimate(values, 100);
        missed += mean.low > 4.5 || mean.high < 4.5;
    }
    assert_in_range(missed, 50 - 28, 50 + 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_as_popular_as_the_mean_of_its_logarithms),
        cmocka_unit_test(lift_is_over_the_users_own_history),
        cmocka_unit_test(a_mean_leaves_out_what_is_no_number),
        cmocka_unit_test(an_interval_holds_the_truth_as_often_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
