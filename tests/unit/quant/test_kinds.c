// test_kinds.c - beams, products, hierarchies: codes equal those of the slow search of drawn.h bit for bit, for every set of kernels.
#include "tests/unit/quant/drawn.h"

#define ROWS_MAX 700

static uint16_t *encode(const nj_codebooks *books, const nj_kernels *kernels, uint32_t beam,
                        const float *x, size_t N, nj_quant_error *error)
{
    nj_error err = {0};
    nj_encoder *encoder = NULL;
    nj_encoder_options options = {.kernels = kernels, .beam = beam};
    uint16_t *codes = take(N * books->level_count * sizeof *codes);
    assert_ok(nj_encoder_new(books, NULL, &options, &encoder, &err), &err);
    assert_int_equal(nj_encoder_width(encoder), books->D);
    assert_ok(nj_encoder_encode(encoder, x, N, codes, books->level_count, error, &err), &err);
    nj_encoder_free(&encoder);
    return codes;
}

// `checked` rows of N are searched slowly.
static void check_codes(const nj_codebooks *books, uint32_t beam, const float *x, size_t N,
                        size_t checked)
{
    uint32_t L = books->level_count;
    uint16_t *expected = take(N * L * sizeof *expected);
    for (size_t i = 0; i < checked; i++) {
        search_slowly(books, x + i * books->D, beam, expected + i * L);
    }
    for (size_t set = 0; nj_kernels_at(set) != NULL; set++) {
        if (can_encode(nj_kernels_at(set))) {
            uint16_t *codes = encode(books, nj_kernels_at(set), beam, x, N, NULL);
            assert_memory_equal(codes, expected, checked * L * sizeof *codes);
            if (checked < N) { // the others must at least be the same for every set
                memcpy(expected + checked * L, codes + checked * L,
                       (set == 0 ? N - checked : 0) * L * sizeof *codes);
                assert_memory_equal(codes, expected, N * L * sizeof *codes);
            }
            free(codes);
        }
    }
    free(expected);
}

static double mean_error(const nj_codebooks *books, uint32_t beam, const float *x, size_t N)
{
    nj_quant_error error = {0};
    free(encode(books, NULL, beam, x, N, &error));
    return nj_quant_error_mean(&error, books->level_count - 1);
}

static void a_beam_keeps_the_best_prefixes(void **state)
{
    (void)state;
    static const struct {
        uint32_t L;
        uint32_t K[NJ_QUANT_LEVELS_MAX];
        size_t D;
        size_t N;
        uint32_t beam;
    } SIZES[] = {
        {1, {9}, 3, 20, 4},
        {3, {16, 16, 16}, 24, 60, 2},
        {3, {16, 16, 16}, 24, 60, 8},
        {4, {2, 3, 70, 5}, 7, 60, 40}, // more prefixes wanted than there are at first
        {8, {4, 4, 4, 4, 4, 4, 4, 4}, 1, 30, 16},
        {2, {130, 200}, 33, 20, 256},
    };
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        seed = 500 + i;
        nj_codebooks books =
            draw_codebooks(NJ_QUANT_RESIDUAL, SIZES[i].L, SIZES[i].K, SIZES[i].D, 1.0f);
        float *x = draw_values(SIZES[i].N * SIZES[i].D, 2.0f);
        check_codes(&books, SIZES[i].beam, x, SIZES[i].N, SIZES[i].N);
        free(x);
        free_codebooks(&books);
    }
}

static void a_wider_beam_leaves_no_larger_error(void **state)
{
    (void)state;
    enum { D = 16, N = 400 };
    seed = 31;
    nj_codebooks books =
        draw_codebooks(NJ_QUANT_RESIDUAL, 4, (uint32_t[]){32, 32, 32, 32}, D, 1.0f);
    float *x = draw_values((size_t)N * D, 1.5f);
    double greedy = mean_error(&books, 1, x, N);
    double narrow = mean_error(&books, 4, x, N);
    double wide = mean_error(&books, 32, x, N);
    assert_true(narrow < greedy);
    assert_true(wide < narrow);
    free(x);
    free_codebooks(&books);
}

// Rows that stand there twice tie exactly at every level, and the lower code wins in a beam as well.
static void a_beam_decides_ties_by_the_lower_codes(void **state)
{
    (void)state;
    enum { D = 5, K = 12, N = 80 };
    seed = 77;
    nj_codebooks books = draw_codebooks(NJ_QUANT_RESIDUAL, 3, (uint32_t[]){K, K, K}, D, 1.0f);
    for (uint32_t l = 0; l < 3; l++) {
        float *vectors = (float *)(uintptr_t)books.vectors[l];
        memcpy(vectors + K / 2 * D, vectors, K / 2 * D * sizeof *vectors);
    }
    float *x = draw_values((size_t)N * D, 1.0f);
    for (uint32_t beam = 1; beam <= 9; beam += 4) {
        check_codes(&books, beam, x, N, N);
    }
    // All the same: every prefix ties with every other.
    for (uint32_t l = 0; l < 3; l++) {
        memset((float *)(uintptr_t)books.vectors[l], 0, K * D * sizeof(float));
    }
    check_codes(&books, 5, x, 4, 4);
    free(x);
    free_codebooks(&books);
}

// So many codes that there are no tables: every residual is multiplied, for each prefix of the beam.
static void levels_of_many_codes_do_without_tables(void **state)
{
    (void)state;
    static const uint32_t K[] = {4200, 4200};
    assert_true((size_t)K[0] * K[1] * sizeof(float) > NJ_QUANT_TABLE_BYTES_MAX);
    seed = 60;
    nj_codebooks books = draw_codebooks(NJ_QUANT_RESIDUAL, 2, K, 6, 1.0f);
    float *x = draw_values(300 * 6, 1.5f);
    check_codes(&books, 1, x, 300, 40);
    check_codes(&books, 3, x, 20, 3);
    free(x);
    free_codebooks(&books);
}

