#include "coordinator/daemon/gates_after.h"

#include <math.h>
#include <string.h>

#include "common/base/log.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/judge/metric.h"
#include "common/store/reader.h"
#include "coordinator/daemon/shown_items.h"

typedef struct {
    bool counts_items;       // coverage is asked for
    nj_shown_items shown;    // all zero: it is not
    nj_store_reader *before; // owned; NULL: none, or overlap is not asked for
    nj_slice before_key; // where the walk over it is; empty: before the first or behind the last
    nj_slice before_row;
    uint64_t row_count, fallback_count, both_count;
    double overlap;
} walk;

// The first places of a list. Every item has one form in a row, so equal items are equal bytes.
typedef struct {
    uint32_t count;
    uint64_t heads
        [NJ_GATES_OVERLAP_CUTOFF]; // the first 8 bytes of each or fewer, for a look before the whole
    nj_slice items[NJ_GATES_OVERLAP_CUTOFF];
} first_places;

static void take_places(const nj_row_scan *row, first_places *out)
{
    const uint8_t *at = row->items;
    out->count = row->count < NJ_GATES_OVERLAP_CUTOFF ? row->count : NJ_GATES_OVERLAP_CUTOFF;
    for (uint32_t i = 0; i < out->count; i++) {
        nj_row_item item;
        const uint8_t *next = nj_row_item_read(at, &item);
        const size_t size = (size_t)(next - at);
        out->items[i] = (nj_slice){(const char *)at, size};
        out->heads[i] = 0;
        memcpy(&out->heads[i], at, size < sizeof out->heads[i] ? size : sizeof out->heads[i]);
        at = next;
    }
}

// Items are called by their place in `a`; those that are not in it equal no other.
static double compare_places(const first_places *a, const first_places *b)
{
    uint32_t a_names[NJ_GATES_OVERLAP_CUTOFF];
    uint32_t b_names[NJ_GATES_OVERLAP_CUTOFF];
    for (uint32_t i = 0; i < a->count; i++) {
        a_names[i] = i;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        b_names[i] = NJ_ITEM_INVALID;
        for (uint32_t k = 0; k < a->count && b_names[i] == NJ_ITEM_INVALID; k++) {
            if (b->heads[i] == a->heads[k] && nj_slice_equal(b->items[i], a->items[k])) {
                b_names[i] = k;
            }
        }
    }
    return nj_overlap_at(a_names, a->count, b_names, b->count, NJ_GATES_OVERLAP_CUTOFF);
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

static nj_status compare_row(walk *w, nj_slice key, const nj_row_scan *row, nj_error *err)
{
    nj_row_scan old;
    nj_status status = find_before(w, key, err);
    if (status == NJ_OK && nj_row_scan_open(w->before_row, &old)) {
        first_places now;
        first_places then;
        take_places(row, &now);
        take_places(&old, &then);
        w->overlap += compare_places(&now, &then);
        w->both_count++;
    }
    return status == NJ_NOT_FOUND ? NJ_OK : status;
}

static void show_items(walk *w, const nj_row_scan *row)
{
    const uint8_t *at = row->items;
    for (uint32_t i = 0; i < row->count; i++) {
        nj_row_item item;
        at = nj_row_item_read(at, &item);
        nj_shown_items_add(&w->shown, &item);
    }
}

static nj_status visit_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    walk *w = context;
    nj_row_scan row;
    if (!nj_row_scan_open(value, &row)) {
        return nj_fail(err, NJ_REFUSED, "row %zu of the packed generation cannot be read",
                       (size_t)w->row_count);
    }
    w->row_count++;
    w->fallback_count += (row.flags & (NJ_ROW_COLD | NJ_ROW_POPULAR)) != 0 ||
                         (row.count == 0 && row.text.bytes == NULL);
    if (w->counts_items) {
        show_items(w, &row);
    }
    return w->before != NULL ? compare_row(w, key, &row, err) : NJ_OK;
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

static nj_status open_walk(walk *w, const nj_gates *gates, const char *store_dir, const nj_job *job,
                           nj_error *err)
{
    nj_status status = NJ_OK;
    w->counts_items = !isnan(gates->bounds[NJ_GATE_COVERAGE]);
    if (w->counts_items) {
        status = nj_shown_items_init(&w->shown, job, err);
    }
    return status == NJ_OK && !isnan(gates->bounds[NJ_GATE_OVERLAP])
               ? open_before(w, store_dir, err)
               : status;
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
    walk w = {0};
    nj_store_name current;
    nj_store_reader *reader = NULL;
    const bool is_current = nj_store_current(store_dir, &current, NULL) == NJ_OK &&
                            strcmp(current.text, generation->text) == 0;
    if (!is_any_asked(gates) || is_current) {
        return NJ_OK;
    }
    nj_status status = open_walk(&w, gates, store_dir, job, err);
    if (status == NJ_OK) {
        status = nj_store_reader_open(store_dir, generation->text, &reader, err);
    }
    if (status == NJ_OK) {
        status = nj_store_each_entry(reader, visit_row, &w, err);
    }
    if (status == NJ_OK) {
        nj_gates_judge_mean(gates, NJ_GATE_OVERLAP, w.overlap, w.both_count, out);
        nj_gates_judge(gates, NJ_GATE_COVERAGE, "",
                       w.counts_items ? nj_shown_items_count(&w.shown) : 0, nj_job_item_count(job),
                       out);
        nj_gates_judge(gates, NJ_GATE_FALLBACKS, "", w.fallback_count, w.row_count, out);
    }
    nj_store_reader_close(&reader);
    nj_store_reader_close(&w.before);
    nj_shown_items_fini(&w.shown);
    return status;
}
