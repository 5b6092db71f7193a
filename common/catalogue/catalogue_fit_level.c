// catalogue_fit_level.c - one level of k-means over all rows: sample, seeds, updates; and the codes that it gives.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/catalogue/catalogue_fit_parts.h"

#define LEVEL_STREAMS ((uint64_t)1 << 32) // of random numbers; level l begins at l times this
// How fast prices follow the rows of a code: one with twice what it may have, or more, gets dearer by this share of the mean squared
// error.
#define PRICE_STEP 0.15

// What the level learns from, and the sections that its rounds have in common.
static void add_level_sections(const nj_fit_run *run, uint32_t level, nj_fit_sections *sections)
{
    nj_fit_sections_add_embeddings(sections, run, NJ_ITEM_ROWS);
    nj_fit_sections_add_transform(sections, run);
    for (uint32_t l = 0; l < level && run->config->method == NJ_QUANT_RESIDUAL; l++) {
        nj_fit_sections_add_level(sections, "codebook", l, run->vectors[l],
                                  run->rows[l] * run->D * sizeof(float));
        nj_fit_sections_add_level(sections, "codes", l, run->codes[l], run->N * sizeof(uint16_t));
    }
}

// ---- seeds ----

static nj_status open_view(const nj_fit_run *run, nj_fit_view *view, nj_error *err)
{
    const nj_fit_step step = nj_fit_step_of(run, run->level);
    *view =
        (nj_fit_view){.npy = &run->npy, .codebooks = {.kind = run->config->method, .D = run->D}};
    for (uint32_t l = 0; l < run->level; l++) {
        view->codebooks.vectors[l] = run->vectors[l];
        view->codes[l] = run->codes[l];
    }
    return nj_fit_view_init(view, &step, &run->transform, err);
}

static nj_status load_sample(const nj_fit_run *run, size_t sample_count, uint64_t stream,
                             float *sample, nj_error *err)
{
    nj_fit_view view;
    nj_status status = open_view(run, &view, err);
    if (status != NJ_OK) {
        return status;
    }
    for (size_t i = 0; i < sample_count && status == NJ_OK; i++) {
        uint64_t row = nj_kmeans_sample_row(run->config->seed, stream, run->N, sample_count, i);
        status = nj_fit_view_load(&view, row, 1, err);
        if (status == NJ_OK) {
            memcpy(sample + i * view.W, view.seen, view.W * sizeof *sample);
        }
    }
    nj_fit_view_fini(&view);
    return status;
}

static nj_status choose_seeds(nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    const size_t K = config->K[run->level];
    const size_t W = nj_fit_level_width(run, run->level);
    const size_t sample_count =
        nj_min_size(run->N, nj_max_size(NJ_FIT_SAMPLE_ROWS, NJ_FIT_SAMPLE_CODES * K));
    const uint64_t stream = run->level * LEVEL_STREAMS;
    const nj_kernels *kernels = NULL;
    size_t count = 0;
    float *sample = malloc(sample_count * W * sizeof *sample);
    run->rows[run->level] = K;
    run->vectors[run->level] = malloc(K * W * sizeof(float));
    if (sample == NULL || run->vectors[run->level] == NULL) {
        free(sample);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a sample of %zu rows of width %zu",
                       sample_count, W);
    }
    nj_fit_tell(run, "seeds");
    nj_status status = nj_kernels_select("auto", &kernels, err);
    if (status == NJ_OK) {
        status = load_sample(run, sample_count, stream, sample, err);
    }
    if (status == NJ_OK) {
        status = nj_kmeans_seed(kernels, sample, sample_count, W, K, config->seed, stream + 1,
                                run->vectors[run->level], &count, err);
    }
    if (status == NJ_OK && count < K && run->level == 0 && sample_count == run->N &&
        config->method != NJ_QUANT_PRODUCT) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: %zu distinct rows among %zu, level 0 has %zu codes; fewer codes "
                         "would do",
                         run->npy.path, count, run->N, K);
    }
    free(sample);
    return status;
}

