// test_instant.c - numbers and dates as moments, beside what the C library says of dates, and everything that is neither.
#include "common/input/instant.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "tests/support/nj_test.h"

static nj_instant parse(const char *text)
{
    nj_instant instant = {0};
    nj_error err = {0};
    assert_ok(nj_instant_parse("as-of", text, &instant, &err), &err);
    assert_true(instant.given);
    return instant;
}

static void a_number_is_taken_as_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double at;
    } CASES[] = {{"0", 0},
                 {"1714521600", 1714521600},
                 {"1714521600123", 1714521600123},
                 {"-86400", -86400},
                 {"+5", 5},
                 {"978300760.5", 978300760.5},
                 {"1.5e9", 1.5e9},
                 {"99999999999999999999", 1e20},
                 {"2024", 2024}}; // a year alone is a number
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const nj_instant instant = parse(CASES[i].text);
        assert_false(instant.is_date);
        assert_true(instant.at == CASES[i].at);
    }
}

static void a_date_is_utc_unless_it_says_otherwise(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double at;
    } CASES[] = {
        {"1970-01-01", 0},
        {"1969-12-31", -86400},
        {"2024-05-01", 1714521600},
        {"2024-05-01T06:30", 1714521600 + 23400},
        {"2024-05-01T06:30:15", 1714521600 + 23415},
        {"2024-05-01T06:30:15.25", 1714521600 + 23415.25},
        {"2024-05-01T06:30:15.5Z", 1714521600 + 23415.5},
        {"2024-05-01T06:30Z", 1714521600 + 23400},
        {"2024-05-01T06:30:15+02:00", 1714521600 + 23415 - 7200},
        {"2024-05-01T06:30:15-05:30", 1714521600 + 23415 + 19800},
        {"2024-02-29", 1709164800},
        {"2000-02-29", 951782400},
        {"2024-03-31T02:30", 1711852200},     // summer time begins somewhere: no concern of UTC
        {"2016-12-31T23:59:59", 1483228799}}; // a leap second follows: POSIX counts none
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const nj_instant instant = parse(CASES[i].text);
        assert_true(instant.is_date);
        assert_true(instant.at == CASES[i].at);
    }
}

// Days through all rules of leap years: every 11th of eight centuries, and the ends of months.
static void dates_are_those_of_the_c_library(void **state)
{
    (void)state;
    for (int64_t day = -100 * 365; day < 700 * 365; day += 11) {
        const time_t at = (time_t)(day * 86400);
        struct tm broken;
        char text[32];
        assert_non_null(gmtime_r(&at, &broken));
        assert_true(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &broken) > 0);
        assert_true(parse(text).at == (double)at);
    }
    for (int year = 1896; year <= 2104; year++) {
        struct tm march = {.tm_year = year - 1900, .tm_mon = 2, .tm_mday = 1};
        char text[32];
        snprintf(text, sizeof text, "%04d-03-01", year);
        assert_true(parse(text).at == (double)timegm(&march));
    }
    assert_true(parse("0001-01-01").at == -62135596800.0);
    assert_true(parse("9999-12-31T23:59:59").at == NJ_INSTANT_DATE_MAX - 1);
}

static void what_is_neither_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        " ",
        "nan",
        "inf",
        "-inf",
        "infinity",
        "1e400",
        "-1e400",
        "0x10",
        "1 2",
        " 1",
        "1 ",
        "1,5",
        "--1",
        "1-",
        "e5",
        "1e",
        "1e5e5",
        ".",
        "yesterday",
        "2024-5-1",
        "2024-05",
        "2024-05-01T",
        "2024-05-01 06:30",
        "2024-13-01",
        "2024-00-10",
        "2024-04-31",
        "2023-02-29",
        "1900-02-29",
        "2024-05-00",
        "0000-01-01",
        "12024-05-01",
        "-024-05-01",
        "20240501T06",
        "2024-05-01T6:30",
        "2024-05-01T24:00",
        "2024-05-01T06:60",
        "2024-05-01T06:30:60",
        "2024-05-01T06:30:",
        "2024-05-01T06:30:15.",
        "2024-05-01T06:30:15.1234567890",
        "2024-05-01T06:30:15+2",
        "2024-05-01T06:30:15+02:60",
        "2024-05-01T06:30:15Zx",
        "2024-05-01Z",
        "2024-05-01T06",
        "2024-05-01T06:30.5",
        "2024-05-01\n",
        "000000000000000000000000000000000000000000000000000000000000.1234"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        nj_instant instant = {.at = 7};
        nj_error err = {0};
        assert_refused(nj_instant_parse("until", BAD[i], &instant, &err), NJ_USAGE, &err,
                       "--until is \"");
        assert_true(instant.at == 7 && !instant.given);
    }
}

static void a_date_does_not_fit_times_that_are_no_seconds(void **state)
{
    (void)state;
    const nj_instant date = parse("2024-05-01");
    const nj_instant number = parse("1714521600000");
    assert_true(nj_instant_fits(&date, 253402300799.0));
    assert_false(nj_instant_fits(&date, 1714521600000.0)); // milliseconds
    assert_false(nj_instant_fits(&date, -1714521600000.0));
    assert_true(nj_instant_fits(&number, 1714521600000.0));
}

// Every single byte changed in a good date: what is still read is a date or a number, and finite.
static void changed_bytes_are_read_or_refused(void **state)
{
    (void)state;
    static const char GOOD[] = "2024-05-01T06:30:15.5+02:00";
    for (size_t at = 0; at < sizeof GOOD - 1; at++) {
        for (int byte = 1; byte < 256; byte++) {
            char text[sizeof GOOD];
            nj_instant instant = {0};
            nj_error err = {0};
            memcpy(text, GOOD, sizeof GOOD);
            text[at] = (char)byte;
            const nj_status status = nj_instant_parse("as-of", text, &instant, &err);
            assert_true(status == NJ_OK ? isfinite(instant.at) : status == NJ_USAGE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_taken_as_it_is),
        cmocka_unit_test(a_date_is_utc_unless_it_says_otherwise),
        cmocka_unit_test(dates_are_those_of_the_c_library),
        cmocka_unit_test(what_is_neither_is_refused),
        cmocka_unit_test(a_date_does_not_fit_times_that_are_no_seconds),
        cmocka_unit_test(changed_bytes_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
