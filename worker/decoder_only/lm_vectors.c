// lm_vectors.c - items' collaborative vectors in the stream, in place of embeddings.
//
//   vectors [row, C] ──► Linear ──► GELU ──► Linear ──► [D]         zero vector ──► zero
//
// Only rows that stand in the chunk at hand are projected: beside the layers that is little, and a table of all items would be as
// large as a second embedding.
#include <assert.h>
#include <math.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

nj_status nj_lm_projector_read(const nj_tensor_set *tensors, nj_lm_config *config, nj_error *err)
{
    const nj_tensor *tensor = nj_tensor_set_find(tensors, NJ_PROJECTOR "0.weight");
    config->vector_width = 0;
    config->vector_hidden = 0;
    if (tensor == NULL) {
        return NJ_OK;
    }
    if (tensor->dim_count != 2) {
        return nj_fail(err, NJ_INPUT, "%s: tensor \"%s\" has %zu dimensions, must have 2",
                       tensor->file, tensor->name, tensor->dim_count);
    }
    for (size_t d = 0; d < 2; d++) {
        if (tensor->shape[d] < 1 || tensor->shape[d] > NJ_LM_WIDTH_MAX) {
            return nj_fail(err, NJ_INPUT, "%s: tensor \"%s\" is %zu by %zu, must be 1 to %d each",
                           tensor->file, tensor->name, tensor->shape[0], tensor->shape[1],
                           NJ_LM_WIDTH_MAX);
        }
    }
    config->vector_hidden = (uint32_t)tensor->shape[0];
    config->vector_width = (uint32_t)tensor->shape[1];
    return NJ_OK;
}

nj_status nj_lm_vectors_check(const nj_lm_config *config, const nj_lm_vectors *vectors,
                              nj_error *err)
{
    if (vectors == NULL) {
        return NJ_OK;
    }
    if (vectors->width != config->vector_width) {
        return nj_fail(err, NJ_CONFIG,
                       "items' vectors have %u numbers, the model's projector takes %u (0: it has "
                       "none)",
                       vectors->width, config->vector_width);
    }
    const size_t count = (size_t)vectors->row_count * vectors->width;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(vectors->values[i])) {
            return nj_fail(err, NJ_INPUT,
                           "items' vectors: number %zu of row %zu of %u is not finite",
                           i % vectors->width, i / vectors->width, vectors->row_count);
        }
    }
    return NJ_OK;
}

static const float *find_vector(const nj_lm *model, uint32_t token)
{
    const uint32_t row = token & ~NJ_LM_VECTOR;
    assert(row < model->vectors.row_count);
    return model->vectors.values + (size_t)row * model->vectors.width;
}

static bool is_zero(const float *values, size_t count)
{
    size_t i = 0;
    while (i < count && values[i] == 0.0f) {
        i++;
    }
    return i == count;
}

// Vectors of the chunk's rows that have one come together; zero ones are done. Notes the row of each. Returns how many.
static size_t gather_vectors(nj_lm *model, const uint32_t *tokens, size_t rows, uint32_t *row_of)
{
    const size_t C = model->vectors.width;
    size_t count = 0;
    for (size_t r = 0; r < rows; r++) {
        if ((tokens[r] & NJ_LM_VECTOR) == 0) {
            continue;
        }
        const float *vector = find_vector(model, tokens[r]);
        if (is_zero(vector, C)) {
            memset(model->batch.x + r * model->D_row, 0, model->config.D * sizeof(float));
            continue;
        }
        memcpy(model->batch.vectors + count * C, vector, C * sizeof(float));
        row_of[count++] = (uint32_t)r;
    }
    return count;
}

void nj_lm_embed_vectors(nj_lm *model, const uint32_t *tokens, size_t rows)
{
    const nj_kernels *kernels = model->kernels;
    nj_lm_batch *batch = &model->batch;
    const size_t D = model->config.D;
    const size_t P = model->config.vector_hidden;
    const size_t count = gather_vectors(model, tokens, rows, batch->vector_row);
    if (count == 0) {
        return;
    }
    kernels->linear(count, batch->vectors, model->vectors.width, &model->project_in.weight, false,
                    batch->projecting, P);
    kernels->bias_gelu(count, P, model->project_in.bias, batch->projecting, P);
    kernels->linear(count, batch->projecting, P, &model->project_out.weight, false, batch->normed,
                    model->D_row);
    kernels->add_bias(count, D, model->project_out.bias, batch->normed, model->D_row);
    for (size_t i = 0; i < count; i++) {
        memcpy(batch->x + batch->vector_row[i] * model->D_row, batch->normed + i * model->D_row,
               D * sizeof(float));
    }
}
