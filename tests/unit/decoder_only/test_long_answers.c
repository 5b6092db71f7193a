// test_long_answers.c - an answer of many tokens: each step says what the prompt with the answer so far behind it says.
#include "tests/unit/decoder_only/asked.h"

#define TOLERANCE 2e-5 // sums over prompt and answer are split elsewhere
#define STEPS 60
#define CHECKED_EVERY 7

static void every_step_says_what_the_longer_prompt_says(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    for (size_t c = 0; LM_CASES[c] != NULL; c++) {
        lm_fixture fixture;
        lm_fixture_open(LM_CASES[c], kernels, &fixture);
        nj_lm *model = lm_fixture_model(&fixture, 0, 0);
        nj_lm *other = lm_fixture_model(&fixture, 0, 0);
        const uint32_t *tokens = fixture.tokens + 2 * fixture.token_stride;
        const uint32_t offset[] = {0, 40, 83}; // user 0 is asked 40 tokens, user 1 43 from there on
        asked answering = ask(model, &fixture.config, tokens, offset, 2, STEPS + 1, 1);
        answer(&answering, 0, NULL);
        for (uint32_t step = 1; step <= STEPS; step++) {
            const uint32_t next[] = {tokens[40 + step - 1], tokens[83 + step - 1]};
            const float *found = answer(&answering, step, next);
            for (uint32_t b = 0; b < 2 && step % CHECKED_EVERY == 1; b++) {
                const uint32_t whole[] = {0, offset[b + 1] - offset[b] + step};
                asked longer = ask(other, &fixture.config, tokens + offset[b], whole, 1, 1, 64);
                check_logits_near(found + (size_t)b * fixture.config.V, answer(&longer, 0, NULL),
                                  fixture.config.V, TOLERANCE, LM_CASES[c]);
                forget(&longer);
            }
        }
        forget(&answering);
        nj_lm_close(&model);
        nj_lm_close(&other);
        lm_fixture_close(&fixture);
    }
}

#define LONG_TOKENS 1024 // whose rows of scores are padded to 1,040

// The longest prompt has rows of scores that are further apart than those of one a little longer would be.
static void a_prompt_whose_rows_are_padded_stays_in_its_scratch(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels;
    lm_fixture fixture;
    nj_lm *model = NULL;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    lm_fixture_open("llama3-biases", kernels, &fixture);
    fixture.config.position_max = 2 * LONG_TOKENS;
    assert_ok(nj_lm_open(&fixture.config, fixture.weights, kernels, NULL, 0, LONG_TOKENS, NULL,
                         &model, &err),
              &err);
    uint32_t tokens[LONG_TOKENS];
    for (uint32_t i = 0; i < LONG_TOKENS; i++) {
        tokens[i] = i % fixture.config.V;
    }
    const uint32_t offset[] = {0, LONG_TOKENS};
    asked narrow = ask(model, &fixture.config, tokens, offset, 1, 1, 16);
    answer(&narrow, 0, NULL);
    asked wide = ask(model, &fixture.config, tokens, offset, 1, 1, 1000);
    assert_memory_equal(answer(&wide, 0, NULL), narrow.logits,
                        fixture.config.V * sizeof *narrow.logits);
    forget(&narrow);
    forget(&wide);
    nj_lm_close(&model);
    lm_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_whose_rows_are_padded_stays_in_its_scratch),
        cmocka_unit_test(every_step_says_what_the_longer_prompt_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
