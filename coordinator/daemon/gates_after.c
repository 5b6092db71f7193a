#include "coordinator/daemon/gates_after.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/judge/metric.h"
#include "common/store/reader.h"

typedef struct {
    const nj_job *job;
    bool looks_at_items;     // coverage or overlap is asked for
    nj_store_reader *before; // owned; NULL: none
    nj_slice before_key; // where the walk over it is; empty: before the first or behind the last
    nj_slice before_row;
    uint64_t *shown; // owned; [items of the catalogue] bits
    uint64_t row_count, fallback_count, both_count;
    double overlap;
} walk;

// The row of the catalogue that the item has tonight. One without is called by its place from the end, so that it equals no other.
static uint32_t name_item(const nj_job *job, const nj_row_item *item, uint32_t place)
{
    char digits[NJ_ID_DIGITS_MAX];
    const nj_slice id =
        item->is_number ? (nj_slice){digits, nj_id_of_number(item->number, digits)} : item->text;
    const size_t row = nj_idmap_find(&job->map, id, nj_idmap_at_list, &job->catalogue.items);
    return row != NJ_IDMAP_NONE ? (uint32_t)row : UINT32_MAX - place;
}

static uint32_t name_items(const nj_job *job, const nj_row_scan *row, uint32_t *out)
{
    const uint8_t *at = row->items;
    for (uint32_t i = 0; i < row->count; i++) {
        nj_row_item item;
        at = nj_row_item_read(at, &item);
        out[i] = name_item(job, &item, i);
    }
    return row->count;
}

// Both go in key order. NJ_NOT_FOUND: the user is not there.
static nj_status find_before(walk *w, nj_slice key, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK &&
           (w->before_key.size == 0 || nj_slice_compare(w->before_key, key) < 0)) {
        status = nj_store_next(w->before, &w->before_key, &w->before_row, err);
    }
    if (status == NJ_END) {
        nj_store_reader_close(&w->before);
        return NJ_NOT_FOUND;
    }
    return status == NJ_OK && nj_slice_compare(w->before_key, key) != 0 ? NJ_NOT_FOUND : status;
}

static nj_status compare_row(walk *w, nj_slice key, const uint32_t *names, uint32_t count,
                             nj_error *err)
{
    uint32_t old[NJ_ROW_ITEMS_MAX];
    nj_row_scan row;
    if (w->before == NULL) {
        return NJ_OK;
    }
    nj_status status = find_before(w, key, err);
    if (status == NJ_OK && nj_row_scan_open(w->before_row, &row)) {
        w->overlap += nj_overlap_at(names, count, old, name_items(w->job, &row, old),
                                    NJ_GATES_OVERLAP_CUTOFF);
        w->both_count++;
    }
    return status == NJ_NOT_FOUND ? NJ_OK : status;
}

static nj_status visit_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    walk *w = context;
    nj_row_scan row;
    uint32_t names[NJ_ROW_ITEMS_MAX];
    if (!nj_row_scan_open(value, &row)) {
        return nj_fail(err, NJ_REFUSED, "row %zu of the packed generation cannot be read",
                       (size_t)w->row_count);
    }
    w->row_count++;
    w->fallback_count += (row.flags & (NJ_ROW_COLD | NJ_ROW_POPULAR)) != 0 ||
                         (row.count == 0 && row.text.bytes == NULL);
    if (!w->looks_at_items) {
        return NJ_OK;
    }
    const uint32_t count = name_items(w->job, &row, names);
    for (uint32_t i = 0; i < count; i++) {
        if (names[i] < w->job->catalogue.items.count) {
            nj_bits_add(w->shown, names[i]);
        }
    }
    return compare_row(w, key, names, count, err);
}

// Without one there is nothing to compare with; a damaged one is no reason to hold its successor back.
static nj_status open_before(walk *w, const char *store_dir, nj_error *err)
{
    nj_error why = {0};
    nj_status status = nj_store_reader_open(store_dir, NULL, &w->before, &why);
    if (status == NJ_OK) {
        status = nj_store_rewind(w->before, &why);
    }
    if (status == NJ_OK || status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    nj_store_reader_close(&w->before);
    if (status == NJ_NO_MEMORY || status == NJ_IO) {
        *err = why;
        return status;
    }
    nj_log(NJ_LOG_WARNING, "tonight's lists are compared with no generation: %s", why.text);
    return NJ_OK;
}

static nj_status open_walk(walk *w, const nj_gates *gates, const char *store_dir, nj_error *err)
{
    const bool compares = !isnan(gates->bounds[NJ_GATE_OVERLAP]);
    w->looks_at_items = compares || !isnan(gates->bounds[NJ_GATE_COVERAGE]);
    w->shown = calloc(nj_bits_words(w->job->catalogue.items.count) + 1, sizeof *w->shown);
    if (w->shown == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to count items in lists");
    }
    return compares ? open_before(w, store_dir, err) : NJ_OK;
}

static bool is_any_asked(const nj_gates *gates)
{
    return !isnan(gates->bounds[NJ_GATE_OVERLAP]) || !isnan(gates->bounds[NJ_GATE_COVERAGE]) ||
           !isnan(gates->bounds[NJ_GATE_FALLBACKS]);
}

nj_status nj_gates_after(const nj_gates *gates, const char *store_dir,
                         const nj_store_name *generation, const nj_job *job, nj_gate_findings *out,
                         nj_error *err)
{
    walk w = {.job = job};
    nj_store_name current;
    nj_store_reader *reader = NULL;
    const bool is_current = nj_store_current(store_dir, &current, NULL) == NJ_OK &&
                            strcmp(current.text, generation->text) == 0;
    if (!is_any_asked(gates) || is_current) {
        return NJ_OK;
    }
    nj_status status = open_walk(&w, gates, store_dir, err);
    if (status == NJ_OK) {
        status = nj_store_reader_open(store_dir, generation->text, &reader, err);
    }
    if (status == NJ_OK) {
        status = nj_store_each_entry(reader, visit_row, &w, err);
    }
    if (status == NJ_OK) {
        nj_gates_judge_mean(gates, NJ_GATE_OVERLAP, w.overlap, w.both_count, out);
        nj_gates_judge(gates, NJ_GATE_COVERAGE, "",
                       nj_bits_count(w.shown, job->catalogue.items.count), nj_job_item_count(job),
                       out);
        nj_gates_judge(gates, NJ_GATE_FALLBACKS, "", w.fallback_count, w.row_count, out);
    }
    nj_store_reader_close(&reader);
    nj_store_reader_close(&w.before);
    free(w.shown);
    return status;
}
