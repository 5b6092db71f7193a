// values.h - JSON values of a report: numbers that are always valid, and objects whose first failure sticks.
#ifndef NJ_COORDINATOR_REPORT_VALUES_H
#define NJ_COORDINATOR_REPORT_VALUES_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/codec/json.h"

/// null where it is no number.
static inline json_t *nj_value_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static inline json_t *nj_value_count(uint64_t value)
{
    return json_integer(value <= INT64_MAX ? (json_int_t)value : (json_int_t)INT64_MAX);
}

/// null where it is no UTF-8.
static inline json_t *nj_value_text(const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;
    return value != NULL ? value : json_null();
}

/// Puts the value, which is taken, into the object; false sticks in *ok.
static inline void nj_value_put(json_t *object, const char *key, json_t *value, bool *ok)
{
    *ok = json_object_set_new(object, key, value) == 0 && *ok;
}

static inline void nj_value_push(json_t *array, json_t *value, bool *ok)
{
    *ok = json_array_append_new(array, value) == 0 && *ok;
}

#endif