static void the_most_codes_and_the_least_are_searched(void **state)
{
    (void)state;
    seed = 61;
    nj_codebooks most =
        draw_codebooks(NJ_QUANT_RESIDUAL, 1, (uint32_t[]){NJ_QUANT_CODES_MAX}, 2, 1.0f);
    nj_codebooks least = draw_codebooks(NJ_QUANT_RESIDUAL, 2, (uint32_t[]){2, 2}, 1, 1.0f);
    float *x = draw_values(ROWS_MAX, 1.0f);
    check_codes(&most, 1, x, 10, 10);
    check_codes(&least, 1, x, ROWS_MAX, ROWS_MAX);
    check_codes(&least, 3, x, 1, 1);
    check_codes(&least, 3, x, 0, 0);
    free(x);
    free_codebooks(&most);
    free_codebooks(&least);
}

static void parts_are_searched_on_their_own(void **state)
{
    (void)state;
    static const struct {
        uint32_t L;
        uint32_t K[NJ_QUANT_LEVELS_MAX];
        size_t D;
        size_t N;
    } SIZES[] = {
        {1, {7}, 1, 9},
        {4, {16, 16, 16, 16}, 24, 300},
        {3, {5, 300, 2}, 10, 257}, // 3, 3 and 4 columns
        {8, {4, 4, 4, 4, 4, 4, 4, 4}, 8, 100},
        {2, {9, 9}, 131, 50},
    };
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        seed = 700 + i;
        nj_codebooks books =
            draw_codebooks(NJ_QUANT_PRODUCT, SIZES[i].L, SIZES[i].K, SIZES[i].D, 1.0f);
        float *x = draw_values(SIZES[i].N * SIZES[i].D, 1.0f);
        check_codes(&books, 1, x, SIZES[i].N, SIZES[i].N);
        free(x);
        free_codebooks(&books);
    }
}

static void a_hierarchy_is_walked_from_the_root(void **state)
{
    (void)state;
    static const struct {
        uint32_t L, K;
        size_t D, N;
    } SIZES[] = {{1, 6, 5, 40}, {4, 5, 9, 300}, {8, 2, 1, 60}, {2, 70, 130, 100}, {3, 1, 4, 5}};
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        seed = 800 + i;
        nj_codebooks books = draw_hierarchy(SIZES[i].L, SIZES[i].K, SIZES[i].D);
        float *x = draw_values(SIZES[i].N * SIZES[i].D, 1.0f);
        check_codes(&books, 1, x, SIZES[i].N, SIZES[i].N);
        free(x);
        free_codebooks(&books);
    }
}

// Whatever the kind, the error is the distance to what the codes up to each level stand for.
static void errors_are_distances_to_what_codes_stand_for(void **state)
{
    (void)state;
    enum { D = 10, N = 50 };
    for (nj_quant_kind kind = 0; kind < NJ_QUANT_KIND_COUNT; kind++) {
        seed = 900 + kind;
        nj_codebooks books = kind == NJ_QUANT_HIERARCHICAL
                                 ? draw_hierarchy(3, 6, D)
                                 : draw_codebooks(kind, 3, (uint32_t[]){6, 7, 8}, D, 1.0f);
        float *x = draw_values((size_t)N * D, 1.0f);
        nj_quant_error error = {0};
        uint16_t *codes = encode(&books, NULL, 1, x, N, &error);
        assert_int_equal(error.row_count, N);
        for (uint32_t l = 0; l < 3; l++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++) {
                double decoded[D];
                nj_codebooks_decode(&books, codes + i * 3, l + 1, decoded);
                for (size_t d = 0; d < D; d++) {
                    double left = (double)x[i * D + d] - decoded[d];
                    sum += left * left;
                }
            }
            assert_true(fabs(error.squared_sum[l] - sum) <= 1e-9 * sum);
        }
        free(codes);
        free(x);
        free_codebooks(&books);
    }
}

static void refuse_options(const nj_codebooks *books, uint32_t beam, const char *says)
{
    nj_error err = {0};
    nj_encoder *encoder = NULL;
    assert_refused(nj_encoder_new(books, NULL, &(nj_encoder_options){.beam = beam}, &encoder, &err),
                   NJ_USAGE, &err, says);
    assert_null(encoder);
}

static void beams_that_cannot_be_are_refused(void **state)
{
    (void)state;
    seed = 1;
    nj_codebooks books = draw_codebooks(NJ_QUANT_RESIDUAL, 1, (uint32_t[]){20000}, 1, 1.0f);
    refuse_options(&books, NJ_QUANT_BEAM_MAX + 1, "a beam of 257, must be 1 to 256");
    refuse_options(&books, 256,
                   "a beam of 256 over 20000 codes is 5120000 scores, at most 4194304");
    books.kind = NJ_QUANT_PRODUCT;
    refuse_options(&books, 2, "a beam of 2 needs residual codebooks, these are product");
    free_codebooks(&books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beam_keeps_the_best_prefixes),
        cmocka_unit_test(a_wider_beam_leaves_no_larger_error),
        cmocka_unit_test(a_beam_decides_ties_by_the_lower_codes),
        cmocka_unit_test(levels_of_many_codes_do_without_tables),
        cmocka_unit_test(the_most_codes_and_the_least_are_searched),
        cmocka_unit_test(parts_are_searched_on_their_own),
        cmocka_unit_test(a_hierarchy_is_walked_from_the_root),
        cmocka_unit_test(errors_are_distances_to_what_codes_stand_for),
        cmocka_unit_test(beams_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
