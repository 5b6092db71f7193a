// asked.h - a model that was asked a batch of prompts, for the tests of this folder.
#ifndef NJ_TEST_ASKED_H
#define NJ_TEST_ASKED_H

#include <stdlib.h>

#include "tests/support/lm_fixture.h"
#include "tests/support/nj_test.h"

typedef struct {
    nj_lm *model; // borrowed
    uint32_t V;
    uint32_t B;
    uint32_t chunk;
    nj_arena arena;
    float *logits; // [B, V] of the last step
} asked;

/// Reads prompts of B users, offset[B] tokens.
static inline asked ask(nj_lm *model, const nj_lm_config *config, const uint32_t *tokens,
                        const uint32_t *offset, uint32_t B, uint32_t steps_max, uint32_t chunk)
{
    nj_error err = {0};
    asked a = {.model = model, .V = config->V, .B = B, .chunk = chunk};
    nj_model_limits limits = {.users_max = B,
                              .tokens_max = offset[B],
                              .rows_max = B,
                              .chunk_rows_max = chunk,
                              .steps_max = steps_max};
    for (uint32_t b = 0; b < B; b++) {
        const uint32_t S = offset[b + 1] - offset[b];
        limits.sequence_max = S > limits.sequence_max ? S : limits.sequence_max;
    }
    assert_ok(nj_arena_init(&a.arena, nj_lm_scratch_bytes(config, &limits, 0), &err), &err);
    nj_lm_begin_batch(model, &limits, tokens, offset, B, &a.arena);
    a.logits = calloc((size_t)B * a.V, sizeof *a.logits);
    return a;
}

/// One beam a user: logits behind token[b] of the step before; step 0 reads none.
static inline const float *answer(asked *a, uint32_t step, const uint32_t *token)
{
    uint32_t rows[8];
    assert_true(a->B <= 8);
    for (uint32_t b = 0; b < a->B; b++) {
        rows[b] = b;
    }
    nj_lm_begin_step(a->model, step, rows, rows, token, a->B);
    for (uint32_t first = 0; first < a->B; first += a->chunk) {
        const uint32_t count = a->B - first < a->chunk ? a->B - first : a->chunk;
        nj_lm_logits(a->model, step, first, count, a->logits + (size_t)first * a->V);
    }
    return a->logits;
}

static inline void forget(asked *a)
{
    nj_arena_fini(&a->arena);
    free(a->logits);
}

static inline void check_logits_near(const float *found, const float *wanted, uint32_t V,
                                     double tolerance, const char *what)
{
    for (uint32_t v = 0; v < V; v++) {
        const double distance = (double)found[v] - (double)wanted[v];
        if (!(distance <= tolerance && distance >= -tolerance)) {
            fail_msg("%s, token %u: %.9g, must be %.9g", what, v, (double)found[v],
                     (double)wanted[v]);
        }
    }
}

#endif
