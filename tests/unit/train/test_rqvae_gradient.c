// test_rqvae_gradient.c - the gradient of an RQ-VAE against differences of a plain float64 model in which all that counts as a constant
// is one.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"
#include "worker/train/rqvae_gradient.h"

#define ROWS 7
#define WIDTH 6
#define LATENT 3
#define LEVELS 2
#define CODES 4
#define WIDEST 8
#define LAYERS 3
#define BETA 0.3
#define WEIGHT 0.125f

#define STEP 1e-5      // of a float64 value: differences of second order are good to about 1e-9
#define TOLERANCE 2e-5 // of a float32 sum of some tens of products, beside its largest part

// What counts as a constant: codes and residuals of the model at hand.
typedef struct {
    size_t codes[ROWS][LEVELS];
    double residual[ROWS][LEVELS][LATENT]; // r_l
    double code[ROWS][LEVELS][LATENT];     // e_l
    double z[ROWS][LATENT];
} frozen;

typedef struct {
    nj_rqvae *model;
    double *values; // [count] the same in float64
    float x[ROWS * WIDTH];
    frozen at;
} bench;

// ---- the plain model ----

static void run_plain(const bench *b, const nj_rqvae_layer *layers, const double *in, double *out)
{
    double now[WIDEST];
    double next[WIDEST];
    memcpy(now, in, layers[0].linear.K * sizeof *now);
    for (size_t i = 0; i < LAYERS; i++) {
        const size_t K = layers[i].linear.K;
        for (size_t n = 0; n < layers[i].linear.N; n++) {
            double sum = b->values[layers[i].bias + n];
            for (size_t k = 0; k < K; k++) {
                sum += b->values[layers[i].weight + n * K + k] * now[k];
            }
            next[n] = i + 1 < LAYERS && sum < 0 ? 0 : sum;
        }
        memcpy(now, next, sizeof now);
    }
    memcpy(out, now, layers[LAYERS - 1].linear.N * sizeof *out);
}

static void encode_plain(const bench *b, size_t row, double *z)
{
    double x[WIDTH];
    for (size_t d = 0; d < WIDTH; d++) {
        x[d] = (double)b->x[row * WIDTH + d];
    }
    run_plain(b, b->model->encoder, x, z);
}

static const double *code_of(const bench *b, uint32_t level, size_t code)
{
    return b->values + b->model->codebooks[level].at + code * LATENT;
}

static size_t find_nearest_plain(const bench *b, uint32_t level, const double *residual)
{
    size_t nearest = 0;
    double least = INFINITY;
    for (size_t k = 0; k < CODES; k++) {
        double square = 0;
        for (size_t d = 0; d < LATENT; d++) {
            double rest = residual[d] - code_of(b, level, k)[d];
            square += rest * rest;
        }
        nearest = square < least ? k : nearest;
        least = square < least ? square : least;
    }
    return nearest;
}

static void freeze(bench *b)
{
    for (size_t r = 0; r < ROWS; r++) {
        double residual[LATENT];
        encode_plain(b, r, b->at.z[r]);
        memcpy(residual, b->at.z[r], sizeof residual);
        for (uint32_t l = 0; l < LEVELS; l++) {
            b->at.codes[r][l] = find_nearest_plain(b, l, residual);
            memcpy(b->at.residual[r][l], residual, sizeof residual);
            memcpy(b->at.code[r][l], code_of(b, l, b->at.codes[r][l]), sizeof residual);
            for (size_t d = 0; d < LATENT; d++) {
                residual[d] -= b->at.code[r][l][d];
            }
        }
    }
}

// The loss of one row, with what is frozen as constants: z_q = z + (sum of codes - z), r_l = z - (sum of the codes before).
static double lose_row(const bench *b, size_t r)
{
    double z[LATENT];
    double decoded[LATENT];
    double y[WIDTH];
    double square = 0;
    double loss = 0;
    encode_plain(b, r, z);
    memcpy(decoded, z, sizeof z);
    for (uint32_t l = 0; l < LEVELS; l++) {
        for (size_t d = 0; d < LATENT; d++) {
            const double moved = z[d] - b->at.z[r][d];
            const double to_code = b->at.residual[r][l][d] - code_of(b, l, b->at.codes[r][l])[d];
            const double to_rest = b->at.residual[r][l][d] + moved - b->at.code[r][l][d];
            loss += (to_code * to_code + BETA * to_rest * to_rest) / LATENT;
            decoded[d] += b->at.code[r][l][d] - (l == 0 ? b->at.z[r][d] : 0);
        }
    }
    run_plain(b, b->model->decoder, decoded, y);
    for (size_t d = 0; d < WIDTH; d++) {
        square += (y[d] - (double)b->x[r * WIDTH + d]) * (y[d] - (double)b->x[r * WIDTH + d]);
    }
    return loss + square / WIDTH;
}

static double lose_all(const bench *b)
{
    double loss = 0;
    for (size_t r = 0; r < ROWS; r++) {
        loss += lose_row(b, r);
    }
    return loss;
}

// ---- the bench ----

static const nj_kernels *get_kernels(const char *name)
{
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    assert_ok(nj_kernels_select(name, &kernels, &err), &err);
    return kernels;
}

static float draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(*seed >> 40) * 0x1p-23f - 1.0f;
}

