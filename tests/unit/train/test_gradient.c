// test_gradient.c - the derivative of the loss by each tensor, against differences of the loss itself.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "tests/support/t5_fixture.h"
#include "tests/support/t5_random.h"
#include "worker/train/t5_gradient.h"

#define STEP 2e-3f     // of a value, along a random direction of one tensor
#define TOLERANCE 1e-2 // of the derivative along it
#define FLOOR 4e-3     // what a float32 loss of this size cannot tell from 0

static const uint32_t TOKENS[] = {3, 5, 1, 16, 9, 2, 2, 8, 11, 0, 7};
static const uint32_t OFFSET[] = {0, 6, 7, 11};
static const uint32_t LABELS[] = {4, 9, 12, 5, 5, 6, 1, 16, 0};
static const nj_train_batch BATCH = {3, TOKENS, OFFSET, LABELS};
static const nj_train_limits LIMITS = {3, 11, 6, 3};

typedef struct {
    t5_fixture fixture;
    nj_train_t5 *model;
    nj_train_scratch *scratch;
} bench;

static void open_bench(bench *b, const nj_t5_config *config, bool stores_head,
                       const nj_kernels *kernels)
{
    nj_error err = {0};
    t5_random random;
    nj_buffer bytes;
    nj_tensor_set *tensors;
    nj_buffer_init(&bytes, 1 << 24);
    t5_random_init(&random, config, stores_head, 7);
    t5_random_open(&random, &bytes, &tensors);
    t5_fixture_open(&b->fixture, config, tensors, kernels);
    assert_ok(nj_train_t5_open(config, b->fixture.weights, kernels, &b->model, &err), &err);
    assert_ok(nj_train_scratch_new(b->model, &LIMITS, &b->scratch, &err), &err);
    nj_tensor_set_close(&tensors);
    t5_random_fini(&random);
    nj_buffer_fini(&bytes);
}

static void close_bench(bench *b)
{
    nj_train_scratch_free(&b->scratch);
    nj_train_t5_close(&b->model);
    t5_fixture_close(&b->fixture);
}

static double loss_at(bench *b, const nj_train_options *options, float *unused)
{
    nj_train_pack(b->model);
    return nj_train_gradient(b->model, b->scratch, &BATCH, options, unused);
}

static float random_sign(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 63) != 0 ? 1.0f : -1.0f;
}

// The derivative along a direction of one tensor by the central difference of fourth order.
static double difference_along(bench *b, const nj_train_options *options,
                               const nj_parameter *tensor, const float *direction, float *unused)
{
    static const double weight[] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    static const float at[] = {-2.0f, -1.0f, 1.0f, 2.0f};
    size_t count = tensor->shape[0] * tensor->shape[1];
    float *values = b->model->values + tensor->at;
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

static void check_all_tensors(const nj_t5_config *config, bool stores_head,
                              const nj_train_options *options, const nj_kernels *kernels)
{
    bench b = {0};
    uint64_t seed = 11;
    open_bench(&b, config, stores_head, kernels);
    float *gradient = calloc(b.model->count, sizeof *gradient);
    float *unused = calloc(b.model->count, sizeof *unused);
    float *direction = calloc(b.model->count, sizeof *direction);
    double loss = loss_at(&b, options, gradient);
    assert_true(loss > 0);
    for (size_t i = 0; i < b.model->tensor_count; i++) {
        const nj_parameter *tensor = &b.model->tensors[i];
        size_t count = tensor->shape[0] * tensor->shape[1];
        double along = 0;
        for (size_t j = 0; j < count; j++) {
            direction[j] = random_sign(&seed) / sqrtf((float)count);
            along += (double)gradient[tensor->at + j] * (double)direction[j];
        }
        double difference = difference_along(&b, options, tensor, direction, unused);
        if (!(fabs(along - difference) <= TOLERANCE * fabs(difference) + FLOOR)) {
            fail_msg("%s: the gradient says %g, differences %g", tensor->name, along, difference);
        }
    }
    free(gradient);
    free(unused);
    free(direction);
    close_bench(&b);
}

static const nj_kernels *get_kernels(const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select(name, &kernels, &err), &err);
    return kernels;
}

