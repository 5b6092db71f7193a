// test_team.c - a step on several threads is the step on one, bit for bit.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"
#include "worker/train/rows.h"
#include "worker/train/t5_gradient.h"
#include "worker/train/team.h"

#define SHARDS 5
#define STEPS 3

static const nj_adamw ADAMW = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01};
static const nj_train_limits LIMITS = {2, 8, 5, 2};
static const uint32_t TOKENS[] = {3, 5, 1, 16, 9, 2, 2, 8};
static const uint32_t LABELS[] = {4, 9, 12, 5};
static const uint32_t OFFSETS[SHARDS][3] = {{0, 3, 8}, {0, 5, 6}, {0, 1, 2}, {0, 4, 8}, {0, 2, 7}};

typedef struct {
    t5_fixture fixture;
    nj_train_t5 *model;
    nj_learner learner;
    nj_train_team *team;
    double dropout;
    nj_train_shard shards[SHARDS];
} bench;

// A sample is one of the batches.
static nj_status make_scratch(const void *context, uint32_t samples_max, void **out, nj_error *err)
{
    const bench *b = context;
    assert_int_equal(samples_max, 1);
    nj_train_scratch *scratch = NULL;
    nj_status status = nj_train_scratch_new(b->model, &LIMITS, &scratch, err);
    *out = scratch;
    return status;
}

static void free_scratch(void **scratch)
{
    nj_train_scratch *s = *scratch;
    nj_train_scratch_free(&s);
    *scratch = NULL;
}

static double add_gradient(const void *context, void *scratch, const nj_train_shard *shard,
                           float *gradient)
{
    const bench *b = context;
    const nj_train_batch batch = {2, TOKENS, OFFSETS[shard->numbers[0]], LABELS};
    const nj_train_options options = {
        .weight = shard->weight, .dropout = b->dropout, .seed = shard->seed};
    return nj_train_gradient(b->model, scratch, &batch, &options, gradient);
}

static void pack_part(void *context, size_t part)
{
    bench *b = context;
    nj_train_pack_linear(b->model, part);
}

static void open_bench(bench *b, size_t threads)
{
    nj_error err = {0};
    nj_t5_config config = t5_random_config();
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    t5_fixture_open_random(&b->fixture, &config, kernels, 3);
    assert_ok(nj_train_t5_open(&config, b->fixture.weights, kernels, &b->model, &err), &err);
    b->learner = (nj_learner){.context = b,
                              .count = b->model->count,
                              .values = b->model->values,
                              .part_count = b->model->linear_count,
                              .scratch_new = make_scratch,
                              .scratch_free = free_scratch,
                              .gradient = add_gradient,
                              .changed = pack_part};
    assert_ok(nj_train_team_new(&b->learner, 1, SHARDS, threads, &b->team, &err), &err);
}

static nj_train_measure take_gradient(bench *b, float weight, uint64_t seed)
{
    static const uint32_t NUMBERS[SHARDS] = {0, 1, 2, 3, 4};
    for (uint32_t i = 0; i < SHARDS; i++) {
        b->shards[i] = (nj_train_shard){&NUMBERS[i], 1, weight, nj_dropout_key(seed, i)};
    }
    return nj_train_team_gradient(b->team, b->shards, SHARDS);
}

static void close_bench(bench *b)
{
    nj_train_team_free(&b->team);
    nj_train_t5_close(&b->model);
    t5_fixture_close(&b->fixture);
}

static double train(bench *b, double clip)
{
    double loss = 0;
    b->dropout = 0.2;
    for (uint64_t step = 1; step <= STEPS; step++) {
        loss += take_gradient(b, 0.05f, step).loss;
        nj_train_team_apply(b->team, &ADAMW, 1e-2, clip, step);
    }
    return loss;
}

static void a_step_has_the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    bench law = {0};
    open_bench(&law, 1);
    double loss = train(&law, 0.5);
    for (size_t threads = 2; threads <= 7; threads += 2) {
        bench b = {0};
        open_bench(&b, threads);
        assert_true(train(&b, 0.5) == loss);
        assert_memory_equal(b.model->values, law.model->values, law.model->count * sizeof(float));
        assert_memory_equal(nj_train_team_square(b.team), nj_train_team_square(law.team),
                            law.model->count * sizeof(float));
        close_bench(&b);
    }
    close_bench(&law);
}

