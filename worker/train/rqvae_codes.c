#include "worker/train/rqvae_codes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/quant/encoder.h"
#include "common/quant/kmeans.h"

#define BLOCK_ROWS 64
#define KMEANS_ITERATIONS 50
#define KMEANS_TOLERANCE 1e-3
// Streams of numbers: a level's k-means draws from its own and from those behind it, one an iteration.
#define STREAMS_A_LEVEL 1024
#define STREAM_SAMPLE (NJ_QUANT_LEVELS_MAX * STREAMS_A_LEVEL)
#define STREAM_REVIVE (STREAM_SAMPLE + 1)

// ---- latents of some rows ----

// Fills out [count, latent] with what the encoder makes of rows that are drawn, or of all where there are not more.
static nj_status encode_sample(const nj_rqvae *model, const nj_rqvae_rows *rows, uint64_t seed,
                               uint64_t stream, size_t count, float *out, nj_error *err)
{
    const nj_transform transform = nj_rqvae_encoder(model, rows->mean, rows->scale);
    nj_transformer *encoder = NULL;
    float *x = calloc(BLOCK_ROWS, rows->D * sizeof *x);
    nj_status status = x != NULL ? nj_transformer_new(&transform, &encoder, err)
                                 : nj_fail(err, NJ_NO_MEMORY, "no memory for rows");
    for (size_t first = 0; first < count && status == NJ_OK; first += BLOCK_ROWS) {
        const size_t block = nj_min_size(BLOCK_ROWS, count - first);
        for (size_t i = 0; i < block && status == NJ_OK; i++) {
            const size_t row = nj_kmeans_sample_row(seed, stream, rows->count, count, first + i);
            status = nj_rqvae_rows_read(rows, row, 1, x + i * rows->D, err);
        }
        if (status == NJ_OK) {
            nj_transformer_apply(encoder, x, block, out + first * model->shape.latent);
        }
    }
    nj_transformer_free(&encoder);
    free(x);
    return status;
}

// ---- where codebooks begin ----

// Each row loses what is nearest to it.
static nj_status leave_residuals(const nj_rqvae *model, uint32_t level, size_t count, float *sample,
                                 nj_error *err)
{
    const nj_codebooks all = nj_rqvae_codebooks(model);
    const nj_codebooks one = {.kind = NJ_QUANT_RESIDUAL,
                              .level_count = 1,
                              .D = all.D,
                              .K = {all.K[level]},
                              .vectors = {all.vectors[level]}};
    nj_encoder *encoder = NULL;
    uint16_t code;
    nj_status status = nj_encoder_new(&one, NULL, NULL, &encoder, err);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        float *row = sample + i * all.D;
        status = nj_encoder_encode(encoder, row, 1, &code, 1, NULL, err);
        for (size_t d = 0; d < all.D && status == NJ_OK; d++) {
            row[d] -= one.vectors[0][code * all.D + d];
        }
    }
    nj_encoder_free(&encoder);
    return status;
}

static nj_status check_sample(const float *sample, size_t count, nj_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(sample[i])) {
            return nj_fail(err, NJ_FAILED,
                           "the encoder makes %g of an embedding, k-means cannot begin there: "
                           "standardise, or try another seed",
                           (double)sample[i]);
        }
    }
    return NJ_OK;
}

static nj_status start_all_levels(nj_rqvae *model, uint64_t seed, size_t count, float *sample,
                                  nj_error *err)
{
    const size_t width = model->shape.latent;
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l < model->shape.level_count && status == NJ_OK; l++) {
        const nj_kmeans_options options = {.K = model->shape.K[l],
                                           .iterations_max = KMEANS_ITERATIONS,
                                           .tolerance = KMEANS_TOLERANCE,
                                           .seed = seed,
                                           .stream = (uint64_t)l * STREAMS_A_LEVEL};
        nj_kmeans_result result;
        status = nj_kmeans_train(model->kernels, sample, count, width, &options,
                                 model->values + model->codebooks[l].at, &result, err);
        if (status == NJ_OK) {
            status = leave_residuals(model, l, count, sample, err);
        }
    }
    return status;
}

static size_t count_sample(const nj_rqvae *model, size_t rows)
{
    size_t count = NJ_RQVAE_SAMPLE_ROWS;
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        count = nj_max_size(count, (size_t)NJ_RQVAE_SAMPLE_CODES * model->shape.K[l]);
    }
    return nj_min_size(count, rows);
}

