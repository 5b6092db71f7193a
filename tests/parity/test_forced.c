// test_forced.c - teacher-forced log-probabilities of a trained checkpoint against the logits of HuggingFace, six users.
#include "worker/engine/forced.h"

#include <math.h>
#include <stdlib.h>

#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "tests/support/t5_fixture.h"

// Both sides compute logits in float32 with their own order of sums, to 1e-4 (test_t5_teacher_forced.c); a log-probability has the
// error of one logit and of their log-sum-exp.
#define TOLERANCE 2e-4

static char *part_path(const char *name, nj_path *path)
{
    nj_error err;
    assert_ok(nj_path_join(shared_path("fixtures/beauty-tiger"), name, path, &err), &err);
    return path->text;
}

// Whole numbers of an array [shape[0], shape[1]]; the caller frees them.
static int64_t *read_numbers(const char *name, size_t shape[2])
{
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    assert_ok(nj_npy_open(part_path(name, &path), &npy, &err), &err);
    memcpy(shape, npy.shape, 2 * sizeof *shape);
    int64_t *values = calloc(shape[0] * shape[1], sizeof *values);
    assert_non_null(values);
    assert_ok(nj_npy_read_i64(&npy, 0, shape[0] * shape[1], values, &err), &err);
    nj_npy_close(&npy);
    return values;
}

// log p(label) from the reference's logits, in double precision.
static double find_log_probability(const nj_npy *logits, size_t row, size_t V, size_t label)
{
    nj_error err = {0};
    double sum = 0.0;
    float *values = calloc(V, sizeof *values);
    assert_non_null(values);
    assert_ok(nj_npy_read_f32(logits, row * V, V, values, &err), &err);
    for (size_t v = 0; v < V; v++) {
        sum += exp((double)values[v]);
    }
    const double found = (double)values[label] - log(sum);
    free(values);
    return found;
}

static void compare_scores(const float *scores, const int64_t *labels, size_t count)
{
    nj_error err = {0};
    nj_path path;
    nj_npy logits;
    double most = 0.0;
    assert_ok(nj_npy_open(part_path("teacher_forced/logits.npy", &path), &logits, &err), &err);
    for (size_t i = 0; i < count; i++) {
        const double theirs = find_log_probability(&logits, i, logits.shape[2], (size_t)labels[i]);
        const double difference = fabs((double)scores[i] - theirs);
        most = difference > most || isnan(difference) ? difference : most;
    }
    print_message("largest difference %.2e\n", most);
    assert_true(most <= TOLERANCE);
    nj_npy_close(&logits);
}

static void given_items_are_as_probable_as_the_reference_says(void **state)
{
    (void)state;
    if (shared_path("fixtures/beauty-tiger") == NULL) {
        skip_loudly("../shared/fixtures/beauty-tiger is absent");
    }
    nj_error err = {0};
    nj_path path;
    t5_fixture fixture;
    nj_forced *forced = NULL;
    size_t shape[2];
    size_t label_shape[2];
    int64_t *ids = read_numbers("teacher_forced/input_ids.npy", shape);
    int64_t *mask = read_numbers("teacher_forced/mask.npy", shape);
    int64_t *labels = read_numbers("teacher_forced/labels.npy", label_shape);
    const uint32_t users = (uint32_t)shape[0];
    const uint32_t L = (uint32_t)label_shape[1];
    uint32_t *tokens = calloc(users * (shape[1] + L), sizeof *tokens);
    uint32_t *targets = tokens + users * shape[1];
    float *scores = calloc((size_t)users * L, sizeof *scores);
    uint32_t offset[NJ_FORCED_BATCH + 1] = {0};
    assert_true(tokens != NULL && scores != NULL && users < NJ_FORCED_BATCH);
    for (uint32_t b = 0; b < users; b++) {
        offset[b + 1] = offset[b];
        for (size_t i = 0; i < shape[1] && mask[b * shape[1] + i] != 0; i++) {
            tokens[offset[b + 1]++] = (uint32_t)ids[b * shape[1] + i];
        }
    }
    for (size_t i = 0; i < (size_t)users * L; i++) {
        targets[i] = (uint32_t)labels[i];
    }
    t5_fixture_open_folder(&fixture, part_path("model", &path), nj_kernels_at(0));
    const nj_generator_config config = {.kind = NJ_GENERATOR_T5,
                                        .V = fixture.config.V,
                                        .start_token = fixture.config.start_token,
                                        .t5 = fixture.config};
    assert_ok(nj_forced_open(&config, fixture.weights, (uint32_t)shape[1], L, &forced, &err), &err);

    nj_forced_score(forced, tokens, offset, users, targets, scores);
    compare_scores(scores, labels, (size_t)users * L);

    // Alone, a user gets the same bits.
    const uint32_t last = users - 1;
    const uint32_t alone[2] = {0, offset[users] - offset[last]};
    float again[NJ_LEVELS_MAX];
    nj_forced_score(forced, tokens + offset[last], alone, 1, targets + last * L, again);
    assert_memory_equal(again, scores + last * L, L * sizeof *again);
    nj_forced_close(&forced);
    t5_fixture_close(&fixture);
    free(scores);
    free(tokens);
    free(labels);
    free(mask);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_items_are_as_probable_as_the_reference_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
