// test_heads.c - attention of one row over a few positions: every set against kernels_ref.c, and kernels_ref.c against double.
#include <stdio.h>

#include "common/math/kernels.h"
#include "tests/unit/math/guarded.h"

#define POSITIONS_MAX 8

static const size_t POSITIONS[] = {1, 2, 3, POSITIONS_MAX};
static const size_t HEADS[] = {1, 2, 5};
static const size_t WIDTHS[] = {1, 7, 8, 15, 16, 17, 31, 33, 64, 70};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

// A product's and a sum's rounding, of up to 70 terms below 1 in size.
#define SUM_TOLERANCE 1e-5

typedef struct {
    size_t T, H, E;
    guarded q;                   // [1, H * E]
    guarded rows[POSITIONS_MAX]; // [1, H * E] each: keys, or values
    guarded scores;              // [H, T], out of the scores and into the mix
    guarded mixed;               // [1, H * E]
} attention;

static attention attention_new(size_t T, size_t H, size_t E)
{
    uint64_t seed = 11 + T + 10 * H + 100 * E;
    attention a = {.T = T, .H = H, .E = E};
    a.q = guarded_random(1, H * E, 0, 1.0f, &seed);
    for (size_t t = 0; t < T; t++) {
        a.rows[t] = guarded_random(1, H * E, 0, 1.0f, &seed);
    }
    a.scores = guarded_random(H, T, 3, 1.0f, &seed);
    a.mixed = guarded_new(1, H * E, 0);
    return a;
}

static void attention_free(attention *a)
{
    guarded_free(&a->q);
    for (size_t t = 0; t < a->T; t++) {
        guarded_free(&a->rows[t]);
    }
    guarded_free(&a->scores);
    guarded_free(&a->mixed);
}

// Mixes with the scores that were drawn, then replaces them.
static void apply(const nj_kernels *kernels, attention *a)
{
    const float *rows[POSITIONS_MAX] = {0};
    for (size_t t = 0; t < a->T; t++) {
        rows[t] = a->rows[t].data;
    }
    kernels->head_mix(a->T, a->H, a->E, a->scores.data, a->scores.ld, rows, a->mixed.data);
    kernels->head_scores(a->T, a->H, a->E, a->q.data, rows, a->scores.data, a->scores.ld);
}

static void visit_shapes(void (*check)(size_t T, size_t H, size_t E))
{
    for (size_t t = 0; t < COUNT(POSITIONS); t++) {
        for (size_t h = 0; h < COUNT(HEADS); h++) {
            for (size_t e = 0; e < COUNT(WIDTHS); e++) {
                check(POSITIONS[t], HEADS[h], WIDTHS[e]);
            }
        }
    }
}

static void check_sets(size_t T, size_t H, size_t E)
{
    attention expected = attention_new(T, H, E);
    apply(nj_kernels_at(0), &expected);
    const nj_kernels *kernels;
    for (size_t i = 1; (kernels = nj_kernels_at(i)) != NULL; i++) {
        attention got = attention_new(T, H, E);
        apply(kernels, &got);
        char what[100];
        snprintf(what, sizeof what, "%s T=%zu H=%zu E=%zu", kernels->name, T, H, E);
        assert_same_bits(&got.scores, &expected.scores, what);
        assert_same_bits(&got.mixed, &expected.mixed, what);
        attention_free(&got);
    }
    attention_free(&expected);
}

static void every_set_gives_the_bits_of_the_reference(void **state)
{
    (void)state;
    visit_shapes(check_sets);
}

static void check_reference(size_t T, size_t H, size_t E)
{
    attention before = attention_new(T, H, E);
    attention after = attention_new(T, H, E);
    apply(nj_kernels_at(0), &after);
    for (size_t h = 0; h < H; h++) {
        for (size_t t = 0; t < T; t++) {
            double sum = 0;
            for (size_t e = h * E; e < (h + 1) * E; e++) {
                sum += (double)before.q.data[e] * (double)before.rows[t].data[e];
            }
            assert_float_equal(after.scores.data[h * after.scores.ld + t], sum, SUM_TOLERANCE);
        }
        for (size_t e = h * E; e < (h + 1) * E; e++) {
            double sum = 0;
            for (size_t t = 0; t < T; t++) {
                sum += (double)before.scores.data[h * before.scores.ld + t] *
                       (double)before.rows[t].data[e];
            }
            assert_float_equal(after.mixed.data[e], sum, SUM_TOLERANCE);
        }
    }
    attention_free(&before);
    attention_free(&after);
}

static void the_reference_agrees_with_double_arithmetic(void **state)
{
    (void)state;
    visit_shapes(check_reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_gives_the_bits_of_the_reference),
        cmocka_unit_test(the_reference_agrees_with_double_arithmetic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
