// test_watchdog.c - silence counts while somebody looks, for the computation at hand, and while its thread computes.
#include "worker/daemon/watchdog.h"

#include "tests/support/nj_test.h"

#define MS 1000000ull
#define PATIENCE_MS 800
#define LEASE_MS 1000

static nj_watchdog dog;

static int setup(void **state)
{
    (void)state;
    dog = (nj_watchdog){0};
    return 0;
}

// Looks every 100 ms in ]from_ms, to_ms]; the thread has used `cpu_percent` of a core since time 0.
static void look(uint64_t ticket, uint64_t from_ms, uint64_t to_ms, uint64_t cpu_percent)
{
    for (uint64_t ms = from_ms + 100; ms <= to_ms; ms += 100) {
        nj_watchdog_look(&dog, ticket, 0, ms * cpu_percent * MS / 100, ms * MS);
    }
}

static bool barks(void)
{
    return nj_watchdog_barks(&dog, PATIENCE_MS, LEASE_MS);
}

static void a_thread_that_spins_is_known_after_the_patience(void **state)
{
    (void)state;
    look(7, 0, 800, 100);
    assert_int_equal(nj_watchdog_silent_ms(&dog), 700);
    assert_false(barks());
    look(7, 800, 900, 100);
    assert_true(barks());
}

static void a_user_who_is_done_begins_the_silence_anew(void **state)
{
    (void)state;
    look(7, 0, 800, 100);
    nj_watchdog_look(&dog, 7, 1, 850 * MS, 850 * MS);
    assert_int_equal(nj_watchdog_silent_ms(&dog), 0);
    look(7, 850, 1550, 100);
    assert_false(barks());
    look(7, 1550, 1650, 100);
    assert_true(barks());
}

static void another_computation_begins_it_anew(void **state)
{
    (void)state;
    look(7, 0, 800, 100);
    look(8, 800, 1600, 100);
    assert_int_equal(nj_watchdog_silent_ms(&dog), 700);
    assert_false(barks());
}

static void a_thread_without_a_core_is_waited_for_ten_leases(void **state)
{
    (void)state;
    look(7, 0, 10000, 1);
    assert_false(barks());
    look(7, 10000, 10100, 1);
    assert_true(barks());
}

static void a_quarter_of_a_core_is_computing(void **state)
{
    (void)state;
    look(7, 0, 900, 24);
    assert_false(barks());
    setup(NULL);
    look(7, 0, 900, 25);
    assert_true(barks());
}

static void nothing_to_compute_is_no_silence(void **state)
{
    (void)state;
    look(0, 0, 60000, 100);
    assert_false(barks());
    assert_int_equal(nj_watchdog_silent_ms(&dog), 0);
}

static void a_stopped_process_wakes_up_without_an_hour_of_silence(void **state)
{
    (void)state;
    look(7, 0, 100, 100);
    nj_watchdog_look(&dog, 7, 0, 200 * MS, 3600 * 1000 * MS);
    assert_int_equal(nj_watchdog_silent_ms(&dog), NJ_WATCHDOG_LOOK_MS_MAX);
    assert_false(barks());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_thread_that_spins_is_known_after_the_patience, setup),
        cmocka_unit_test_setup(a_user_who_is_done_begins_the_silence_anew, setup),
        cmocka_unit_test_setup(another_computation_begins_it_anew, setup),
        cmocka_unit_test_setup(a_thread_without_a_core_is_waited_for_ten_leases, setup),
        cmocka_unit_test_setup(a_quarter_of_a_core_is_computing, setup),
        cmocka_unit_test_setup(nothing_to_compute_is_no_silence, setup),
        cmocka_unit_test_setup(a_stopped_process_wakes_up_without_an_hour_of_silence, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
