#include <assert.h>
#include <string.h>

#include "worker/t5/t5_internal.h"

static void claim_token_table(const nj_t5 *model, nj_claim *claim, nj_t5_token_table *out)
{
    const size_t V = model->config.V;
    out->q = nj_claim_floats(claim, 1, V, model->HE_row);
    out->k = nj_claim_floats(claim, 1, V, model->HE_row);
    out->v = nj_claim_floats(claim, 1, V, model->HE_row);
}

static void claim_prefix_table(const nj_t5 *model, nj_claim *claim, nj_t5_prefix_table *out)
{
    const size_t rows = (size_t)model->config.V + 1;
    out->x = nj_claim_floats(claim, 1, rows, model->D_row);
    out->q = nj_claim_floats(claim, 1, rows, model->HE_row);
}

void nj_t5_claim_tables(nj_t5 *model, nj_savings savings, nj_claim *claim)
{
    nj_t5_token_table tokens;
    nj_t5_prefix_table prefixes;
    nj_claim trial = {0};
    if (model->config.decoder_layers == 0) {
        return;
    }
    claim_token_table(model, &trial, &tokens);
    if ((savings & NJ_SAVING_TOKEN_TABLES) != 0 && trial.bytes <= NJ_T5_TABLES_BYTES_MAX / 2) {
        claim_token_table(model, claim, &model->encoder_tokens);
        claim_token_table(model, claim, &model->decoder_tokens);
    }
    trial = (nj_claim){0};
    claim_prefix_table(model, &trial, &prefixes);
    if ((savings & NJ_SAVING_PREFIX_TABLES) != 0 && trial.bytes <= NJ_T5_TABLES_BYTES_MAX) {
        claim_prefix_table(model, claim, &model->prefixes);
    }
}

// ---- filling ----

static void fill_token_table(const nj_t5 *model, const nj_t5_stack *stack, nj_t5_token_table *table)
{
    const nj_t5_block *block = &stack->blocks[0];
    const nj_linear *const linears[] = {&block->self.q, &block->self.k, &block->self.v};
    float *const outputs[] = {table->q, table->k, table->v};
    nj_t5_project(model, model->config.V, model->embedding, model->config.D, block->self_norm,
                  linears, outputs, 3);
}

static void keep_prefixes(const nj_t5 *model, nj_t5_prefix_table *table, size_t row, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    memcpy(table->x + row * model->D_row, batch->x, count * model->D_row * sizeof(float));
    memcpy(table->q + row * model->HE_row, batch->mixed, count * model->HE_row * sizeof(float));
}

// One user whose first step has the start token and whose second has every token of the vocabulary, part by part. The
// look-up is off meanwhile, because the model's own table is not set yet.
static void fill_prefix_table(nj_t5 *model, nj_t5_prefix_table *table)
{
    uint32_t token[NJ_T5_BLOCK_ROWS];
    const uint32_t zero[NJ_T5_BLOCK_ROWS] = {0};
    const uint32_t V = model->config.V;
    nj_t5_begin_step(model, 0, zero, zero, &model->config.start_token, 1);
    nj_t5_enter_decoder(model, 0, 1);
    keep_prefixes(model, table, V, 1);
    for (uint32_t first = 0; first < V; first += NJ_T5_BLOCK_ROWS) {
        const uint32_t count = V - first < NJ_T5_BLOCK_ROWS ? V - first : NJ_T5_BLOCK_ROWS;
        for (uint32_t i = 0; i < count; i++) {
            token[i] = first + i;
        }
        nj_t5_begin_step(model, 1, zero, zero, token, count);
        nj_t5_enter_decoder(model, 0, count);
        keep_prefixes(model, table, first, count);
    }
}

nj_status nj_t5_fill_tables(nj_t5 *model, nj_error *err)
{
    const nj_model_limits limits = {.users_max = 1,
                                    .tokens_max = 1,
                                    .sequence_max = 1,
                                    .rows_max = NJ_T5_BLOCK_ROWS,
                                    .chunk_rows_max = NJ_T5_BLOCK_ROWS,
                                    .steps_max = 2};
    nj_arena arena = {0};
    if (model->encoder_tokens.q == NULL && model->prefixes.x == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_arena_init(&arena, nj_t5_scratch_bytes(&model->config, &limits), err);
    if (status != NJ_OK) {
        return status;
    }
    nj_claim claim = {.arena = &arena};
    nj_t5_prefix_table prefixes = model->prefixes;
    model->prefixes = (nj_t5_prefix_table){0};
    model->batch = (nj_t5_batch){.limits = limits, .B = 1};
    nj_t5_claim_batch(model, &claim);
    nj_t5_begin_decoder(model, &claim);
    if (model->encoder_tokens.q != NULL) {
        fill_token_table(model, &model->encoder, &model->encoder_tokens);
        fill_token_table(model, &model->decoder, &model->decoder_tokens);
    }
    if (prefixes.x != NULL) {
        fill_prefix_table(model, &prefixes);
    }
    model->prefixes = prefixes;
    model->batch = (nj_t5_batch){0};
    nj_arena_fini(&arena);
    return NJ_OK;
}

// ---- looking up ----

void nj_t5_look_up(const nj_t5 *model, const float *table, const uint32_t *token, size_t count,
                   float *out)
{
    const size_t HE = (size_t)model->config.H * model->config.E;
    for (size_t i = 0; i < count; i++) {
        assert(token[i] < model->config.V);
        memcpy(out + i * model->HE_row, table + token[i] * model->HE_row, HE * sizeof *out);
    }
}

bool nj_t5_look_up_prefixes(const nj_t5 *model, size_t first, size_t count)
{
    const nj_t5_batch *batch = &model->batch;
    const nj_t5_prefix_table *table = &model->prefixes;
    const size_t HE = (size_t)model->config.H * model->config.E;
    if (table->x == NULL || batch->lineage.step > 1 || !batch->from_start) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t row = batch->lineage.step == 0 ? model->config.V : batch->token[first + i];
        memcpy(batch->x + i * model->D_row, table->x + row * model->D_row,
               model->config.D * sizeof(float));
        memcpy(batch->mixed + i * model->HE_row, table->q + row * model->HE_row,
               HE * sizeof(float));
    }
    return true;
}
