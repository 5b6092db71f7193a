#include "coordinator/deadline.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "common/base/duration.h"

#define DIGITS_MAX 7

// Up to DIGITS_MAX digits; false where there is none or are more.
static bool take_number(const char **text, uint32_t *out)
{
    uint32_t number = 0;
    int digits = 0;
    while (**text >= '0' && **text <= '9' && digits <= DIGITS_MAX) {
        number = number * 10 + (uint32_t)(**text - '0');
        (*text)++;
        digits++;
    }
    *out = number;
    return digits >= 1 && digits <= DIGITS_MAX;
}

// The next time after `now_s` on the day of `at` that the clock shows what it says; 0: none. In autumn it shows an hour twice; one that
// spring leaves out is what mktime makes of it.
static int64_t find_next(const struct tm *at, int64_t now_s)
{
    int64_t next_s = 0;
    for (int summer = 1; summer >= -1 && (summer >= 0 || next_s == 0); summer--) {
        struct tm tried = *at;
        tried.tm_isdst = summer; // -1: whatever holds then
        const int64_t tried_s = (int64_t)mktime(&tried);
        const bool shows = tried.tm_hour == at->tm_hour && tried.tm_min == at->tm_min;
        if ((shows || summer < 0) && tried_s > now_s && (next_s == 0 || tried_s < next_s)) {
            next_s = tried_s;
        }
    }
    return next_s;
}

// "05:00" or "05:00:30". Minutes and seconds have two digits: "5:3" is somebody's 05:30.
static bool read_clock(const char *text, int64_t now_s, int64_t *out_s)
{
    uint32_t parts[3] = {0};
    const uint32_t limits[3] = {23, 59, 59};
    size_t count = 0;
    bool more = true;
    while (more && count < 3) {
        const char *const begin = text;
        if (!take_number(&text, &parts[count]) || parts[count] > limits[count] ||
            (count > 0 && text - begin != 2)) {
            return false;
        }
        count++;
        more = *text == ':';
        text += more;
    }
    if (count < 2 || more || *text != '\0') {
        return false;
    }
    const time_t now = (time_t)now_s;
    struct tm day;
    if (localtime_r(&now, &day) == NULL) {
        return false;
    }
    for (int tomorrow = 0; tomorrow <= 1; tomorrow++) {
        struct tm at = day;
        at.tm_mday += tomorrow;
        at.tm_hour = (int)parts[0];
        at.tm_min = (int)parts[1];
        at.tm_sec = (int)parts[2];
        *out_s = find_next(&at, now_s);
        if (*out_s > now_s) {
            return true;
        }
    }
    return false;
}

static bool read_wait(const char *text, int64_t now_s, int64_t *out_s)
{
    uint64_t wait_ms = 0;
    const bool good =
        nj_duration_parse(text, &wait_ms) && wait_ms <= (uint64_t)NJ_DEADLINE_SECONDS_MAX * 1000;
    *out_s = now_s + (int64_t)(wait_ms / 1000);
    return good;
}

nj_status nj_deadline_read(const char *text, int64_t now_s, int64_t *out_s, nj_error *err)
{
    int64_t at_s = 0;
    const bool good =
        strchr(text, ':') != NULL ? read_clock(text, now_s, &at_s) : read_wait(text, now_s, &at_s);
    if (!good) {
        return nj_fail(err, NJ_USAGE,
                       "--deadline is \"%s\", must be a time such as 05:00 (the next one), or so "
                       "long from now as 90m or 1h30m, at most %u days",
                       text, NJ_DEADLINE_SECONDS_MAX / 86400);
    }
    *out_s = at_s;
    return NJ_OK;
}
