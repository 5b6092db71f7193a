#include "common/store/diff.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec/row.h"
#include "common/judge/metric.h"

#define PROGRESS_ROWS 16384

// One of the two generations while it is walked.
typedef struct {
    nj_store_reader *reader;
    bool is_to;
    bool ended;
    nj_slice key;
    nj_slice value;
    uint64_t rows;
    nj_row row;                       // scratch
    uint32_t items[NJ_ROW_ITEMS_MAX]; // of `row`, as numbers of ids
} side;

typedef struct {
    side from;
    side to;
    uint32_t cutoff;
    double overlap_sum;
    uint64_t overlap_users;
} merge;

void nj_store_diff_init(nj_store_diff *diff)
{
    *diff = (nj_store_diff){0};
    nj_idmap_init(&diff->map);
    nj_idlist_builder_init(&diff->ids);
    nj_buffer_init(&diff->lists, NJ_STORE_DIFF_ITEMS_MAX * sizeof(nj_store_diff_lists));
}

void nj_store_diff_fini(nj_store_diff *diff)
{
    nj_idmap_fini(&diff->map);
    nj_idlist_builder_fini(&diff->ids);
    nj_buffer_fini(&diff->lists);
}

nj_slice nj_store_diff_id(const nj_store_diff *diff, size_t index)
{
    return nj_idlist_builder_at(&diff->ids, index);
}

nj_store_diff_lists nj_store_diff_lists_of(const nj_store_diff *diff, size_t index)
{
    return ((const nj_store_diff_lists *)(const void *)diff->lists.bytes)[index];
}

// ---- items ----

static nj_status add_item(nj_store_diff *diff, nj_slice id, size_t *out_index)
{
    const nj_store_diff_lists none = {0};
    const size_t index = diff->ids.count;
    nj_status status = index < NJ_STORE_DIFF_ITEMS_MAX ? NJ_OK : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        status = nj_buffer_append(&diff->lists, &none, sizeof none);
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_add(&diff->ids, id);
    }
    if (status == NJ_OK) {
        status = nj_idmap_insert(&diff->map, id, index);
    }
    *out_index = index;
    return status;
}

static nj_status note_item(nj_store_diff *diff, side *of, size_t place)
{
    nj_status status = NJ_OK;
    const nj_slice id = of->row.items[place];
    size_t index = nj_idmap_find(&diff->map, id, nj_idmap_at_builder, &diff->ids);
    if (index == NJ_IDMAP_NONE) {
        status = add_item(diff, id, &index);
    }
    if (status == NJ_OK) {
        nj_store_diff_lists *lists = (nj_store_diff_lists *)(void *)diff->lists.bytes +
                                     index; // aligned: an array from malloc
        lists->from += !of->is_to;
        lists->to += of->is_to;
        of->items[place] = (uint32_t)index;
    }
    return status;
}

static nj_status read_row(nj_store_diff *diff, side *of, nj_error *err)
{
    char digits[NJ_STORE_DIGITS_BYTES];
    nj_slice user = {"?", 1};
    nj_status status = nj_row_unpack(of->value, &of->row, err);
    if (status != NJ_OK) {
        nj_status named = nj_store_key_unpack(of->key, digits, &user, NULL);
        (void)named;
        nj_error_prefix(err, "%s: user \"%.*s\"", nj_store_reader_name(of->reader)->text,
                        NJ_SLICE_ARGS(user));
        if (err != NULL) {
            err->status = NJ_REFUSED; // what is published was a row once
        }
        return NJ_REFUSED;
    }
    for (size_t i = 0; i < of->row.count && status == NJ_OK; i++) {
        status = note_item(diff, of, i);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "no memory for %zu items (at most %u)",
                                     diff->ids.count, NJ_STORE_DIFF_ITEMS_MAX);
}

// ---- users ----

static nj_status step(side *of, nj_error *err)
{
    nj_status status = nj_store_next(of->reader, &of->key, &of->value, err);
    of->ended = status == NJ_END;
    of->rows += status == NJ_OK;
    return of->ended ? NJ_OK : status;
}

static bool has_same_items(const merge *m)
{
    const size_t count = m->from.row.count;
    return count == m->to.row.count &&
           (count == 0 || memcmp(m->from.items, m->to.items, count * sizeof m->from.items[0]) == 0);
}

