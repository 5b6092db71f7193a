// test_deadline.c - times of day and durations, and everything that is neither.
#include "coordinator/deadline.h"

#include <stdlib.h>
#include <time.h>

#include "tests/support/nj_test.h"

#define NOW INT64_C(1748736000) // 2025-06-01 00:00:00 UTC
#define HOUR INT64_C(3600)

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static int64_t read_at(const char *text, int64_t now_s)
{
    nj_error err = {0};
    int64_t at_s = 0;
    assert_ok(nj_deadline_read(text, now_s, &at_s, &err), &err);
    return at_s;
}

static void a_time_of_day_is_the_next_one(void **state)
{
    (void)state;
    use_zone("UTC");

    assert_int_equal(read_at("05:00", NOW), NOW + 5 * HOUR);
    assert_int_equal(read_at("5:00", NOW + 6 * HOUR), NOW + 29 * HOUR);
    assert_int_equal(read_at("05:00", NOW + 5 * HOUR), NOW + 29 * HOUR); // now is not next
    assert_int_equal(read_at("23:59:30", NOW), NOW + 24 * HOUR - 30);
    assert_int_equal(read_at("00:00", NOW), NOW + 24 * HOUR);
}

static void the_clock_on_the_wall_is_that_of_the_zone(void **state)
{
    (void)state;
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");

    // 02:00 there now. In the night of 2025-10-26 the clock goes back at 3, so from 01:00 to 05:00 it is five hours.
    assert_int_equal(read_at("05:00", NOW), NOW + 3 * HOUR);
    const int64_t october = INT64_C(1761433200); // 2025-10-25 23:00 UTC, 01:00 there
    assert_int_equal(read_at("05:00", october), october + 5 * HOUR);
    // From 02:45 in summer time it is five minutes to 02:50, and from 02:45 in winter time, an hour later, too.
    const int64_t twice = october + HOUR + 2700;
    assert_int_equal(read_at("02:50", twice), twice + 300);
    assert_int_equal(read_at("02:50", twice + HOUR), twice + HOUR + 300);
    assert_int_equal(read_at("02:30", twice), twice + HOUR - 900);
    assert_int_equal(read_at("02:30", twice + HOUR), twice + 25 * HOUR - 900);
    // In spring there is no 02:30: it is half an hour after the clock has gone forward.
    const int64_t march = INT64_C(1743295500); // 2025-03-30 00:45 UTC, 01:45 there
    assert_int_equal(read_at("02:30", march), march + 2700);
    assert_int_equal(read_at("03:00", march), march + 900);
    use_zone("UTC");
}

static void durations_begin_now(void **state)
{
    (void)state;

    assert_int_equal(read_at("90m", NOW), NOW + 5400);
    assert_int_equal(read_at("2h", NOW), NOW + 7200);
    assert_int_equal(read_at("1h30m", NOW), NOW + 5400);
    assert_int_equal(read_at("1h5s", NOW), NOW + 3605);
    assert_int_equal(read_at("1d", NOW), NOW + 24 * HOUR);
    assert_int_equal(read_at("336h", NOW), NOW + NJ_DEADLINE_SECONDS_MAX);
}

static void anything_else_is_refused_and_leaves_the_number_alone(void **state)
{
    static const char *const BAD[] = {
        "",          "5",    "24:00",  "05:60",   "05:00:60", "05:00:", ":30",
        "05",        "5am",  "-1h",    "0m",      "1m1h",     "1h1h",   "h",
        "15d",       "337h", "05:00h", "1:2:3:4", "05 :0",    "1.5h",   "05:00x",
        "99999999m", "m30",  "5:3",    "05:00:3", "05:000"};
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_error err = {0};
        int64_t at_s = 7;
        assert_int_equal(nj_deadline_read(BAD[i], NOW, &at_s, &err), NJ_USAGE);
        assert_int_equal(at_s, 7);
        assert_non_null(strstr(err.text, "--deadline"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_of_day_is_the_next_one),
        cmocka_unit_test(the_clock_on_the_wall_is_that_of_the_zone),
        cmocka_unit_test(durations_begin_now),
        cmocka_unit_test(anything_else_is_refused_and_leaves_the_number_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
