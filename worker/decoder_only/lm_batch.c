#include "worker/decoder_only/lm_internal.h"

void nj_lm_set_rows(nj_lm *model)
{
    const nj_lm_config *config = &model->config;
    model->D_row = nj_claim_row(config->D);
    // Queries, keys and values are made by one call and have one stride; there are never more of the latter.
    model->HE_row = nj_claim_row((size_t)config->H * config->E);
    model->F_row = nj_claim_row(config->F);
}

static void claim_chunk(nj_lm *model, nj_claim *claim)
{
    const nj_lm_config *config = &model->config;
    nj_lm_batch *batch = &model->batch;
    const nj_model_limits *limits = &batch->limits;
    const size_t chunk = limits->chunk_rows_max;
    const size_t sight = (size_t)nj_lm_columns(model->prefix_count) +
                         nj_lm_columns(limits->sequence_max) + limits->steps_max;
    batch->x = nj_claim_floats(claim, 1, chunk, model->D_row);
    batch->normed = nj_claim_floats(claim, 1, chunk, model->D_row);
    if (config->vector_width > 0) {
        batch->vectors = nj_claim_floats(claim, 1, chunk, config->vector_width);
        batch->projecting = nj_claim_floats(claim, 1, chunk, config->vector_hidden);
        batch->vector_row = nj_claim_bytes(claim, 1, chunk, sizeof(uint32_t));
    }
    batch->q = nj_claim_floats(claim, 1, chunk, model->HE_row);
    batch->k = nj_claim_floats(claim, 1, chunk, model->HE_row);
    batch->v = nj_claim_floats(claim, 1, chunk, model->HE_row);
    batch->hidden = nj_claim_floats(claim, 1, chunk, model->F_row);
    batch->gate = nj_claim_floats(claim, 1, chunk, model->F_row);
    const size_t queries = nj_max_size(NJ_LM_QUERY_ROWS, config->H / config->G);
    batch->queries = nj_claim_floats(claim, 1, queries, config->E);
    batch->mixed = nj_claim_floats(claim, 1, queries, config->E);
    batch->part = nj_claim_floats(claim, 1, queries, config->E);
    batch->scores = nj_claim_floats(claim, 1, queries, nj_claim_row_max(sight));
    batch->tail_keys = nj_claim_bytes(claim, chunk, limits->steps_max, sizeof(float *));
    batch->tail_values = nj_claim_bytes(claim, chunk, limits->steps_max, sizeof(float *));
    batch->tail = nj_claim_bytes(claim, 1, limits->steps_max, sizeof(float *));
    batch->row_user = nj_claim_bytes(claim, 1, chunk, sizeof(uint32_t));
    batch->row_position = nj_claim_bytes(claim, 1, chunk, sizeof(uint32_t));
}

void nj_lm_claim_batch(nj_lm *model, nj_claim *claim)
{
    const nj_lm_config *config = &model->config;
    nj_lm_batch *batch = &model->batch;
    const nj_model_limits *limits = &batch->limits;
    const size_t width = nj_lm_key_width(config);
    const size_t kept = limits->steps_max > 2 ? (size_t)limits->steps_max - 2 : 0;
    batch->offset = nj_claim_bytes(claim, 1, (size_t)limits->users_max + 1, sizeof(uint32_t));
    batch->column = nj_claim_bytes(claim, 1, (size_t)limits->users_max + 1, sizeof(uint32_t));
    if (batch->is_prefix) {
        batch->keys = model->prefix_keys;
        batch->values = model->prefix_values;
    } else {
        const size_t columns = nj_lm_columns_max(limits->tokens_max, limits->users_max);
        batch->keys = nj_claim_floats(claim, config->layers, columns, width);
        batch->values = nj_claim_floats(claim, config->layers, limits->tokens_max, width);
    }
    batch->behind = nj_claim_floats(claim, 1, limits->users_max, config->D);
    batch->step_keys = nj_claim_floats(claim, config->layers * kept, limits->rows_max, width);
    batch->step_values = nj_claim_floats(claim, config->layers * kept, limits->rows_max, width);
    batch->last_keys = nj_claim_floats(claim, 1, limits->chunk_rows_max, width);
    batch->last_values = nj_claim_floats(claim, 1, limits->chunk_rows_max, width);
    nj_lineage_claim(claim, limits->rows_max, limits->steps_max, &batch->lineage);
    claim_chunk(model, claim);
}

size_t nj_lm_scratch_bytes(const nj_lm_config *config, const nj_model_limits *limits,
                           uint32_t prefix_count)
{
    nj_lm model = {.config = *config, .prefix_count = prefix_count, .batch = {.limits = *limits}};
    nj_claim claim = {0};
    nj_lm_set_rows(&model);
    nj_lm_claim_batch(&model, &claim);
    return claim.bytes;
}
