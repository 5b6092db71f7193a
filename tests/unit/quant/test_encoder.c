// test_quant.c - codes equal those of a float64 search of every row, whatever the kernels, near ties and far from 1.
#include "common/quant/encoder.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/nj_test.h"

// The law. Two distances closer than this (relative to the larger) may be decided either way: the reference and the quantizer
// may add the same float64 terms in another order, which is off by D * 2^-53 at most, and D is below 1000 here.
#define TIE_RELATIVE 1e-12

// ---- data ----

static uint64_t seed;

static uint64_t draw(void)
{
    uint64_t z = (seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

// In (-1, 1).
static float draw_value(void)
{
    return (float)((double)(int64_t)draw() * 0x1p-63);
}

static float *draw_values(size_t count, float scale)
{
    float *values = malloc((count > 0 ? count : 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = draw_value() * scale;
    }
    return values;
}

static void *take(size_t bytes)
{
    void *memory = calloc(bytes > 0 ? bytes : 1, 1);
    assert_non_null(memory);
    return memory;
}

// ---- the reference ----

static double distance_to(const double *residual, const float *row, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        sum += (residual[d] - (double)row[d]) * (residual[d] - (double)row[d]);
    }
    return sum;
}

// Follows `codes` and fails when one of them is not the nearest row, or not the lowest of rows at exactly its distance.
static void assert_codes_are_nearest(const nj_codebooks *books, const float *x,
                                     const uint16_t *codes, double *squared_sum)
{
    double residual[1000];
    assert_true(books->D <= 1000);
    for (size_t d = 0; d < books->D; d++) {
        residual[d] = (double)x[d];
    }
    for (uint32_t l = 0; l < books->level_count; l++) {
        assert_true(codes[l] < books->K[l]);
        const float *chosen = books->vectors[l] + codes[l] * books->D;
        double distance = distance_to(residual, chosen, books->D);
        for (uint32_t k = 0; k < books->K[l]; k++) {
            double other = distance_to(residual, books->vectors[l] + k * books->D, books->D);
            assert_true(distance <= other || distance - other <= TIE_RELATIVE * distance);
            assert_true(k >= codes[l] || other != distance);
        }
        for (size_t d = 0; d < books->D; d++) {
            residual[d] -= (double)chosen[d];
        }
        squared_sum[l] += distance;
    }
}

// Every set of float32 kernels that this machine runs: a rounded product finds no nearest row.
static void check_all_kernels(const nj_codebooks *books, const float *x, size_t N)
{
    nj_error err = {0};
    uint32_t L = books->level_count;
    for (size_t set = 0; nj_kernels_at(set) != NULL; set++) {
        if (strcmp(nj_kernels_at(set)->precision, "float32") != 0) {
            continue;
        }
        nj_encoder *encoder = NULL;
        nj_quant_error error = {0};
        double sums[NJ_QUANT_LEVELS_MAX] = {0};
        uint16_t *codes = take(N * L * sizeof *codes);
        assert_ok(nj_encoder_new(books, NULL, &(nj_encoder_options){.kernels = nj_kernels_at(set)},
                                 &encoder, &err),
                  &err);
        assert_ok(nj_encoder_encode(encoder, x, N, codes, L, &error, &err), &err);
        for (size_t i = 0; i < N; i++) {
            assert_codes_are_nearest(books, x + i * books->D, codes + i * L, sums);
        }
        assert_int_equal(error.row_count, N);
        for (uint32_t l = 0; l < L; l++) {
            assert_true(fabs(error.squared_sum[l] - sums[l]) <= 1e-9 * sums[l]);
            assert_true(N == 0 ||
                        nj_quant_error_mean(&error, l) == error.squared_sum[l] / (double)N);
        }
        free(codes);
        nj_encoder_free(&encoder);
        assert_null(encoder);
    }
}

static nj_codebooks draw_codebooks(uint32_t L, const uint32_t *K, size_t D, float scale)
{
    nj_codebooks books = {.level_count = L, .D = D};
    for (uint32_t l = 0; l < L; l++) {
        books.K[l] = K[l];
        books.vectors[l] = draw_values(K[l] * D, scale / (float)(l + 1));
    }
    return books;
}

static void free_codebooks(nj_codebooks *books)
{
    for (uint32_t l = 0; l < books->level_count; l++) {
        free((float *)(uintptr_t)books->vectors[l]);
    }
}

// ---- tests ----

static void codes_are_the_nearest_rows_for_ragged_sizes(void **state)
{
    (void)state;
    static const struct {
        uint32_t L;
        uint32_t K[NJ_QUANT_LEVELS_MAX];
        size_t D;
        size_t N;
    } SIZES[] = {
        {1, {1}, 1, 1},
        {1, {2}, 1, 7},
        {3, {256, 256, 256}, 128, 300},
        {2, {5, 77}, 33, 257},
        {4, {3, 1, 2, 9}, 7, 600},
        {3, {16, 16, 16}, 16, 0},
        {1, {3000}, 17, 40},
        {8, {4, 4, 4, 4, 4, 4, 4, 4}, 3, 256},
    };
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        seed = 100 + i;
        nj_codebooks books = draw_codebooks(SIZES[i].L, SIZES[i].K, SIZES[i].D, 1.0f);
        float *x = draw_values(SIZES[i].N * SIZES[i].D, 2.0f);
        check_all_kernels(&books, x, SIZES[i].N);
        free(x);
        free_codebooks(&books);
    }
}

// Float32 cannot tell these rows apart by |c|^2 - 2 r.c: they differ from one row in the last bit of one column.
static void near_ties_are_decided_as_in_float64(void **state)
{
    (void)state;
    enum { D = 64, K = 32, N = 400 };
    seed = 7;
    float *vectors = draw_values(K * D, 1.0f);
    for (size_t k = 1; k < K; k++) {
        memcpy(vectors + k * D, vectors, D * sizeof *vectors);
        size_t d = draw() % D;
        vectors[k * D + d] = nextafterf(vectors[k * D + d], draw() % 2 ? 2.0f : -2.0f);
    }
    nj_codebooks books = {.vectors = {vectors}, .K = {K}, .level_count = 1, .D = D};
    float *x = draw_values(N * D, 1.0f);
    check_all_kernels(&books, x, N);

    // The same search in float32 alone goes wrong here, so the test above can fail.
    size_t wrong = 0;
    for (size_t i = 0; i < N; i++) {
        double residual[D];
        float best_score = INFINITY;
        size_t best = 0;
        double nearest = INFINITY;
        for (size_t k = 0; k < K; k++) {
            float score = 0;
            for (size_t d = 0; d < D; d++) {
                residual[d] = (double)x[i * D + d];
                score += vectors[k * D + d] * (vectors[k * D + d] - 2.0f * x[i * D + d]);
            }
            double distance = distance_to(residual, vectors + k * D, D);
            nearest = distance < nearest ? distance : nearest;
            best = score < best_score ? k : best;
            best_score = score < best_score ? score : best_score;
        }
        wrong += distance_to(residual, vectors + best * D, D) > nearest;
    }
    assert_true(wrong > N / 10);
    free(x);
    free(vectors);
}

static void the_lower_code_wins_an_exact_tie(void **state)
{
    (void)state;
    nj_error err = {0};
    // Rows 1 and 3 are the same; the middle of rows 0 and 2 is at the same distance from both.
    static const float VECTORS[] = {4, 0, /**/ 1, 1, /**/ -4, 0, /**/ 1, 1};
    static const float X[] = {1, 1, /**/ 0, -9};
    nj_codebooks books = {.vectors = {VECTORS}, .K = {4}, .level_count = 1, .D = 2};
    for (size_t set = 0; nj_kernels_at(set) != NULL; set++) {
        if (strcmp(nj_kernels_at(set)->precision, "float32") != 0) {
            continue;
        }
        nj_encoder *encoder = NULL;
        uint16_t codes[2] = {99, 99};
        assert_ok(nj_encoder_new(&books, NULL, &(nj_encoder_options){.kernels = nj_kernels_at(set)},
                                 &encoder, &err),
                  &err);
        assert_ok(nj_encoder_encode(encoder, X, 2, codes, 1, NULL, &err), &err);
        assert_int_equal(codes[0], 1);
        assert_int_equal(codes[1], 0);
        nj_encoder_free(&encoder);
    }
}

// Products overflow float32 at the top of this list and vanish at the bottom.
static void values_far_from_one_are_quantized_as_well(void **state)
{
    (void)state;
    static const float SCALES[] = {FLT_MAX, 1e30f,  1e18f,  1e9f,  1e-9f,
                                   1e-18f,  1e-22f, 1e-30f, 1e-44f};
    enum { D = 24, N = 50 };
    for (size_t i = 0; i < sizeof SCALES / sizeof *SCALES; i++) {
        seed = 900 + i;
        nj_codebooks books = draw_codebooks(2, (uint32_t[]){40, 40}, D, SCALES[i]);
        float *x = draw_values(N * D, SCALES[i]);
        check_all_kernels(&books, x, N);
        free(x);
        free_codebooks(&books);
    }
}

static void the_error_does_not_depend_on_how_calls_are_cut(void **state)
{
    (void)state;
    enum { D = 12, N = 1000, L = 3 };
    nj_error err = {0};
    seed = 3;
    nj_codebooks books = draw_codebooks(L, (uint32_t[]){8, 8, 8}, D, 1.0f);
    float *x = draw_values(N * D, 1.0f);
    nj_encoder *encoder = NULL;
    nj_quant_error whole = {0};
    nj_quant_error cut = {0};
    uint16_t *codes = take(N * L * sizeof *codes);
    uint16_t *again = take(N * (L + 1) * sizeof *again);
    assert_ok(nj_encoder_new(&books, NULL, &(nj_encoder_options){.kernels = nj_kernels_at(0)},
                             &encoder, &err),
              &err);
    assert_ok(nj_encoder_encode(encoder, x, N, codes, L, &whole, &err), &err);
    for (size_t first = 0; first < N; first += 37) {
        size_t count = N - first < 37 ? N - first : 37;
        assert_ok(nj_encoder_encode(encoder, x + first * D, count, again + first * (L + 1), L + 1,
                                    &cut, &err),
                  &err);
    }

    assert_memory_equal(&whole, &cut, sizeof whole);
    for (size_t i = 0; i < N; i++) {
        assert_memory_equal(codes + i * L, again + i * (L + 1), L * sizeof *codes);
        assert_int_equal(again[i * (L + 1) + L], 0); // what lies behind the levels is not touched
    }
    nj_encoder_free(&encoder);
    free(again);
    free(codes);
    free(x);
    free_codebooks(&books);
}

static void assert_codebooks_refused(nj_codebooks books, const char *says)
{
    nj_error err = {0};
    nj_encoder *encoder = NULL;
    assert_refused(nj_encoder_new(&books, NULL, &(nj_encoder_options){.kernels = nj_kernels_at(0)},
                                  &encoder, &err),
                   NJ_INPUT, &err, says);
    assert_null(encoder);
}

static void codebooks_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const float VECTORS[] = {1, 2, 3, 4};
    static const float WITH_NAN[] = {1, 2, 3, NAN};
    static const float WITH_INFINITY[] = {1, -INFINITY, 3, 4};
    nj_codebooks good = {.vectors = {VECTORS, VECTORS}, .K = {2, 2}, .level_count = 2, .D = 2};
    nj_codebooks books = good;
    books.level_count = 0;
    assert_codebooks_refused(books, "0 levels, must be 1 to 8");
    books.level_count = 9;
    assert_codebooks_refused(books, "9 levels");
    books = good;
    books.D = 0;
    assert_codebooks_refused(books, "0 wide");
    books.D = NJ_QUANT_DIMS_MAX + 1;
    assert_codebooks_refused(books, "65537 wide, must be 1 to 65536");
    books = good;
    books.K[1] = 0;
    assert_codebooks_refused(books, "codebook 1 has 0 rows");
    books.K[1] = NJ_QUANT_CODES_MAX + 1;
    assert_codebooks_refused(books, "codebook 1 has 65537 rows, must be 1 to 65536");
    books = good;
    books.vectors[1] = WITH_NAN;
    assert_codebooks_refused(books, "codebook 1, row 1, column 1");
    books.vectors[1] = WITH_INFINITY;
    assert_codebooks_refused(books, "codebook 1, row 0, column 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_the_nearest_rows_for_ragged_sizes),
        cmocka_unit_test(near_ties_are_decided_as_in_float64),
        cmocka_unit_test(the_lower_code_wins_an_exact_tie),
        cmocka_unit_test(values_far_from_one_are_quantized_as_well),
        cmocka_unit_test(the_error_does_not_depend_on_how_calls_are_cut),
        cmocka_unit_test(codebooks_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
