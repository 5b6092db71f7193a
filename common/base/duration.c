#include "common/base/duration.h"

#include <stddef.h>
#include <string.h>

static const char UNITS[] = "dhms";
static const uint64_t UNIT_MS[] = {24 * 3600 * 1000, 3600 * 1000, 60 * 1000, 1000};

// False without a digit, and for more than the longest length in any unit.
static bool take_number(const char **text, uint64_t *out)
{
    const char *at = *text;
    *out = 0;
    while (*at >= '0' && *at <= '9') {
        if (*out > NJ_DURATION_MS_MAX) {
            return false;
        }
        *out = 10 * *out + (uint64_t)(*at++ - '0');
    }
    const bool has_digits = at > *text;
    *text = at;
    return has_digits;
}

bool nj_duration_parse(const char *text, uint64_t *out_ms)
{
    uint64_t sum_ms = 0;
    size_t next = 0; // the largest unit that may still come
    while (*text != '\0') {
        uint64_t number;
        const char *unit =
            take_number(&text, &number) && *text != '\0' ? strchr(UNITS + next, *text) : NULL;
        if (unit == NULL || number > (NJ_DURATION_MS_MAX - sum_ms) / UNIT_MS[unit - UNITS]) {
            return false;
        }
        sum_ms += number * UNIT_MS[unit - UNITS];
        next = (size_t)(unit - UNITS) + 1;
        text++;
    }
    if (sum_ms == 0) {
        return false;
    }
    *out_ms = sum_ms;
    return true;
}