static void each_tensor_of_a_relu_model_has_the_derivative_of_the_loss(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    const nj_train_options options = {.weight = 1.0f};
    check_all_tensors(&config, false, &options, get_kernels("auto"));
}

static void so_has_a_gated_model_with_a_head_of_its_own(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    config.gated = true;
    config.scale_outputs = false;
    const nj_train_options options = {.weight = 1.0f, .label_smoothing = 0.1};
    check_all_tensors(&config, true, &options, get_kernels("auto"));
}

// The same key drops the same values, so the loss stays a function of the weights.
static void so_has_a_model_under_dropout(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    const nj_train_options options = {.weight = 1.0f, .dropout = 0.3, .seed = 42};
    check_all_tensors(&config, false, &options, get_kernels("auto"));
    config.gated = true;
    check_all_tensors(&config, false, &options, get_kernels("auto"));
}

static void the_gradient_has_the_same_bits_on_all_exact_kernels(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    const nj_train_options options = {.weight = 0.5f, .dropout = 0.1, .seed = 1};
    bench law = {0};
    open_bench(&law, &config, false, get_kernels("ref"));
    size_t count = law.model->count;
    float *expected = calloc(count, sizeof *expected);
    float *gradient = calloc(count, sizeof *gradient);
    double loss = loss_at(&law, &options, expected);
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        const nj_kernels *kernels = nj_kernels_at(i);
        if (strcmp(kernels->numeric_class, "exact") == 0) {
            bench b = {0};
            open_bench(&b, &config, false, kernels);
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

static void two_calls_add_up_to_the_call_of_both_batches(void **state)
{
    (void)state;
    nj_t5_config config = t5_random_config();
    const nj_train_options options = {.weight = 1.0f};
    bench b = {0};
    open_bench(&b, &config, false, get_kernels("auto"));
    size_t count = b.model->count;
    float *whole = calloc(count, sizeof *whole);
    float *parts = calloc(count, sizeof *parts);
    const uint32_t last_offset[] = {0, 4};
    const nj_train_batch first = {2, TOKENS, OFFSET, LABELS};
    const nj_train_batch last = {1, TOKENS + OFFSET[2], last_offset, LABELS + 6};
    double loss = nj_train_gradient(b.model, b.scratch, &BATCH, &options, whole);
    double sum = nj_train_gradient(b.model, b.scratch, &first, &options, parts);
    sum += nj_train_gradient(b.model, b.scratch, &last, &options, parts);
    assert_true(fabs(sum - loss) < 1e-4);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabsf(whole[i] - parts[i]) <= 1e-4f + 1e-4f * fabsf(whole[i]));
    }
    free(whole);
    free(parts);
    close_bench(&b);
}

static void check_overwriting(bool stores_head)
{
    nj_t5_config config = t5_random_config();
    config.gated = stores_head;
    const nj_train_options add = {.weight = 1.0f, .dropout = 0.1, .seed = 3};
    nj_train_options set = add;
    set.overwrite = true;
    bench b = {0};
    open_bench(&b, &config, stores_head, get_kernels("auto"));
    size_t count = b.model->count;
    float *expected = calloc(count, sizeof *expected);
    float *gradient = calloc(count, sizeof *gradient);
    for (size_t i = 0; i < count; i++) {
        gradient[i] = NAN;
    }
    double loss = nj_train_gradient(b.model, b.scratch, &BATCH, &add, expected);
    assert_true(nj_train_gradient(b.model, b.scratch, &BATCH, &set, gradient) == loss);
    assert_memory_equal(gradient, expected, count * sizeof *gradient);
    free(expected);
    free(gradient);
    close_bench(&b);
}

static void a_gradient_that_overwrites_has_the_bits_of_one_added_to_zeros(void **state)
{
    (void)state;
    check_overwriting(false);
    check_overwriting(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_tensor_of_a_relu_model_has_the_derivative_of_the_loss),
        cmocka_unit_test(so_has_a_gated_model_with_a_head_of_its_own),
        cmocka_unit_test(so_has_a_model_under_dropout),
        cmocka_unit_test(the_gradient_has_the_same_bits_on_all_exact_kernels),
        cmocka_unit_test(a_gradient_that_overwrites_has_the_bits_of_one_added_to_zeros),
        cmocka_unit_test(two_calls_add_up_to_the_call_of_both_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
