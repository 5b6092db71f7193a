#include "worker/train/rqvae_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"

// ---- limits ----

static nj_status check_number(const char *what, size_t value, size_t most, nj_error *err)
{
    return value >= 1 && value <= most
               ? NJ_OK
               : nj_fail(err, NJ_USAGE, "%s is %zu, must be 1 to %zu", what, value, most);
}

static nj_status check_shape(const nj_rqvae_shape *shape, nj_error *err)
{
    if (shape->hidden_count > NJ_RQVAE_HIDDEN_MAX) {
        return nj_fail(err, NJ_USAGE, "%zu hidden layers, at most %d are possible",
                       shape->hidden_count, NJ_RQVAE_HIDDEN_MAX);
    }
    nj_status status = check_number("the width of embeddings", shape->D, NJ_RQVAE_WIDTH_MAX, err);
    for (size_t i = 0; i < shape->hidden_count && status == NJ_OK; i++) {
        status =
            check_number("the width of a hidden layer", shape->hidden[i], NJ_RQVAE_WIDTH_MAX, err);
    }
    if (status == NJ_OK) {
        status = check_number("the latent width", shape->latent, NJ_RQVAE_WIDTH_MAX, err);
    }
    if (status == NJ_OK) {
        status = check_number("the number of levels", shape->level_count, NJ_QUANT_LEVELS_MAX, err);
    }
    for (uint32_t l = 0; l < shape->level_count && status == NJ_OK; l++) {
        status = check_number("the number of codes", shape->K[l], NJ_RQVAE_CODES_MAX, err);
    }
    return status;
}

// ---- the layout ----

// The limits of widths and layers keep every sum here far below SIZE_MAX.
static void lay_out_layer(nj_rqvae *model, size_t inputs, size_t outputs, nj_rqvae_layer *layer)
{
    layer->weight = model->count;
    layer->bias = layer->weight + inputs * outputs;
    layer->linear = (nj_linear){.N = outputs, .K = inputs};
    model->count = layer->bias + outputs;
}

static void lay_out(nj_rqvae *model)
{
    const nj_rqvae_shape *shape = &model->shape;
    size_t widths[NJ_RQVAE_LAYERS_MAX + 1];
    const size_t layers = shape->hidden_count + 1;
    widths[0] = shape->D;
    memcpy(widths + 1, shape->hidden, shape->hidden_count * sizeof *widths);
    widths[layers] = shape->latent;
    model->layer_count = layers;
    for (size_t i = 0; i < layers; i++) {
        lay_out_layer(model, widths[i], widths[i + 1], &model->encoder[i]);
    }
    for (size_t i = 0; i < layers; i++) {
        lay_out_layer(model, widths[layers - i], widths[layers - i - 1], &model->decoder[i]);
    }
    for (uint32_t l = 0; l < shape->level_count; l++) {
        nj_rqvae_codebook *codebook = &model->codebooks[l];
        codebook->at = model->count;
        codebook->linear = (nj_linear){.N = shape->K[l], .K = shape->latent};
        model->count += shape->K[l] * shape->latent;
    }
}

static nj_linear *linear_of(nj_rqvae *model, size_t part, size_t *out_at)
{
    const size_t layers = model->layer_count;
    if (part < 2 * layers) {
        nj_rqvae_layer *layer =
            part < layers ? &model->encoder[part] : &model->decoder[part - layers];
        *out_at = layer->weight;
        return &layer->linear;
    }
    nj_rqvae_codebook *codebook = &model->codebooks[part - 2 * layers];
    *out_at = codebook->at;
    return &codebook->linear;
}

static nj_status take_memory(nj_rqvae *model, nj_error *err)
{
    size_t bytes = 0;
    size_t at;
    bool fits = true;
    for (size_t i = 0; i < nj_rqvae_part_count(model); i++) {
        const nj_linear *linear = linear_of(model, i, &at);
        fits =
            fits &&
            nj_add_size(bytes, nj_linear_pack_cost(model->kernels, linear->N, linear->K), &bytes) &&
            nj_add_size(bytes, nj_arena_cost(linear->N * sizeof(float)), &bytes);
    }
    model->values = calloc(model->count, sizeof *model->values);
    if (model->values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu parameters", model->count);
    }
    return nj_arena_init(&model->arena, fits ? bytes : SIZE_MAX, err);
}

static void take_packs(nj_rqvae *model)
{
    for (size_t i = 0; i < nj_rqvae_part_count(model); i++) {
        size_t at;
        nj_linear *linear = linear_of(model, i, &at);
        size_t bytes = model->kernels->linear_pack_bytes(linear->N, linear->K);
        linear->weight = model->values + at;
        linear->packed = bytes > 0 ? nj_arena_take(&model->arena, bytes) : NULL;
    }
    for (uint32_t l = 0; l < model->shape.level_count; l++) {
        model->codebooks[l].norms = nj_arena_take(&model->arena, model->shape.K[l] * sizeof(float));
    }
}

