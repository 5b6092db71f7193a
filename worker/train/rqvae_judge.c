// rqvae_judge.c - the codes of all rows, and what they are worth.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/collisions.h"
#include "common/quant/encoder.h"
#include "worker/train/rqvae_codes.h"

#define BLOCK_ROWS 256

// One thread's.
typedef struct {
    nj_encoder *encoder;
    nj_transformer *decoder;
    float *x;      // [BLOCK_ROWS, D] as in the file
    float *sums;   // [BLOCK_ROWS, latent]
    float *y;      // [BLOCK_ROWS, D] standardised
    double *exact; // [latent]
    size_t block;  // of the error
    nj_error why;  // the first of this thread's blocks that failed
} judge;

typedef struct {
    const nj_rqvae *model;
    const nj_rqvae_rows *rows;
    nj_codebooks codebooks;
    uint16_t *codes;
    size_t block_count;
    nj_quant_error *errors; // [block_count] of the latents
    double *squares;        // [block_count] of the reconstructions
    size_t thread_count;
    judge *threads;
} judging;

// ---- setting up ----

static nj_status begin_thread(const judging *j, judge *t, nj_error *err)
{
    const nj_transform encoder = nj_rqvae_encoder(j->model, j->rows->mean, j->rows->scale);
    const nj_transform decoder = nj_rqvae_decoder(j->model);
    const size_t D = j->rows->D;
    const size_t latent = j->model->shape.latent;
    t->x = calloc(BLOCK_ROWS * D, sizeof *t->x);
    t->y = calloc(BLOCK_ROWS * D, sizeof *t->y);
    t->sums = calloc(BLOCK_ROWS * latent, sizeof *t->sums);
    t->exact = calloc(latent, sizeof *t->exact);
    if (t->x == NULL || t->y == NULL || t->sums == NULL || t->exact == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to judge %d rows at a time", BLOCK_ROWS);
    }
    nj_status status = nj_encoder_new(&j->codebooks, &encoder, NULL, &t->encoder, err);
    return status == NJ_OK ? nj_transformer_new(&decoder, &t->decoder, err) : status;
}

static nj_status begin(judging *j, nj_pool *pool, nj_error *err)
{
    const size_t threads = nj_pool_threads(pool);
    j->block_count = j->rows->count / BLOCK_ROWS + (j->rows->count % BLOCK_ROWS != 0);
    j->errors = calloc(j->block_count, sizeof *j->errors);
    j->squares = calloc(j->block_count, sizeof *j->squares);
    j->threads = calloc(threads, sizeof *j->threads);
    if (j->errors == NULL || j->squares == NULL || j->threads == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to judge %zu rows", j->rows->count);
    }
    j->thread_count = threads;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < threads && status == NJ_OK; i++) {
        status = begin_thread(j, &j->threads[i], err);
    }
    return status;
}

static void end(judging *j)
{
    for (size_t i = 0; i < j->thread_count; i++) {
        judge *t = &j->threads[i];
        nj_encoder_free(&t->encoder);
        nj_transformer_free(&t->decoder);
        free(t->x);
        free(t->y);
        free(t->sums);
        free(t->exact);
    }
    free(j->errors);
    free(j->squares);
    free(j->threads);
}

// ---- blocks ----

// Squared distance of a row from what was made of it, in the embeddings' units. A column without a scale is its mean.
static double measure_row(const nj_rqvae_rows *rows, const float *x, const float *y)
{
    double square = 0;
    for (size_t d = 0; d < rows->D; d++) {
        const double scale = (double)rows->scale[d];
        const double made = scale > 0 ? (double)y[d] / scale : 0;
        const double difference = (double)x[d] - (double)rows->mean[d] - made;
        square += difference * difference;
    }
    return square;
}

static double reconstruct_block(const judging *j, judge *t, const uint16_t *codes, size_t count)
{
    const size_t latent = j->model->shape.latent;
    const uint32_t L = j->codebooks.level_count;
    double square = 0;
    for (size_t i = 0; i < count; i++) {
        nj_codebooks_decode(&j->codebooks, codes + i * L, L, t->exact);
        for (size_t d = 0; d < latent; d++) {
            t->sums[i * latent + d] = (float)t->exact[d];
        }
    }
    nj_transformer_apply(t->decoder, t->sums, count, t->y);
    for (size_t i = 0; i < count; i++) {
        square += measure_row(j->rows, t->x + i * j->rows->D, t->y + i * j->rows->D);
    }
    return square;
}