static void the_sum_is_that_of_the_shards_one_by_one(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b = {0};
    nj_train_scratch *scratch = NULL;
    open_bench(&b, 3);
    size_t count = b.model->count;
    float *sum = calloc(count, sizeof *sum);
    assert_ok(nj_train_scratch_new(b.model, &LIMITS, &scratch, &err), &err);
    nj_train_options options = {.weight = 1.0f};
    double loss = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        const nj_train_batch batch = {2, TOKENS, OFFSETS[i], LABELS};
        loss += nj_train_gradient(b.model, scratch, &batch, &options, sum);
    }
    nj_train_measure measure = take_gradient(&b, 1.0f, 0);
    double square = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(fabsf(nj_train_team_sum(b.team)[i] - sum[i]) <= 1e-4f + 1e-4f * fabsf(sum[i]));
        square += (double)sum[i] * (double)sum[i];
    }
    assert_true(fabs(measure.loss - loss) < 1e-3);
    assert_true(fabs(measure.norm - sqrt(square)) < 1e-3 * measure.norm);
    free(sum);
    nj_train_scratch_free(&scratch);
    close_bench(&b);
}

static void a_long_gradient_is_shortened_to_the_limit(void **state)
{
    (void)state;
    bench b = {0};
    open_bench(&b, 2);
    nj_train_measure measure = take_gradient(&b, 1.0f, 0);
    double clip = measure.norm / 4;
    nj_train_team_apply(b.team, &ADAMW, 1e-3, clip, 1);
    // Behind the first step AdamW's mean is a tenth of the gradient that it was given.
    double square = 0;
    for (size_t i = 0; i < b.model->count; i++) {
        square += (double)nj_train_team_mean(b.team)[i] * (double)nj_train_team_mean(b.team)[i];
    }
    assert_true(fabs(sqrt(square) - 0.1 * clip) < 1e-3 * clip);
    close_bench(&b);
}

// A gradient of nothing leaves only the decay: at a rate of 1 and a decay of a half, half of each value.
static void values_that_are_spared_do_not_decay(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b = {0};
    open_bench(&b, 2);
    size_t count = b.model->count;
    float *before = calloc(count, sizeof *before);
    memcpy(before, b.model->values, count * sizeof *before);
    const nj_train_span spared[] = {{0, 3}, {10, 5}, {count - 2, 2}};
    nj_train_team_free(&b.team);
    b.learner.undecayed = spared;
    b.learner.undecayed_count = 3;
    assert_ok(nj_train_team_new(&b.learner, 1, SHARDS, 2, &b.team, &err), &err);
    take_gradient(&b, 0.0f, 0);
    const nj_adamw adamw = {0.9, 0.999, 1e-8, 0.5};
    nj_train_team_apply(b.team, &adamw, 1, 0, 1);
    for (size_t i = 0; i < count; i++) {
        bool is_spared = i < 3 || (i >= 10 && i < 15) || i >= count - 2;
        assert_true(b.model->values[i] == (is_spared ? before[i] : 0.5f * before[i]));
    }
    free(before);
    close_bench(&b);
}

static void a_team_of_no_shards_or_threads_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    bench b = {0};
    nj_train_team *none = NULL;
    open_bench(&b, 1);
    assert_int_equal(nj_train_team_new(&b.learner, 1, 0, 1, &none, &err), NJ_INPUT);
    assert_int_equal(nj_train_team_new(&b.learner, 1, 1, 0, &none, &err), NJ_INPUT);
    assert_null(none);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_has_the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(the_sum_is_that_of_the_shards_one_by_one),
        cmocka_unit_test(a_long_gradient_is_shortened_to_the_limit),
        cmocka_unit_test(values_that_are_spared_do_not_decay),
        cmocka_unit_test(a_team_of_no_shards_or_threads_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
