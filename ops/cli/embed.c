// embed.c - `nightjar embed`: item vectors from item text, by its words' weights; --model is embed_model.c.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cli/progress.h"
#include "common/text/sparse_svd.h"
#include "common/text/tfidf.h"
#include "ops/cli/commands.h"
#include "ops/cli/embed_items.h"
#include "ops/cli/embed_model.h"
#include "ops/cli/embed_output.h"

#define ROWS_AT_ONCE 8192 // that are computed before they are written
#define ROWS_A_TASK 64

// A row of length 1 of which the axes hold less than this is rounding: it has no direction to keep.
#define DIRECTION_MIN 1e-6

typedef struct {
    nj_tfidf_config words;
    nj_svd_config axes;
    uint64_t threads;
    bool is_plain; // rows keep their lengths
} settings;

typedef struct {
    settings settings;
    nj_progress bar;
    uint64_t began_ns;
    nj_embed_items items;
    nj_tfidf tfidf; // a row an item that has a line of text, in file order
    nj_sparse matrix;
    nj_svd svd;
    nj_embed_output output;
    size_t lost_count; // items whose words all lie off the axes
} embedding;

// A part of the rows, computed by all threads.
typedef struct {
    const embedding *e;
    size_t first; // item
    size_t count;
    float *out;       // [ROWS_AT_ONCE, dimensions]
    double *scratch;  // [threads, dimensions rounded up to NJ_SVD_BLOCK]
    uint8_t *is_lost; // [ROWS_AT_ONCE]
} row_batch;

// ---- options ----

static nj_status read_words(const nj_arguments *arguments, nj_tfidf_config *out, nj_error *err)
{
    uint64_t items_min = 0;
    uint64_t words_max = 0;
    nj_status status =
        nj_argument_uint(arguments, "min-items", 1, NJ_IDLIST_COUNT_MAX, &items_min, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "words-max", 1, NJ_IDLIST_COUNT_MAX, &words_max, err);
    }
    *out = (nj_tfidf_config){(uint32_t)items_min, (uint32_t)words_max,
                             nj_argument_flag(arguments, "bigrams"),
                             nj_argument_flag(arguments, "plain-counts")};
    return status;
}

static nj_status read_axes(const nj_arguments *arguments, settings *out, nj_error *err)
{
    uint64_t dimensions = 0;
    uint64_t iterations = 0;
    nj_status status =
        nj_argument_uint(arguments, "dimensions", 1, NJ_SVD_DIMENSIONS_MAX, &dimensions, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "power-iterations", 0, NJ_SVD_ITERATIONS_MAX,
                                  &iterations, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "seed", 0, UINT64_MAX, &out->axes.seed, err);
    }
    out->axes.dimensions = (size_t)dimensions;
    out->axes.iterations = (size_t)iterations;
    return status;
}

static nj_status read_settings(const nj_arguments *arguments, settings *out, nj_error *err)
{
    const char *method = nj_argument(arguments, "method");
    if (strcmp(method, "tfidf-svd") != 0) {
        return nj_fail(err, NJ_USAGE, "--method is \"%s\", must be tfidf-svd", method);
    }
    out->is_plain = nj_argument_flag(arguments, "no-normalize");
    nj_status status = nj_embed_check_words(arguments, err);
    if (status == NJ_OK) {
        status = read_words(arguments, &out->words, err);
    }
    if (status == NJ_OK) {
        status = read_axes(arguments, out, err);
    }
    return status == NJ_OK ? nj_embed_threads(arguments, &out->threads, err) : status;
}

// ---- words, then axes ----

static void show_lines(void *context, uint64_t lines_done)
{
    nj_progress_update(context, lines_done, nj_clock_mono_ns());
}

static void show_rounds(void *context, size_t done, size_t total)
{
    nj_progress *bar = context;
    bar->total = total;
    nj_progress_update(bar, done, nj_clock_mono_ns());
}

static nj_status read_texts(const nj_arguments *arguments, embedding *e, nj_error *err)
{
    const nj_item_text_reading reading = {.path = nj_argument(arguments, "items"),
                                          .id_column = nj_argument(arguments, "id-column"),
                                          .text_columns = nj_argument(arguments, "text-columns")};
    e->items.progress = show_lines;
    e->items.context = &e->bar;
    nj_progress_start(&e->bar, "lines", 0, 0, nj_argument_flag(arguments, "quiet"), e->began_ns);
    nj_status status = nj_embed_items_read(&e->items, nj_argument(arguments, "ids"), reading,
                                           nj_argument_flag(arguments, "zero-missing"), err);
    nj_progress_finish(&e->bar);
    if (status == NJ_OK) {
        status = nj_tfidf_finish(&e->tfidf, &e->matrix, err);
    }
    if (status == NJ_OK && e->matrix.column_count == 0) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: no word stands in %" PRIu32
                         " of its %zu items or more: give more text, or a lower --min-items",
                         reading.path, e->tfidf.items_min, e->matrix.row_count);
    }
    return status;
}

