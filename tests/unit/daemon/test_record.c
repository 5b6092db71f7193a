// test_record.c - what a process notes of its night, where the clock of the machine is set meanwhile.
#include "coordinator/daemon/record.h"

#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define HOUR_MS UINT64_C(3600000)

static void a_clock_that_is_put_back_does_not_lengthen_the_night(void **state)
{
    nj_path *store = *state;
    nj_record record = {0};
    assert_int_equal(nj_record_night_ms(&record), 0);
    nj_record_open(&record, store->text, 1);
    assert_true(record.began_wall_ms > 0);

    record.began_wall_ms += HOUR_MS; // as the clock sees it from now on
    assert_true(nj_record_night_ms(&record) < HOUR_MS);

    nj_record_close(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        a_clock_that_is_put_back_does_not_lengthen_the_night, sandbox_setup, sandbox_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
