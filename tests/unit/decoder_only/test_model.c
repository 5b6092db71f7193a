// test_model.c - logits against Transformers' in float64, and the same bits in whatever company a user is computed.
#include "worker/decoder_only/lm.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/lm_fixture.h"
#include "tests/support/nj_test.h"

#define TOLERANCE 2e-5

// A batch of prompts, and what its steps give.
typedef struct {
    const lm_fixture *fixture;
    nj_lm *model;
    nj_arena arena;
    uint32_t B;
    uint32_t order[LM_PROMPTS]; // prompts by user
    uint32_t prefix_count;      // tokens of each that the model has already
    uint32_t chunk;             // rows at a time
    float *logits;              // [B, LM_STEPS + 1, V]
} run;

static void begin(run *r)
{
    nj_error err = {0};
    const lm_fixture *f = r->fixture;
    uint32_t offset[LM_PROMPTS + 1] = {0};
    uint32_t *tokens = calloc((size_t)LM_PROMPTS * f->token_stride, sizeof *tokens);
    for (uint32_t b = 0; b < r->B; b++) {
        const uint32_t *prompt = f->tokens + (size_t)r->order[b] * f->token_stride;
        const uint32_t S = LM_PROMPT_TOKENS[r->order[b]] - r->prefix_count;
        memcpy(tokens + offset[b], prompt + r->prefix_count, S * sizeof *tokens);
        offset[b + 1] = offset[b] + S;
    }
    const nj_model_limits limits = {.users_max = r->B,
                                    .tokens_max = offset[r->B],
                                    .sequence_max = f->token_stride - LM_STEPS - r->prefix_count,
                                    .rows_max = 2 * LM_PROMPTS,
                                    .chunk_rows_max = r->chunk,
                                    .steps_max = LM_STEPS + 1};
    const size_t bytes = nj_lm_scratch_bytes(&f->config, &limits, r->prefix_count);
    assert_ok(nj_arena_init(&r->arena, bytes, &err), &err);
    nj_lm_begin_batch(r->model, &limits, tokens, offset, r->B, &r->arena);
    free(tokens);
}

// Two beams a user: the one that the fixture follows, and before it, from step 1 on, another that must not matter.
static void follow(run *r)
{
    const lm_fixture *f = r->fixture;
    const size_t V = f->config.V;
    uint32_t user[2 * LM_PROMPTS], parent[2 * LM_PROMPTS], token[2 * LM_PROMPTS];
    float *logits = calloc(2 * LM_PROMPTS * V, sizeof *logits);
    for (uint32_t step = 0; step <= LM_STEPS; step++) {
        const uint32_t beams = step == 0 ? 1 : 2;
        const uint32_t rows = beams * r->B;
        for (uint32_t row = 0; row < rows; row++) {
            const uint32_t b = row / beams;
            const uint32_t at = LM_PROMPT_TOKENS[r->order[b]] + step - (step > 0);
            user[row] = b;
            parent[row] = step <= 1 ? b : 2 * b + row % 2;
            token[row] = f->tokens[(size_t)r->order[b] * f->token_stride + at];
            token[row] =
                beams == 2 && row % 2 == 0 ? (token[row] + step) % f->config.V : token[row];
        }
        nj_lm_begin_step(r->model, step, user, parent, token, rows);
        for (uint32_t first = 0, count; first < rows; first += count) {
            count = rows - first < r->chunk ? rows - first : r->chunk;
            nj_lm_logits(r->model, step, first, count, logits + first * V);
        }
        for (uint32_t b = 0; b < r->B; b++) {
            memcpy(r->logits + ((size_t)b * (LM_STEPS + 1) + step) * V,
                   logits + (size_t)(beams * b + beams - 1) * V, V * sizeof *logits);
        }
    }
    free(logits);
}

static run compute(const lm_fixture *fixture, nj_lm *model, uint32_t B, const uint32_t *order,
                   uint32_t prefix_count, uint32_t chunk)
{
    run r = {
        .fixture = fixture, .model = model, .B = B, .prefix_count = prefix_count, .chunk = chunk};
    memcpy(r.order, order, B * sizeof *order);
    r.logits = calloc((size_t)B * (LM_STEPS + 1) * fixture->config.V, sizeof *r.logits);
    begin(&r);
    follow(&r);
    nj_arena_fini(&r.arena);
    return r;
}

static const float *logits_of(const run *r, uint32_t b)
{
    return r->logits + (size_t)b * (LM_STEPS + 1) * r->fixture->config.V;
}

