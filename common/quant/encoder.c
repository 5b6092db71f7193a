#include "common/quant/encoder.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"

// Below this bound on |c|^2 + 2|r||c| no float32 sum of the product can overflow; above it every row is a candidate.
#define SCREEN_MAX ((double)FLT_MAX / 16)

typedef struct {
    nj_linear linear; // the codebook as a [K, D] weight
    float *norms;     // [K] |c|^2, rounded from float64
    double norm_max;  // the longest |c|
} level_index;

struct nj_encoder {
    nj_codebooks codebooks; // what it points to is borrowed
    const nj_kernels *kernels;
    level_index levels[NJ_QUANT_LEVELS_MAX];
    size_t block_rows;
    nj_arena arena;   // everything below
    double *residual; // [block_rows, D] what is left of x
    double *squares;  // [block_rows] |residual|^2
    float *rounded;   // [block_rows, D] the residual as the product takes it
    float *scores;    // [block_rows, K of the widest level]
};

// ---- setting up ----

static uint32_t find_widest(const nj_codebooks *codebooks)
{
    uint32_t widest = 0;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        widest = codebooks->K[l] > widest ? codebooks->K[l] : widest;
    }
    return widest;
}

static size_t choose_block_rows(size_t D, size_t widest)
{
    size_t row_bytes = D * (sizeof(double) + sizeof(float)) + widest * sizeof(float);
    size_t rows = NJ_QUANT_BLOCK_BYTES / row_bytes;
    return rows < 1 ? 1 : nj_min_size(rows, NJ_QUANT_BLOCK_ROWS_MAX);
}

// The maxima of quant.h keep every product here far below SIZE_MAX.
static size_t add_up_arena(const nj_encoder *encoder, uint32_t widest)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    size_t values = encoder->block_rows * codebooks->D;
    size_t bytes = nj_arena_cost(values * sizeof(double)) +
                   nj_arena_cost(encoder->block_rows * sizeof(double)) +
                   nj_arena_cost(values * sizeof(float)) +
                   nj_arena_cost(encoder->block_rows * widest * sizeof(float));
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        bytes += nj_arena_cost(codebooks->K[l] * sizeof(float)) +
                 nj_linear_pack_cost(encoder->kernels, codebooks->K[l], codebooks->D);
    }
    return bytes;
}

static double square_length(const float *row, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        sum += (double)row[d] * (double)row[d];
    }
    return sum;
}

static void index_level(nj_encoder *encoder, uint32_t l)
{
    const nj_codebooks *codebooks = &encoder->codebooks;
    const nj_kernels *kernels = encoder->kernels;
    level_index *level = &encoder->levels[l];
    size_t K = codebooks->K[l];
    size_t D = codebooks->D;
    level->linear = (nj_linear){.weight = codebooks->vectors[l], .N = K, .K = D};
    size_t pack_bytes = kernels->linear_pack_bytes(K, D);
    if (pack_bytes > 0) {
        kernels->linear_pack(&level->linear, nj_arena_take(&encoder->arena, pack_bytes));
    }
    level->norms = nj_arena_take(&encoder->arena, K * sizeof *level->norms);
    double longest = 0;
    for (size_t k = 0; k < K; k++) {
        double square = square_length(codebooks->vectors[l] + k * D, D);
        level->norms[k] =
            square < SCREEN_MAX ? (float)square : FLT_MAX; // beyond, it is not looked at
        longest = square > longest ? square : longest;
    }
    level->norm_max = sqrt(longest);
}

nj_status nj_encoder_new(const nj_codebooks *codebooks, const nj_transform *transform,
                         const nj_encoder_options *options, nj_encoder **out, nj_error *err)
{
    nj_status status = nj_codebooks_check(codebooks, err);
    if (status == NJ_OK &&
        (codebooks->kind != NJ_QUANT_RESIDUAL || transform != NULL || options->beam > 1)) {
        status = nj_fail(err, NJ_USAGE, "only greedy residual codes without a transform");
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_encoder *encoder = calloc(1, sizeof *encoder);
    if (encoder == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a encoder");
    }
    uint32_t widest = find_widest(codebooks);
    encoder->codebooks = *codebooks;
    encoder->kernels = options->kernels;
    encoder->block_rows = choose_block_rows(codebooks->D, widest);
    status = nj_arena_init(&encoder->arena, add_up_arena(encoder, widest), err);
    if (status != NJ_OK) {
        goto done;
    }
    size_t values = encoder->block_rows * codebooks->D;
    encoder->residual = nj_arena_take(&encoder->arena, values * sizeof(double));
    encoder->squares = nj_arena_take(&encoder->arena, encoder->block_rows * sizeof(double));
    encoder->rounded = nj_arena_take(&encoder->arena, values * sizeof(float));
    encoder->scores = nj_arena_take(&encoder->arena, encoder->block_rows * widest * sizeof(float));
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        index_level(encoder, l);
    }
    *out = encoder;
    encoder = NULL;
done:
    nj_encoder_free(&encoder);
    return status;
}

void nj_encoder_free(nj_encoder **encoder)
{
    if (*encoder != NULL) {
        nj_arena_fini(&(*encoder)->arena);
        free(*encoder);
        *encoder = NULL;
    }
}

