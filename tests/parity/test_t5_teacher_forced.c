// test_t5_teacher_forced.c - the encoder's output and the logits of a trained checkpoint against HuggingFace, six users.
#include "common/input/npy.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"
#include "tests/support/t5_fixture.h"

#include <math.h>
#include <stdlib.h>

#define STEPS_MAX 8

// Both sides compute in float32 with their own order of sums; the outputs are of the order of 1 (encoder) and 20 (logits).
#define ENCODER_TOLERANCE 1e-4
#define LOGITS_TOLERANCE 1e-4

typedef struct {
    size_t users;
    size_t positions; // padded length
    size_t steps;
    size_t D;
    size_t V;
    int64_t *input_ids; // [users, positions]
    int64_t *mask;      // [users, positions] ones, then zeros
    int64_t *labels;    // [users, steps]
    float *encoder;     // [users, positions, D]
    float *logits;      // [users, steps, V]
} golden;

static const char *part_path(const char *name, nj_path *path)
{
    nj_error err;
    const char *folder = shared_path("fixtures/beauty-tiger");
    assert_non_null(folder);
    assert_ok(nj_path_join(folder, name, path, &err), &err);
    return path->text;
}

static void *read_array(const char *name, bool is_float, size_t shape[NJ_NPY_DIMS_MAX])
{
    nj_error err = {0};
    nj_path path;
    nj_npy npy;
    assert_ok(nj_npy_open(part_path(name, &path), &npy, &err), &err);
    size_t count = 1;
    for (size_t i = 0; i < npy.dim_count; i++) {
        shape[i] = npy.shape[i];
        count *= npy.shape[i];
    }
    void *values = calloc(count, is_float ? sizeof(float) : sizeof(int64_t));
    assert_non_null(values);
    assert_ok(is_float ? nj_npy_read_f32(&npy, 0, count, values, &err)
                       : nj_npy_read_i64(&npy, 0, count, values, &err),
              &err);
    nj_npy_close(&npy);
    return values;
}

static golden read_golden(void)
{
    golden g = {0};
    size_t shape[NJ_NPY_DIMS_MAX];
    g.input_ids = read_array("teacher_forced/input_ids.npy", false, shape);
    g.mask = read_array("teacher_forced/mask.npy", false, shape);
    g.labels = read_array("teacher_forced/labels.npy", false, shape);
    g.steps = shape[1];
    g.encoder = read_array("teacher_forced/encoder.npy", true, shape);
    g.users = shape[0];
    g.positions = shape[1];
    g.D = shape[2];
    g.logits = read_array("teacher_forced/logits.npy", true, shape);
    g.V = shape[2];
    assert_true(g.steps <= STEPS_MAX);
    return g;
}

static void free_golden(golden *g)
{
    free(g->input_ids);
    free(g->mask);
    free(g->labels);
    free(g->encoder);
    free(g->logits);
}

static double find_difference(const float *a, const float *b, size_t count)
{
    double most = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        most = difference > most || isnan(difference) ? difference : most;
    }
    return most;
}

static double compare_encoder(const golden *g, const nj_t5 *model, const uint32_t *offset)
{
    double most = 0.0;
    for (size_t b = 0; b < g->users; b++) {
        const float *mine = nj_t5_encoder_output(model) + offset[b] * g->D;
        const float *theirs = g->encoder + b * g->positions * g->D;
        most = fmax(most, find_difference(mine, theirs, (offset[b + 1] - offset[b]) * g->D));
    }
    return most;
}

// Each user is one row a step; row b's parent is row b. The label of step t is the token of step t+1.
static double compare_logits(const golden *g, nj_t5 *model, uint32_t start_token)
{
    double most = 0.0;
    uint32_t *rows = calloc(2 * g->users, sizeof *rows);
    float *logits = calloc(g->users * g->V, sizeof *logits);
    assert_non_null(rows);
    assert_non_null(logits);
    uint32_t *token = rows + g->users;
    for (uint32_t t = 0; t < g->steps; t++) {
        for (uint32_t b = 0; b < g->users; b++) {
            rows[b] = b;
            token[b] = t == 0 ? start_token : (uint32_t)g->labels[b * g->steps + t - 1];
        }
        nj_t5_begin_step(model, t, rows, rows, token, (uint32_t)g->users);
        nj_t5_logits(model, t, 0, (uint32_t)g->users, logits);
        for (size_t b = 0; b < g->users; b++) {
            const float *theirs = g->logits + (b * g->steps + t) * g->V;
            most = fmax(most, find_difference(logits + b * g->V, theirs, g->V));
        }
    }
    free(logits);
    free(rows);
    return most;
}

static uint32_t pack_users(const golden *g, uint32_t *tokens, uint32_t *offset)
{
    uint32_t longest = 0;
    for (size_t b = 0; b < g->users; b++) {
        offset[b + 1] = offset[b];
        for (size_t i = 0; i < g->positions && g->mask[b * g->positions + i] != 0; i++) {
            tokens[offset[b + 1]++] = (uint32_t)g->input_ids[b * g->positions + i];
        }
        uint32_t S = offset[b + 1] - offset[b];
        longest = S > longest ? S : longest;
    }
    return longest;
}

static void check_kernels(const golden *g, const nj_kernels *kernels)
{
    nj_error err = {0};
    t5_fixture fixture;
    nj_path path;
    t5_fixture_open_folder(&fixture, part_path("model", &path), kernels);
    assert_int_equal(fixture.config.D, g->D);
    assert_int_equal(fixture.config.V, g->V);
    uint32_t *tokens = calloc(g->users * g->positions, sizeof *tokens);
    uint32_t *offset = calloc(g->users + 1, sizeof *offset);
    assert_non_null(tokens);
    assert_non_null(offset);
    uint32_t longest = pack_users(g, tokens, offset);
    uint32_t users = (uint32_t)g->users;
    nj_model_limits limits = {users, offset[users], longest, users, users, (uint32_t)g->steps};
    nj_arena arena;
    assert_ok(nj_arena_init(&arena, nj_t5_scratch_bytes(&fixture.config, &limits), &err), &err);

    nj_t5_begin_batch(fixture.model, &limits, tokens, NULL, offset, users, &arena);
    double encoder = compare_encoder(g, fixture.model, offset);
    double logits = compare_logits(g, fixture.model, fixture.config.start_token);

    print_message("%s: largest difference: encoder %.2e, logits %.2e\n", kernels->name, encoder,
                  logits);
    assert_true(encoder <= ENCODER_TOLERANCE);
    assert_true(logits <= LOGITS_TOLERANCE);
    nj_arena_fini(&arena);
    free(offset);
    free(tokens);
    t5_fixture_close(&fixture);
}

static void encoder_and_logits_of_the_trained_checkpoint_match_the_reference(void **state)
{
    (void)state;
    if (shared_path("fixtures/beauty-tiger") == NULL) {
        skip_loudly("../shared/fixtures/beauty-tiger is absent");
    }
    golden g = read_golden();
    size_t sets = 0;
    for (; nj_kernels_at(sets) != NULL; sets++) {
        if (strcmp(nj_kernels_at(sets)->precision, "float32") == 0) {
            check_kernels(&g, nj_kernels_at(sets));
        }
    }
    assert_true(sets >= 1);
    free_golden(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoder_and_logits_of_the_trained_checkpoint_match_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
