// test_unseen_rows.c - the nearest seen items against plain loops, and the rows that unseen items get from them.
#include "common/base/rng.h"
#include "common/catalogue/unseen_rows.h"

#include <math.h>
#include <string.h>

#include "common/base/bits.h"
#include "tests/support/nj_test.h"
#include "tests/support/sandbox.h"

#define N 1300 // unseen and seen items of more than one block each
#define D 5
#define WIDTH 3
#define NEAREST 4

static uint64_t mix(uint64_t x)
{
    return nj_rng_mix(x + NJ_RNG_STEP);
}

typedef struct {
    float values[N * D];
    float unit[N * D];
    uint64_t seen[N / 64 + 1];
    nj_npy npy;
    nj_pool *pool;
} example;

// Vectors of few kinds, so that cosines tie; every twentieth is all zeros. One item in ten is unseen, or more.
static void make_example(void **state, example *e, uint64_t unseen_in_ten, size_t threads)
{
    nj_error err = {0};
    *e = (example){0};
    for (size_t i = 0; i < N; i++) {
        const uint64_t kind = mix(i) % 200;
        double square = 0;
        for (size_t d = 0; d < D; d++) {
            e->values[i * D + d] = kind % 20 == 0 ? 0 : (float)(mix(kind * D + d) % 9) - 4;
            square += (double)e->values[i * D + d] * (double)e->values[i * D + d];
        }
        for (size_t d = 0; d < D && square > 0; d++) {
            e->unit[i * D + d] = (float)((double)e->values[i * D + d] / sqrt(square));
        }
        if (mix(i * 3 + 1) % 10 >= unseen_in_ten) {
            nj_bits_add(e->seen, i);
        }
    }
    const char *path = sandbox_path(state, "e.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){N, D}, 2, e->values, &err), &err);
    assert_ok(nj_npy_open(path, &e->npy, &err), &err);
    assert_ok(nj_pool_new(threads, &e->pool, &err), &err);
}

static void close_example(example *e)
{
    nj_npy_close(&e->npy);
    nj_pool_free(&e->pool);
}

static bool is_zero(const example *e, size_t row)
{
    bool zero = true;
    for (size_t d = 0; d < D; d++) {
        zero = zero && e->values[row * D + d] == 0;
    }
    return zero;
}

static float plain_cosine(const example *e, size_t a, size_t b)
{
    float sum = 0;
    for (size_t d = 0; d < D; d++) {
        sum = fmaf(e->unit[a * D + d], e->unit[b * D + d], sum);
    }
    return sum;
}

// The nearest seen row that is not in the list yet; N where there is none.
static size_t next_nearest(const example *e, size_t row, const bool *used)
{
    size_t best = N;
    for (size_t i = 0; i < N; i++) {
        if (!used[i] && nj_bits_has(e->seen, i) && !is_zero(e, i) &&
            (best == N || plain_cosine(e, row, i) > plain_cosine(e, row, best))) {
            best = i;
        }
    }
    return best;
}

static void the_nearest_are_those_of_plain_loops(void **state)
{
    static example e;
    nj_error err = {0};
    for (size_t threads = 1; threads <= 3; threads += 2) {
        nj_unseen_rows unseen = {0};
        uint32_t at = 0;
        make_example(state, &e, 1, threads);
        assert_ok(nj_unseen_rows_find(&e.npy, e.seen, NEAREST, e.pool, &unseen, &err), &err);
        for (size_t row = 0; row < N; row++) {
            bool used[N] = {false};
            if (nj_bits_has(e.seen, row)) {
                continue;
            }
            assert_int_equal(unseen.rows[at], row);
            assert_int_equal(unseen.found[at], is_zero(&e, row) ? 0 : NEAREST);
            for (uint32_t k = 0; k < unseen.found[at]; k++) {
                const size_t best = next_nearest(&e, row, used);
                assert_int_equal(unseen.sources[at * NEAREST + k], best);
                used[best] = true;
            }
            at++;
        }
        assert_int_equal(unseen.count, at);
        nj_unseen_rows_fini(&unseen);
        close_example(&e);
    }
}

static void where_few_are_seen_all_of_them_are_nearest(void **state)
{
    static example e;
    nj_error err = {0};
    nj_unseen_rows unseen = {0};
    make_example(state, &e, 10, 2);
    nj_bits_add(e.seen, 7);
    nj_bits_add(e.seen, 9);
    assert_false(is_zero(&e, 7) || is_zero(&e, 9));
    assert_ok(nj_unseen_rows_find(&e.npy, e.seen, NEAREST, e.pool, &unseen, &err), &err);
    assert_int_equal(unseen.count, N - 2);
    for (uint32_t i = 0; i < unseen.count; i++) {
        assert_int_equal(unseen.found[i], is_zero(&e, unseen.rows[i]) ? 0 : 2);
    }
    nj_unseen_rows_fini(&unseen);
    close_example(&e);
}

// The mean of rows (1 2 2) and (3 0 4), in front of it a row of zeros: (4/3 2/3 2), of lengths 3, 5 and 0.
static void an_unseen_item_gets_the_mean_or_one_as_long_as_its_sources(void **state)
{
    (void)state;
    uint32_t rows[] = {1, 4};
    uint32_t found[] = {3, 0};
    uint32_t sources[] = {3, 0, 2, 0, 0, 0};
    const nj_unseen_rows unseen = {2, 3, rows, found, sources};
    const float before[5 * WIDTH] = {1, 2, 2, 9, 9, 9, 3, 0, 4, 0, 0, 0, 8, 8, 8};
    const double mean[WIDTH] = {4.0 / 3, 2.0 / 3, 2};
    const double factor = 8.0 / 3 / sqrt(16.0 / 9 + 4.0 / 9 + 4);
    for (int length = 0; length <= 2; length++) {
        float after[5 * WIDTH];
        memcpy(after, before, sizeof after);
        nj_unseen_rows_fill(&unseen, length, after, WIDTH);
        for (size_t d = 0; d < WIDTH; d++) {
            const double wanted = length == 0 ? mean[d] : mean[d] * factor * length;
            assert_true(fabs((double)after[WIDTH + d] - wanted) < 1e-6);
            assert_true(after[4 * WIDTH + d] == 0);
        }
        assert_memory_equal(after, before, WIDTH * sizeof *after);
        assert_memory_equal(after + 2 * WIDTH, before + 2 * WIDTH, 2 * WIDTH * sizeof *after);
    }
}

static void what_is_no_matrix_of_numbers_is_refused(void **state)
{
    static example e;
    nj_error err = {0};
    nj_npy flat = {0};
    nj_unseen_rows unseen = {0};
    const float values[N] = {[5] = NAN};
    make_example(state, &e, 1, 1);
    const char *path = sandbox_path(state, "flat.npy");
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){N}, 1, values, &err), &err);
    assert_ok(nj_npy_open(path, &flat, &err), &err);
    assert_int_equal(nj_unseen_rows_find(&flat, e.seen, 1, e.pool, &unseen, &err), NJ_INPUT);
    nj_npy_close(&flat);
    assert_ok(nj_npy_write(path, NJ_NPY_F32, (size_t[]){N, 1}, 2, values, &err), &err);
    assert_ok(nj_npy_open(path, &flat, &err), &err);
    assert_int_equal(nj_unseen_rows_find(&flat, e.seen, 1, e.pool, &unseen, &err), NJ_INPUT);
    assert_non_null(strstr(err.text, "flat.npy"));
    nj_npy_close(&flat);
    assert_null(unseen.rows);
    close_example(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_nearest_are_those_of_plain_loops, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test_setup_teardown(where_few_are_seen_all_of_them_are_nearest, sandbox_setup,
                                        sandbox_teardown),
        cmocka_unit_test(an_unseen_item_gets_the_mean_or_one_as_long_as_its_sources),
        cmocka_unit_test_setup_teardown(what_is_no_matrix_of_numbers_is_refused, sandbox_setup,
                                        sandbox_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
