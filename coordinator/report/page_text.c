// page_text.c - reading a document that may lack anything, and numbers as people read them.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "coordinator/report/page_parts.h"

#define NONE "\u2013"
#define NUMBER_MAX                                                                                 \
    1e18 // of a document: sums, shares and places of what is larger may not be finite

static double read_number(const json_t *value)
{
    const double number = json_is_number(value) ? json_number_value(value) : NAN;
    return fabs(number) <= NUMBER_MAX ? number : NAN;
}

double nj_page_number(const json_t *object, const char *key)
{
    return read_number(json_object_get(object, key));
}

double nj_page_count(const json_t *object, const char *key)
{
    const double value = nj_page_number(object, key);
    return isnan(value) ? 0 : value;
}

const json_t *nj_page_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_object(value) || json_is_array(value) ? value : NULL;
}

const char *nj_page_word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

double nj_page_element(const json_t *array, size_t index)
{
    return read_number(json_array_get(array, index));
}

static nj_page_text say_nothing(void)
{
    return (nj_page_text){NONE};
}

nj_page_text nj_page_say_count(double value)
{
    nj_page_text out = say_nothing();
    char digits[32];
    if (!isfinite(value) || fabs(value) > NUMBER_MAX) {
        return out;
    }
    snprintf(digits, sizeof digits, "%.0f", value);
    const size_t size = strlen(digits);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        out.text[used++] = digits[i];
        const size_t left = size - i - 1;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') {
            out.text[used++] = ',';
        }
    }
    out.text[used] = '\0';
    return out;
}

nj_page_text nj_page_say_share(double value)
{
    nj_page_text out = say_nothing();
    if (isfinite(value)) {
        snprintf(out.text, sizeof out.text, "%.1f %%", 100 * value);
    }
    return out;
}

nj_page_text nj_page_say_bytes(double value)
{
    static const char *const UNITS[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    nj_page_text out = say_nothing();
    size_t unit = 0;
    if (!isfinite(value)) {
        return out;
    }
    while (value >= 1024 && unit + 1 < sizeof UNITS / sizeof UNITS[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(out.text, sizeof out.text, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
             UNITS[unit]);
    return out;
}

nj_page_text nj_page_say_seconds(double value)
{
    nj_page_text out = say_nothing();
    if (!isfinite(value) || value < 0) {
        return out;
    }
    if (value < 1) {
        snprintf(out.text, sizeof out.text, "%.0f ms", 1000 * value);
    } else if (value < 60) {
        snprintf(out.text, sizeof out.text, "%.1f s", value);
    } else if (value < 3600) {
        snprintf(out.text, sizeof out.text, "%d min %d s", (int)(value / 60), (int)fmod(value, 60));
    } else {
        snprintf(out.text, sizeof out.text, "%.0f h %d min", floor(value / 3600),
                 (int)(fmod(value, 3600) / 60));
    }
    return out;
}

nj_page_text nj_page_say_rate(double value)
{
    nj_page_text out = say_nothing();
    if (isfinite(value) && value < 100) {
        snprintf(out.text, sizeof out.text, "%.1f", value);
        return out;
    }
    return nj_page_say_count(value);
}

nj_page_text nj_page_say_moment(double ms)
{
    nj_page_text out = say_nothing();
    struct tm parts;
    if (!isfinite(ms) || ms <= 0 || ms > 4e14) { // some 10,000 years
        return out;
    }
    const time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &parts) != NULL) {
        strftime(out.text, sizeof out.text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    }
    return out;
}

nj_page_text nj_page_say_real(double value)
{
    nj_page_text out = say_nothing();
    if (isfinite(value)) {
        snprintf(out.text, sizeof out.text, "%.4g", value);
    }
    return out;
}

nj_page_text nj_page_say_fixed(double value)
{
    nj_page_text out = say_nothing();
    if (isfinite(value)) {
        snprintf(out.text, sizeof out.text, "%.3f", value);
    }
    return out;
}
