#include <math.h>

#include "tests/support/nj_test.h"
#include "worker/train/schedule.h"

static void assert_rate(const nj_schedule *schedule, uint64_t step, double expected)
{
    assert_true(fabs(nj_schedule_rate(schedule, step) - expected) < 1e-12);
}

static void a_rate_rises_in_a_line_and_falls_as_its_schedule_says(void **state)
{
    (void)state;
    nj_schedule schedule = {NJ_SCHEDULE_COSINE, 0.01, 100, 1100};
    assert_rate(&schedule, 1, 0.0001);
    assert_rate(&schedule, 50, 0.005);
    assert_rate(&schedule, 100, 0.01);
    assert_rate(&schedule, 600, 0.005);
    assert_rate(&schedule, 1100, 0);
    assert_rate(&schedule, 5000, 0);
    schedule.kind = NJ_SCHEDULE_INVERSE_SQRT;
    assert_rate(&schedule, 100, 0.01);
    assert_rate(&schedule, 400, 0.005);
    schedule.kind = NJ_SCHEDULE_CONSTANT;
    assert_rate(&schedule, 20, 0.002);
    assert_rate(&schedule, 5000, 0.01);
    schedule.warmup = 0;
    assert_rate(&schedule, 1, 0.01);
}

static void words_name_schedules_and_others_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_schedule_kind kind = NJ_SCHEDULE_COSINE;
    assert_ok(nj_schedule_kind_from("inverse-sqrt", &kind, &err), &err);
    assert_int_equal(kind, NJ_SCHEDULE_INVERSE_SQRT);
    assert_int_equal(nj_schedule_kind_from("linear", &kind, &err), NJ_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_rises_in_a_line_and_falls_as_its_schedule_says),
        cmocka_unit_test(words_name_schedules_and_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
