// test_train_trace.c - twenty steps of AdamW against PyTorch's: first gradient, every loss, the weights behind the last step.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "tests/support/t5_fixture.h"
#include "worker/train/adamw.h"
#include "worker/train/t5_gradient.h"

#define FOLDER "fixtures/t5-train-trace"

// As the trace's README says.
#define RATE 1e-3
static const nj_adamw ADAMW = {.beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .weight_decay = 0.05};

#define GRADIENT_TOLERANCE 1e-5 // of the largest element of a tensor
#define LOSS_TOLERANCE 1e-5
#define WEIGHT_TOLERANCE 1e-4

typedef struct {
    size_t steps, B, S, T;
    int64_t *tokens; // [steps, B, S]
    int64_t *mask;   // likewise: ones, then zeros
    int64_t *labels; // [steps, B, T]
    double *losses;  // [steps]
} trace;

static const char *part_path(const char *name, nj_path *path)
{
    nj_error err;
    assert_ok(nj_path_join(shared_path(FOLDER), name, path, &err), &err);
    return path->text;
}

static int64_t *read_integers(const char *name, size_t shape[NJ_NPY_DIMS_MAX])
{
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    assert_ok(nj_npy_open(part_path(name, &path), &npy, &err), &err);
    assert_int_equal(npy.dim_count, 3);
    memcpy(shape, npy.shape, 3 * sizeof *shape);
    size_t count = shape[0] * shape[1] * shape[2];
    int64_t *values = calloc(count, sizeof *values);
    assert_non_null(values);
    assert_ok(nj_npy_read_i64(&npy, 0, count, values, &err), &err);
    nj_npy_close(&npy);
    return values;
}

static trace read_trace(void)
{
    trace t = {0};
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    size_t shape[NJ_NPY_DIMS_MAX];
    t.tokens = read_integers("input_ids.npy", shape);
    t.mask = read_integers("mask.npy", shape);
    t.steps = shape[0], t.B = shape[1], t.S = shape[2];
    t.labels = read_integers("labels.npy", shape);
    t.T = shape[2];
    assert_ok(nj_npy_open(part_path("losses.npy", &path), &npy, &err), &err);
    float *losses = calloc(t.steps, sizeof *losses);
    t.losses = calloc(t.steps, sizeof *t.losses);
    assert_ok(nj_npy_read_f32(&npy, 0, t.steps, losses, &err), &err);
    for (size_t i = 0; i < t.steps; i++) {
        t.losses[i] = (double)losses[i];
    }
    free(losses);
    nj_npy_close(&npy);
    return t;
}

static void free_trace(trace *t)
{
    free(t->tokens);
    free(t->mask);
    free(t->labels);
    free(t->losses);
}

// The batch of one step, without its padding.
static void pack_step(const trace *t, size_t step, uint32_t *tokens, uint32_t *offset,
                      uint32_t *labels)
{
    offset[0] = 0;
    for (size_t b = 0; b < t->B; b++) {
        size_t row = step * t->B + b;
        offset[b + 1] = offset[b];
        for (size_t i = 0; i < t->S && t->mask[row * t->S + i] != 0; i++) {
            tokens[offset[b + 1]++] = (uint32_t)t->tokens[row * t->S + i];
        }
        for (size_t i = 0; i < t->T; i++) {
            labels[b * t->T + i] = (uint32_t)t->labels[row * t->T + i];
        }
    }
}