static nj_status find_axes(const nj_arguments *arguments, embedding *e, nj_pool *pool,
                           nj_error *err)
{
    const size_t bytes =
        nj_svd_bytes(e->matrix.row_count, e->matrix.column_count, e->settings.axes.dimensions);
    if (!nj_argument_flag(arguments, "quiet")) {
        nj_log(NJ_LOG_INFO,
               "%zu items, %zu words, %" PRIu64 " entries: %zu MiB, and %zu MiB for the axes",
               e->items.items.count, e->matrix.column_count, e->matrix.starts[e->matrix.row_count],
               e->tfidf.entries.capacity >> 20, bytes >> 20);
    }
    e->settings.axes.pool = pool;
    e->settings.axes.progress = show_rounds;
    e->settings.axes.context = &e->bar;
    nj_progress_start(&e->bar, "rounds", 1, 0, nj_argument_flag(arguments, "quiet"),
                      nj_clock_mono_ns());
    nj_status status = nj_svd_fit(&e->matrix, &e->settings.axes, &e->svd, err);
    nj_progress_finish(&e->bar);
    return status;
}

// ---- rows ----

// Writes [dimensions] and says whether the item has no direction.
static bool write_vector(const embedding *e, size_t row, double *scratch, float *out)
{
    const size_t D = e->settings.axes.dimensions;
    memset(out, 0, D * sizeof *out);
    if (row == NJ_IDMAP_NONE || e->matrix.starts[row] == e->matrix.starts[row + 1]) {
        return false;
    }
    nj_svd_project(&e->svd, &e->matrix, row, scratch);
    double square = 0;
    for (size_t k = 0; k < e->svd.rank; k++) {
        square += scratch[k] * scratch[k];
    }
    const double length = sqrt(square);
    if (length < DIRECTION_MIN) {
        return true;
    }
    for (size_t k = 0; k < e->svd.rank; k++) {
        out[k] = (float)(e->settings.is_plain ? scratch[k] : scratch[k] / length);
    }
    return false;
}

static void compute_rows(void *context, size_t task, size_t thread)
{
    const row_batch *batch = context;
    const embedding *e = batch->e;
    const size_t D = e->settings.axes.dimensions;
    double *scratch = batch->scratch + thread * nj_round_up(D, NJ_SVD_BLOCK);
    const size_t end = nj_min_size(batch->count, (task + 1) * ROWS_A_TASK);
    for (size_t i = task * ROWS_A_TASK; i < end; i++) {
        batch->is_lost[i] = write_vector(e, nj_embed_items_row(&e->items, batch->first + i),
                                         scratch, batch->out + i * D);
    }
}

static void write_rows(embedding *e, nj_pool *pool, row_batch *batch)
{
    const size_t N = e->items.items.count;
    for (batch->first = 0; batch->first < N; batch->first += ROWS_AT_ONCE) {
        batch->count = nj_min_size(ROWS_AT_ONCE, N - batch->first);
        nj_pool_run(pool, (batch->count + ROWS_A_TASK - 1) / ROWS_A_TASK, compute_rows, batch);
        for (size_t i = 0; i < batch->count; i++) {
            e->lost_count += batch->is_lost[i];
        }
        nj_embed_output_floats(&e->output, batch->out, batch->count * e->settings.axes.dimensions);
    }
}

static nj_status write_vectors(embedding *e, nj_pool *pool, nj_error *err)
{
    const size_t D = e->settings.axes.dimensions;
    row_batch batch = {.e = e};
    batch.out = malloc(ROWS_AT_ONCE * D * sizeof *batch.out);
    batch.scratch =
        malloc(nj_pool_threads(pool) * nj_round_up(D, NJ_SVD_BLOCK) * sizeof *batch.scratch);
    batch.is_lost = malloc(ROWS_AT_ONCE);
    nj_status status =
        batch.out == NULL || batch.scratch == NULL || batch.is_lost == NULL
            ? nj_fail(err, NJ_NO_MEMORY, "no memory for %d rows of %zu", ROWS_AT_ONCE, D)
            : nj_embed_output_begin(&e->output, e->items.items.count, D, err);
    if (status == NJ_OK) {
        write_rows(e, pool, &batch);
    }
    free(batch.out);
    free(batch.scratch);
    free(batch.is_lost);
    return status;
}

// ---- what is told ----

