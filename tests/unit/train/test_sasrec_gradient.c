// test_sasrec_gradient.c - the derivative of the loss by each tensor, against differences of the loss itself; the loss and the states
// against plain sums.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "worker/train/sasrec.c" // for its walk over the tensors
#include "worker/train/sasrec_gradient.h"
#include "worker/train/sasrec_internal.h"

#define STEP 1e-3f     // of a value, along a random direction of one tensor
#define TOLERANCE 1e-2 // of the derivative along it
#define FLOOR 4e-3     // what a float32 loss of this size cannot tell from 0

// More items than one block has.
static const nj_sasrec_config CONFIG = {.N = 600, .D = 8, .H = 2, .F = 12, .layers = 2, .S = 5};
static const uint32_t ITEMS[] = {3, 5, 599, 16, 512, 511, 2, 8, 11, 599, 7};
static const uint32_t LABELS[] = {5, 599, 16, 3, 511, 2, 77, 11, 599, 7, 0};
static const uint32_t OFFSET[] = {0, 4, 5, 10, 11};
static const nj_sasrec_batch BATCH = {4, ITEMS, OFFSET, LABELS};
static const nj_sasrec_limits LIMITS = {4, 11};

typedef struct {
    nj_sasrec *model;
    nj_sasrec_scratch *scratch;
} bench;

static const nj_kernels *get_kernels(const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select(name, &kernels, &err), &err);
    return kernels;
}

static void open_bench(bench *b, const nj_sasrec_config *config, const nj_kernels *kernels)
{
    nj_error err = {0};
    assert_ok(nj_sasrec_new(config, kernels, 7, &b->model, &err), &err);
    assert_ok(nj_sasrec_scratch_new(b->model, &LIMITS, &b->scratch, &err), &err);
    // Far from the start, where nothing is near to 0 or 1.
    for (size_t i = 0; i < b->model->count; i++) {
        b->model->values[i] *= b->model->values[i] == 1.0f ? 0.8f : 15.0f;
    }
    pack_all(b->model);
}

static void close_bench(bench *b)
{
    nj_sasrec_scratch_free(&b->scratch);
    nj_sasrec_free(&b->model);
}

static double loss_at(bench *b, const nj_sasrec_options *options, float *unused)
{
    pack_all(b->model);
    return nj_sasrec_gradient(b->model, b->scratch, &BATCH, options, unused);
}

static float random_sign(uint64_t *seed)
{
    return nj_rng_next(seed) >> 63 != 0 ? 1.0f : -1.0f;
}

// The derivative along a direction of one tensor by the central difference of fourth order.
static double difference_along(bench *b, const nj_sasrec_options *options, const tensor *t,
                               const float *direction, float *unused)
{
    static const double weight[] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    static const float at[] = {-2.0f, -1.0f, 1.0f, 2.0f};
    const size_t count = tensor_size(t);
    float *values = b->model->values + *t->at;
    float *kept = calloc(count, sizeof *kept);
    memcpy(kept, values, count * sizeof *kept);
    double sum = 0;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < count; j++) {
            values[j] = kept[j] + at[i] * STEP * direction[j];
        }
        sum += weight[i] * loss_at(b, options, unused);
    }
    memcpy(values, kept, count * sizeof *kept);
    free(kept);
    return sum / (double)STEP;
}

static void check_all_tensors(const nj_sasrec_config *config, const nj_sasrec_options *options)
{
    bench b = {0};
    uint64_t seed = 11;
    open_bench(&b, config, get_kernels("auto"));
    float *gradient = calloc(b.model->count, sizeof *gradient);
    float *unused = calloc(b.model->count, sizeof *unused);
    float *direction = calloc(b.model->count, sizeof *direction);
    assert_true(loss_at(&b, options, gradient) > 0);
    for (size_t i = 0; i < tensor_count(b.model); i++) {
        const tensor t = find_tensor(b.model, i);
        const size_t count = tensor_size(&t);
        double along = 0;
        for (size_t j = 0; j < count; j++) {
            direction[j] = random_sign(&seed) / sqrtf((float)count);
            along += (double)gradient[*t.at + j] * (double)direction[j];
        }
        const double difference = difference_along(&b, options, &t, direction, unused);
        if (!(fabs(along - difference) <= TOLERANCE * fabs(difference) + FLOOR)) {
            fail_msg("%s: the gradient says %g, differences %g", t.name, along, difference);
        }
    }
    free(gradient);
    free(unused);
    free(direction);
    close_bench(&b);
}

static void each_tensor_has_the_derivative_of_the_loss_with_norms_before_or_behind(void **state)
{
    (void)state;
    nj_sasrec_config config = CONFIG;
    const nj_sasrec_options options = {.weight = 1.0f};
    check_all_tensors(&config, &options);
    config.norms_after = true;
    check_all_tensors(&config, &options);
}

// The same key drops the same values, so the loss stays a function of the weights.
static void so_it_has_under_dropout(void **state)
{
    (void)state;
    nj_sasrec_config config = CONFIG;
    const nj_sasrec_options options = {.weight = 1.0f, .dropout = 0.3, .seed = 42};
    check_all_tensors(&config, &options);
    config.norms_after = true;
    check_all_tensors(&config, &options);
}

