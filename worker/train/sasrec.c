#include "worker/train/sasrec.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"

#define NAME_BYTES 64
#define INITIAL_DEVIATION 0.02
#define BLOCK_TENSORS 8 // of a block
#define EDGE_TENSORS 4  // items, positions, and the two of the edge norm

// ---- layout ----

// One tensor of the model; the walk visits all in the order of their places.
typedef struct {
    char name[NAME_BYTES];
    size_t rows, columns; // columns 0: one dimension
    size_t *at;           // where its place is kept
    nj_linear *linear;    // NULL: not one
    bool is_norm_weight, is_norm_bias;
} tensor;

static size_t tensor_size(const tensor *t)
{
    return t->rows * (t->columns > 0 ? t->columns : 1);
}

static size_t tensor_count(const nj_sasrec *model)
{
    return EDGE_TENSORS + (size_t)model->config.layers * BLOCK_TENSORS;
}

static tensor make_matrix(size_t *at, nj_linear *linear, size_t rows, size_t columns)
{
    return (tensor){.rows = rows, .columns = columns, .at = at, .linear = linear};
}

static tensor make_norm(nj_sasrec_norm *norm, bool is_bias, size_t D)
{
    return (tensor){.rows = D,
                    .at = is_bias ? &norm->bias : &norm->weight,
                    .is_norm_weight = !is_bias,
                    .is_norm_bias = is_bias};
}

static tensor find_block_tensor(const nj_sasrec *model, size_t layer, size_t index)
{
    static const char *const NAMES[BLOCK_TENSORS] = {
        "attention_norm.weight",   "attention_norm.bias", "attention.qkv.weight",
        "attention.output.weight", "dense_norm.weight",   "dense_norm.bias",
        "dense.inner.weight",      "dense.outer.weight"};
    const size_t D = model->config.D;
    const size_t F = model->config.F;
    nj_sasrec_block *b = &model->blocks[layer];
    const tensor tensors[BLOCK_TENSORS] = {make_norm(&b->attention_norm, false, D),
                                           make_norm(&b->attention_norm, true, D),
                                           make_matrix(&b->qkv.at, &b->qkv.forward, 3 * D, D),
                                           make_matrix(&b->output.at, &b->output.forward, D, D),
                                           make_norm(&b->dense_norm, false, D),
                                           make_norm(&b->dense_norm, true, D),
                                           make_matrix(&b->inner.at, &b->inner.forward, F, D),
                                           make_matrix(&b->outer.at, &b->outer.forward, D, F)};
    tensor found = tensors[index];
    snprintf(found.name, sizeof found.name, "blocks.%zu.%s", layer, NAMES[index]);
    return found;
}

// Tensor number `index`, below tensor_count. What it points to is in the model.
static tensor find_tensor(nj_sasrec *model, size_t index)
{
    static const char *const NAMES[EDGE_TENSORS] = {
        "item_embedding.weight", "position_embedding.weight", "norm.weight", "norm.bias"};
    const nj_sasrec_config *c = &model->config;
    if (index >= EDGE_TENSORS) {
        return find_block_tensor(model, (index - EDGE_TENSORS) / BLOCK_TENSORS,
                                 (index - EDGE_TENSORS) % BLOCK_TENSORS);
    }
    const tensor tensors[EDGE_TENSORS] = {make_matrix(&model->items, NULL, c->N, c->D),
                                          make_matrix(&model->positions, NULL, c->S, c->D),
                                          make_norm(&model->edge_norm, false, c->D),
                                          make_norm(&model->edge_norm, true, c->D)};
    tensor found = tensors[index];
    snprintf(found.name, sizeof found.name, "%s", NAMES[index]);
    return found;
}

size_t nj_sasrec_count(const nj_sasrec_config *config)
{
    const size_t D = config->D;
    const size_t edge = ((size_t)config->N + config->S + 2) * D;
    return edge + config->layers * (4 * D + 4 * D * D + 2 * D * config->F);
}

static size_t block_rows(const nj_sasrec *model, size_t block)
{
    return nj_min_size(NJ_SASREC_ITEM_BLOCK, model->config.N - block * NJ_SASREC_ITEM_BLOCK);
}