static void check_near_golden(const run *r, uint32_t b, const char *name)
{
    const size_t count = (size_t)(LM_STEPS + 1) * r->fixture->config.V;
    const float *golden = r->fixture->logits + r->order[b] * count;
    for (size_t i = 0; i < count; i++) {
        const double distance = fabs((double)logits_of(r, b)[i] - (double)golden[i]);
        if (!(distance <= TOLERANCE)) {
            fail_msg("%s with %s, prompt %u, step %zu: %.9g, Transformers %.9g", name,
                     r->fixture->kernels->name, r->order[b], i / r->fixture->config.V,
                     (double)logits_of(r, b)[i], (double)golden[i]);
        }
    }
}

static void every_family_gives_the_logits_of_transformers(void **state)
{
    (void)state;
    static const uint32_t ORDER[] = {0, 1, 2};
    const nj_kernels *kernels;
    for (size_t k = 0; (kernels = nj_kernels_at(k)) != NULL; k++) {
        for (size_t c = 0; LM_CASES[c] != NULL && strcmp(kernels->precision, "float32") == 0; c++) {
            lm_fixture fixture;
            lm_fixture_open(LM_CASES[c], kernels, &fixture);
            nj_lm *model = lm_fixture_model(&fixture, 0, 0);
            run r = compute(&fixture, model, LM_PROMPTS, ORDER, 0, 64);
            for (uint32_t b = 0; b < LM_PROMPTS; b++) {
                check_near_golden(&r, b, LM_CASES[c]);
            }
            free(r.logits);
            nj_lm_close(&model);
            lm_fixture_close(&fixture);
        }
    }
}

// The fastest exact set, by which the bits are compared.
static lm_fixture open_exact(const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels;
    lm_fixture fixture;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    lm_fixture_open(name, kernels, &fixture);
    return fixture;
}

static void a_users_bits_depend_on_no_other_user_and_no_chunk(void **state)
{
    (void)state;
    static const uint32_t ORDERS[][LM_PROMPTS] = {{2, 0, 1}, {1, 2, 0}};
    static const uint32_t CHUNKS[] = {1, 7, 400};
    for (size_t c = 0; LM_CASES[c] != NULL; c++) {
        lm_fixture fixture = open_exact(LM_CASES[c]);
        nj_lm *model = lm_fixture_model(&fixture, 0, 0);
        const size_t bytes = (size_t)(LM_STEPS + 1) * fixture.config.V * sizeof(float);
        for (uint32_t prompt = 0; prompt < LM_PROMPTS; prompt++) {
            run alone = compute(&fixture, model, 1, &prompt, 0, 33);
            for (size_t i = 0; i < 6; i++) {
                run together =
                    compute(&fixture, model, LM_PROMPTS, ORDERS[i % 2], 0, CHUNKS[i / 2]);
                for (uint32_t b = 0; b < LM_PROMPTS; b++) {
                    if (together.order[b] == prompt) {
                        assert_memory_equal(logits_of(&together, b), logits_of(&alone, 0), bytes);
                    }
                }
                free(together.logits);
            }
            free(alone.logits);
        }
        nj_lm_close(&model);
        lm_fixture_close(&fixture);
    }
}

static void a_prefix_computed_once_gives_what_the_whole_prompt_gives(void **state)
{
    (void)state;
    static const uint32_t COUNTS[] = {1, 16, 17, 299};
    const uint32_t prompt = 2;
    for (size_t c = 0; LM_CASES[c] != NULL; c++) {
        lm_fixture fixture = open_exact(LM_CASES[c]);
        for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
            nj_lm *model = lm_fixture_model(&fixture, prompt, COUNTS[i]);
            run r = compute(&fixture, model, 1, &prompt, COUNTS[i], 64);
            check_near_golden(&r, 0, LM_CASES[c]);
            free(r.logits);
            nj_lm_close(&model);
        }
        lm_fixture_close(&fixture);
    }
}

static void more_positions_than_the_model_was_made_for_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    lm_fixture fixture = open_exact(LM_CASES[0]);
    nj_lm *model = NULL;
    assert_refused(nj_lm_open(&fixture.config, fixture.weights, fixture.kernels, NULL, 0, 513, NULL,
                              &model, &err),
                   NJ_CONFIG, &err, "513 positions with their SIDs, the model was made for 512");
    assert_null(model);
    lm_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_gives_the_logits_of_transformers),
        cmocka_unit_test(a_users_bits_depend_on_no_other_user_and_no_chunk),
        cmocka_unit_test(a_prefix_computed_once_gives_what_the_whole_prompt_gives),
        cmocka_unit_test(more_positions_than_the_model_was_made_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
