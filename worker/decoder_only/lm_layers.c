#include <assert.h>
#include <string.h>

#include "worker/decoder_only/lm_internal.h"

static void add_bias(const nj_lm *model, const nj_lm_projection *projection, size_t rows,
                     float *out, size_t ld)
{
    if (projection->bias != NULL) {
        model->kernels->add_bias(rows, projection->weight.N, projection->bias, out, ld);
    }
}

void nj_lm_embed(nj_lm *model, const uint32_t *tokens, size_t rows)
{
    const size_t D = model->config.D;
    bool has_vectors = false;
    for (size_t r = 0; r < rows; r++) {
        if ((tokens[r] & NJ_LM_VECTOR) != 0) {
            has_vectors = true;
            continue;
        }
        assert(tokens[r] < model->config.V);
        memcpy(model->batch.x + r * model->D_row, model->embedding + tokens[r] * D,
               D * sizeof(float));
    }
    if (has_vectors) {
        nj_lm_embed_vectors(model, tokens, rows);
    }
}

// Norms and turns the heads of one row.
static void place_heads(const nj_lm *model, const float *norm, uint32_t heads, uint32_t position,
                        float *row)
{
    const uint32_t E = model->config.E;
    const float *cosines = model->cosines + (size_t)position * (E / 2);
    const float *sines = model->sines + (size_t)position * (E / 2);
    if (norm != NULL) {
        model->kernels->rms_norm(heads, E, row, E, norm, model->config.epsilon, row, E);
    }
    for (uint32_t h = 0; h < heads; h++) {
        nj_rope_turn(E, cosines, sines, row + (size_t)h * E);
    }
}

static void norm_for_attention(nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    model->kernels->rms_norm(rows, model->config.D, batch->x, model->D_row, layer->attention_norm,
                             model->config.epsilon, batch->normed, model->D_row);
}

// Bias, norm and turn of the heads of each row of `out`.
static void place_rows(const nj_lm *model, const nj_lm_projection *projection, const float *norm,
                       uint32_t heads, size_t rows, float *out)
{
    const size_t ld = model->HE_row;
    add_bias(model, projection, rows, out, ld);
    for (size_t r = 0; r < rows; r++) {
        const uint32_t position = model->batch.row_position[r];
        assert(position < model->position_max);
        place_heads(model, norm, heads, position, out + r * ld);
    }
}

static void place_keys(const nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    place_rows(model, &layer->k, layer->k_norm, model->config.G, rows, model->batch.k);
    add_bias(model, &layer->v, rows, model->batch.v, model->HE_row);
}

void nj_lm_project(nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    const nj_linear *const linears[] = {&layer->q.weight, &layer->k.weight, &layer->v.weight};
    float *const outputs[] = {batch->q, batch->k, batch->v};
    norm_for_attention(model, layer, rows);
    model->kernels->linear_many(rows, batch->normed, model->D_row, 3, linears, outputs,
                                model->HE_row);
    place_rows(model, &layer->q, layer->q_norm, model->config.H, rows, batch->q);
    place_keys(model, layer, rows);
}

void nj_lm_project_keys(nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    const nj_linear *const linears[] = {&layer->k.weight, &layer->v.weight};
    float *const outputs[] = {batch->k, batch->v};
    norm_for_attention(model, layer, rows);
    model->kernels->linear_many(rows, batch->normed, model->D_row, 2, linears, outputs,
                                model->HE_row);
    place_keys(model, layer, rows);
}

void nj_lm_project_queries(nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    model->kernels->linear(rows, batch->normed, model->D_row, &layer->q.weight, false, batch->q,
                           model->HE_row);
    place_rows(model, &layer->q, layer->q_norm, model->config.H, rows, batch->q);
}

static void feed_forward(nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    const nj_lm_config *config = &model->config;
    const nj_kernels *kernels = model->kernels;
    const nj_lm_batch *batch = &model->batch;
    const nj_linear *const inner[] = {&layer->gate.weight, &layer->up.weight};
    float *const outputs[] = {batch->hidden, batch->gate};
    kernels->rms_norm(rows, config->D, batch->x, model->D_row, layer->dense_norm, config->epsilon,
                      batch->normed, model->D_row);
    kernels->linear_many(rows, batch->normed, model->D_row, 2, inner, outputs, model->F_row);
    add_bias(model, &layer->gate, rows, batch->hidden, model->F_row);
    add_bias(model, &layer->up, rows, batch->gate, model->F_row);
    kernels->gated_silu(rows, config->F, batch->hidden, model->F_row, batch->gate, model->F_row);
    kernels->linear(rows, batch->hidden, model->F_row, &layer->down.weight, true, batch->x,
                    model->D_row);
    add_bias(model, &layer->down, rows, batch->x, model->D_row);
}

void nj_lm_finish_layer(nj_lm *model, const nj_lm_layer *layer, size_t rows)
{
    const nj_lm_batch *batch = &model->batch;
    model->kernels->linear(rows, batch->q, model->HE_row, &layer->o.weight, true, batch->x,
                           model->D_row);
    add_bias(model, &layer->o, rows, batch->x, model->D_row);
    feed_forward(model, layer, rows);
}

void nj_lm_head(nj_lm *model, const float *x, size_t ldx, size_t rows, float *logits)
{
    const nj_lm_config *config = &model->config;
    float *normed = model->batch.normed;
    model->kernels->rms_norm(rows, config->D, x, ldx, model->final_norm, config->epsilon, normed,
                             model->D_row);
    model->kernels->linear(rows, normed, model->D_row, &model->head, false, logits, config->V);
}