// ---- assigning ----

// How far a screened score can be from |c|^2 - 2 r.c, for every row of the level. With u = 2^-24:
//   the product of D terms in any order, with or without FMA        (D + 1) u |r||c|, doubled by the factor 2
//   the residual, rounded to float32 before the product             u |r||c|, doubled
//   the norm, rounded to float32                                    u |c|^2
//   the subtraction                                                 u (|c|^2 + 2|r||c|)
// and what is lost below the smallest float32. Doubled again for the second-order terms that this list leaves out.
static double bound_score_error(double length, double norm_max, size_t D)
{
    const double u = FLT_EPSILON / 2;
    double product = length * norm_max;
    double first_order = u * ((2.0 * (double)D + 6.0) * product + 2.0 * norm_max * norm_max);
    return 2.0 * (first_order + 4.0 * (double)(D + 1) * (double)FLT_TRUE_MIN);
}

static double square_distance(const double *residual, const float *row, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        double difference = residual[d] - (double)row[d];
        sum += difference * difference;
    }
    return sum;
}

// scores[k] becomes |c_k|^2 - 2 r.c_k, from r.c_k; returns the lowest.
static float screen_scores(const float *norms, size_t K, float *scores)
{
    float lowest = FLT_MAX;
    for (size_t k = 0; k < K; k++) {
        scores[k] = norms[k] - 2.0f * scores[k];
        lowest = scores[k] < lowest ? scores[k] : lowest;
    }
    return lowest;
}

typedef struct {
    size_t code;
    double square; // |residual - row|^2
} nearest_row;

// Compares the rows whose score is at most `limit` by their float64 distance. A NaN is not above any limit, so it is compared.
static nearest_row choose_nearest(const double *residual, const float *vectors, size_t K, size_t D,
                                  const float *scores, double limit)
{
    nearest_row best = {0, INFINITY};
    for (size_t k = 0; k < K; k++) {
        if ((double)scores[k] > limit) {
            continue;
        }
        double square = square_distance(residual, vectors + k * D, D);
        if (square < best.square) {
            best = (nearest_row){k, square};
        }
    }
    return best;
}

// The code of row `row` of the block, whose residual then loses that code's vector.
static uint16_t assign_row(nj_encoder *encoder, const level_index *level, size_t row)
{
    size_t D = encoder->codebooks.D;
    size_t K = level->linear.N;
    const float *vectors = level->linear.weight;
    float *scores = encoder->scores + row * K;
    double *residual = encoder->residual + row * D;
    double length = sqrt(encoder->squares[row]);
    float lowest = screen_scores(level->norms, K, scores);
    double limit = INFINITY;
    if (length < SCREEN_MAX && level->norm_max * (level->norm_max + 2.0 * length) < SCREEN_MAX) {
        limit = (double)lowest + 2.0 * bound_score_error(length, level->norm_max, D);
    }
    nearest_row nearest = choose_nearest(residual, vectors, K, D, scores, limit);
    for (size_t d = 0; d < D; d++) {
        residual[d] -= (double)vectors[nearest.code * D + d];
    }
    encoder->squares[row] = nearest.square;
    return (uint16_t)nearest.code;
}

static void load_block(nj_encoder *encoder, const float *x, size_t row_count)
{
    size_t D = encoder->codebooks.D;
    for (size_t i = 0; i < row_count * D; i++) {
        encoder->residual[i] = (double)x[i];
    }
    for (size_t row = 0; row < row_count; row++) {
        encoder->squares[row] = square_length(x + row * D, D);
    }
}

// Levels of one block; all rows take a level before any takes the next.
static void assign_block(nj_encoder *encoder, size_t row_count, uint16_t *codes,
                         size_t codes_stride, nj_quant_error *error)
{
    size_t D = encoder->codebooks.D;
    for (uint32_t l = 0; l < encoder->codebooks.level_count; l++) {
        size_t K = encoder->codebooks.K[l];
        for (size_t i = 0; i < row_count * D; i++) {
            encoder->rounded[i] = (float)encoder->residual[i];
        }
        encoder->kernels->linear(row_count, encoder->rounded, D, &encoder->levels[l].linear, false,
                                 encoder->scores, K);
        for (size_t row = 0; row < row_count; row++) {
            codes[row * codes_stride + l] = assign_row(encoder, &encoder->levels[l], row);
            if (error != NULL) {
                error->squared_sum[l] += encoder->squares[row];
            }
        }
    }
}

size_t nj_encoder_width(const nj_encoder *encoder)
{
    return encoder->codebooks.D;
}

nj_status nj_encoder_encode(nj_encoder *encoder, const float *x, size_t N, uint16_t *codes,
                            size_t codes_stride, nj_quant_error *error, nj_error *err)
{
    assert(codes_stride >= encoder->codebooks.level_count);
    size_t D = encoder->codebooks.D;
    for (size_t first = 0; first < N; first += encoder->block_rows) {
        size_t row_count = nj_min_size(encoder->block_rows, N - first);
        load_block(encoder, x + first * D, row_count);
        assign_block(encoder, row_count, codes + first * codes_stride, codes_stride, error);
    }
    if (error != NULL) {
        error->row_count += N;
    }
    (void)err;
    return NJ_OK;
}