static void lay_out(nj_sasrec *model)
{
    for (size_t i = 0; i < tensor_count(model); i++) {
        tensor t = find_tensor(model, i);
        *t.at = model->count;
        model->count += tensor_size(&t);
        if (t.linear != NULL) {
            *t.linear = (nj_linear){.N = t.rows, .K = t.columns};
        }
    }
    assert(model->count == nj_sasrec_count(&model->config));
    for (size_t i = 0; i < model->item_block_count; i++) {
        model->item_blocks[i] = (nj_linear){.N = block_rows(model, i), .K = model->config.D};
    }
}

// ---- packing ----

size_t nj_sasrec_part_count(const nj_sasrec *model)
{
    return model->item_block_count + tensor_count(model);
}

// The linear layer of a part, NULL where it has none: norms and embeddings.
static nj_linear *find_part(nj_sasrec *model, size_t part)
{
    return part < model->item_block_count
               ? &model->item_blocks[part]
               : find_tensor(model, part - model->item_block_count).linear;
}

void nj_sasrec_pack_part(nj_sasrec *model, size_t part)
{
    nj_linear *linear = find_part(model, part);
    if (linear != NULL && linear->packed != NULL) {
        // The memory was taken by take_packed and is the model's own.
        model->kernels->linear_pack(linear, (void *)(uintptr_t)linear->packed);
    }
}

static void pack_all(nj_sasrec *model)
{
    for (size_t i = 0; i < nj_sasrec_part_count(model); i++) {
        nj_sasrec_pack_part(model, i);
    }
}

static size_t add_up_arena(nj_sasrec *model)
{
    size_t bytes = 0;
    for (size_t i = 0; i < nj_sasrec_part_count(model); i++) {
        const nj_linear *linear = find_part(model, i);
        if (linear != NULL) {
            size_t more = nj_linear_pack_cost(model->kernels, linear->N, linear->K);
            bytes = more > SIZE_MAX - bytes ? SIZE_MAX : bytes + more;
        }
    }
    return bytes;
}

static void take_packed(nj_sasrec *model)
{
    for (size_t i = 0; i < nj_sasrec_part_count(model); i++) {
        nj_linear *linear = find_part(model, i);
        if (linear == NULL) {
            continue;
        }
        const bool is_items = i < model->item_block_count;
        linear->weight = is_items
                             ? model->values + model->items + i * NJ_SASREC_ITEM_BLOCK * linear->K
                             : model->values + *find_tensor(model, i - model->item_block_count).at;
        const size_t bytes = model->kernels->linear_pack_bytes(linear->N, linear->K);
        linear->packed = bytes > 0 ? nj_arena_take(&model->arena, bytes) : NULL;
    }
}

// ---- opening ----

static nj_status check_size(const char *what, uint32_t value, uint32_t most, nj_error *err)
{
    return value >= 1 && value <= most
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "a SASRec with %s %u: must be 1 to %u", what, value, most);
}

static nj_status check_config(const nj_sasrec_config *c, nj_error *err)
{
    nj_status status = check_size("items", c->N, NJ_SASREC_ITEMS_MAX, err);
    if (status == NJ_OK) {
        status = check_size("width", c->D, NJ_SASREC_WIDTH_MAX, err);
    }
    if (status == NJ_OK) {
        status = check_size("dense width", c->F, NJ_SASREC_DENSE_MAX, err);
    }
    if (status == NJ_OK) {
        status = check_size("layers", c->layers, NJ_SASREC_LAYERS_MAX, err);
    }
    if (status == NJ_OK) {
        status = check_size("positions", c->S, NJ_SASREC_POSITIONS_MAX, err);
    }
    if (status == NJ_OK && (c->H == 0 || c->D % c->H != 0)) {
        return nj_fail(err, NJ_INPUT, "a SASRec of width %u with %u heads: must divide the width",
                       c->D, c->H);
    }
    return status;
}

