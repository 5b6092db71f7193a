// catalogue_fit_prepare.c - what comes before k-means: one look at every row, and the transform.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/catalogue_fit_parts.h"
#include "common/quant/pca.h"

#define FIT_NAME "nightjar fit 1" // what the digest of a fit begins with

// ---- the first look ----

typedef struct {
    nj_fit_run *run;
    float *low;   // [D_in]
    float *high;  // [D_in]
    double *sums; // [D_in]; become means
    nj_digester digester;
} range_taken;

static nj_status take_range(void *context, size_t shard, size_t first, size_t count,
                            nj_slice answer, nj_error *err)
{
    (void)shard;
    (void)first;
    (void)count;
    range_taken *taken = context;
    const size_t D = taken->run->D_in;
    if (answer.size != 16 * D + NJ_DIGEST_BYTES) {
        return nj_fail(err, NJ_INPUT, "the range of a shard has %zu bytes", answer.size);
    }
    for (size_t d = 0; d < D; d++) {
        float low;
        float high;
        double sum;
        memcpy(&low, answer.bytes + d * 4, sizeof low);
        memcpy(&high, answer.bytes + (D + d) * 4, sizeof high);
        memcpy(&sum, answer.bytes + (D + d) * 8, sizeof sum);
        taken->low[d] = low < taken->low[d] ? low : taken->low[d];
        taken->high[d] = high > taken->high[d] ? high : taken->high[d];
        taken->sums[d] += sum;
    }
    nj_digester_update(&taken->digester, answer.bytes + 16 * D, NJ_DIGEST_BYTES);
    return NJ_OK;
}

// Everything that the codebooks depend on, besides the rows.
static void digest_options(const nj_fit_run *run, nj_digester *digester)
{
    const nj_fit_config *config = run->config;
    uint64_t tolerance;
    memcpy(&tolerance, &config->tolerance, sizeof tolerance);
    nj_digester_update_sized(digester, FIT_NAME, strlen(FIT_NAME));
    const uint64_t numbers[] = {run->N,
                                run->D_in,
                                (uint64_t)config->method,
                                config->level_count,
                                config->iterations_max,
                                tolerance,
                                config->seed,
                                config->standardise,
                                config->pca_width,
                                config->balanced};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        nj_digester_update_u64(digester, numbers[i]);
    }
    for (uint32_t l = 0; l < config->level_count; l++) {
        nj_digester_update_u64(digester, config->K[l]);
    }
    if (config->start_codes != NULL) {
        nj_digester_update(digester, config->start_codes,
                           run->N * config->level_count * sizeof *config->start_codes);
    }
}

static bool is_constant(const range_taken *taken)
{
    for (size_t d = 0; d < taken->run->D_in; d++) {
        if (taken->low[d] != taken->high[d]) {
            return false;
        }
    }
    return true;
}

nj_status nj_fit_look(nj_fit_run *run, nj_error *err)
{
    const size_t D = run->D_in;
    range_taken taken = {.run = run};
    nj_fit_sections sections = {0};
    const nj_fit_step step = nj_fit_step_of(run, 0);
    taken.low = malloc(D * sizeof *taken.low);
    taken.high = malloc(D * sizeof *taken.high);
    taken.sums = calloc(D, sizeof *taken.sums);
    nj_status status = NJ_OK;
    if (taken.low == NULL || taken.high == NULL || taken.sums == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for ranges of %zu columns", D);
    }
    for (size_t d = 0; d < D && status == NJ_OK; d++) {
        taken.low[d] = INFINITY;
        taken.high[d] = -INFINITY;
    }
    nj_digester_init(&taken.digester);
    digest_options(run, &taken.digester);
    nj_fit_sections_add_embeddings(&sections, run, NJ_ITEM_ROWS);
    nj_fit_tell(run, "moments");
    if (status == NJ_OK) {
        status = nj_fit_round(run, &nj_item_work_fit_range, &step, &sections,
                              nj_fit_shard_rows(run->N, 1, 0), take_range, &taken, err);
    }
    if (status == NJ_OK && is_constant(&taken)) {
        status = nj_fail(err, NJ_INPUT, "%s: all %zu rows are equal, there is nothing to learn",
                         run->npy.path, run->N);
    }
    if (status == NJ_OK) {
        run->digest = nj_digester_final(&taken.digester);
        run->means = taken.sums;
        taken.sums = NULL;
        for (size_t d = 0; d < D; d++) {
            run->means[d] /= (double)run->N;
        }
    }
    free(taken.low);
    free(taken.high);
    free(taken.sums);
    return status;
}

// ---- standardise, PCA ----

typedef struct {
    double *sums;
    size_t count;
} sums_taken;

static nj_status take_sums(void *context, size_t shard, size_t first, size_t count, nj_slice answer,
                           nj_error *err)
{
    (void)shard;
    (void)first;
    (void)count;
    sums_taken *taken = context;
    if (answer.size != taken->count * sizeof(double)) {
        return nj_fail(err, NJ_INPUT, "the moments of a shard have %zu bytes, must have %zu",
                       answer.size, taken->count * sizeof(double));
    }
    for (size_t i = 0; i < taken->count; i++) {
        double value;
        memcpy(&value, answer.bytes + i * sizeof value, sizeof value);
        taken->sums[i] += value;
    }
    return NJ_OK;
}

