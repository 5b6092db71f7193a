// test_nearest.c - what a search for the nearest row does besides its products: every set against kernels_ref.c, which is against
// plain double.
#include <math.h>
#include <string.h>

#include "common/math/kernels.h"
#include "tests/unit/math/guarded.h"

#define TERMS_MAX 8

static const size_t SIZES[] = {0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 129, 256, 1000};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// A score of nine terms below 2 in size, each step rounded.
#define SCORE_TOLERANCE 1e-5f
// A sum of 1000 squares below 4, in float64.
#define SQUARE_TOLERANCE 1e-11

typedef struct {
    guarded products;
    guarded terms[TERMS_MAX];
    guarded scores;
    float least;
} screening;

static screening screen(const nj_kernels *kernels, size_t n, size_t term_count, float odd)
{
    uint64_t seed = 5 + n + 100 * term_count;
    screening s = {.products = guarded_random(1, n, 0, 1.0f, &seed),
                   .scores = guarded_new(1, n, 0)};
    const float *terms[TERMS_MAX];
    for (size_t t = 0; t < term_count; t++) {
        s.terms[t] = guarded_random(1, n, 0, 1.0f, &seed);
        terms[t] = s.terms[t].data;
    }
    if (n > 0 && odd != 0.0f) {
        s.products.data[n / 2] = odd;
    }
    s.least = kernels->screen(n, s.products.data, terms, term_count, s.scores.data);
    return s;
}

static void screening_free(screening *s, size_t term_count)
{
    guarded_free(&s->products);
    guarded_free(&s->scores);
    for (size_t t = 0; t < term_count; t++) {
        guarded_free(&s->terms[t]);
    }
}

static void compare_screenings(size_t n, size_t term_count, float odd)
{
    screening expected = screen(nj_kernels_at(0), n, term_count, odd);
    const nj_kernels *kernels;
    for (size_t i = 1; (kernels = nj_kernels_at(i)) != NULL; i++) {
        screening got = screen(kernels, n, term_count, odd);
        assert_same_bits(&got.scores, &expected.scores, kernels->name);
        assert_true(got.least == expected.least);
        screening_free(&got, term_count);
    }
    for (size_t k = 0; k < n && odd == 0.0f; k++) {
        double sum = -2.0 * (double)expected.products.data[k];
        for (size_t t = 0; t < term_count; t++) {
            sum += (double)expected.terms[t].data[k];
        }
        assert_true(fabs((double)expected.scores.data[k] - sum) <= SCORE_TOLERANCE);
        assert_true(expected.scores.data[k] >= expected.least);
    }
    assert_true(n > 0 || expected.least == INFINITY);
    screening_free(&expected, term_count);
}

static void every_set_gives_the_same_scores_and_their_least(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        for (size_t t = 1; t <= TERMS_MAX; t++) {
            compare_screenings(SIZES[i], t, 0.0f);
        }
    }
}

static void a_least_score_passes_over_nan_and_takes_infinity(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        compare_screenings(SIZES[i], 2, NAN);
        compare_screenings(SIZES[i], 2, INFINITY);
        compare_screenings(SIZES[i], 2, -INFINITY);
    }
}

static void values_up_to_a_limit_are_found_in_order_and_nan_with_them(void **state)
{
    (void)state;
    static const float LIMITS[] = {-INFINITY, -0.9f, 0.0f, 0.5f, 2.0f, INFINITY};
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        size_t n = SIZES[i];
        uint64_t seed = 90 + n;
        guarded values = guarded_random(1, n, 0, 1.0f, &seed);
        if (n > 2) {
            values.data[n - 1] = NAN;
            values.data[1] = 0.5f;
        }
        for (size_t l = 0; l < COUNT(LIMITS); l++) {
            const nj_kernels *kernels;
            for (size_t set = 0; (kernels = nj_kernels_at(set)) != NULL; set++) {
                uint32_t found[1001];
                size_t count = kernels->find_not_above(n, values.data, LIMITS[l], found);
                size_t expected = 0;
                for (size_t k = 0; k < n; k++) {
                    if (!(values.data[k] > LIMITS[l])) {
                        assert_true(expected < count);
                        assert_int_equal(found[expected++], k);
                    }
                }
                assert_int_equal(count, expected);
            }
        }
        guarded_free(&values);
    }
}

static void every_set_gives_the_same_differences_and_their_square(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(SIZES); i++) {
        size_t n = SIZES[i];
        uint64_t seed = 40 + n;
        guarded values = guarded_random(2, n, 0, 1.0f, &seed);
        double a[1001];
        double expected_out[1001];
        double truth = 0;
        for (size_t k = 0; k < n; k++) {
            a[k] = (double)values.data[k] * 1.0000001;
            double difference = a[k] - (double)values.data[n + k];
            truth += difference * difference;
        }
        double expected = nj_kernels_at(0)->difference(n, a, values.data + n, expected_out);
        assert_true(fabs(expected - truth) <= SQUARE_TOLERANCE);
        const nj_kernels *kernels;
        for (size_t set = 1; (kernels = nj_kernels_at(set)) != NULL; set++) {
            double out[1001];
            memcpy(out, a, sizeof a);
            double alone = kernels->difference(n, a, values.data + n, NULL);
            double in_place = kernels->difference(n, out, values.data + n, out);
            assert_memory_equal(&alone, &expected, sizeof alone);
            assert_memory_equal(&in_place, &expected, sizeof in_place);
            assert_true(n == 0 || memcmp(out, expected_out, n * sizeof *out) == 0);
        }
        guarded_free(&values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_gives_the_same_scores_and_their_least),
        cmocka_unit_test(a_least_score_passes_over_nan_and_takes_infinity),
        cmocka_unit_test(values_up_to_a_limit_are_found_in_order_and_nan_with_them),
        cmocka_unit_test(every_set_gives_the_same_differences_and_their_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
