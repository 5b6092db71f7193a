// test_tables.c - what is looked up by token has the bits of what is computed.
#include "tests/support/nj_test.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"
#include "worker/t5/t5_internal.h"

#include <string.h>

#define SEED 11
#define STEPS 4
#define ROWS 6
#define VOCABULARY 17

static const nj_model_limits LIMITS = {
    .users_max = 2,
    .tokens_max = 9,
    .sequence_max = 7,
    .rows_max = ROWS,
    .chunk_rows_max = 4,
    .steps_max = STEPS,
};

// Logits of every row of every step, in chunks of 4 and 2, when the first step has the tokens `first`.
static void run_steps(const t5_fixture *fixture, const nj_kernels *kernels, nj_savings savings,
                      const uint32_t first[2], float logits[STEPS][ROWS][VOCABULARY])
{
    static const uint32_t TOKENS[9] = {4, 4, 16, 0, 9, 2, 7, 1, 4};
    static const uint32_t OFFSET[] = {0, 7, 9};
    static const uint32_t USER[] = {0, 0, 0, 0, 1, 1};
    static const uint32_t FIRST_USER[] = {0, 1};
    static const uint32_t PARENT[STEPS][ROWS] = {
        {0}, {0, 0, 0, 0, 1, 1}, {2, 0, 2, 3, 5, 4}, {1, 1, 0, 3, 4, 4}};
    static const uint32_t TOKEN[STEPS][ROWS] = {
        {0}, {5, 16, 0, 9, 16, 3}, {8, 8, 1, 2, 16, 0}, {7, 6, 5, 4, 3, 2}};
    nj_error err = {0};
    nj_t5 *model = NULL;
    nj_arena arena;
    assert_ok(nj_t5_open(&fixture->config, fixture->weights, kernels, savings, &model, &err), &err);
    assert_int_equal(model->arena.used + sizeof(nj_t5),
                     nj_t5_model_bytes(&fixture->config, kernels, savings));
    assert_ok(nj_arena_init(&arena, nj_t5_scratch_bytes(&fixture->config, &LIMITS), &err), &err);
    nj_t5_begin_batch(model, &LIMITS, TOKENS, NULL, OFFSET, 2, &arena);
    memset(logits, 0, sizeof(float) * STEPS * ROWS * VOCABULARY);
    nj_t5_begin_step(model, 0, FIRST_USER, FIRST_USER, first, 2);
    nj_t5_logits(model, 0, 0, 2, logits[0][0]);
    for (uint32_t t = 1; t < STEPS; t++) {
        nj_t5_begin_step(model, t, USER, PARENT[t], TOKEN[t], ROWS);
        nj_t5_logits(model, t, 0, 4, logits[t][0]);
        nj_t5_logits(model, t, 4, 2, logits[t][4]);
    }
    nj_arena_fini(&arena);
    nj_t5_close(&model);
}

static void check_bits(const t5_fixture *fixture, const nj_kernels *kernels,
                       const uint32_t first[2])
{
    static const nj_savings SAVINGS[] = {NJ_SAVINGS_ALL, NJ_SAVING_TOKEN_TABLES,
                                         NJ_SAVING_PREFIX_TABLES};
    float expected[STEPS][ROWS][VOCABULARY];
    float logits[STEPS][ROWS][VOCABULARY];
    run_steps(fixture, kernels, 0, first, expected);
    for (size_t i = 0; i < 3; i++) {
        run_steps(fixture, kernels, SAVINGS[i], first, logits);
        assert_memory_equal(logits, expected, sizeof expected);
    }
}

static void logits_have_the_same_bits_with_and_without_tables(void **state)
{
    (void)state;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        if (strncmp(kernels->numeric_class, "openblas", 8) == 0) {
            continue; // a row's bits depend on its neighbours there
        }
        nj_t5_config config = t5_random_config();
        assert_int_equal(config.V, VOCABULARY);
        t5_fixture fixture;
        t5_fixture_open_random(&fixture, &config, kernels, SEED);
        const uint32_t start[2] = {config.start_token, config.start_token};
        check_bits(&fixture, kernels, start);
        t5_fixture_close(&fixture);
    }
}

static void a_search_that_begins_with_another_token_uses_no_prefix(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    t5_fixture fixture;
    t5_fixture_open_random(&fixture, &config, nj_kernels_at(0), SEED);
    const uint32_t mixed[2] = {config.start_token, config.start_token + 1};
    check_bits(&fixture, nj_kernels_at(0), mixed);
    t5_fixture_close(&fixture);
}

static void a_model_of_one_decoder_block_enters_and_leaves_it(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    config.encoder_layers = 1;
    config.decoder_layers = 1;
    t5_fixture fixture;
    t5_fixture_open_random(&fixture, &config, nj_kernels_at(0), SEED);
    const uint32_t start[2] = {config.start_token, config.start_token};
    check_bits(&fixture, nj_kernels_at(0), start);
    t5_fixture_close(&fixture);
}

static void tables_of_a_large_vocabulary_are_left_out_of_the_plan(void **state)
{
    (void)state;
    const nj_kernels *kernels = nj_kernels_at(0);
    nj_t5_config config = t5_random_config();
    assert_true(nj_t5_model_bytes(&config, kernels, NJ_SAVINGS_ALL) >
                nj_t5_model_bytes(&config, kernels, NJ_SAVING_PREFIX_TABLES));
    assert_true(nj_t5_model_bytes(&config, kernels, NJ_SAVING_PREFIX_TABLES) >
                nj_t5_model_bytes(&config, kernels, 0));
    config.V = NJ_T5_VOCABULARY_MAX;
    assert_int_equal(nj_t5_model_bytes(&config, kernels, NJ_SAVINGS_ALL),
                     nj_t5_model_bytes(&config, kernels, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_have_the_same_bits_with_and_without_tables),
        cmocka_unit_test(a_search_that_begins_with_another_token_uses_no_prefix),
        cmocka_unit_test(a_model_of_one_decoder_block_enters_and_leaves_it),
        cmocka_unit_test(tables_of_a_large_vocabulary_are_left_out_of_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