// ---- first values ----

// Uniform, of variance gain / inputs.
static void fill_layer(nj_rqvae *model, const nj_rqvae_layer *layer, double gain, uint64_t *state)
{
    const double bound = sqrt(3.0 * gain / (double)layer->linear.K);
    for (size_t i = layer->weight; i < layer->bias; i++) {
        double unit = (double)(nj_rng_next(state) >> 11) * 0x1p-53;
        model->values[i] = (float)((2 * unit - 1) * bound);
    }
}

static void fill_values(nj_rqvae *model, uint64_t seed)
{
    uint64_t state = nj_rng_mix(seed + NJ_RNG_STEP);
    for (size_t half = 0; half < 2; half++) {
        const nj_rqvae_layer *layers = half == 0 ? model->encoder : model->decoder;
        for (size_t i = 0; i < model->layer_count; i++) {
            // ReLU halves the mean square of what it is given.
            fill_layer(model, &layers[i], i == 0 ? 1.0 : 2.0, &state);
        }
    }
}

// ---- the whole ----

nj_status nj_rqvae_new(const nj_rqvae_shape *shape, const nj_kernels *kernels, uint64_t seed,
                       nj_rqvae **out, nj_error *err)
{
    nj_status status = check_shape(shape, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_rqvae *model = calloc(1, sizeof *model);
    if (model == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for an RQ-VAE");
    }
    model->shape = *shape;
    model->kernels = kernels;
    lay_out(model);
    status = take_memory(model, err);
    if (status == NJ_OK) {
        take_packs(model);
        fill_values(model, seed);
        nj_rqvae_pack(model);
        *out = model;
        model = NULL;
    }
    nj_rqvae_free(&model);
    return status;
}

void nj_rqvae_free(nj_rqvae **model)
{
    if (*model != NULL) {
        nj_arena_fini(&(*model)->arena);
        free((*model)->values);
        free(*model);
        *model = NULL;
    }
}

// ---- packing ----

size_t nj_rqvae_part_count(const nj_rqvae *model)
{
    return 2 * model->layer_count + model->shape.level_count;
}

static void measure_norms(nj_rqvae *model, nj_rqvae_codebook *codebook)
{
    const size_t width = model->shape.latent;
    for (size_t k = 0; k < codebook->linear.N; k++) {
        const float *code = model->values + codebook->at + k * width;
        double square = 0;
        for (size_t d = 0; d < width; d++) {
            square += (double)code[d] * (double)code[d];
        }
        codebook->norms[k] = (float)square;
    }
}

void nj_rqvae_pack_part(nj_rqvae *model, size_t part)
{
    size_t at;
    nj_linear *linear = linear_of(model, part, &at);
    if (linear->packed != NULL) {
        model->kernels->linear_pack(linear, (void *)linear->packed);
    }
    if (part >= 2 * model->layer_count) {
        measure_norms(model, &model->codebooks[part - 2 * model->layer_count]);
    }
}

void nj_rqvae_pack(nj_rqvae *model)
{
    for (size_t i = 0; i < nj_rqvae_part_count(model); i++) {
        nj_rqvae_pack_part(model, i);
    }
}

// ---- what it gives to those who only encode and decode ----

static void list_layers(const nj_rqvae *model, const nj_rqvae_layer *layers, nj_transform *out)
{
    out->layer_count = model->layer_count;
    for (size_t i = 0; i < model->layer_count; i++) {
        out->layers[i] = (nj_dense){.weight = model->values + layers[i].weight,
                                    .bias = model->values + layers[i].bias,
                                    .rows = layers[i].linear.N,
                                    .columns = layers[i].linear.K};
    }
}

nj_transform nj_rqvae_encoder(const nj_rqvae *model, const float *mean, const float *scale)
{
    nj_transform transform = {.D_in = model->shape.D, .mean = mean, .scale = scale};
    list_layers(model, model->encoder, &transform);
    return transform;
}

nj_transform nj_rqvae_decoder(const nj_rqvae *model)
{
    nj_transform transform = {.D_in = model->shape.latent};
    list_layers(model, model->decoder, &transform);
    return transform;
}

nj_codebooks nj_rqvae_codebooks(const nj_rqvae *model)
{
    nj_codebooks codebooks = {.kind = NJ_QUANT_RESIDUAL,
                              .level_count = model->shape.level_count,
                              .D = model->shape.latent};
    for (uint32_t l = 0; l < codebooks.level_count; l++) {
        codebooks.K[l] = model->shape.K[l];
        codebooks.vectors[l] = model->values + model->codebooks[l].at;
    }
    return codebooks;
}
