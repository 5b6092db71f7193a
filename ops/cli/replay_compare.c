#include "ops/cli/replay_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/row.h"
#include "common/codec/row_scan.h"

static void note(nj_row_difference *out, const char *field)
{
    snprintf(out->field, sizeof out->field, "%s", field);
}

static void note_ids(nj_row_difference *out, const char *what, size_t place, nj_slice a, nj_slice b)
{
    snprintf(out->field, sizeof out->field, "%s %zu", what, place);
    snprintf(out->stored, sizeof out->stored, "\"%.*s\"", NJ_SLICE_ARGS(a));
    snprintf(out->replayed, sizeof out->replayed, "\"%.*s\"", NJ_SLICE_ARGS(b));
}

static void note_numbers(nj_row_difference *out, const char *what, uint64_t a, uint64_t b)
{
    note(out, what);
    snprintf(out->stored, sizeof out->stored, "%" PRIu64, a);
    snprintf(out->replayed, sizeof out->replayed, "%" PRIu64, b);
}

// True when a list of ids differs.
static bool compare_ids(const char *what, const nj_slice *a, size_t a_count, const nj_slice *b,
                        size_t b_count, nj_row_difference *out)
{
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        if (!nj_slice_equal(a[i], b[i])) {
            note_ids(out, what, i, a[i], b[i]);
            return true;
        }
    }
    if (a_count != b_count) {
        char counted[48];
        snprintf(counted, sizeof counted, "the number of %ss", what);
        note_numbers(out, counted, a_count, b_count);
    }
    return a_count != b_count;
}

static bool compare_scores(const nj_row *a, const nj_row *b, nj_row_difference *out)
{
    for (size_t i = 0; i < a->count; i++) {
        if (memcmp(&a->scores[i], &b->scores[i], sizeof a->scores[i]) != 0) {
            snprintf(out->field, sizeof out->field, "score %zu", i);
            snprintf(out->stored, sizeof out->stored, "%.9g", (double)a->scores[i]);
            snprintf(out->replayed, sizeof out->replayed, "%.9g", (double)b->scores[i]);
            return true;
        }
    }
    return false;
}

// What stands behind the list, by the place of the first byte.
static void compare_bytes(const char *what, nj_slice a, nj_slice b, nj_row_difference *out)
{
    size_t at = 0;
    while (at < a.size && at < b.size && a.bytes[at] == b.bytes[at]) {
        at++;
    }
    snprintf(out->field, sizeof out->field, "%s at byte %zu of %zu and %zu", what, at, a.size,
             b.size);
    snprintf(out->stored, sizeof out->stored, at < a.size ? "0x%02x" : "nothing",
             at < a.size ? (unsigned char)a.bytes[at] : 0u);
    snprintf(out->replayed, sizeof out->replayed, at < b.size ? "0x%02x" : "nothing",
             at < b.size ? (unsigned char)b.bytes[at] : 0u);
}

static nj_slice trace_of(const nj_row_scan *scan)
{
    return (nj_slice){(const char *)scan->trace, 4 * (size_t)scan->trace_count};
}

static void compare_rest(nj_slice stored, nj_slice replayed, const nj_row *a, const nj_row *b,
                         nj_row_difference *out)
{
    nj_row_scan left = {0};
    nj_row_scan right = {0};
    const bool scanned = nj_row_scan_open(stored, &left) && nj_row_scan_open(replayed, &right);
    if (memcmp(&a->history, &b->history, sizeof a->history) != 0) {
        compare_bytes("the history digest",
                      (nj_slice){(const char *)a->history.bytes, sizeof a->history.bytes},
                      (nj_slice){(const char *)b->history.bytes, sizeof b->history.bytes}, out);
    } else if (a->age != b->age) {
        note_numbers(out, "the age", a->age, b->age);
    } else if (scanned && !nj_slice_equal(trace_of(&left), trace_of(&right))) {
        compare_bytes("the trace", trace_of(&left), trace_of(&right), out);
    } else if (!nj_slice_equal(a->why, b->why)) {
        compare_bytes("why", a->why, b->why, out);
    } else if (!nj_slice_equal(a->text, b->text)) {
        compare_bytes("the text", a->text, b->text, out);
    } else if (!compare_ids("reserve item", a->reserve, a->reserve_count, b->reserve,
                            b->reserve_count, out)) {
        compare_bytes("the row", stored, replayed, out);
    }
}

nj_status nj_rows_compare(nj_slice stored, nj_slice replayed, nj_row_difference *out, nj_error *err)
{
    memset(out, 0, sizeof *out);
    if (nj_slice_equal(stored, replayed)) {
        return NJ_OK;
    }
    nj_row *rows = malloc(2 * sizeof *rows);
    if (rows == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to compare rows");
    }
    nj_status status = nj_row_unpack(stored, &rows[0], err);
    if (status == NJ_OK) {
        status = nj_row_unpack(replayed, &rows[1], err);
    }
    if (status != NJ_OK) {
        status = nj_fail(err, NJ_REFUSED, "a row is malformed");
    } else if (!compare_ids("item", rows[0].items, rows[0].count, rows[1].items, rows[1].count,
                            out) &&
               !compare_scores(&rows[0], &rows[1], out)) {
        if (rows[0].flags != rows[1].flags) {
            note_numbers(out, "flags", rows[0].flags, rows[1].flags);
        } else {
            compare_rest(stored, replayed, &rows[0], &rows[1], out);
        }
    }
    free(rows);
    return status;
}
