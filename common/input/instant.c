#include "common/input/instant.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_DIGITS_MAX 15 // whole numbers of so many digits are exact as doubles
#define FRACTION_DIGITS_MAX 9
#define DAY_SECONDS 86400
#define HOUR_SECONDS 3600
#define MINUTE_SECONDS 60

// ---- numbers ----

static bool is_decimal(nj_slice text)
{
    bool has_digit = false;
    bool is_exponent = false;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.bytes[i];
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_sign = byte == '-' || byte == '+';
        bool is_e = (byte == 'e' || byte == 'E') && has_digit && !is_exponent;
        if (!is_digit && !is_e && byte != '.' &&
            !(is_sign && (i == 0 || text.bytes[i - 1] == 'e' || text.bytes[i - 1] == 'E'))) {
            return false;
        }
        has_digit = has_digit || is_digit;
        is_exponent = is_exponent || is_e;
    }
    return has_digit;
}

// Nearly all times are whole numbers.
static bool parse_whole(nj_slice text, double *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.bytes[i] - '0';
        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = (double)value;
    return text.size > 0 && text.size <= WHOLE_DIGITS_MAX;
}

// The alphabet is checked before strtod, which would also take "0x10", "inf" and "nan", and strtod
// checks the order.
bool nj_decimal_parse(nj_slice text, double *out)
{
    char copy[NJ_DECIMAL_BYTES_MAX + 1];
    if (parse_whole(text, out)) {
        return true;
    }
    if (text.size == 0 || text.size > NJ_DECIMAL_BYTES_MAX || !is_decimal(text)) {
        return false;
    }
    memcpy(copy, text.bytes, text.size);
    copy[text.size] = '\0';
    char *end;
    *out = strtod(copy, &end);
    return *end == '\0' && isfinite(*out);
}

// ---- dates ----

// What is left of the text; every read_... takes from its front and says whether it could.
typedef struct {
    const char *at;
    const char *end;
} reading;

static bool read_char(reading *r, char expected)
{
    bool stands = r->at < r->end && *r->at == expected;
    r->at += stands;
    return stands;
}

// Exactly `digits` digits, of a number in [least, most].
static bool read_number(reading *r, int digits, int least, int most, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++, r->at++) {
        if (r->at == r->end || *r->at < '0' || *r->at > '9') {
            return false;
        }
        value = value * 10 + (*r->at - '0');
    }
    *out = value;
    return value >= least && value <= most;
}

static int days_of_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && is_leap);
}

// Days from 1970-01-01: years begin in March, so that the leap day is the last of its year.
static int64_t days_of_date(int year, int month, int day)
{
    const int64_t y = year - (month <= 2);
    const int64_t era = y / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool read_date(reading *r, double *out)
{
    int year;
    int month;
    int day;
    if (!read_number(r, 4, 1, 9999, &year) || !read_char(r, '-') ||
        !read_number(r, 2, 1, 12, &month) || !read_char(r, '-') ||
        !read_number(r, 2, 1, days_of_month(year, month), &day)) {
        return false;
    }
    *out = (double)(days_of_date(year, month, day) * DAY_SECONDS);
    return true;
}

static bool read_fraction(reading *r, double *out)
{
    double scale = 1;
    double value = 0;
    int digits = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, digits++) {
        value = value * 10 + (*r->at - '0');
        scale *= 10;
    }
    *out += value / scale;
    return digits > 0 && digits <= FRACTION_DIGITS_MAX;
}

// hh:mm, and :ss and a fraction where they are given.
static bool read_time(reading *r, double *out)
{
    int hour;
    int minute;
    int second = 0;
    if (!read_number(r, 2, 0, 23, &hour) || !read_char(r, ':') ||
        !read_number(r, 2, 0, 59, &minute)) {
        return false;
    }
    bool has_second = read_char(r, ':');
    if (has_second && !read_number(r, 2, 0, 59, &second)) {
        return false;
    }
    *out += hour * HOUR_SECONDS + minute * MINUTE_SECONDS + second;
    return !has_second || !read_char(r, '.') || read_fraction(r, out);
}

// Z, +hh:mm or -hh:mm: what the clock was ahead of UTC comes off.
static bool read_offset(reading *r, double *out)
{
    int hour;
    int minute;
    if (read_char(r, 'Z')) {
        return true;
    }
    int sign = read_char(r, '+') ? 1 : read_char(r, '-') ? -1 : 0;
    if (sign == 0 || !read_number(r, 2, 0, 23, &hour) || !read_char(r, ':') ||
        !read_number(r, 2, 0, 59, &minute)) {
        return false;
    }
    *out -= sign * (hour * HOUR_SECONDS + minute * MINUTE_SECONDS);
    return true;
}

static bool parse_date(nj_slice text, double *out)
{
    reading r = {text.bytes, text.bytes + text.size};
    if (!read_date(&r, out)) {
        return false;
    }
    if (r.at == r.end) {
        return true;
    }
    return read_char(&r, 'T') && read_time(&r, out) && (r.at == r.end || read_offset(&r, out)) &&
           r.at == r.end;
}

nj_status nj_instant_parse(const char *option, const char *text, nj_instant *out, nj_error *err)
{
    nj_instant instant = {.given = true};
    if (nj_decimal_parse(nj_slice_from(text), &instant.at)) {
        *out = instant;
        return NJ_OK;
    }
    instant.is_date = true;
    if (parse_date(nj_slice_from(text), &instant.at)) {
        *out = instant;
        return NJ_OK;
    }
    return nj_fail(
        err, NJ_USAGE,
        "--%s is \"%.64s\", must be a finite decimal number, as the file's times are, or "
        "a date of UTC such as 2024-05-01 or 2024-05-01T06:30:00",
        option, text);
}
