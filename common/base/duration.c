#include "common/base/duration.h"

#include <stddef.h>

static uint64_t unit_ms(char unit)
{
    switch (unit) {
    case 's':
        return 1000;
    case 'm':
        return 60 * 1000;
    case 'h':
        return 3600 * 1000;
    case 'd':
        return 24 * 3600 * 1000;
    default:
        return 0;
    }
}

bool nj_duration_parse(const char *text, uint64_t *out_ms)
{
    uint64_t number = 0;
    size_t digits = 0;
    while (text[digits] >= '0' && text[digits] <= '9') {
        if (number > NJ_DURATION_MS_MAX) {
            return false;
        }
        number = 10 * number + (uint64_t)(text[digits++] - '0');
    }
    const uint64_t unit = unit_ms(text[digits]);
    if (digits == 0 || unit == 0 || text[digits + 1] != '\0' || number == 0 ||
        number > NJ_DURATION_MS_MAX / unit) {
        return false;
    }
    *out_ms = number * unit;
    return true;
}
