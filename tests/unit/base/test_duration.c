// test_duration.c - lengths of time as people write them.
#include "common/base/duration.h"

#include "tests/support/nj_test.h"

static void units_are_seconds_minutes_hours_and_days(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } CASES[] = {{"1s", 1000},
                 {"90m", 5400000},
                 {"36h", 129600000},
                 {"2d", 172800000},
                 {"007s", 7000},
                 {"3650d", NJ_DURATION_MS_MAX},
                 {"1h30m", 5400000},
                 {"1h5s", 3605000},
                 {"1d2h3m4s", 93784000},
                 {"0d1s", 1000},
                 {"3649d24h", NJ_DURATION_MS_MAX}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint64_t ms = 0;
        assert_true(nj_duration_parse(CASES[i].text, &ms));
        assert_int_equal(ms, CASES[i].ms);
    }
}

static void what_is_no_length_of_time_is_refused(void **state)
{
    (void)state;
    static const char *const CASES[] = {"",
                                        "h",
                                        "36",
                                        "36 h",
                                        "-1h",
                                        "+1h",
                                        "1.5h",
                                        "36hm",
                                        "36hours",
                                        "0s",
                                        "0d",
                                        "0h0m",
                                        "30m1h",
                                        "1h1h",
                                        "1m30",
                                        "m30",
                                        "3651d",
                                        "3650d1s",
                                        "99999999999999999999999s"};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint64_t ms = 5;
        assert_false(nj_duration_parse(CASES[i], &ms));
        assert_int_equal(ms, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_seconds_minutes_hours_and_days),
        cmocka_unit_test(what_is_no_length_of_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
