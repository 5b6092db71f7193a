// test_scratch.c - what is planned is what is taken: never more, batch after batch.
#include "tests/support/nj_test.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"
#include "worker/t5/t5_internal.h"

#include <stdlib.h>

#define SEED 3

static const nj_model_limits LIMITS = {
    .users_max = 3,
    .tokens_max = 13,
    .sequence_max = 8,
    .rows_max = 6,
    .chunk_rows_max = 4,
    .steps_max = 3,
};

// A batch that fills every limit.
static void run_full_batch(nj_t5 *model, nj_arena *arena)
{
    static const uint32_t TOKENS[13] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    static const uint32_t OFFSET[] = {0, 8, 9, 13};
    static const uint32_t USER[] = {0, 0, 1, 1, 2, 2};
    static const uint32_t PARENT[] = {0, 1, 2, 2, 4, 5};
    float logits[4 * 17];
    size_t mark = nj_arena_mark(arena);
    nj_t5_begin_batch(model, &LIMITS, TOKENS, NULL, OFFSET, 3, arena);
    for (uint32_t t = 0; t < LIMITS.steps_max; t++) {
        nj_t5_begin_step(model, t, USER, PARENT, TOKENS + t, 6);
        nj_t5_logits(model, t, 0, 4, logits);
        nj_t5_logits(model, t, 4, 2, logits);
    }
    nj_arena_rewind(arena, mark);
}

static void a_batch_takes_exactly_the_planned_scratch(void **state)
{
    (void)state;
    for (int gated = 0; gated < 2; gated++) {
        nj_error err = {0};
        nj_t5_config config = t5_random_config();
        config.gated = gated;
        config.decoder_layers = 3;
        t5_fixture fixture;
        t5_fixture_open_random(&fixture, &config, nj_kernels_at(0), SEED);
        size_t planned = nj_t5_scratch_bytes(&config, &LIMITS);
        nj_arena arena;
        assert_ok(nj_arena_init(&arena, planned, &err), &err);
        assert_int_equal(arena.capacity, planned);

        run_full_batch(fixture.model, &arena);
        assert_int_equal(arena.peak, planned);
        run_full_batch(fixture.model, &arena);
        assert_int_equal(arena.peak, planned);

        nj_arena_fini(&arena);
        t5_fixture_close(&fixture);
    }
}

static void the_encoders_scratch_counts_where_it_is_the_larger(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_t5_config config = t5_random_config();
    nj_model_limits limits = {1, 200, 200, 1, 1, 1};
    t5_fixture fixture;
    t5_fixture_open_random(&fixture, &config, nj_kernels_at(0), SEED);
    size_t planned = nj_t5_scratch_bytes(&config, &limits);
    nj_arena arena;
    assert_ok(nj_arena_init(&arena, planned, &err), &err);
    uint32_t tokens[200] = {0};
    uint32_t offset[] = {0, 200};

    nj_t5_begin_batch(fixture.model, &limits, tokens, NULL, offset, 1, &arena);

    assert_int_equal(arena.peak, planned);
    assert_true(arena.used < planned);
    nj_arena_fini(&arena);
    t5_fixture_close(&fixture);
}

static void a_plan_that_does_not_fit_says_so(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    assert_true(nj_t5_scratch_bytes(&config, &LIMITS) < (1u << 20));
    nj_model_limits limits = LIMITS;
    config.H = UINT32_MAX;
    config.E = UINT32_MAX;
    assert_int_equal(nj_t5_scratch_bytes(&config, &limits), SIZE_MAX);
    config = t5_random_config();
    config.D = UINT32_MAX;
    limits.tokens_max = UINT32_MAX;
    assert_int_equal(nj_t5_scratch_bytes(&config, &limits), SIZE_MAX);
}

static void an_opened_model_holds_exactly_the_planned_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        nj_t5_config config = t5_random_config();
        config.gated = true;
        t5_fixture fixture;
        t5_fixture_open_random(&fixture, &config, nj_kernels_at(i), SEED);

        assert_int_equal(fixture.model->arena.used + sizeof(nj_t5),
                         nj_t5_model_bytes(&config, nj_kernels_at(i), NJ_SAVINGS_ALL));

        t5_fixture_close(&fixture);
    }
}

// A set that packs: its copy of the weight is the only one that its product reads.
static size_t copy_bytes(size_t N, size_t K)
{
    return N * K * sizeof(float);
}

static void copy_weight(nj_linear *linear, void *memory)
{
    assert_int_equal((uintptr_t)memory % NJ_ARENA_ALIGN, 0);
    memcpy(memory, linear->weight, copy_bytes(linear->N, linear->K));
    linear->packed = memory;
}

static void multiply_packed(size_t M, const float *X, size_t ldx, const nj_linear *linear,
                            bool accumulate, float *Y, size_t ldy)
{
    nj_linear packed = {.weight = linear->packed, .N = linear->N, .K = linear->K};
    assert_non_null(packed.weight);
    nj_kernels_at(0)->linear(M, X, ldx, &packed, accumulate, Y, ldy);
}

static void take_logits(const nj_kernels *kernels, const nj_t5_config *config, float logits[2 * 17])
{
    static const uint32_t TOKENS[] = {3, 1, 4};
    static const uint32_t OFFSET[] = {0, 1, 3};
    static const uint32_t USER[] = {0, 1};
    nj_error err = {0};
    t5_fixture fixture;
    nj_arena arena;
    t5_fixture_open_random(&fixture, config, kernels, SEED);
    assert_int_equal(fixture.model->arena.used + sizeof(nj_t5),
                     nj_t5_model_bytes(config, kernels, NJ_SAVINGS_ALL));
    assert_ok(nj_arena_init(&arena, nj_t5_scratch_bytes(config, &LIMITS), &err), &err);
    nj_t5_begin_batch(fixture.model, &LIMITS, TOKENS, NULL, OFFSET, 2, &arena);
    nj_t5_begin_step(fixture.model, 0, USER, USER, TOKENS, 2);
    nj_t5_logits(fixture.model, 0, 0, 2, logits);
    nj_arena_fini(&arena);
    t5_fixture_close(&fixture);
}

static void a_set_that_packs_gets_the_planned_memory_and_reads_only_that(void **state)
{
    (void)state;
    float expected[2 * 17];
    float logits[2 * 17];
    nj_t5_config config = t5_random_config();
    config.gated = true;
    nj_kernels packing = *nj_kernels_at(0);
    packing.linear_pack_bytes = copy_bytes;
    packing.linear_pack = copy_weight;
    packing.linear = multiply_packed;

    take_logits(nj_kernels_at(0), &config, expected);
    take_logits(&packing, &config, logits);

    assert_memory_equal(logits, expected, sizeof expected);
    assert_true(nj_t5_model_bytes(&config, &packing, NJ_SAVINGS_ALL) >
                nj_t5_model_bytes(&config, nj_kernels_at(0), NJ_SAVINGS_ALL) + copy_bytes(17, 12));
}

static void closing_a_closed_model_does_nothing(void **state)
{
    (void)state;
    nj_t5 *model = NULL;
    nj_t5_close(&model);
    assert_null(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_takes_exactly_the_planned_scratch),
        cmocka_unit_test(the_encoders_scratch_counts_where_it_is_the_larger),
        cmocka_unit_test(a_plan_that_does_not_fit_says_so),
        cmocka_unit_test(an_opened_model_holds_exactly_the_planned_bytes),
        cmocka_unit_test(a_set_that_packs_gets_the_planned_memory_and_reads_only_that),
        cmocka_unit_test(closing_a_closed_model_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
