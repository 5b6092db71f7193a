// lm_fixture.h - the small decoder-only models of tests/data/decoder-only, opened.
#ifndef NJ_TEST_LM_FIXTURE_H
#define NJ_TEST_LM_FIXTURE_H

#include "common/input/npy.h"
#include "worker/decoder_only/lm.h"

#define LM_PROMPTS 3
#define LM_STEPS 4 // tokens behind each prompt

extern const char *const LM_CASES[]; // names, NULL behind the last
extern const uint32_t LM_PROMPT_TOKENS[LM_PROMPTS];

typedef struct {
    const nj_kernels *kernels;
    json_t *json;
    nj_lm_config config;
    nj_buffer section;
    nj_tensor_set *weights;
    uint32_t *tokens; // [LM_PROMPTS, token_stride]
    uint32_t token_stride;
    float *logits; // [LM_PROMPTS, LM_STEPS + 1, V] of Transformers
} lm_fixture;

/// Reads, converts and opens all but the model.
void lm_fixture_open(const char *name, const nj_kernels *kernels, lm_fixture *out);
void lm_fixture_close(lm_fixture *fixture);
/// A model whose prompts begin with the first `prefix_count` tokens of prompt `prompt`.
nj_lm *lm_fixture_model(const lm_fixture *fixture, uint32_t prompt, uint32_t prefix_count);

#endif
