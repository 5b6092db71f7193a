#include "worker/engine/generator.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/codec/json.h"

struct nj_generator {
    nj_generator_config config;
    nj_t5 *t5; // owned; one of the two is not NULL
    nj_lm *lm; // owned
};

// ---- config ----

static void take_t5(const nj_t5_config *t5, nj_generator_config *out)
{
    *out = (nj_generator_config){
        .kind = NJ_GENERATOR_T5, .V = t5->V, .start_token = t5->start_token, .t5 = *t5};
}

static void take_lm(const nj_lm_config *lm, nj_generator_config *out)
{
    *out = (nj_generator_config){.kind = NJ_GENERATOR_LM, .V = lm->V, .lm = *lm};
}

nj_status nj_generator_config_read(const json_t *json, const char *what, nj_generator_config *out,
                                   nj_error *err)
{
    const char *type = json_string_value(json_object_get(json, "model_type"));
    if (nj_lm_knows(json)) {
        nj_lm_config lm;
        const nj_status status = nj_lm_config_read(json, what, &lm, err);
        if (status == NJ_OK) {
            take_lm(&lm, out);
        }
        return status;
    }
    if (type != NULL && strcmp(type, NJ_T5_MODEL_TYPE) != 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: \"model_type\" is \"%.80s\", must be \"" NJ_T5_MODEL_TYPE
                       "\", " NJ_LM_MODEL_TYPES,
                       what, type);
    }
    nj_t5_config t5;
    const nj_status status = nj_t5_config_read(json, what, &t5, err);
    if (status == NJ_OK) {
        take_t5(&t5, out);
    }
    return status;
}

uint32_t nj_generator_tokens_max(const nj_generator_config *config, uint32_t L)
{
    if (config->kind == NJ_GENERATOR_T5) {
        return config->t5.position_max;
    }
    const uint32_t positions =
        config->lm.position_max; // the last token of an item is read by nothing
    return positions > L ? positions - (L - 1) : 1;
}

nj_status nj_generator_check_tokens(const nj_generator_config *config, uint32_t L, size_t tokens,
                                    nj_error *err)
{
    const uint32_t most = nj_generator_tokens_max(config, L);
    if (config->kind == NJ_GENERATOR_T5 || tokens <= most) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_CONFIG,
                   "template and history make prompts of %zu tokens, the model has room for %u and "
                   "the tokens of an item: a shorter template, or a smaller --history-max",
                   tokens, most);
}

nj_status nj_generator_weights_convert(const nj_generator_config *config,
                                       const nj_tensor_set *tensors, nj_buffer *out, nj_error *err)
{
    return config->kind == NJ_GENERATOR_T5 ? nj_t5_weights_convert(&config->t5, tensors, out, err)
                                           : nj_lm_weights_convert(&config->lm, tensors, out, err);
}

uint32_t nj_generator_prefix_count(const nj_generator_config *config, uint32_t before)
{
    return config->kind == NJ_GENERATOR_LM ? before : 0;
}

nj_status nj_generator_weights_read(const nj_tensor_set *weights, nj_generator_config *config,
                                    nj_error *err)
{
    return config->kind == NJ_GENERATOR_LM ? nj_lm_projector_read(weights, &config->lm, err)
                                           : NJ_OK;
}

uint32_t nj_generator_word_count(const nj_generator_config *config, const nj_tensor_set *weights)
{
    return config->kind == NJ_GENERATOR_T5 ? nj_t5_word_count(weights) : 0;
}

// ---- opening ----

static uint32_t count_positions(const nj_generator_use *use)
{
    const size_t tokens = (size_t)use->prefix_count + use->sequence_max + use->steps_max;
    return (uint32_t)nj_min_size(tokens - 1, UINT32_MAX);
}

nj_status nj_generator_open(const nj_generator_config *config, const nj_tensor_set *weights,
                            const nj_kernels *kernels, nj_savings savings,
                            const nj_generator_use *use, nj_generator **out, nj_error *err)
{
    nj_generator *generator = calloc(1, sizeof *generator);
    if (generator == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the model");
    }
    generator->config = *config;
    const nj_status status =
        config->kind == NJ_GENERATOR_T5
            ? nj_t5_open(&config->t5, weights, kernels, savings, &generator->t5, err)
            : nj_lm_open(&config->lm, weights, kernels, use->prefix, use->prefix_count,
                         count_positions(use), use->vectors, &generator->lm, err);
    if (status != NJ_OK) {
        nj_generator_close(&generator);
        return status;
    }
    *out = generator;
    return NJ_OK;
}