static void open_bench(bench *b, const nj_kernels *kernels)
{
    nj_error err = {0};
    uint64_t seed = 5;
    const nj_rqvae_shape shape = {.D = WIDTH,
                                  .hidden = {WIDEST, 5},
                                  .hidden_count = LAYERS - 1,
                                  .latent = LATENT,
                                  .level_count = LEVELS,
                                  .K = {CODES, CODES}};
    assert_ok(nj_rqvae_new(&shape, kernels, 3, &b->model, &err), &err);
    b->values = calloc(b->model->count, sizeof *b->values);
    for (size_t i = 0; i < b->model->count; i++) {
        // Layers keep their weights; biases and codes must not stay 0.
        b->model->values[i] += b->model->values[i] == 0 ? 0.5f * draw(&seed) : 0;
        b->values[i] = (double)b->model->values[i];
    }
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        b->x[i] = draw(&seed);
    }
    nj_rqvae_pack(b->model);
    freeze(b);
}

static void close_bench(bench *b)
{
    nj_rqvae_free(&b->model);
    free(b->values);
}

static double run_gradient(const bench *b, const nj_rqvae_options *options, float *gradient)
{
    nj_error err = {0};
    nj_rqvae_scratch *scratch = NULL;
    assert_ok(nj_rqvae_scratch_new(b->model, ROWS, &scratch, &err), &err);
    double loss = nj_rqvae_gradient(b->model, scratch, b->x, ROWS, options, gradient);
    nj_rqvae_scratch_free(&scratch);
    return loss;
}

static void each_parameter_has_the_derivative_of_the_loss_with_straight_through(void **state)
{
    (void)state;
    bench b = {0};
    const nj_rqvae_options options = {.beta = BETA, .weight = WEIGHT};
    open_bench(&b, get_kernels("auto"));
    float *gradient = calloc(b.model->count, sizeof *gradient);
    const double loss = run_gradient(&b, &options, gradient);
    assert_true(fabs(loss - lose_all(&b)) < 1e-5 * loss);
    size_t moving = 0;
    for (size_t i = 0; i < b.model->count; i++) {
        const double kept = b.values[i];
        b.values[i] = kept + STEP;
        const double above = lose_all(&b);
        b.values[i] = kept - STEP;
        const double below = lose_all(&b);
        b.values[i] = kept;
        const double expected = (double)WEIGHT * (above - below) / (2 * STEP);
        if (!(fabs((double)gradient[i] - expected) <= TOLERANCE)) {
            fail_msg("parameter %zu: the gradient says %g, differences %g", i, (double)gradient[i],
                     expected);
        }
        moving += fabs(expected) > 1e-3;
    }
    assert_true(moving > b.model->count / 3);
    free(gradient);
    close_bench(&b);
}

// ---- what else is promised ----

static void the_gradient_has_the_same_bits_on_all_exact_kernels(void **state)
{
    (void)state;
    bench law = {0};
    const nj_rqvae_options options = {.beta = BETA, .weight = WEIGHT, .dropout = 0.25, .seed = 9};
    open_bench(&law, get_kernels("ref"));
    float *expected = calloc(law.model->count, sizeof *expected);
    float *gradient = calloc(law.model->count, sizeof *gradient);
    const double loss = run_gradient(&law, &options, expected);
    for (size_t i = 0; nj_kernels_at(i) != NULL; i++) {
        if (strcmp(nj_kernels_at(i)->numeric_class, "exact") == 0) {
            bench b = {0};
            open_bench(&b, nj_kernels_at(i));
            memset(gradient, 0, b.model->count * sizeof *gradient);
            assert_true(run_gradient(&b, &options, gradient) == loss);
            assert_memory_equal(gradient, expected, b.model->count * sizeof *gradient);
            close_bench(&b);
        }
    }
    free(expected);
    free(gradient);
    close_bench(&law);
}

static void dropout_leaves_out_what_its_seed_says(void **state)
{
    (void)state;
    bench b = {0};
    nj_rqvae_options options = {.beta = BETA, .weight = WEIGHT, .dropout = 0.5, .seed = 1};
    open_bench(&b, get_kernels("auto"));
    float *gradient = calloc(b.model->count, sizeof *gradient);
    const double loss = run_gradient(&b, &options, gradient);
    assert_true(run_gradient(&b, &options, gradient) == loss);
    options.seed = 2;
    assert_true(run_gradient(&b, &options, gradient) != loss);
    free(gradient);
    close_bench(&b);
}

static void shapes_beyond_their_limits_are_refused(void **state)
{
    (void)state;
    const nj_rqvae_shape good = {.D = 4, .latent = 2, .level_count = 1, .K = {2}};
    nj_rqvae_shape shapes[] = {good, good, good, good, good, good};
    nj_error err = {0};
    nj_rqvae *model = NULL;
    shapes[0].D = 0;
    shapes[1].latent = NJ_RQVAE_WIDTH_MAX + 1;
    shapes[2].level_count = NJ_QUANT_LEVELS_MAX + 1;
    shapes[3].K[0] = NJ_RQVAE_CODES_MAX + 1;
    shapes[4].hidden_count = NJ_RQVAE_HIDDEN_MAX + 1;
    shapes[5].hidden_count = 1; // of width 0
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_int_equal(nj_rqvae_new(&shapes[i], get_kernels("auto"), 0, &model, &err), NJ_USAGE);
        assert_null(model);
    }
    assert_ok(nj_rqvae_new(&good, get_kernels("auto"), 0, &model, &err), &err);
    nj_rqvae_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_parameter_has_the_derivative_of_the_loss_with_straight_through),
        cmocka_unit_test(the_gradient_has_the_same_bits_on_all_exact_kernels),
        cmocka_unit_test(dropout_leaves_out_what_its_seed_says),
        cmocka_unit_test(shapes_beyond_their_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
