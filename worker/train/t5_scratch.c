#include <stdlib.h>

#include "common/base/checked.h"
#include "worker/t5/t5_internal.h"
#include "worker/train/t5_internal.h"

// What is planned and what is taken are the same lines of code.
typedef struct {
    nj_arena *arena; // NULL: count only
    size_t bytes;
} claim;

static void *claim_bytes(claim *c, size_t count, size_t size)
{
    size_t bytes = count * size;
    c->bytes += nj_arena_cost(bytes);
    return c->arena == NULL ? NULL : nj_arena_take(c->arena, bytes);
}

static float *claim_floats(claim *c, size_t rows, size_t columns)
{
    return claim_bytes(c, rows * columns, sizeof(float));
}

static void claim_norm(claim *c, nj_kept_norm *kept, size_t rows, size_t D)
{
    kept->x = claim_floats(c, rows, D);
    kept->normed = claim_floats(c, rows, D);
    kept->inverse = claim_floats(c, rows, 1);
}

static void claim_attention(claim *c, nj_kept_attention *kept, const nj_t5_config *config,
                            size_t q_rows, size_t k_rows, size_t weights)
{
    size_t HE = (size_t)config->H * config->E;
    claim_norm(c, &kept->norm, q_rows, config->D);
    kept->q = claim_floats(c, q_rows, HE);
    kept->k = claim_floats(c, k_rows, HE);
    kept->v = claim_floats(c, k_rows, HE);
    kept->p = claim_floats(c, weights, config->H);
    kept->mixed = claim_floats(c, q_rows, HE);
}

static void claim_dense(claim *c, nj_kept_dense *kept, const nj_t5_config *config, size_t rows)
{
    claim_norm(c, &kept->norm, rows, config->D);
    if (config->gated) {
        kept->inner = claim_floats(c, rows, config->F);
        kept->gate = claim_floats(c, rows, config->F);
    }
    kept->h = claim_floats(c, rows, config->F);
}

static void claim_kept(claim *c, nj_train_scratch *s, const nj_t5_config *config)
{
    size_t tokens = s->limits.tokens_max;
    size_t T = s->limits.T;
    size_t steps = s->limits.samples_max * T;
    for (uint32_t l = 0; l < config->encoder_layers; l++) {
        nj_kept_block *block = &s->encoder.blocks[l];
        claim_attention(c, &block->self, config, tokens, tokens, tokens * s->limits.sequence_max);
        claim_dense(c, &block->dense, config, tokens);
    }
    for (uint32_t l = 0; l < config->decoder_layers; l++) {
        nj_kept_block *block = &s->decoder.blocks[l];
        claim_attention(c, &block->self, config, steps, steps, steps * T);
        claim_attention(c, &block->cross, config, steps, tokens, tokens * T);
        claim_dense(c, &block->dense, config, steps);
    }
    claim_norm(c, &s->encoder.last, tokens, config->D);
    claim_norm(c, &s->decoder.last, steps, config->D);
}

static void claim_bias(claim *c, nj_train_bias *bias, uint32_t H, size_t span)
{
    bias->span = span;
    bias->bucket = claim_bytes(c, 2 * span - 1, sizeof *bias->bucket);
    bias->values = claim_floats(c, H, 2 * span - 1);
    bias->gradient = claim_floats(c, H, 2 * span - 1);
}

static void claim_scratch(claim *c, nj_train_scratch *s, const nj_train_t5 *model)
{
    const nj_t5_config *config = &model->config;
    size_t HE = (size_t)config->H * config->E;
    size_t tokens = s->limits.tokens_max;
    size_t rows = nj_max_size(tokens, (size_t)s->limits.samples_max * s->limits.T);
    size_t longest = nj_max_size(s->limits.sequence_max, s->limits.T);
    s->steps = claim_bytes(c, (size_t)s->limits.samples_max + 1, sizeof *s->steps);
    s->inputs = claim_bytes(c, (size_t)s->limits.samples_max * s->limits.T, sizeof *s->inputs);
    claim_bias(c, &s->encoder_bias, config->H, s->limits.sequence_max);
    claim_bias(c, &s->decoder_bias, config->H, s->limits.T);
    s->x = claim_floats(c, rows, config->D);
    s->y = claim_floats(c, rows, config->D);
    s->dn = claim_floats(c, rows, config->D);
    s->de = claim_floats(c, tokens, config->D);
    s->dq = claim_floats(c, rows, HE);
    s->dk = claim_floats(c, rows, HE);
    s->dv = claim_floats(c, rows, HE);
    s->da = claim_floats(c, rows, HE);
    s->dh = claim_floats(c, NJ_TRAIN_PART_ROWS, config->F);
    s->dgate = config->gated ? claim_floats(c, NJ_TRAIN_PART_ROWS, config->F) : NULL;
    s->scores = claim_floats(c, longest, longest);
    s->logits = claim_floats(c, NJ_TRAIN_HEAD_ROWS, config->V);
}

static void claim_all(claim *c, nj_train_scratch *s, const nj_train_t5 *model)
{
    claim_kept(c, s, &model->config);
    claim_scratch(c, s, model);
}

// Keys behind the query use the upper half of the encoder's buckets.
static void fill_buckets(nj_train_scratch *s, const nj_t5_config *config)
{
    const size_t span = s->encoder_bias.span;
    for (size_t i = 0; i < 2 * span - 1; i++) {
        bool behind = i > span - 1;
        size_t distance = behind ? i - (span - 1) : span - 1 - i;
        uint32_t bucket = nj_t5_bucket((uint32_t)distance, config->R / 2, config->distance_max);
        s->encoder_bias.bucket[i] = (uint16_t)(bucket + (behind ? config->R / 2 : 0));
    }
    const size_t T = s->decoder_bias.span;
    for (size_t i = 0; i < 2 * T - 1; i++) {
        size_t distance = i < T ? T - 1 - i : 0;
        s->decoder_bias.bucket[i] =
            (uint16_t)nj_t5_bucket((uint32_t)distance, config->R, config->distance_max);
    }
}

nj_status nj_train_scratch_new(const nj_train_t5 *model, const nj_train_limits *limits,
                               nj_train_scratch **out, nj_error *err)
{
    nj_train_scratch *s = calloc(1, sizeof *s);
    nj_status status = NJ_NO_MEMORY;
    if (s != NULL) {
        s->limits = *limits;
        s->encoder.blocks = calloc(model->config.encoder_layers, sizeof *s->encoder.blocks);
        s->decoder.blocks = calloc(model->config.decoder_layers, sizeof *s->decoder.blocks);
    }
    if (s == NULL || s->encoder.blocks == NULL || s->decoder.blocks == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the scratch of a gradient");
    } else {
        claim plan = {0};
        claim_all(&plan, s, model);
        status = nj_arena_init(&s->arena, plan.bytes, err);
    }
    if (status == NJ_OK) {
        claim taking = {.arena = &s->arena};
        claim_all(&taking, s, model);
        fill_buckets(s, &model->config);
        *out = s;
        s = NULL;
    }
    nj_train_scratch_free(&s);
    return status;
}

void nj_train_scratch_free(nj_train_scratch **scratch)
{
    if (*scratch != NULL) {
        free((*scratch)->encoder.blocks);
        free((*scratch)->decoder.blocks);
        nj_arena_fini(&(*scratch)->arena);
        free(*scratch);
        *scratch = NULL;
    }
}

const uint64_t *nj_train_scratch_times(const nj_train_scratch *scratch)
{
    return scratch->times;
}