static nj_status compare_rows(merge *m, nj_store_diff *diff, nj_error *err)
{
    nj_status status = read_row(diff, &m->from, err);
    if (status == NJ_OK) {
        status = read_row(diff, &m->to, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (nj_slice_equal(m->from.value, m->to.value)) {
        diff->identical++;
    } else if (has_same_items(m)) {
        diff->rescored++;
    } else {
        diff->changed++;
    }
    m->overlap_users++;
    m->overlap_sum += nj_overlap_at(m->from.items, (uint32_t)m->from.row.count, m->to.items,
                                    (uint32_t)m->to.row.count, m->cutoff);
    return NJ_OK;
}

// What comes first in key order, or both where that is one user.
static nj_status merge_next(merge *m, nj_store_diff *diff, nj_error *err)
{
    const int order = m->from.ended ? 1
                      : m->to.ended ? -1
                                    : nj_slice_compare(m->from.key, m->to.key);
    nj_status status;
    if (order < 0) {
        diff->removed++;
        status = read_row(diff, &m->from, err);
    } else if (order > 0) {
        diff->added++;
        status = read_row(diff, &m->to, err);
    } else {
        status = compare_rows(m, diff, err);
    }
    if (status == NJ_OK && order <= 0) {
        status = step(&m->from, err);
    }
    return status == NJ_OK && order >= 0 ? step(&m->to, err) : status;
}

static nj_status merge_all(merge *m, nj_store_diff *diff, nj_store_diff_progress progress,
                           void *context, nj_error *err)
{
    nj_status status = nj_store_rewind(m->from.reader, err);
    if (status == NJ_OK) {
        status = nj_store_rewind(m->to.reader, err);
    }
    if (status == NJ_OK) {
        status = step(&m->from, err);
    }
    if (status == NJ_OK) {
        status = step(&m->to, err);
    }
    for (uint64_t i = 0; status == NJ_OK && !(m->from.ended && m->to.ended); i++) {
        status = merge_next(m, diff, err);
        if (progress != NULL && i % PROGRESS_ROWS == 0) {
            progress(context, m->from.rows + m->to.rows);
        }
    }
    return status;
}

static void count_items(nj_store_diff *diff)
{
    for (size_t i = 0; i < diff->ids.count; i++) {
        const nj_store_diff_lists lists = nj_store_diff_lists_of(diff, i);
        diff->items_gained += lists.from == 0;
        diff->items_lost += lists.to == 0;
    }
}

nj_status nj_store_diff_make(nj_store_reader *from, nj_store_reader *to, uint32_t cutoff,
                             nj_store_diff_progress progress, void *context, nj_store_diff *diff,
                             nj_error *err)
{
    merge *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to compare generations");
    }
    m->from.reader = from;
    m->to.reader = to;
    m->to.is_to = true;
    m->cutoff = cutoff;
    nj_status status = merge_all(m, diff, progress, context, err);
    if (status == NJ_OK) {
        diff->overlap = m->overlap_users > 0 ? m->overlap_sum / (double)m->overlap_users : 1.0;
        count_items(diff);
    }
    free(m);
    return status;
}

// ---- the items that moved most ----

static uint64_t rise_of(const nj_store_diff *diff, bool gained, size_t index)
{
    const nj_store_diff_lists lists = nj_store_diff_lists_of(diff, index);
    const uint64_t more = gained ? lists.to : lists.from;
    const uint64_t less = gained ? lists.from : lists.to;
    return more > less ? more - less : 0;
}

static bool stands_before(const nj_store_diff *diff, bool gained, size_t a, size_t b)
{
    const uint64_t rise_a = rise_of(diff, gained, a);
    const uint64_t rise_b = rise_of(diff, gained, b);
    return rise_a != rise_b
               ? rise_a > rise_b
               : nj_slice_compare(nj_store_diff_id(diff, a), nj_store_diff_id(diff, b)) < 0;
}

size_t nj_store_diff_movers(const nj_store_diff *diff, bool gained, uint32_t *out_indexes,
                            size_t count_max)
{
    size_t count = 0;
    for (size_t i = 0; i < diff->ids.count; i++) {
        if (rise_of(diff, gained, i) == 0) {
            continue;
        }
        size_t place = count;
        while (place > 0 && stands_before(diff, gained, i, out_indexes[place - 1])) {
            place--;
        }
        if (place == count_max) {
            continue;
        }
        count += count < count_max;
        for (size_t j = count - 1; j > place; j--) {
            out_indexes[j] = out_indexes[j - 1];
        }
        out_indexes[place] = (uint32_t)i;
    }
    return count;
}