static nj_status find_scale(nj_fit_run *run, float *scale, nj_error *err)
{
    sums_taken taken = {calloc(run->D_in, sizeof(double)), run->D_in};
    nj_fit_sections sections = {0};
    const nj_fit_step step = nj_fit_step_of(run, 0);
    if (taken.sums == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for variances of %zu columns", run->D_in);
    }
    nj_fit_sections_add_embeddings(&sections, run, NJ_ITEM_ROWS);
    nj_fit_sections_add_transform(&sections, run);
    nj_status status = nj_fit_round(run, &nj_item_work_fit_variance, &step, &sections,
                                    nj_fit_shard_rows(run->N, 1, 0), take_sums, &taken, err);
    for (size_t d = 0; d < run->D_in && status == NJ_OK; d++) {
        double scaled = 1 / sqrt(taken.sums[d] / (double)run->N);
        scale[d] = isfinite((float)scaled) ? (float)scaled : 0;
    }
    free(taken.sums);
    return status;
}

// The sum of z z^T over all rows, in bands of rows that fit an answer.
static nj_status add_up_products(nj_fit_run *run, double *products, nj_error *err)
{
    const size_t D = run->D_in;
    const size_t band_max = nj_max_size(NJ_ITEM_ANSWER_BYTES_MAX / (D * sizeof *products), 1);
    nj_fit_sections sections = {0};
    nj_fit_sections_add_embeddings(&sections, run, NJ_ITEM_ROWS);
    nj_fit_sections_add_transform(&sections, run);
    run->rows_total += (D - 1) / band_max * run->N;
    nj_status status = NJ_OK;
    for (size_t first = 0; first < D && status == NJ_OK; first += band_max) {
        nj_fit_step step = nj_fit_step_of(run, 0);
        step.D = D;
        step.first = first;
        step.count = nj_min_size(band_max, D - first);
        sums_taken taken = {products + first * D, step.count * D};
        status = nj_fit_round(run, &nj_item_work_fit_products, &step, &sections,
                              nj_fit_shard_rows(run->N, step.count, D * sizeof *products),
                              take_sums, &taken, err);
    }
    return status;
}

static nj_status find_axes(nj_fit_run *run, float *matrix, nj_error *err)
{
    const size_t D = run->D_in;
    double *products = calloc(D * D, sizeof *products);
    double *values = malloc(run->D * sizeof *values);
    nj_status status = NJ_OK;
    if (products == NULL || values == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the products of %zu columns", D);
    }
    if (status == NJ_OK) {
        status = add_up_products(run, products, err);
    }
    for (size_t i = 0; i < D && status == NJ_OK; i++) { // bands are rounded apart
        for (size_t j = 0; j < i; j++) {
            products[i * D + j] = products[j * D + i];
        }
    }
    for (size_t i = 0; i < D * D && status == NJ_OK; i++) {
        products[i] /= (double)run->N;
    }
    if (status == NJ_OK) {
        nj_fit_tell(run, "components");
        status = nj_pca_axes(products, D, run->D, values, matrix, err);
    }
    free(products);
    free(values);
    return status;
}

nj_status nj_fit_make_transform(nj_fit_run *run, nj_error *err)
{
    const nj_fit_config *config = run->config;
    const size_t D_in = run->D_in;
    if (!config->standardise && config->pca_width == 0) {
        return NJ_OK;
    }
    run->transform_values = malloc(nj_fit_transform_count(run) * sizeof(float));
    if (run->transform_values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the transform of %zu columns", D_in);
    }
    for (size_t d = 0; d < D_in; d++) {
        run->transform_values[d] = (float)run->means[d];
    }
    run->transform = (nj_transform){.D_in = D_in, .mean = run->transform_values};
    nj_status status = NJ_OK;
    if (config->standardise) {
        status = find_scale(run, run->transform_values + D_in, err);
        run->transform.scale = run->transform_values + D_in;
    }
    if (status == NJ_OK && config->pca_width > 0) {
        status = find_axes(run, run->transform_values + D_in * (config->standardise ? 2 : 1), err);
    }
    nj_fit_transform_place(run);
    return status;
}

size_t nj_fit_transform_count(const nj_fit_run *run)
{
    const nj_fit_config *config = run->config;
    if (!config->standardise && config->pca_width == 0) {
        return 0;
    }
    return run->D_in * (1u + (config->standardise ? 1u : 0u) + config->pca_width);
}

void nj_fit_transform_place(nj_fit_run *run)
{
    const nj_fit_config *config = run->config;
    float *values = run->transform_values;
    if (values == NULL) {
        return;
    }
    run->transform = (nj_transform){.D_in = run->D_in, .mean = values};
    values += run->D_in;
    if (config->standardise) {
        run->transform.scale = values;
        values += run->D_in;
    }
    if (config->pca_width > 0) {
        run->transform.matrix = (nj_dense){.weight = values, .rows = run->D, .columns = run->D_in};
    }
}
