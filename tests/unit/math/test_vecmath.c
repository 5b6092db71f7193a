// test_vecmath.c - the polynomials against libm in double, and what they do at the ends.
#include "common/math/vecmath.h"

#include "tests/support/nj_test.h"

#define STEP 1009 // every 1009th float; a prime, so that no pattern of low bits is skipped

// The bounds of vecmath.h, found by a run over every float.
static const struct {
    const char *name;
    float (*function)(float);
    double (*truth)(double);
    uint32_t first; // bit patterns
    uint32_t last;
    double ulps;
} SWEEPS[] = {
    {"exp of positive", nj_exp, exp, 0x00000000u, 0x7f800000u, 0.92},
    {"exp of negative", nj_exp, exp, 0x80000000u, 0xff800000u, 0.92},
    {"log", nj_log, log, 0x00000001u, 0x7f800000u, 0.84},
    {"tanh of positive", nj_tanh, tanh, 0x00000000u, 0x7f800000u, 1.37},
    {"tanh of negative", nj_tanh, tanh, 0x80000000u, 0xff800000u, 1.37},
};

/// Distance in units of the last place that `truth` has as a float32; below the normal floats that is 2^-149.
static double measure_ulps(float got, double truth)
{
    if ((double)got == truth || (isinf(got) && fabs(truth) > (double)FLT_MAX)) {
        return 0.0;
    }
    int exponent;
    (void)frexp(truth, &exponent);
    double ulp = ldexp(1.0, exponent < FLT_MIN_EXP ? -149 : exponent - 24);
    return fabs((double)got - truth) / ulp;
}

static void errors_stay_below_the_stated_bounds_over_the_whole_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SWEEPS / sizeof SWEEPS[0]; i++) {
        for (uint64_t bits = SWEEPS[i].first; bits <= SWEEPS[i].last; bits += STEP) {
            float x = nj_float_from_bits((uint32_t)bits);
            float got = SWEEPS[i].function(x);
            double truth = SWEEPS[i].truth((double)x);
            if (!(measure_ulps(got, truth) <= SWEEPS[i].ulps)) {
                fail_msg("%s: f(%a) = %a, true %a", SWEEPS[i].name, (double)x, (double)got, truth);
            }
        }
    }
}

static void assert_bits(float got, float expected)
{
    assert_int_equal(nj_float_bits(got), nj_float_bits(expected));
}

static void exp_ends_in_zero_and_infinity_and_passes_through_denormals(void **state)
{
    (void)state;
    assert_bits(nj_exp(-INFINITY), 0.0f);
    assert_bits(nj_exp(-FLT_MAX), 0.0f);
    assert_bits(nj_exp(-104.0f), 0.0f);
    assert_bits(nj_exp(-103.5f), nj_float_from_bits(1)); // 2^-149, the least denormal
    assert_bits(nj_exp(-0.0f), 1.0f);
    assert_bits(nj_exp(nj_float_from_bits(1)), 1.0f);
    assert_true(nj_exp(88.72f) <= FLT_MAX);
    assert_bits(nj_exp(88.73f), INFINITY);
    assert_bits(nj_exp(FLT_MAX), INFINITY);
    assert_bits(nj_exp(INFINITY), INFINITY);
    assert_true(isnan(nj_exp(NAN)));
}

static void log_of_one_is_plus_zero_and_its_ends_are_infinite(void **state)
{
    (void)state;
    assert_bits(nj_log(1.0f), 0.0f);
    assert_bits(nj_log(0.0f), -INFINITY);
    assert_bits(nj_log(-0.0f), -INFINITY);
    assert_bits(nj_log(INFINITY), INFINITY);
    assert_true(isnan(nj_log(-1.0f)));
    assert_true(isnan(nj_log(-INFINITY)));
    assert_true(isnan(nj_log(NAN)));
}

static void tanh_is_odd_to_the_bit_and_ends_at_one(void **state)
{
    (void)state;
    for (float x = 1e-6f; x < 30.0f; x *= 1.001f) {
        assert_bits(nj_tanh(-x), -nj_tanh(x));
    }
    assert_bits(nj_tanh(0.0f), 0.0f);
    assert_bits(nj_tanh(-0.0f), -0.0f);
    assert_bits(nj_tanh(INFINITY), 1.0f);
    assert_bits(nj_tanh(-INFINITY), -1.0f);
    assert_true(isnan(nj_tanh(NAN)));
}

static void gelu_is_its_formula(void **state)
{
    (void)state;
    // 1 + tanh cancels on the left: the error is absolute, a few roundings of |x|.
    const double TOLERANCE = 4e-7;
    for (float x = -20.0f; x <= 20.0f; x += 0.001f) {
        double cube = 0.044715 * (double)x * (double)x * (double)x;
        double truth = 0.5 * (double)x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * ((double)x + cube)));
        if (!(fabs((double)nj_gelu(x) - truth) <= TOLERANCE * fmax(1.0, fabs((double)x)))) {
            fail_msg("gelu(%a) = %a, true %a", (double)x, (double)nj_gelu(x), truth);
        }
    }
    assert_bits(nj_gelu(0.0f), 0.0f);
    assert_bits(nj_gelu(1e30f), 1e30f);
    assert_true(nj_gelu(-1e30f) == 0.0f);
}

static void gelu_by_the_error_function_is_its_formula(void **state)
{
    (void)state;
    // The header's: half a unit in the last place of results up to 8, and the fit.
    const double TOLERANCE = 3e-7;
    const double NEAR = 1e-7;
    for (float x = -8.0f; x <= 8.0f; x += 0.0007f) {
        double truth = 0.5 * (double)x * erfc((double)-x / sqrt(2.0));
        if (!(fabs((double)nj_gelu_erf(x) - truth) <= (x < 2.0f ? NEAR : TOLERANCE))) {
            fail_msg("gelu_erf(%a) = %a, true %a", (double)x, (double)nj_gelu_erf(x), truth);
        }
    }
    assert_true(nj_gelu_erf(0.0f) == 0.0f);
    assert_bits(nj_gelu_erf(1e30f), 1e30f);
    assert_true(nj_gelu_erf(-1e30f) == 0.0f);
    assert_true(isnan(nj_gelu_erf(NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_stay_below_the_stated_bounds_over_the_whole_range),
        cmocka_unit_test(exp_ends_in_zero_and_infinity_and_passes_through_denormals),
        cmocka_unit_test(log_of_one_is_plus_zero_and_its_ends_are_infinite),
        cmocka_unit_test(tanh_is_odd_to_the_bit_and_ends_at_one),
        cmocka_unit_test(gelu_is_its_formula),
        cmocka_unit_test(gelu_by_the_error_function_is_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
