// test_pause.c - when a store that does not write is tried again, and when it is given up.
#include "coordinator/daemon/pause.h"

#include "tests/support/nj_test.h"

#define MS UINT64_C(1000000)
#define START (UINT64_C(5000) * MS)

static void tries_come_at_growing_distances_until_the_wait_is_over(void **state)
{
    (void)state;
    nj_pause pause = {0};
    uint64_t now_ns = START;
    unsigned tries = 0;
    uint64_t longest_ns = 0;
    while (nj_pause_fail(&pause, 60000, now_ns)) {
        assert_true(pause.due_ns > now_ns);
        assert_true(pause.due_ns - now_ns <= NJ_PAUSE_MS_MAX * MS);
        assert_false(nj_pause_is_due(&pause, pause.due_ns - 1));
        assert_true(nj_pause_is_due(&pause, pause.due_ns));
        if (pause.due_ns - now_ns > longest_ns) {
            longest_ns = pause.due_ns - now_ns;
        }
        now_ns = pause.due_ns;
        tries++;
    }
    assert_int_equal(now_ns, START + 60000 * MS); // the last try is made when the wait ends
    assert_int_equal(longest_ns, NJ_PAUSE_MS_MAX * MS);
    assert_in_range(tries, 8, 12);
}

static void a_try_that_works_ends_the_pause_and_the_next_one_begins_anew(void **state)
{
    (void)state;
    nj_pause pause = {0};
    assert_int_equal(nj_pause_end(&pause, START), 0);
    assert_true(nj_pause_fail(&pause, 10000, START));
    assert_true(nj_pause_fail(&pause, 10000, START + 250 * MS));
    assert_int_equal(nj_pause_total_ns(&pause, START + 700 * MS), 700 * MS);
    assert_int_equal(nj_pause_end(&pause, START + 750 * MS), 750 * MS);
    assert_true(nj_pause_is_due(&pause, START + 750 * MS));

    assert_true(nj_pause_fail(&pause, 10000, START + 20000 * MS));
    assert_int_equal(pause.due_ns, START + (20000 + NJ_PAUSE_MS_FIRST) * MS);
    assert_int_equal(nj_pause_end(&pause, START + 20250 * MS), 250 * MS);
    assert_int_equal(nj_pause_total_ns(&pause, START + 90000 * MS), 1000 * MS);
}

static void without_a_wait_the_first_failure_is_the_end(void **state)
{
    (void)state;
    nj_pause pause = {0};
    assert_false(nj_pause_fail(&pause, 0, START));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tries_come_at_growing_distances_until_the_wait_is_over),
        cmocka_unit_test(a_try_that_works_ends_the_pause_and_the_next_one_begins_anew),
        cmocka_unit_test(without_a_wait_the_first_failure_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
