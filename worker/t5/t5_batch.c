#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"

void nj_t5_set_rows(nj_t5 *model)
{
    model->D_row = nj_claim_row(model->config.D);
    model->HE_row = nj_claim_row((size_t)model->config.H * model->config.E);
    model->F_row = nj_claim_row(model->config.F);
}

void nj_t5_claim_batch(nj_t5 *model, nj_claim *claim)
{
    const nj_t5_config *config = &model->config;
    nj_t5_batch *batch = &model->batch;
    const nj_model_limits *limits = &batch->limits;
    size_t tokens = limits->tokens_max;
    batch->offset = nj_claim_bytes(claim, 1, (size_t)limits->users_max + 1, sizeof(uint32_t));
    batch->column = nj_claim_bytes(claim, 1, (size_t)limits->users_max + 1, sizeof(uint32_t));
    batch->encoded = nj_claim_floats(claim, 1, tokens, config->D);
    size_t HE = (size_t)config->H * config->E;
    batch->cross_keys =
        nj_claim_floats(claim, config->decoder_layers, nj_t5_columns_max(limits), HE);
    batch->cross_values = nj_claim_floats(claim, config->decoder_layers, tokens, HE);
    batch->normed = nj_claim_floats(claim, 1, NJ_T5_BLOCK_ROWS, model->D_row);
    batch->hidden = nj_claim_floats(claim, 1, NJ_T5_BLOCK_ROWS, model->F_row);
    batch->gate = nj_claim_floats(claim, config->gated ? 1 : 0, NJ_T5_BLOCK_ROWS, model->F_row);
    batch->scores = nj_claim_floats(claim, 1, NJ_T5_BLOCK_ROWS,
                                    nj_claim_row(nj_t5_columns(limits->sequence_max)));
}

void nj_t5_claim_encoder(nj_t5 *model, nj_claim *claim)
{
    nj_t5_batch *batch = &model->batch;
    const nj_model_limits *limits = &batch->limits;
    batch->q = nj_claim_floats(claim, 1, limits->tokens_max, model->HE_row);
    batch->k = nj_claim_floats(claim, 1, limits->tokens_max, model->HE_row);
    batch->v = nj_claim_floats(claim, 1, limits->tokens_max, model->HE_row);
    batch->bias = nj_claim_floats(claim, 2, model->config.H, limits->sequence_max);
}

void nj_t5_claim_decoder(nj_t5 *model, nj_claim *claim)
{
    const nj_t5_config *config = &model->config;
    nj_t5_batch *batch = &model->batch;
    const nj_model_limits *limits = &batch->limits;
    size_t chunk = limits->chunk_rows_max;
    size_t kept =
        (size_t)config->decoder_layers * (limits->steps_max > 0 ? limits->steps_max - 1 : 0);
    batch->keys = nj_claim_floats(claim, kept, limits->rows_max, model->HE_row);
    batch->values = nj_claim_floats(claim, kept, limits->rows_max, model->HE_row);
    batch->last_keys = nj_claim_floats(claim, 1, chunk, model->HE_row);
    batch->last_values = nj_claim_floats(claim, 1, chunk, model->HE_row);
    batch->x = nj_claim_floats(claim, 1, chunk, model->D_row);
    batch->mixed = nj_claim_floats(claim, 1, chunk, model->HE_row);
    batch->T_row = nj_claim_row(nj_round_up(limits->steps_max, NJ_T5_STEPS));
    batch->self_scores = nj_claim_floats(claim, chunk, config->H, batch->T_row);
    batch->decoder_bias = nj_claim_floats(claim, 1, config->H, batch->T_row);
    batch->at = nj_claim_bytes(claim, 1, limits->steps_max, sizeof *batch->at);
    nj_lineage_claim(claim, limits->rows_max, limits->steps_max, &batch->lineage);
}

void nj_t5_begin_decoder(nj_t5 *model, nj_claim *claim)
{
    nj_t5_claim_decoder(model, claim);
    nj_t5_bias_expand_steps(model);
}

size_t nj_t5_encode_bytes(const nj_t5_config *config, const nj_model_limits *limits)
{
    nj_t5 model = {.config = *config, .batch = {.limits = *limits}};
    nj_claim claim = {0};
    model.config.decoder_layers = 0;
    nj_t5_set_rows(&model);
    nj_t5_claim_batch(&model, &claim);
    nj_t5_claim_encoder(&model, &claim);
    return claim.bytes;
}

size_t nj_t5_scratch_bytes(const nj_t5_config *config, const nj_model_limits *limits)
{
    nj_t5 model = {.config = *config, .batch = {.limits = *limits}};
    nj_claim shared = {0};
    nj_claim encoder = {0};
    nj_claim decoder = {0};
    nj_t5_set_rows(&model);
    nj_t5_claim_batch(&model, &shared);
    nj_t5_claim_encoder(&model, &encoder);
    nj_t5_claim_decoder(&model, &decoder);
    size_t bytes;
    if (!nj_add_size(shared.bytes, nj_max_size(encoder.bytes, decoder.bytes), &bytes)) {
        return SIZE_MAX;
    }
    return bytes;
}
