// test_transform.c - standardise, PCA and the encoder of an RQ-VAE against double; shapes that do not chain; and with an encoder.
#include "tests/unit/quant/drawn.h"

// Sums of up to 40 products of values below 4, rounded to float32 at each step.
#define TOLERANCE 1e-4

typedef struct {
    nj_transform transform;
    float *values[2 + 1 + 2 * 3];
    size_t count;
} drawn_transform;

static const float *keep(drawn_transform *t, size_t count, float scale)
{
    t->values[t->count] = draw_values(count, scale);
    return t->values[t->count++];
}

// Parts are chosen by bits: 1 mean, 2 scale, 4 matrix, 8 layers.
static drawn_transform draw_transform(unsigned parts, size_t D_in)
{
    drawn_transform t = {.transform = {.D_in = D_in}};
    size_t width = D_in;
    t.transform.mean = parts & 1 ? keep(&t, D_in, 1.0f) : NULL;
    t.transform.scale = parts & 2 ? keep(&t, D_in, 2.0f) : NULL;
    if (parts & 4) {
        t.transform.matrix =
            (nj_dense){.weight = keep(&t, 9 * width, 0.5f), .rows = 9, .columns = width};
        width = 9;
    }
    for (size_t i = 0; parts & 8 && i < 3; i++) {
        size_t rows = 20 - 7 * i;
        t.transform.layers[i] = (nj_dense){.weight = keep(&t, rows * width, 0.5f),
                                           .bias = i == 1 ? NULL : keep(&t, rows, 1.0f),
                                           .rows = rows,
                                           .columns = width};
        t.transform.layer_count++;
        width = rows;
    }
    return t;
}

static void free_transform(drawn_transform *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->values[i]);
    }
}

static size_t multiply(const nj_dense *dense, bool relu, const double *in, double *out)
{
    for (size_t r = 0; r < dense->rows; r++) {
        double sum = dense->bias != NULL ? (double)dense->bias[r] : 0;
        for (size_t c = 0; c < dense->columns; c++) {
            sum += (double)dense->weight[r * dense->columns + c] * in[c];
        }
        out[r] = relu && sum < 0 ? 0 : sum;
    }
    return dense->rows;
}

static void transform_slowly(const nj_transform *t, const float *x, double *out)
{
    double a[64];
    double b[64];
    size_t width = t->D_in;
    for (size_t d = 0; d < width; d++) {
        a[d] = ((double)x[d] - (t->mean != NULL ? (double)t->mean[d] : 0)) *
               (t->scale != NULL ? (double)t->scale[d] : 1);
    }
    if (t->matrix.rows > 0) {
        width = multiply(&t->matrix, false, a, b);
        memcpy(a, b, sizeof a);
    }
    for (size_t i = 0; i < t->layer_count; i++) {
        width = multiply(&t->layers[i], i + 1 < t->layer_count, a, b);
        memcpy(a, b, sizeof a);
    }
    memcpy(out, a, width * sizeof *out);
}

static void every_part_does_what_it_says(void **state)
{
    (void)state;
    enum { D = 40, N = 130 };
    for (unsigned parts = 0; parts < 16; parts++) {
        nj_error err = {0};
        seed = 30 + parts;
        drawn_transform t = draw_transform(parts, D);
        size_t D_out = nj_transform_width(&t.transform);
        assert_int_equal(D_out, parts & 8 ? 6 : parts & 4 ? 9 : D);
        float *x = draw_values((size_t)N * D, 1.0f);
        float *out = take(N * D_out * sizeof *out);
        nj_transformer *transformer = NULL;
        assert_ok(nj_transformer_new(&t.transform, &transformer, &err), &err);
        nj_transformer_apply(transformer, x, N, out);
        for (size_t i = 0; i < N; i++) {
            double expected[64] = {0};
            transform_slowly(&t.transform, x + i * D, expected);
            for (size_t d = 0; d < D_out; d++) {
                assert_true(fabs((double)out[i * D_out + d] - expected[d]) < TOLERANCE);
            }
        }
        // One row alone is the same bits as in its block.
        float alone[64];
        nj_transformer_apply(transformer, x + 77 * D, 1, alone);
        assert_memory_equal(alone, out + 77 * D_out, D_out * sizeof *alone);
        nj_transformer_free(&transformer);
        free(out);
        free(x);
        free_transform(&t);
    }
}

