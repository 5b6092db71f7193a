// history_times.c - one jsonl line's events beside their times: checked, cut by --as-of, ties shuffled.
#include <stdlib.h>

#include "common/input/histories_reader.h"

typedef struct {
    uint64_t place;
    nj_slice item;
} tied_event;

static nj_status check_times(const nj_histories_reader *reader, bool has_times, size_t item_count,
                             const double *times, size_t time_count, nj_error *err)
{
    const nj_lines *lines = &reader->lines;
    if (!has_times && item_count > 0) {
        return nj_lines_fail(
            lines, lines->number, err,
            "has no \"times\", which --as-of, --gate-event-age, --tie-seed and --split time need");
    }
    if (item_count != time_count) {
        return nj_lines_fail(lines, lines->number, err, "has %zu items and %zu times", item_count,
                             time_count);
    }
    for (size_t i = 1; i < time_count; i++) {
        if (times[i] < times[i - 1]) {
            return nj_lines_fail(lines, lines->number, err,
                                 "time %zu is %.17g, before the one in front of it, %.17g: a "
                                 "history stands oldest first",
                                 i + 1, times[i], times[i - 1]);
        }
    }
    return NJ_OK;
}

// Times do not fall, so what counts stands in front.
static nj_status count_kept(const nj_histories_reader *reader, const double *times, size_t count,
                            size_t *out_kept, nj_error *err)
{
    nj_status status = NJ_OK;
    bool counts = true;
    size_t kept = 0;
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        status = nj_histories_counts(reader, reader->lines.number, times[i], &counts, err);
        kept += counts;
    }
    *out_kept = kept;
    return status;
}

static int compare_ties(const void *a, const void *b)
{
    const tied_event *x = a;
    const tied_event *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

// Items [count] of one time.
static nj_status shuffle_run(uint64_t seed, nj_slice user, double time, nj_slice *items,
                             size_t count, nj_buffer *ties)
{
    nj_buffer_clear(ties);
    for (size_t i = 0; i < count; i++) {
        const tied_event tied = {nj_histories_tie_place(seed, user, time, items[i]), items[i]};
        if (nj_buffer_append(ties, &tied, sizeof tied) != NJ_OK) {
            return NJ_NO_MEMORY;
        }
    }
    tied_event *events = (tied_event *)(void *)ties->bytes;
    qsort(events, count, sizeof *events, compare_ties);
    for (size_t i = 0; i < count; i++) {
        items[i] = events[i].item;
    }
    return NJ_OK;
}

static nj_status shuffle_ties(uint64_t seed, nj_slice user, const double *times, nj_slice *items,
                              size_t count, nj_buffer *ties)
{
    nj_status status = NJ_OK;
    for (size_t first = 0, end; status == NJ_OK && first < count; first = end) {
        for (end = first + 1; end < count && times[end] == times[first];) {
            end++;
        }
        if (end - first > 1) {
            status = shuffle_run(seed, user, times[first], items + first, end - first, ties);
        }
    }
    return status;
}

nj_status nj_histories_cut_line(const nj_histories_reader *reader, nj_slice user, bool has_times,
                                nj_buffer *items, nj_buffer *times, nj_buffer *ties,
                                bool *out_counts, nj_error *err)
{
    const size_t count = items->size / sizeof(nj_slice);
    const double *at = (const double *)(const void *)times->bytes;
    const uint64_t seed = reader->source->tie_seed;
    size_t kept = 0;
    nj_status status = check_times(reader, has_times, count, at, times->size / sizeof *at, err);
    if (status == NJ_OK) {
        status = count_kept(reader, at, count, &kept, err);
    }
    if (status == NJ_OK && seed != 0) {
        status = shuffle_ties(seed, user, at, (nj_slice *)(void *)items->bytes, kept, ties);
        status = status == NJ_OK
                     ? NJ_OK
                     : nj_fail(err, status, "%s: line %llu: no memory for its items",
                               reader->lines.name, (unsigned long long)reader->lines.number);
    }
    if (status == NJ_OK) {
        items->size = kept * sizeof(nj_slice);
        times->size = kept * sizeof(double);
        *out_counts = kept > 0 || count == 0;
    }
    return status;
}