static void the_gradient_has_the_same_bits_on_all_exact_kernels(void **state)
{
    (void)state;
    const nj_sasrec_options options = {.weight = 0.5f, .dropout = 0.1, .seed = 1};
    bench law = {0};
    open_bench(&law, &CONFIG, get_kernels("ref"));
    const size_t count = law.model->count;
    float *expected = calloc(count, sizeof *expected);
    float *gradient = calloc(count, sizeof *gradient);
    const double loss = loss_at(&law, &options, expected);
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        const nj_kernels *kernels = nj_kernels_at(i);
        if (strcmp(kernels->numeric_class, "exact") == 0) {
            bench b = {0};
            open_bench(&b, &CONFIG, kernels);
            memset(gradient, 0, count * sizeof *gradient);
            assert_true(loss_at(&b, &options, gradient) == loss);
            assert_memory_equal(gradient, expected, count * sizeof *gradient);
            close_bench(&b);
        }
    }
    free(expected);
    free(gradient);
    close_bench(&law);
}

// Scores that are held and scores that are computed again are the same numbers.
static void so_many_items_that_scores_are_not_held_give_the_derivative_too(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_sasrec_config config = {
        .N = NJ_SASREC_HELD_ITEMS + 3, .D = 4, .H = 1, .F = 4, .layers = 1, .S = 5};
    const nj_sasrec_options options = {.weight = 1.0f};
    nj_sasrec *model = NULL;
    nj_sasrec_scratch *scratch = NULL;
    assert_ok(nj_sasrec_new(&config, get_kernels("auto"), 7, &model, &err), &err);
    assert_ok(nj_sasrec_scratch_new(model, &LIMITS, &scratch, &err), &err);
    float *gradient = calloc(model->count, sizeof *gradient);
    float *scores = calloc((size_t)BATCH.B * config.N, sizeof *scores);
    const double loss = nj_sasrec_gradient(model, scratch, &BATCH, &options, gradient);
    assert_true(fabs(loss - 11 * log(config.N)) < 0.5); // all items are still about as likely

    // The last position's share of the loss by an item that is in no history: probability times state.
    float states[4 * 4];
    nj_sasrec_encode(model, scratch, &BATCH, states);
    nj_sasrec_score(model, BATCH.B, states, scores);
    const uint32_t other = NJ_SASREC_HELD_ITEMS + 1;
    const uint32_t single[] = {0, 4};
    const nj_sasrec_batch first = {1, ITEMS, single, LABELS};
    float all[4] = {0};
    for (uint32_t last = 1; last <= 4; last++) {
        const uint32_t offset[] = {0, last};
        const nj_sasrec_batch prefix = {1, first.items, offset, first.labels};
        nj_sasrec_encode(model, scratch, &prefix, states);
        nj_sasrec_score(model, 1, states, scores);
        double sum = 0;
        for (size_t i = 0; i < config.N; i++) {
            sum += exp((double)scores[i]);
        }
        for (size_t d = 0; d < 4; d++) {
            all[d] += (float)(exp((double)scores[other]) / sum * (double)states[d]);
        }
    }
    memset(gradient, 0, model->count * sizeof *gradient);
    (void)nj_sasrec_gradient(model, scratch, &first, &options, gradient);
    for (size_t d = 0; d < 4; d++) {
        const float found = gradient[model->items + other * 4 + d];
        assert_true(fabsf(found - all[d]) <= 1e-4f * fabsf(all[d]) + 1e-9f);
    }
    free(scores);
    free(gradient);
    nj_sasrec_scratch_free(&scratch);
    nj_sasrec_free(&model);
}

// A position's scores depend on nothing behind it, and the loss is the mean of what plain sums say of them.
static void the_loss_is_that_of_the_scores_of_each_prefix(void **state)
{
    (void)state;
    bench b = {0};
    nj_sasrec_config config = CONFIG;
    for (int after = 0; after < 2; after++) {
        config.norms_after = after != 0;
        open_bench(&b, &config, get_kernels("auto"));
        const nj_sasrec_options options = {.weight = 1.0f};
        float *unused = calloc(b.model->count, sizeof *unused);
        float *scores = calloc(config.N, sizeof *scores);
        float states[8];
        double expected = 0;
        for (uint32_t s = 0; s < BATCH.B; s++) {
            for (uint32_t length = 1; length <= OFFSET[s + 1] - OFFSET[s]; length++) {
                const uint32_t offset[] = {0, length};
                const nj_sasrec_batch prefix = {1, ITEMS + OFFSET[s], offset, NULL};
                nj_sasrec_encode(b.model, b.scratch, &prefix, states);
                nj_sasrec_score(b.model, 1, states, scores);
                double sum = 0;
                for (size_t i = 0; i < config.N; i++) {
                    sum += exp((double)scores[i]);
                }
                expected += log(sum) - (double)scores[LABELS[OFFSET[s] + length - 1]];
            }
        }
        const double loss = loss_at(&b, &options, unused);
        assert_true(fabs(loss - expected) < 1e-4 * expected);
        free(unused);
        free(scores);
        close_bench(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tensor_has_the_derivative_of_the_loss_with_norms_before_or_behind),
        cmocka_unit_test(so_it_has_under_dropout),
        cmocka_unit_test(the_gradient_has_the_same_bits_on_all_exact_kernels),
        cmocka_unit_test(so_many_items_that_scores_are_not_held_give_the_derivative_too),
        cmocka_unit_test(the_loss_is_that_of_the_scores_of_each_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