// The largest difference of a tensor from the one of the same name, as a share of that one's largest value (or absolutely).
static double compare_tensors(const nj_train_t5 *model, const float *values, const char *file,
                              bool relative)
{
    nj_error err = {0};
    nj_path path;
    nj_tensor_set *theirs = NULL;
    double worst = 0;
    assert_ok(nj_tensor_set_open(part_path(file, &path), &theirs, &err), &err);
    for (size_t i = 0; i < model->tensor_count; i++) {
        const nj_parameter *tensor = &model->tensors[i];
        const nj_tensor *other = NULL;
        size_t count = tensor->shape[0] * tensor->shape[1];
        float *expected = calloc(count, sizeof *expected);
        assert_ok(nj_tensor_set_expect(theirs, tensor->name, tensor->shape, tensor->dim_count,
                                       &other, &err),
                  &err);
        assert_ok(nj_tensor_read_f32(other, expected, &err), &err);
        double most = 0;
        double largest = 0;
        for (size_t j = 0; j < count; j++) {
            double difference = fabs((double)values[tensor->at + j] - (double)expected[j]);
            most = fmax(most, isnan(difference) ? INFINITY : difference);
            largest = fmax(largest, fabs((double)expected[j]));
        }
        worst = fmax(worst, relative ? most / largest : most);
        free(expected);
    }
    nj_tensor_set_close(&theirs);
    return worst;
}

static void follow(const trace *t, nj_train_t5 *model, nj_train_scratch *scratch)
{
    uint32_t *tokens = calloc(t->B * t->S, sizeof *tokens);
    uint32_t *offset = calloc(t->B + 1, sizeof *offset);
    uint32_t *labels = calloc(t->B * t->T, sizeof *labels);
    float *gradient = calloc(model->count, sizeof *gradient);
    float *mean = calloc(model->count, sizeof *mean);
    float *square = calloc(model->count, sizeof *square);
    assert_true(tokens && offset && labels && gradient && mean && square);
    nj_train_options options = {.weight = 1.0f / (float)(t->B * t->T)};
    double worst = 0;
    for (size_t step = 0; step < t->steps; step++) {
        pack_step(t, step, tokens, offset, labels);
        memset(gradient, 0, model->count * sizeof *gradient);
        nj_train_batch batch = {(uint32_t)t->B, tokens, offset, labels};
        double loss =
            nj_train_gradient(model, scratch, &batch, &options, gradient) / (double)(t->B * t->T);
        worst = fmax(worst, fabs(loss - t->losses[step]));
        if (step == 0) {
            double most = compare_tensors(model, gradient, "grad_step0.safetensors", true);
            print_message("first gradient: %.2g of a tensor's largest element\n", most);
            assert_true(most <= GRADIENT_TOLERANCE);
        }
        nj_adamw_step(&ADAMW, RATE, step + 1, model->count, gradient, mean, square, model->values);
        nj_train_pack(model);
    }
    print_message("worst loss of %zu steps: %.2g\n", t->steps, worst);
    assert_true(worst <= LOSS_TOLERANCE);
    double most = compare_tensors(model, model->values, "model_step20", false);
    print_message("weights behind the last step: %.2g\n", most);
    assert_true(most <= WEIGHT_TOLERANCE);
    free(tokens), free(offset), free(labels), free(gradient), free(mean), free(square);
}

static void test_twenty_steps_are_those_of_pytorch(void **state)
{
    (void)state;
    if (shared_path(FOLDER) == NULL) {
        skip_loudly(FOLDER " is not here");
    }
    nj_error err = {0};
    nj_path path;
    t5_fixture fixture;
    const nj_kernels *kernels = NULL;
    nj_train_t5 *model = NULL;
    nj_train_scratch *scratch = NULL;
    trace t = read_trace();
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    t5_fixture_open_folder(&fixture, part_path("model_step0", &path), kernels);
    assert_ok(nj_train_t5_open(&fixture.config, fixture.weights, kernels, &model, &err), &err);
    nj_train_limits limits = {(uint32_t)t.B, (uint32_t)(t.B * t.S), (uint32_t)t.S, (uint32_t)t.T};
    assert_ok(nj_train_scratch_new(model, &limits, &scratch, &err), &err);
    follow(&t, model, scratch);
    nj_train_scratch_free(&scratch);
    nj_train_t5_close(&model);
    t5_fixture_close(&fixture);
    free_trace(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twenty_steps_are_those_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
