#include "ops/cli/bench_compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/cli/bench_columns.h"

#define SIZE_NOISE 0.01 // a page more or less

static const char *bench_of(const json_t *row)
{
    return json_string_value(json_object_get(row, "bench"));
}

// A key that one of the rows does not have is younger than its run, and tells nothing apart.
static bool same_keys(const json_t *a, const json_t *b)
{
    const char *bench = bench_of(a);
    if (strcmp(bench, bench_of(b)) != 0) {
        return false;
    }
    const nj_bench_column *c = NULL;
    while ((c = nj_bench_column_next(bench, c)) != NULL) {
        const json_t *in_a = json_object_get(a, c->key);
        const json_t *in_b = json_object_get(b, c->key);
        if (c->role == NJ_BENCH_KEY && in_a != NULL && in_b != NULL && !json_equal(in_a, in_b)) {
            return false;
        }
    }
    return true;
}

static const json_t *find_row(const json_t *rows, const json_t *wanted)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (same_keys(json_array_get(rows, i), wanted)) {
            return json_array_get(rows, i);
        }
    }
    return NULL;
}

static double number_of(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static bool is_noisy(const json_t *row)
{
    return json_is_true(json_object_get(row, "noisy"));
}

static double noise_of(const nj_bench_column *column, const json_t *old_row, const json_t *new_row)
{
    return column->role == NJ_BENCH_SIZE
               ? SIZE_NOISE
               : fmax(number_of(old_row, "spread"), number_of(new_row, "spread"));
}

static double gain_of(nj_bench_role role, double ratio)
{
    return role == NJ_BENCH_RATE ? ratio : 1.0 / ratio;
}

// A comparison of one result, or NULL where one of the rows does not have it or memory has run out.
static json_t *compare_result(const nj_bench_column *column, const json_t *old_row,
                              const json_t *new_row)
{
    const double before = number_of(old_row, column->key);
    const double now = number_of(new_row, column->key);
    const double ratio = now / before;
    const double noise = noise_of(column, old_row, new_row);
    const char *verdict = fabs(ratio - 1.0) <= noise           ? "same"
                          : gain_of(column->role, ratio) > 1.0 ? "better"
                                                               : "worse";
    json_t *out =
        json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:s, s:b}", "bench", bench_of(new_row), "result",
                  column->key, "old", before, "new", now, "ratio", ratio, "noise", noise, "verdict",
                  verdict, "noisy", is_noisy(old_row) || is_noisy(new_row));
    const nj_bench_column *c = NULL;
    while (out != NULL && (c = nj_bench_column_next(column->bench, c)) != NULL) {
        json_t *value = json_object_get(new_row, c->key);
        if (c->role == NJ_BENCH_KEY && value != NULL) {
            json_object_set(out, c->key, value);
        }
    }
    return out;
}

static bool has_result(const nj_bench_column *column, const json_t *row)
{
    return column->role != NJ_BENCH_KEY && column->role != NJ_BENCH_FACT &&
           number_of(row, column->key) > 0.0;
}

json_t *nj_bench_compare(const json_t *old_rows, const json_t *new_rows)
{
    json_t *out = json_array();
    int failed = out == NULL;
    for (size_t i = 0; i < json_array_size(new_rows) && !failed; i++) {
        const json_t *row = json_array_get(new_rows, i);
        const json_t *old_row = find_row(old_rows, row);
        const nj_bench_column *c = NULL;
        while (old_row != NULL && !failed && (c = nj_bench_column_next(bench_of(row), c)) != NULL) {
            if (has_result(c, row) && has_result(c, old_row)) {
                failed = json_array_append_new(out, compare_result(c, old_row, row));
            }
        }
    }
    if (failed) {
        json_decref(out);
        return NULL;
    }
    return out;
}

double nj_bench_gain(const json_t *comparison)
{
    const char *result = json_string_value(json_object_get(comparison, "result"));
    const nj_bench_column *c = nj_bench_column_next(bench_of(comparison), NULL);
    while (strcmp(c->key, result) != 0) {
        c = nj_bench_column_next(c->bench, c);
    }
    return gain_of(c->role, number_of(comparison, "ratio"));
}

void nj_bench_describe(const json_t *row, char *out, size_t size)
{
    const nj_bench_column *c = NULL;
    size_t used = (size_t)snprintf(out, size, "%s", bench_of(row));
    while (used < size && (c = nj_bench_column_next(bench_of(row), c)) != NULL) {
        const json_t *value = json_object_get(row, c->key);
        if (c->role != NJ_BENCH_KEY || value == NULL) {
            continue;
        }
        used += json_is_string(value)
                    ? (size_t)snprintf(out + used, size - used, " %s=%s", c->key,
                                       json_string_value(value))
                    : (size_t)snprintf(out + used, size - used, " %s=%lld", c->key,
                                       (long long)json_integer_value(value));
    }
}