// Two normal numbers from a uniform pair: Box, Muller 1958.
static void draw_values(uint64_t *state, size_t count, float *out)
{
    for (size_t i = 0; i < count; i += 2) {
        const double u = (double)((nj_rng_next(state) >> 11) + 1) * 0x1p-53; // (0, 1]
        const double angle = 6.283185307179586 * (double)(nj_rng_next(state) >> 11) * 0x1p-53;
        const double radius = INITIAL_DEVIATION * sqrt(-2.0 * log(u));
        out[i] = (float)(radius * cos(angle));
        if (i + 1 < count) {
            out[i + 1] = (float)(radius * sin(angle));
        }
    }
}

static void set_initial(nj_sasrec *model, uint64_t seed)
{
    uint64_t state = seed;
    for (size_t i = 0; i < tensor_count(model); i++) {
        tensor t = find_tensor(model, i);
        float *values = model->values + *t.at;
        if (!t.is_norm_weight && !t.is_norm_bias) {
            draw_values(&state, tensor_size(&t), values);
        }
        for (size_t j = 0; j < t.rows && t.is_norm_weight; j++) {
            values[j] = 1.0f;
        }
    }
}

static nj_status take_memory(nj_sasrec *model, nj_error *err)
{
    const nj_sasrec_config *c = &model->config;
    model->item_block_count = (c->N + NJ_SASREC_ITEM_BLOCK - 1) / NJ_SASREC_ITEM_BLOCK;
    model->blocks = calloc(c->layers, sizeof *model->blocks);
    model->item_blocks = calloc(model->item_block_count, sizeof *model->item_blocks);
    if (model->blocks != NULL && model->item_blocks != NULL) {
        lay_out(model);
        model->values = calloc(model->count, sizeof *model->values);
    }
    if (model->values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a SASRec of %u items and width %u", c->N,
                       c->D);
    }
    return nj_arena_init(&model->arena, add_up_arena(model), err);
}

nj_status nj_sasrec_new(const nj_sasrec_config *config, const nj_kernels *kernels, uint64_t seed,
                        nj_sasrec **out, nj_error *err)
{
    nj_status status = check_config(config, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_sasrec *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a SASRec");
    }
    model->config = *config;
    model->kernels = kernels;
    status = take_memory(model, err);
    if (status == NJ_OK) {
        take_packed(model);
        set_initial(model, seed);
        pack_all(model);
        *out = model;
        model = NULL;
    }
    nj_sasrec_free(&model);
    return status;
}

void nj_sasrec_free(nj_sasrec **model)
{
    if (*model != NULL) {
        free((*model)->values);
        free((*model)->blocks);
        free((*model)->item_blocks);
        nj_arena_fini(&(*model)->arena);
        free(*model);
        *model = NULL;
    }
}

// ---- files ----

nj_status nj_sasrec_write(const nj_sasrec *model, nj_buffer *out, nj_error *err)
{
    const size_t count = tensor_count(model);
    nj_sasrec walked = *model; // find_tensor hands out places to write to
    tensor *tensors = calloc(count, sizeof *tensors);
    nj_tensor_source *sources = calloc(count, sizeof *sources);
    nj_status status = NJ_OK;
    if (tensors == NULL || sources == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to write %zu tensors", count);
    }
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        tensors[i] = find_tensor(&walked, i);
        sources[i] = (nj_tensor_source){.name = tensors[i].name,
                                        .dim_count = tensors[i].columns > 0 ? 2 : 1,
                                        .shape = {tensors[i].rows, tensors[i].columns},
                                        .data = model->values + *tensors[i].at};
    }
    if (status == NJ_OK) {
        status = nj_tensors_write(sources, count, out, err);
    }
    free(tensors);
    free(sources);
    return status;
}

nj_status nj_sasrec_read(nj_sasrec *model, const nj_tensor_set *tensors, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < tensor_count(model) && status == NJ_OK; i++) {
        tensor t = find_tensor(model, i);
        const size_t shape[] = {t.rows, t.columns};
        const nj_tensor *found = NULL;
        status = nj_tensor_set_expect(tensors, t.name, shape, t.columns > 0 ? 2 : 1, &found, err);
        if (status == NJ_OK) {
            status = nj_tensor_read_f32(found, model->values + *t.at, err);
        }
    }
    if (status == NJ_OK) {
        pack_all(model);
    }
    return status;
}
