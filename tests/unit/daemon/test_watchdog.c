// test_watchdog.c - silence counts while somebody looks, and only for the computation at hand.
#include "worker/daemon/watchdog.h"

#include "tests/support/nj_test.h"

#define MS 1000000ull

static void silence_adds_up_until_a_user_is_done(void **state)
{
    (void)state;
    nj_watchdog dog = {0};
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 1000 * MS), 0);
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 1100 * MS), 100);
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 1400 * MS), 400);
    assert_int_equal(nj_watchdog_look(&dog, 7, 1, 0, 2000 * MS), 0);
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 2100 * MS), 100);
}

static void another_computation_begins_anew(void **state)
{
    (void)state;
    nj_watchdog dog = {0};
    (void)nj_watchdog_look(&dog, 7, 0, 0, 1000 * MS);
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 1300 * MS), 300);
    assert_int_equal(nj_watchdog_look(&dog, 8, 0, 0, 1600 * MS), 0);
    assert_int_equal(nj_watchdog_look(&dog, 8, 0, 0, 1700 * MS), 100);
}

static void nothing_to_compute_is_no_silence(void **state)
{
    (void)state;
    nj_watchdog dog = {0};
    (void)nj_watchdog_look(&dog, 7, 0, 0, 0);
    assert_int_equal(nj_watchdog_look(&dog, 0, 0, 0, 500 * MS), 0);
    assert_int_equal(nj_watchdog_look(&dog, 0, 0, 0, 900 * MS), 0);
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 1000 * MS), 0);
}

static void a_stopped_process_wakes_up_without_an_hour_of_silence(void **state)
{
    (void)state;
    nj_watchdog dog = {0};
    (void)nj_watchdog_look(&dog, 7, 0, 0, 0);
    assert_int_equal(nj_watchdog_look(&dog, 7, 0, 0, 3600 * 1000 * MS), NJ_WATCHDOG_LOOK_MS_MAX);
}

static void it_hangs_when_it_had_a_core_and_no_user_came_out(void **state)
{
    (void)state;
    nj_watchdog dog = {0};
    for (uint64_t ms = 0; ms <= 900; ms += 100) {
        (void)nj_watchdog_look(&dog, 7, 0, ms * MS / 2, ms * MS);
    }
    assert_false(nj_watchdog_hangs(&dog, 1000));
    (void)nj_watchdog_look(&dog, 7, 0, 500 * MS, 1000 * MS);
    assert_true(nj_watchdog_hangs(&dog, 1000));
}

static void without_a_core_it_is_given_many_times_as_long(void **state)
{
    (void)state;
    nj_watchdog dog = {0};
    for (uint64_t ms = 0; ms <= 9900; ms += 100) {
        (void)nj_watchdog_look(&dog, 7, 0, 20 * ms, ms * MS);
        assert_false(nj_watchdog_hangs(&dog, 1000));
    }
    (void)nj_watchdog_look(&dog, 7, 0, 0, 10000 * MS);
    assert_true(nj_watchdog_hangs(&dog, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_adds_up_until_a_user_is_done),
        cmocka_unit_test(another_computation_begins_anew),
        cmocka_unit_test(nothing_to_compute_is_no_silence),
        cmocka_unit_test(a_stopped_process_wakes_up_without_an_hour_of_silence),
        cmocka_unit_test(it_hangs_when_it_had_a_core_and_no_user_came_out),
        cmocka_unit_test(without_a_core_it_is_given_many_times_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