nj_status nj_rqvae_start_codes(nj_rqvae *model, const nj_rqvae_rows *rows, uint64_t seed,
                               nj_error *err)
{
    const size_t count = count_sample(model, rows->count);
    float *sample = calloc(count, model->shape.latent * sizeof *sample);
    nj_status status =
        sample != NULL ? encode_sample(model, rows, seed, STREAM_SAMPLE, count, sample, err)
                       : nj_fail(err, NJ_NO_MEMORY, "no memory for the latents of %zu rows", count);
    if (status == NJ_OK) {
        status = check_sample(sample, count * model->shape.latent, err);
    }
    if (status == NJ_OK) {
        status = start_all_levels(model, seed, count, sample, err);
    }
    free(sample);
    nj_rqvae_pack(model);
    return status;
}

void nj_rqvae_scatter_codes(nj_rqvae *model, uint64_t seed)
{
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        const size_t K = model->shape.K[l];
        float *codes = model->values + model->codebooks[l].at;
        for (size_t i = 0; i < K * model->shape.latent; i++) {
            const double unit =
                nj_kmeans_draw_unit(seed, (uint64_t)l * STREAMS_A_LEVEL, (uint64_t)i);
            codes[i] = (float)((2 * unit - 1) / (double)K);
        }
    }
    nj_rqvae_pack(model);
}

// ---- codes without rows ----

// used[k]: whether a row has code k at this level.
static void mark_used(const uint16_t *codes, size_t rows, uint32_t levels, uint32_t level,
                      bool *used)
{
    for (size_t i = 0; i < rows; i++) {
        used[codes[i * levels + level]] = true;
    }
}

// The unused codes of a level move to residuals [dead, latent] in order.
static void move_codes(nj_rqvae *model, uint32_t level, const bool *used, const float *residuals,
                       float *mean, float *square)
{
    const size_t width = model->shape.latent;
    const size_t bytes = width * sizeof *residuals;
    size_t moved = 0;
    for (size_t k = 0; k < model->shape.K[level]; k++) {
        const size_t at = model->codebooks[level].at + k * width;
        if (!used[k]) {
            memcpy(model->values + at, residuals + moved * width, bytes);
            memset(mean + at, 0, bytes);
            memset(square + at, 0, bytes);
            moved++;
        }
    }
}

// rows [count, latent] of a sample become what its codes of the levels before leave.
static void take_codes(const nj_rqvae *model, const nj_rqvae_rows *rows, const uint16_t *codes,
                       uint64_t seed, uint64_t stream, uint32_t level, size_t count, float *sample)
{
    const size_t width = model->shape.latent;
    for (size_t i = 0; i < count; i++) {
        const size_t row = nj_kmeans_sample_row(seed, stream, rows->count, count, i);
        for (uint32_t l = 0; l < level; l++) {
            const size_t code = codes[row * model->shape.level_count + l];
            const float *vector = model->values + model->codebooks[l].at + code * width;
            for (size_t d = 0; d < width; d++) {
                sample[i * width + d] -= vector[d];
            }
        }
    }
}

// What all levels need: nothing is changed before all of it is there.
typedef struct {
    bool *used[NJ_QUANT_LEVELS_MAX];       // [K]
    float *residuals[NJ_QUANT_LEVELS_MAX]; // [dead, latent]
} revival;

static nj_status plan_level(const nj_rqvae *model, const nj_rqvae_rows *rows, const uint16_t *codes,
                            uint64_t seed, uint64_t stream, uint32_t level, revival *plan,
                            nj_error *err)
{
    const size_t K = model->shape.K[level];
    size_t dead = 0;
    plan->used[level] = calloc(K, sizeof *plan->used[level]);
    if (plan->used[level] == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu codes", K);
    }
    mark_used(codes, rows->count, model->shape.level_count, level, plan->used[level]);
    for (size_t k = 0; k < K; k++) {
        dead += !plan->used[level][k];
    }
    if (dead == 0) {
        return NJ_OK;
    }
    float *residuals = calloc(dead, model->shape.latent * sizeof *residuals);
    plan->residuals[level] = residuals;
    nj_status status = residuals != NULL
                           ? encode_sample(model, rows, seed, stream, dead, residuals, err)
                           : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu residuals", dead);
    if (status == NJ_OK) {
        take_codes(model, rows, codes, seed, stream, level, dead, residuals);
    }
    return status;
}

nj_status nj_rqvae_revive(nj_rqvae *model, const nj_rqvae_rows *rows, const uint16_t *codes,
                          uint64_t seed, uint64_t round, float *mean, float *square, nj_error *err)
{
    const uint32_t L = model->shape.level_count;
    revival plan = {0};
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l < L && status == NJ_OK; l++) {
        status = plan_level(model, rows, codes, seed, STREAM_REVIVE + round * L + l, l, &plan, err);
    }
    for (uint32_t l = 0; l < L; l++) {
        if (status == NJ_OK && plan.residuals[l] != NULL) {
            move_codes(model, l, plan.used[l], plan.residuals[l], mean, square);
        }
        free(plan.used[l]);
        free(plan.residuals[l]);
    }
    return status;
}