static void judge_block(void *context, size_t block, size_t thread)
{
    judging *j = context;
    judge *t = &j->threads[thread];
    const size_t first = block * BLOCK_ROWS;
    const size_t count = nj_min_size(BLOCK_ROWS, j->rows->count - first);
    const uint32_t L = j->codebooks.level_count;
    uint16_t *codes = j->codes + first * L;
    nj_error why = {0};
    nj_status status = nj_rqvae_rows_read(j->rows, first, count, t->x, &why);
    if (status == NJ_OK) {
        status = nj_encoder_encode(t->encoder, t->x, count, codes, L, &j->errors[block], &why);
    }
    if (status == NJ_OK) {
        j->squares[block] = reconstruct_block(j, t, codes, count);
    } else if (t->why.status == NJ_OK || block < t->block) {
        t->block = block;
        t->why = why;
    }
}

static nj_status check_blocks(const judging *j, nj_error *err)
{
    const judge *first = NULL;
    for (size_t i = 0; i < j->thread_count; i++) {
        const judge *t = &j->threads[i];
        if (t->why.status != NJ_OK && (first == NULL || t->block < first->block)) {
            first = t;
        }
    }
    return first == NULL ? NJ_OK
                         : nj_fail(err, NJ_FAILED, "rows %zu and on: %s", first->block * BLOCK_ROWS,
                                   first->why.text);
}

// ---- figures ----

static void add_up_errors(const judging *j, nj_rqvae_figures *out)
{
    const double rows = (double)j->rows->count;
    for (size_t block = 0; block < j->block_count; block++) {
        out->error += j->squares[block];
        for (uint32_t l = 0; l < j->codebooks.level_count; l++) {
            out->commitment[l] += j->errors[block].squared_sum[l];
        }
    }
    out->error /= rows;
    out->relative = out->error / j->rows->variance;
    for (uint32_t l = 0; l < j->codebooks.level_count; l++) {
        out->commitment[l] /= rows * (double)j->model->shape.latent;
    }
}

static nj_status count_use(const judging *j, nj_rqvae_figures *out, nj_error *err)
{
    const uint32_t L = j->codebooks.level_count;
    const double rows = (double)j->rows->count;
    uint64_t *counts = calloc(NJ_RQVAE_CODES_MAX, sizeof *counts);
    if (counts == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to count codes");
    }
    for (uint32_t l = 0; l < L; l++) {
        double entropy = 0;
        memset(counts, 0, NJ_RQVAE_CODES_MAX * sizeof *counts);
        for (size_t i = 0; i < j->rows->count; i++) {
            counts[j->codes[i * L + l]]++;
        }
        for (uint32_t k = 0; k < j->codebooks.K[l]; k++) {
            const double share = (double)counts[k] / rows;
            out->used[l] += counts[k] > 0;
            entropy -= counts[k] > 0 ? share * log(share) : 0;
        }
        out->perplexity[l] = exp(entropy);
    }
    free(counts);
    return NJ_OK;
}

static nj_status count_collisions(const judging *j, nj_rqvae_figures *out, nj_error *err)
{
    // Nothing is occupied, so that items may share a leaf leaves the codes as they are.
    const nj_collision_options leaves = {.policy = NJ_COLLISIONS_LEAVES};
    nj_collision_outcome outcome;
    nj_collision_work work = {.options = &leaves,
                              .what = j->rows->npy->path,
                              .codes = j->codes,
                              .row_count = (uint32_t)j->rows->count,
                              .level_count = j->codebooks.level_count};
    memcpy(work.K, j->codebooks.K, j->codebooks.level_count * sizeof *work.K);
    nj_status status = nj_collisions_resolve(&work, &outcome, err);
    if (status == NJ_OK) {
        out->colliding = outcome.colliding_count;
        out->distinct = outcome.distinct_count;
        out->largest = outcome.largest_count;
    }
    return status;
}

nj_status nj_rqvae_judge(const nj_rqvae *model, const nj_rqvae_rows *rows, nj_pool *pool,
                         uint16_t *codes, nj_rqvae_figures *out, nj_error *err)
{
    judging j = {
        .model = model, .rows = rows, .codebooks = nj_rqvae_codebooks(model), .codes = codes};
    nj_rqvae_figures figures = {0};
    nj_status status = begin(&j, pool, err);
    if (status == NJ_OK) {
        nj_pool_run(pool, j.block_count, judge_block, &j);
        status = check_blocks(&j, err);
    }
    if (status == NJ_OK) {
        add_up_errors(&j, &figures);
        status = count_use(&j, &figures, err);
    }
    if (status == NJ_OK) {
        status = count_collisions(&j, &figures, err);
    }
    if (status == NJ_OK) {
        *out = figures;
    }
    end(&j);
    return status;
}