static double share_kept(const embedding *e)
{
    double kept = 0;
    for (size_t k = 0; k < e->svd.rank; k++) {
        kept += e->svd.lengths[k] * e->svd.lengths[k];
    }
    return kept < e->svd.square_total ? kept / e->svd.square_total : 1; // rounding is no weight
}

static void warn(const embedding *e)
{
    const nj_tfidf *tfidf = &e->tfidf;
    const size_t D = e->settings.axes.dimensions;
    if (tfidf->words.bad_byte_count > 0) {
        nj_log(NJ_LOG_WARNING,
               "%" PRIu64 " bytes of the texts are not UTF-8 and were taken for spaces",
               tfidf->words.bad_byte_count);
    }
    if (tfidf->left_out_count > 0) {
        nj_log(NJ_LOG_WARNING,
               "%zu words were left out that fewer items have than the %zu that are kept "
               "(--words-max)",
               tfidf->left_out_count, tfidf->column_count);
    }
    if (e->svd.rank < D) {
        nj_log(NJ_LOG_WARNING,
               "the texts have no more directions than %zu: the last %zu of %zu columns are 0",
               e->svd.rank, D - e->svd.rank, D);
    }
}

static nj_status print_json(const embedding *e, double seconds, nj_error *err)
{
    const nj_tfidf *tfidf = &e->tfidf;
    json_t *object = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "method",
        "tfidf-svd", "items", (json_int_t)e->items.items.count, "words",
        (json_int_t)e->matrix.column_count, "dimensions", (json_int_t)e->settings.axes.dimensions,
        "rank", (json_int_t)e->svd.rank, "share_kept", share_kept(e), "min_items",
        (json_int_t)tfidf->items_min, "without_text", (json_int_t)tfidf->empty_count, "missing",
        (json_int_t)e->items.missing_count, "without_direction", (json_int_t)e->lost_count,
        "passed_over", (json_int_t)e->items.passed_count, "words_left_out",
        (json_int_t)tfidf->left_out_count, "bad_bytes", (json_int_t)tfidf->words.bad_byte_count,
        "seed", (json_int_t)e->settings.axes.seed, "seconds", seconds);
    return nj_print_json_take(&object, err);
}

static void print_text(const embedding *e, double seconds)
{
    printf("%zu items, %zu words in %" PRIu32
           " items or more, %zu dimensions that keep %.1f %% of the words' weight\n",
           e->items.items.count, e->matrix.column_count, e->tfidf.items_min,
           e->settings.axes.dimensions, 100 * share_kept(e));
    printf(
        "vectors of zeros: %zu items without a word, %zu without a line, %zu off all axes; %" PRIu64
        " lines of other items passed over\n%.1f s\n",
        e->tfidf.empty_count, e->items.missing_count, e->lost_count, e->items.passed_count,
        seconds);
}

// ---- running ----

static nj_status add_words(void *to, const nj_item_text *text, nj_error *err)
{
    return nj_tfidf_add(to, text->fields, text->field_count, err);
}

static nj_status embed(const nj_arguments *arguments, embedding *e, nj_error *err)
{
    nj_pool *pool = NULL;
    nj_status status = nj_embed_output_open(arguments, &e->output, err);
    if (status == NJ_OK) {
        status = nj_pool_new((size_t)e->settings.threads, &pool, err);
    }
    if (status == NJ_OK) {
        status = read_texts(arguments, e, err);
    }
    if (status == NJ_OK) {
        status = find_axes(arguments, e, pool, err);
    }
    if (status == NJ_OK) {
        status = write_vectors(e, pool, err);
    }
    if (status == NJ_OK) {
        status = nj_embed_output_commit(&e->output, &e->items.items, err);
    }
    nj_pool_free(&pool);
    return status;
}

nj_status nj_command_embed(const nj_arguments *arguments, nj_error *err)
{
    if (nj_argument(arguments, "model") != NULL) {
        return nj_embed_by_model(arguments, err);
    }
    embedding e = {.began_ns = nj_clock_mono_ns()};
    nj_status status = read_settings(arguments, &e.settings, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_tfidf_init(&e.tfidf, &e.settings.words);
    nj_embed_items_init(&e.items);
    e.items.add = add_words;
    e.items.to = &e.tfidf;
    status = embed(arguments, &e, err);
    if (status == NJ_OK) {
        const double seconds = (double)(nj_clock_mono_ns() - e.began_ns) / 1e9;
        warn(&e);
        if (nj_argument_flag(arguments, "json")) {
            status = print_json(&e, seconds, err);
        } else {
            print_text(&e, seconds);
        }
    }
    nj_embed_output_abort(&e.output);
    nj_svd_fini(&e.svd);
    nj_embed_items_fini(&e.items);
    nj_tfidf_fini(&e.tfidf);
    return status;
}