static void an_encoder_transforms_before_it_searches(void **state)
{
    (void)state;
    enum { D = 40, N = 300, L = 2 };
    nj_error err = {0};
    seed = 12;
    drawn_transform t = draw_transform(15, D);
    size_t D_out = nj_transform_width(&t.transform);
    nj_codebooks books = draw_codebooks(NJ_QUANT_RESIDUAL, L, (uint32_t[]){9, 9}, D_out, 3.0f);
    float *x = draw_values((size_t)N * D, 1.0f);
    float *between = take(N * D_out * sizeof *between);
    nj_transformer *transformer = NULL;
    assert_ok(nj_transformer_new(&t.transform, &transformer, &err), &err);
    nj_transformer_apply(transformer, x, N, between);
    for (size_t set = 0; nj_kernels_at(set) != NULL; set++) {
        if (!can_encode(nj_kernels_at(set))) {
            continue;
        }
        nj_encoder *encoder = NULL;
        nj_encoder_options options = {.kernels = nj_kernels_at(set)};
        uint16_t codes[N * L];
        uint16_t expected[L];
        assert_ok(nj_encoder_new(&books, &t.transform, &options, &encoder, &err), &err);
        assert_int_equal(nj_encoder_width(encoder), D);
        assert_ok(nj_encoder_encode(encoder, x, N, codes, L, NULL, &err), &err);
        for (size_t i = 0; i < N; i++) {
            search_slowly(&books, between + i * D_out, 1, expected);
            assert_memory_equal(codes + i * L, expected, sizeof expected);
        }
        nj_encoder_free(&encoder);
    }
    nj_transformer_free(&transformer);
    free(between);
    free(x);
    free_codebooks(&books);
    free_transform(&t);
}

static void a_row_whose_transform_overflows_is_named(void **state)
{
    (void)state;
    nj_error err = {0};
    static const float SCALE[] = {1, 1e30f};
    static const float X[] = {1, 1, /**/ 2, 2, /**/ 1, 1e30f};
    static const float ROWS[] = {0, 0, 1, 1};
    nj_codebooks books = {.level_count = 1, .K = {2}, .vectors = {ROWS}, .D = 2};
    nj_transform transform = {.D_in = 2, .scale = SCALE};
    nj_encoder *encoder = NULL;
    uint16_t codes[3];
    assert_ok(nj_encoder_new(&books, &transform, NULL, &encoder, &err), &err);
    assert_refused(nj_encoder_encode(encoder, X, 3, codes, 1, NULL, &err), NJ_INPUT, &err,
                   "row 2: its transform overflows float32, column 1");
    nj_encoder_free(&encoder);
}

static void refuse(const nj_transform *transform, const char *says)
{
    nj_error err = {0};
    assert_refused(nj_transform_check(transform, &err), NJ_INPUT, &err, says);
}

static void parts_that_do_not_chain_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    static const float NUMBERS[12] = {0};
    static const float WITH_NAN[12] = {0, 0, 0, 0, NAN};
    nj_transform good = {.D_in = 3,
                         .matrix = {.weight = NUMBERS, .rows = 2, .columns = 3},
                         .layers = {{.weight = NUMBERS, .rows = 4, .columns = 2}},
                         .layer_count = 1};
    assert_ok(nj_transform_check(&good, &err), &err);
    nj_transform bad = good;
    bad.D_in = 4;
    refuse(&bad, "transform.matrix takes 3 numbers, it is given 4");
    bad = good;
    bad.layers[0].columns = 3;
    refuse(&bad, "encoder.0 takes 3 numbers, it is given 2");
    bad = good;
    bad.layers[0].weight = WITH_NAN;
    refuse(&bad, "encoder.0, row 2, column 0: nan is not finite");
    bad = good;
    bad.layer_count = NJ_TRANSFORM_LAYERS_MAX + 1;
    refuse(&bad, "encoder has 17 layers, at most 16");
    bad = good;
    bad.D_in = 0;
    refuse(&bad, "transform takes 0 numbers, must be 1 to 65536");
    nj_codebooks books = {.level_count = 1, .K = {2}, .vectors = {NUMBERS}, .D = 3};
    nj_encoder *encoder = NULL;
    assert_refused(nj_encoder_new(&books, &good, NULL, &encoder, &err), NJ_INPUT, &err,
                   "the transform gives 4 numbers, codebooks are 3 wide");
    assert_null(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_does_what_it_says),
        cmocka_unit_test(an_encoder_transforms_before_it_searches),
        cmocka_unit_test(a_row_whose_transform_overflows_is_named),
        cmocka_unit_test(parts_that_do_not_chain_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