// Adds one row to the code that it begins with, if it does.
static void add_started(const nj_fit_run *run, size_t row, const float *seen, nj_kmeans_sums *sums)
{
    const nj_fit_config *config = run->config;
    const uint32_t start = config->start_codes[row * config->level_count + run->level];
    if (start < sums->K) {
        const uint16_t code = (uint16_t)start;
        nj_kmeans_add(sums, seen, 1, &code, 1);
    }
}

static void seed_with_means(nj_fit_run *run, const nj_kmeans_sums *sums)
{
    for (size_t k = 0; k < sums->K; k++) {
        for (size_t d = 0; d < sums->D && sums->counts[k] > 0; d++) {
            run->vectors[run->level][k * sums->D + d] =
                (float)(sums->sums[k * sums->D + d] / (double)sums->counts[k]);
        }
    }
}

// Puts seeds where the rows that begin with a code are.
static nj_status start_from_codes(nj_fit_run *run, nj_error *err)
{
    const size_t W = nj_fit_level_width(run, run->level);
    nj_kmeans_sums sums = {0};
    nj_fit_view view;
    nj_status status = open_view(run, &view, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_kmeans_sums_init(&sums, run->config->K[run->level], W, err);
    for (size_t row = 0; row < run->N && status == NJ_OK; row += NJ_FIT_BLOCK_ROWS) {
        const size_t count = nj_min_size(NJ_FIT_BLOCK_ROWS, run->N - row);
        status = nj_fit_view_load(&view, row, count, err);
        for (size_t i = 0; i < count && status == NJ_OK; i++) {
            add_started(run, row + i, view.seen + i * view.stride, &sums);
        }
    }
    if (status == NJ_OK) {
        seed_with_means(run, &sums);
    }
    nj_kmeans_sums_fini(&sums);
    nj_fit_view_fini(&view);
    return status;
}

// ---- balance ----

// Codes with more rows than they may have become dearer, others cheaper, down to 0. A code without rows begins anew.
static void change_prices(nj_fit_run *run, const nj_kmeans_sums *sums, double mean_error)
{
    const double most = NJ_FIT_BALANCE * (double)run->N / (double)sums->K;
    for (size_t k = 0; k < sums->K; k++) {
        const double excess = (double)sums->counts[k] / most - 1;
        const double price = run->prices[k] + PRICE_STEP * mean_error * (excess < 1 ? excess : 1);
        run->prices[k] = price > 0 && sums->counts[k] > 0 ? price : 0;
    }
}

// [K, W + 1]: centroids with the square root of their price behind them.
static float *add_prices(const nj_fit_run *run, size_t K, size_t W)
{
    const float *vectors = run->vectors[run->level];
    float *priced = malloc(K * (W + 1) * sizeof *priced);
    for (size_t k = 0; k < K && priced != NULL; k++) {
        memcpy(priced + k * (W + 1), vectors + k * W, W * sizeof *priced);
        priced[k * (W + 1) + W] = (float)sqrt(run->prices[k]);
    }
    return priced;
}

// Takes the column of prices out of the sums, where it is 0.
static void drop_price_column(nj_kmeans_sums *sums)
{
    const size_t W = sums->D - 1;
    for (size_t k = 1; k < sums->K; k++) {
        memmove(sums->sums + k * W, sums->sums + k * (W + 1), W * sizeof *sums->sums);
    }
    sums->D = W;
}

// ---- updates ----

static nj_status take_sums(void *context, size_t shard, size_t first, size_t count, nj_slice answer,
                           nj_error *err)
{
    (void)shard;
    (void)first;
    (void)count;
    return nj_fit_lloyd_merge(answer, context, err);
}

// One pass over all rows, into sums that are all zero.
static nj_status run_lloyd(nj_fit_run *run, nj_kmeans_sums *sums, nj_error *err)
{
    const size_t K = sums->K;
    const size_t W = nj_fit_level_width(run, run->level);
    nj_fit_sections sections = {0};
    nj_fit_step step = nj_fit_step_of(run, run->level);
    float *priced = NULL;
    add_level_sections(run, run->level, &sections);
    if (run->config->balanced) {
        priced = add_prices(run, K, W);
        if (priced == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu centroids of width %zu", K, W);
        }
        step.priced = true;
        nj_fit_sections_add(&sections, "centroids", priced, K * (W + 1) * sizeof *priced);
    } else {
        nj_fit_sections_add(&sections, "centroids", run->vectors[run->level],
                            K * W * sizeof(float));
    }
    nj_status status = nj_fit_round(run, &nj_item_work_fit_lloyd, &step, &sections,
                                    nj_fit_shard_rows(run->N, K, nj_fit_lloyd_entry_bytes(sums->D)),
                                    take_sums, sums, err);
    free(priced);
    return status;
}

static void report_update(nj_fit_run *run, const nj_kmeans_change *change, bool has_settled)
{
    nj_fit_level *level = &run->report.levels[run->level];
    level->error = change->error / (double)run->N;
    level->iterations = run->iteration;
    level->converged = has_settled;
    level->revived += change->revived;
    level->empty = change->empty - change->revived;
    level->largest = change->largest;
    level->node_count = (uint32_t)run->rows[run->level];
}

// The mean squared length of a row, and of its distance from the mean of all: from the sums of the first level's first pass.
static void report_rows(nj_fit_run *run, const nj_kmeans_sums *sums)
{
    double square = 0;
    double mean_square = 0;
    for (size_t k = 0; k < sums->K; k++) {
        square += sums->squares[k];
    }
    for (size_t d = 0; d < sums->D; d++) {
        double sum = 0;
        for (size_t k = 0; k < sums->K; k++) {
            sum += sums->sums[k * sums->D + d];
        }
        mean_square += sum / (double)run->N * (sum / (double)run->N);
    }
    run->report.total_square += square / (double)run->N;
    run->report.total_variance += square / (double)run->N - mean_square;
}

static nj_status update_once(nj_fit_run *run, nj_kmeans_sums *sums, bool *has_settled,
                             nj_error *err)
{
    const nj_fit_config *config = run->config;
    const uint64_t stream = run->level * LEVEL_STREAMS + 2 + run->iteration;
    nj_kmeans_change change;
    sums->D = nj_fit_level_width(run, run->level) + (config->balanced ? 1 : 0);
    nj_kmeans_sums_clear(sums);
    nj_status status = run_lloyd(run, sums, err);
    if (status != NJ_OK) {
        return status;
    }
    if (config->balanced) {
        drop_price_column(sums);
    }
    if (run->iteration == 0 && (run->level == 0 || config->method == NJ_QUANT_PRODUCT)) {
        report_rows(run, sums);
    }
    status = nj_kmeans_update(sums, config->seed, stream, run->vectors[run->level], &change, err);
    if (status != NJ_OK) {
        return status;
    }
    if (config->balanced) {
        change_prices(run, sums, change.error / (double)run->N);
    }
    run->iteration++;
    *has_settled = nj_kmeans_has_settled(run->previous, change.error, change.revived,
                                         config->balanced ? 0 : config->tolerance);
    run->previous = change.error;
    report_update(run, &change, *has_settled);
    return NJ_OK;
}

static nj_status save_when_due(nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    if (config->state_path == NULL ||
        nj_clock_mono_ns() - run->saved_ns < config->state_every_ms * 1000000u) {
        return NJ_OK;
    }
    return nj_fit_state_write(run, err);
}

static nj_status begin_level(nj_fit_run *run, nj_error *err)
{
    const size_t K = run->config->K[run->level];
    run->previous = INFINITY;
    if (run->config->balanced) {
        free(run->prices);
        run->prices = calloc(K, sizeof *run->prices);
        if (run->prices == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu prices", K);
        }
    }
    nj_status status = choose_seeds(run, err);
    return status == NJ_OK && run->config->start_codes != NULL ? start_from_codes(run, err)
                                                               : status;
}

static nj_status end_level(nj_fit_run *run, nj_error *err)
{
    if (run->config->method == NJ_QUANT_HIERARCHICAL) {
        uint32_t *offsets = malloc(2 * sizeof *offsets);
        if (offsets == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for the offsets of a level");
        }
        offsets[0] = 0;
        offsets[1] = (uint32_t)run->rows[run->level];
        run->offsets[run->level] = offsets;
    }
    const uint64_t passes = run->config->iterations_max - run->iteration;
    run->rows_total -= passes * run->N;
    run->level++;
    run->iteration = 0;
    return NJ_OK;
}

nj_status nj_fit_level_learn(nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    const size_t W = nj_fit_level_width(run, run->level) + (config->balanced ? 1 : 0);
    nj_kmeans_sums sums = {0};
    bool has_settled = run->iteration > 0 && run->report.levels[run->level].converged;
    nj_status status = nj_kmeans_sums_init(&sums, config->K[run->level], W, err);
    if (status == NJ_OK && run->iteration == 0) {
        status = begin_level(run, err);
    }
    while (status == NJ_OK && run->iteration < config->iterations_max && !has_settled) {
        nj_fit_tell(run, "updates");
        status = update_once(run, &sums, &has_settled, err);
        if (status == NJ_OK) {
            status = save_when_due(run, err);
        }
    }
    nj_kmeans_sums_fini(&sums);
    return status == NJ_OK ? end_level(run, err) : status;
}

// ---- codes ----

static nj_status take_codes(void *context, size_t shard, size_t first, size_t count,
                            nj_slice answer, nj_error *err)
{
    (void)shard;
    uint16_t *codes = context;
    if (answer.size != count * sizeof *codes) {
        return nj_fail(err, NJ_INPUT, "the codes of %zu rows have %zu bytes", count, answer.size);
    }
    memcpy(codes + first, answer.bytes, answer.size);
    return NJ_OK;
}

static void add_tree_sections(const nj_fit_run *run, uint32_t level, nj_fit_sections *sections)
{
    for (uint32_t l = 0; l <= level; l++) {
        const size_t parents = l == 0 ? 1 : run->rows[l - 1];
        nj_fit_sections_add_level(sections, "codebook", l, run->vectors[l],
                                  run->rows[l] * run->D * sizeof(float));
        nj_fit_sections_add_level(sections, "offsets", l, run->offsets[l],
                                  (parents + 1) * sizeof(uint32_t));
    }
}

nj_status nj_fit_level_encode(nj_fit_run *run, uint32_t level, nj_error *err)
{
    const nj_fit_config *config = run->config;
    if (config->method == NJ_QUANT_PRODUCT) {
        return NJ_OK; // parts do not look at each other's codes
    }
    nj_fit_sections sections = {0};
    const nj_fit_step step = nj_fit_step_of(run, level);
    run->codes[level] = malloc(run->N * sizeof *run->codes[level]);
    if (run->codes[level] == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the codes of %zu rows", run->N);
    }
    nj_fit_tell(run, "codes");
    add_level_sections(run, level, &sections);
    if (config->method == NJ_QUANT_HIERARCHICAL) {
        add_tree_sections(run, level, &sections);
    } else {
        nj_fit_sections_add(&sections, "centroids", run->vectors[level],
                            run->rows[level] * run->D * sizeof(float));
    }
    return nj_fit_round(run, &nj_item_work_fit_codes, &step, &sections,
                        nj_fit_shard_rows(run->N, config->K[level], 0), take_codes,
                        run->codes[level], err);
}
