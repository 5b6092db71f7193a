#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/quant/encoder.h"
#include "common/quant/kmeans.h"

#define BLOCK_ROWS 256

static nj_status add_rows(const nj_kernels *kernels, const float *rows, size_t N,
                          const float *centroids, nj_kmeans_sums *sums, nj_error *err)
{
    const nj_encoder_options options = {.kernels = kernels};
    const nj_codebooks codebooks = {.kind = NJ_QUANT_RESIDUAL,
                                    .level_count = 1,
                                    .D = sums->D,
                                    .K = {(uint32_t)sums->K},
                                    .vectors = {centroids}};
    nj_encoder *encoder = NULL;
    uint16_t codes[BLOCK_ROWS];
    nj_status status = nj_encoder_new(&codebooks, NULL, &options, &encoder, err);
    nj_kmeans_sums_clear(sums);
    for (size_t first = 0; first < N && status == NJ_OK; first += BLOCK_ROWS) {
        size_t count = nj_min_size(BLOCK_ROWS, N - first);
        const float *block = rows + first * sums->D;
        status = nj_encoder_encode(encoder, block, count, codes, 1, NULL, err);
        if (status == NJ_OK) {
            nj_kmeans_add(sums, block, count, codes, 1);
        }
    }
    nj_encoder_free(&encoder);
    return status;
}

static nj_status iterate(const nj_kernels *kernels, const float *rows, size_t N,
                         const nj_kmeans_options *options, nj_kmeans_sums *sums, float *centroids,
                         nj_kmeans_result *result, nj_error *err)
{
    double previous = INFINITY;
    bool has_settled = false;
    nj_status status = NJ_OK;
    while (result->iterations < options->iterations_max && !has_settled && status == NJ_OK) {
        status = add_rows(kernels, rows, N, centroids, sums, err);
        if (status == NJ_OK) {
            status = nj_kmeans_update(sums, options->seed, options->stream + 1 + result->iterations,
                                      centroids, &result->last, err);
        }
        if (status == NJ_OK) {
            result->iterations++;
            result->revived += result->last.revived;
            has_settled = nj_kmeans_has_settled(previous, result->last.error, result->last.revived,
                                                options->tolerance);
            previous = result->last.error;
        }
    }
    return status;
}

nj_status nj_kmeans_train(const nj_kernels *kernels, const float *rows, size_t N, size_t D,
                          const nj_kmeans_options *options, float *centroids, nj_kmeans_result *out,
                          nj_error *err)
{
    nj_kmeans_result result = {0};
    nj_kmeans_sums sums = {0};
    nj_status status = nj_kmeans_seed(kernels, rows, N, D, options->K, options->seed,
                                      options->stream, centroids, &result.count, err);
    if (status == NJ_OK) {
        status = nj_kmeans_sums_init(&sums, result.count, D, err);
    }
    if (status == NJ_OK) {
        status = iterate(kernels, rows, N, options, &sums, centroids, &result, err);
    }
    nj_kmeans_sums_fini(&sums);
    if (status == NJ_OK) {
        *out = result;
    }
    return status;
}
