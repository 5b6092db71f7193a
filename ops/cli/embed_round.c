#include "ops/cli/embed_round.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/cli/progress.h"
#include "ops/cli/item_options.h"
#include "worker/items/embed_work.h"

#define SECTIONS 3
#define PARAMETERS_BYTES_MAX 8192

// A row that is computed.
typedef struct {
    uint64_t first; // token
    uint64_t count;
} span;

_Static_assert(sizeof(span) == NJ_EMBED_COLUMNS * sizeof(uint64_t), "a span is a row of the round");

typedef struct {
    const nj_embed_rows *rows;
    nj_embed_output *output;
    nj_embed_counts counts;
    nj_progress bar;
    size_t next;     // item whose row is written next
    float *row;      // [width] owned
    nj_buffer spans; // the round's rows: a .npy
    nj_buffer todo;  // size_t, the item of each
    nj_buffer parameters;
} writing;

static nj_status find_old(const nj_embed_rows *rows, size_t item, size_t *out_row)
{
    *out_row = nj_embed_old_find(rows->old, &rows->keys[item]);
    return *out_row != NJ_IDMAP_NONE ? NJ_OK : NJ_NOT_FOUND;
}

static bool is_computed(const nj_embed_rows *rows, size_t item)
{
    size_t old;
    return nj_embed_items_row(rows->items, item) != NJ_IDMAP_NONE &&
           find_old(rows, item, &old) != NJ_OK;
}

// ---- what is to be computed ----

static nj_status add_span(writing *w, size_t item, nj_error *err)
{
    const size_t text = nj_embed_items_row(w->rows->items, item);
    const uint64_t *starts = w->rows->starts;
    const span s = {starts[text], starts[text + 1] - starts[text]};
    nj_status status = nj_buffer_append(&w->spans, &s, sizeof s);
    if (status == NJ_OK) {
        status = nj_buffer_append(&w->todo, &item, sizeof item);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the rows to compute");
}

static nj_status list_todo(writing *w, nj_error *err)
{
    const size_t count = w->rows->items->items.count;
    for (size_t item = 0; item < count; item++) {
        w->counts.computed += is_computed(w->rows, item);
    }
    const size_t shape[] = {w->counts.computed, NJ_EMBED_COLUMNS};
    nj_status status = nj_npy_append_header(&w->spans, NJ_NPY_U64, shape, 2, err);
    for (size_t item = 0; item < count && status == NJ_OK; item++) {
        status = is_computed(w->rows, item) ? add_span(w, item, err) : NJ_OK;
    }
    return status;
}

// ---- rows in order ----

// Writes the rows of the items before `item`, none of which is computed.
static nj_status write_up_to(writing *w, size_t item, nj_error *err)
{
    const nj_embed_rows *rows = w->rows;
    const size_t width = rows->config->width;
    nj_status status = NJ_OK;
    for (; w->next < item && status == NJ_OK; w->next++) {
        size_t old;
        if (nj_embed_items_row(rows->items, w->next) == NJ_IDMAP_NONE) {
            memset(w->row, 0, width * sizeof *w->row);
        } else if (find_old(rows, w->next, &old) == NJ_OK) {
            status = nj_npy_read_f32(&rows->old->vectors, old * width, width, w->row, err);
            w->counts.kept++;
        }
        if (status == NJ_OK) {
            nj_embed_output_floats(w->output, w->row, width);
        }
    }
    return status;
}

static nj_status take_shard(void *context, size_t shard, size_t first, size_t count,
                            nj_slice answer, nj_error *err)
{
    (void)shard;
    writing *w = context;
    const size_t row_bytes = w->rows->config->width * sizeof *w->row;
    const size_t *todo = (const size_t *)(const void *)w->todo.bytes;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = write_up_to(w, todo[first + i], err);
        memcpy(w->row, answer.bytes + i * row_bytes, row_bytes);
        nj_embed_output_floats(w->output, w->row, w->rows->config->width);
        w->next++;
    }
    nj_progress_update(&w->bar, w->next, nj_clock_mono_ns());
    return status;
}

// ---- the round ----

static nj_status run_on(writing *w, const nj_item_executor *executor, nj_error *err)
{
    const nj_embed_rows *rows = w->rows;
    nj_status status =
        nj_embed_parameters(rows->config, rows->kernels->numeric_class, &w->parameters, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_item_section sections[SECTIONS] = {
        {.name = NJ_ITEM_ROWS, .bytes = w->spans.bytes, .size = w->spans.size},
        {.name = NJ_EMBED_TOKENS, .bytes = rows->tokens.bytes, .size = rows->tokens.size},
        {.name = NJ_EMBED_WEIGHTS, .bytes = rows->weights.bytes, .size = rows->weights.size}};
    const nj_item_round round = {.work = &nj_item_work_embed_texts,
                                 .parameters = nj_buffer_slice(&w->parameters),
                                 .sections = sections,
                                 .section_count = SECTIONS,
                                 .shard_rows = NJ_EMBED_SHARD_ROWS};
    return nj_item_run(executor, &round, take_shard, w, err);
}

static nj_status run_round(writing *w, nj_error *err)
{
    nj_item_place place;
    nj_status status = nj_item_place_open(w->rows->arguments, &place, err);
    if (status != NJ_OK) {
        return status;
    }
    place.threads.kernels = w->rows->kernels;
    status = run_on(w, &place.executor, err);
    nj_item_place_close(&place, status);
    return status;
}

static nj_status write_all(writing *w, nj_error *err)
{
    w->row = malloc(w->rows->config->width * sizeof *w->row);
    nj_status status =
        w->row != NULL ? list_todo(w, err) : nj_fail(err, NJ_NO_MEMORY, "no memory for a row");
    if (status == NJ_OK && w->counts.computed > 0) {
        status = run_round(w, err);
    }
    return status == NJ_OK ? write_up_to(w, w->rows->items->items.count, err) : status;
}

nj_status nj_embed_rows_write(const nj_embed_rows *rows, nj_embed_output *output,
                              nj_embed_counts *out, nj_error *err)
{
    writing w = {.rows = rows, .output = output};
    nj_buffer_init(&w.spans, SIZE_MAX / 2);
    nj_buffer_init(&w.todo, SIZE_MAX / 2);
    nj_buffer_init(&w.parameters, PARAMETERS_BYTES_MAX);
    nj_progress_start(&w.bar, "items", rows->items->items.count, 0,
                      nj_argument_flag(rows->arguments, "quiet"), nj_clock_mono_ns());
    const nj_status status = write_all(&w, err);
    nj_progress_finish(&w.bar);
    free(w.row);
    nj_buffer_fini(&w.spans);
    nj_buffer_fini(&w.todo);
    nj_buffer_fini(&w.parameters);
    *out = w.counts;
    return status;
}
