// test_pace.c - batches grow while the server is quick, halve when it is not, and keep to a rate.
#include "common/cache/pace.h"

#include "tests/support/nj_test.h"

#define MS 1000000u

static void batches_grow_to_their_bound_while_answers_are_quick(void **state)
{
    (void)state;
    nj_pace pace;
    uint64_t now = 1000;
    nj_pace_init(&pace, 0, 50 * MS, now);
    assert_int_equal(pace.batch, NJ_PACE_BATCH_FIRST);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(nj_pace_wait_ns(&pace, now), 0);
        now += MS;
        nj_pace_took(&pace, pace.batch, MS, now);
    }
    assert_int_equal(pace.batch, NJ_PACE_BATCH_MAX);
    assert_int_equal(pace.backoffs, 0);
}

static void a_slow_batch_halves_the_next_and_is_followed_by_a_pause(void **state)
{
    (void)state;
    nj_pace pace;
    nj_pace_init(&pace, 0, 50 * MS, 0);
    nj_pace_took(&pace, 128, 80 * MS, 100 * MS);
    assert_int_equal(pace.batch, 64);
    assert_int_equal(nj_pace_wait_ns(&pace, 100 * MS), 80 * MS);
    for (int i = 0; i < 20; i++) {
        nj_pace_took(&pace, pace.batch, 80 * MS, 1000 * MS);
    }
    assert_int_equal(pace.batch, 1);
    assert_int_equal(pace.backoffs, 21);
    nj_pace_took(&pace, 1, MS, 2000 * MS);
    assert_int_equal(pace.batch, 1 + NJ_PACE_BATCH_STEP);
    assert_int_equal(nj_pace_wait_ns(&pace, 2000 * MS), 0);
}

static void a_rate_is_kept_and_sent_in_tenths_of_a_second(void **state)
{
    (void)state;
    nj_pace pace;
    uint64_t now = 0;
    uint64_t sent = 0;
    nj_pace_init(&pace, 500, 50 * MS, now);
    for (int i = 0; i < 100; i++) {
        now += nj_pace_wait_ns(&pace, now);
        assert_in_range(pace.batch, 1, 50);
        sent += pace.batch;
        now += MS;
        nj_pace_took(&pace, pace.batch, MS, now);
    }
    now += nj_pace_wait_ns(&pace, now);
    assert_int_equal(sent, 5000);
    assert_in_range(now, 9999 * (uint64_t)MS, 10001 * (uint64_t)MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_grow_to_their_bound_while_answers_are_quick),
        cmocka_unit_test(a_slow_batch_halves_the_next_and_is_followed_by_a_pause),
        cmocka_unit_test(a_rate_is_kept_and_sent_in_tenths_of_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
