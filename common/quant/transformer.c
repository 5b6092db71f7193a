// transformer.c - transforms that run; transform.c has what needs no kernels.
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/checked.h"
#include "common/math/kernels.h"
#include "common/quant/transform.h"

#define TRANSFORM_BLOCK_ROWS 64
#define PARTS_MAX (NJ_TRANSFORM_LAYERS_MAX + 1) // the matrix is a layer as well

struct nj_transformer {
    nj_transform transform; // what it points to is borrowed
    const nj_kernels *kernels;
    nj_linear linears[PARTS_MAX];
    const float *biases[PARTS_MAX];
    size_t linear_count;
    bool has_matrix; // the first is the matrix: no ReLU behind it
    size_t widest;
    nj_arena arena;      // everything below, and what is packed
    float *standardised; // [TRANSFORM_BLOCK_ROWS, D_in]
    float *hidden[2];    // [TRANSFORM_BLOCK_ROWS, widest]
};

// ---- setting up ----

static void list_linears(nj_transformer *transformer)
{
    const nj_transform *transform = &transformer->transform;
    const nj_dense *parts[PARTS_MAX];
    size_t count = 0;
    transformer->has_matrix = transform->matrix.rows > 0;
    if (transformer->has_matrix) {
        parts[count++] = &transform->matrix;
    }
    for (size_t i = 0; i < transform->layer_count; i++) {
        parts[count++] = &transform->layers[i];
    }
    for (size_t i = 0; i < count; i++) {
        transformer->linears[i] =
            (nj_linear){.weight = parts[i]->weight, .N = parts[i]->rows, .K = parts[i]->columns};
        transformer->biases[i] = parts[i]->bias;
        transformer->widest = nj_max_size(transformer->widest, parts[i]->rows);
    }
    transformer->linear_count = count;
}

// The maxima of widths keep every product here far below SIZE_MAX.
static size_t add_up_arena(const nj_transformer *transformer)
{
    size_t bytes =
        nj_arena_cost(TRANSFORM_BLOCK_ROWS * transformer->transform.D_in * sizeof(float)) +
        2 * nj_arena_cost(TRANSFORM_BLOCK_ROWS * transformer->widest * sizeof(float));
    for (size_t i = 0; i < transformer->linear_count; i++) {
        bytes += nj_linear_pack_cost(transformer->kernels, transformer->linears[i].N,
                                     transformer->linears[i].K);
    }
    return bytes;
}

static void fill_arena(nj_transformer *transformer)
{
    nj_arena *arena = &transformer->arena;
    size_t width = transformer->transform.D_in;
    transformer->standardised = nj_arena_take(arena, TRANSFORM_BLOCK_ROWS * width * sizeof(float));
    for (size_t i = 0; i < 2; i++) {
        transformer->hidden[i] =
            nj_arena_take(arena, TRANSFORM_BLOCK_ROWS * transformer->widest * sizeof(float));
    }
    for (size_t i = 0; i < transformer->linear_count; i++) {
        nj_linear *linear = &transformer->linears[i];
        size_t pack_bytes = transformer->kernels->linear_pack_bytes(linear->N, linear->K);
        if (pack_bytes > 0) {
            transformer->kernels->linear_pack(linear, nj_arena_take(arena, pack_bytes));
        }
    }
}

nj_status nj_transformer_new(const nj_transform *transform, nj_transformer **out, nj_error *err)
{
    nj_status status = nj_transform_check(transform, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_transformer *transformer = calloc(1, sizeof *transformer);
    if (transformer == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a transform");
    }
    transformer->transform = *transform;
    status = nj_kernels_select("auto", &transformer->kernels, err);
    if (status == NJ_OK) {
        list_linears(transformer);
        status = nj_arena_init(&transformer->arena, add_up_arena(transformer), err);
    }
    if (status == NJ_OK) {
        fill_arena(transformer);
        *out = transformer;
        transformer = NULL;
    }
    nj_transformer_free(&transformer);
    return status;
}

void nj_transformer_free(nj_transformer **transformer)
{
    if (*transformer != NULL) {
        nj_arena_fini(&(*transformer)->arena);
        free(*transformer);
        *transformer = NULL;
    }
}

// ---- running ----

static void standardise(const nj_transform *transform, const float *x, size_t rows, float *out)
{
    size_t D = transform->D_in;
    for (size_t i = 0; i < rows; i++) {
        for (size_t d = 0; d < D; d++) {
            float value = x[i * D + d];
            value = transform->mean != NULL ? value - transform->mean[d] : value;
            out[i * D + d] = transform->scale != NULL ? value * transform->scale[d] : value;
        }
    }
}

static void add_bias(const float *bias, size_t rows, size_t columns, float *y)
{
    for (size_t i = 0; bias != NULL && i < rows; i++) {
        for (size_t d = 0; d < columns; d++) {
            y[i * columns + d] += bias[d];
        }
    }
}

// All linear parts of one block; the last writes to `out`.
static void apply_linears(nj_transformer *transformer, const float *x, size_t rows, float *out)
{
    for (size_t i = 0; i < transformer->linear_count; i++) {
        const nj_linear *linear = &transformer->linears[i];
        bool is_last = i + 1 == transformer->linear_count;
        bool is_matrix = transformer->has_matrix && i == 0;
        float *y = is_last ? out : transformer->hidden[i % 2];
        transformer->kernels->linear(rows, x, linear->K, linear, false, y, linear->N);
        add_bias(transformer->biases[i], rows, linear->N, y);
        if (!is_last && !is_matrix) {
            transformer->kernels->relu(rows, linear->N, y, linear->N);
        }
        x = y;
    }
}

void nj_transformer_apply(nj_transformer *transformer, const float *x, size_t N, float *out)
{
    const nj_transform *transform = &transformer->transform;
    size_t D_out = nj_transform_width(transform);
    bool has_linears = transformer->linear_count > 0;
    bool has_standard = transform->mean != NULL || transform->scale != NULL;
    for (size_t first = 0; first < N; first += TRANSFORM_BLOCK_ROWS) {
        size_t rows = nj_min_size(TRANSFORM_BLOCK_ROWS, N - first);
        const float *from = x + first * transform->D_in;
        float *to = out + first * D_out;
        if (has_standard || !has_linears) {
            float *standard = has_linears ? transformer->standardised : to;
            standardise(transform, from, rows, standard);
            from = standard;
        }
        if (has_linears) {
            apply_linears(transformer, from, rows, to);
        }
    }
}