void nj_generator_close(nj_generator **generator)
{
    if (*generator != NULL) {
        nj_t5_close(&(*generator)->t5);
        nj_lm_close(&(*generator)->lm);
        free(*generator);
        *generator = NULL;
    }
}

size_t nj_generator_model_bytes(const nj_generator_config *config, const nj_kernels *kernels,
                                nj_savings savings, const nj_generator_use *use)
{
    const size_t model =
        config->kind == NJ_GENERATOR_T5
            ? nj_t5_model_bytes(&config->t5, kernels, savings)
            : nj_lm_model_bytes(&config->lm, kernels, use->prefix_count, count_positions(use));
    size_t bytes;
    return nj_add_size(model, sizeof(nj_generator), &bytes) ? bytes : SIZE_MAX;
}

size_t nj_generator_scratch_bytes(const nj_generator_config *config, const nj_model_limits *limits,
                                  uint32_t prefix_count)
{
    return config->kind == NJ_GENERATOR_T5 ? nj_t5_scratch_bytes(&config->t5, limits)
                                           : nj_lm_scratch_bytes(&config->lm, limits, prefix_count);
}

// ---- a batch ----

static void begin_t5_step(void *context, uint32_t step, const nj_beam_rows *rows)
{
    nj_t5_begin_step(context, step, rows->user, rows->parent, rows->token, rows->row_count);
}

static void compute_t5_logits(void *context, uint32_t step, uint32_t first, uint32_t count,
                              float *logits)
{
    nj_t5_logits(context, step, first, count, logits);
}

static void begin_lm_step(void *context, uint32_t step, const nj_beam_rows *rows)
{
    nj_lm_begin_step(context, step, rows->user, rows->parent, rows->token, rows->row_count);
}

static void compute_lm_logits(void *context, uint32_t step, uint32_t first, uint32_t count,
                              float *logits)
{
    nj_lm_logits(context, step, first, count, logits);
}

nj_beam_model nj_generator_begin(nj_generator *generator, const nj_model_limits *limits,
                                 const nj_prompts *prompts, nj_arena *arena)
{
    const uint32_t V = generator->config.V;
    if (generator->lm != NULL) {
        nj_lm_begin_batch(generator->lm, limits, prompts->tokens, prompts->offset, prompts->B,
                          arena);
        return (nj_beam_model){generator->lm, V, limits->chunk_rows_max, begin_lm_step,
                               compute_lm_logits};
    }
    nj_t5_begin_batch(generator->t5, limits, prompts->tokens, prompts->words, prompts->offset,
                      prompts->B, arena);
    return (nj_beam_model){generator->t5, V, limits->chunk_rows_max, begin_t5_step,
                           compute_t5_logits};
}

// ---- work ----

static double count_t5(const nj_t5_config *c, double S, const double *rows, uint32_t steps)
{
    const double D = c->D;
    const double HE = (double)c->H * c->E;
    const double dense = 2 * (c->gated ? 3 : 2) * D * c->F;
    const double attention_products = 2 * (D * 3 * HE + HE * D);
    const double row =
        c->decoder_layers * (attention_products + 2 * (D * HE + HE * D) + dense + 4 * S * HE) +
        2 * D * c->V;
    double flops = c->encoder_layers * S * (attention_products + dense + 4 * S * HE) +
                   c->decoder_layers * 2.0 * S * D * 2 * HE;
    for (uint32_t t = 0; t < steps; t++) {
        flops += rows[t] * row;
    }
    return flops;
}

// The first step reads the state behind the prompt: it costs the head alone. Of the last layer a prompt needs keys, values and what is behind its
// last token.
static double count_lm(const nj_lm_config *c, double prefix, double S, const double *rows,
                       uint32_t steps)
{
    const double D = c->D;
    const double HE = (double)c->H * c->E;
    const double keys = 2.0 * D * 2 * c->G * c->E;
    const double rest = 2.0 * (D * HE + HE * D + 3 * D * c->F);
    const double look = 4.0 * HE; // at one position
    double flops = (c->layers - 1) * S * (keys + rest + look * (prefix + (S + 1) / 2));
    flops += S * keys + rest + look * (prefix + S) + 2 * D * c->V;
    for (uint32_t t = 1; t < steps; t++) {
        flops += rows[t] * (c->layers * (keys + rest + look * (prefix + S + t)) + 2 * D * c->V);
    }
    return flops;
}

double nj_generator_flops(const nj_generator_config *config, uint32_t prefix_count, uint32_t S,
                          const double *rows, uint32_t steps)
{
    return config->kind == NJ_GENERATOR_T5 ? count_t5(&config->t5, S, rows, steps)
                                           : count_lm(&config->lm, prefix_count, S, rows, steps);
}
