// test_half.c - every one of the 65,536 half floats against the definition, and the way back.
#include "common/input/half.h"

#include <math.h>

#include "tests/support/nj_test.h"

static void every_f16_is_the_number_ieee_754_defines(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        int exponent = (int)(bits >> 10 & 0x1f);
        double fraction = (double)(bits & 0x3ff) / 1024.0;
        double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
        float got = nj_f32_of_f16((uint16_t)bits);

        if (exponent == 31 && (bits & 0x3ff) != 0) {
            assert_true(isnan(got));
            continue;
        }
        double expected = exponent == 31  ? INFINITY
                          : exponent == 0 ? ldexp(fraction, -14)
                                          : ldexp(1.0 + fraction, exponent - 15);
        assert_true((double)got == sign * expected);
        assert_int_equal(signbit(got) != 0, (bits & 0x8000) != 0); // -0 stays -0
    }
}

static void a_bf16_is_the_upper_half_of_a_float(void **state)
{
    (void)state;
    assert_true(nj_f32_of_bf16(0x3f80) == 1.0f);
    assert_true(nj_f32_of_bf16(0xc049) == -3.140625f);
    assert_true(nj_f32_of_bf16(0x0001) == 0x1p-133f);
    assert_true(isinf(nj_f32_of_bf16(0x7f80)));
    assert_true(isnan(nj_f32_of_bf16(0x7fc0)));
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void every_half_comes_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        const float value = nj_f32_of_f16((uint16_t)half);
        const uint16_t back = nj_f16_of_f32(value);
        if (isnan(value)) {
            assert_true(isnan(nj_f32_of_f16(back)));
        } else {
            assert_int_equal(back, half);
        }
    }
}

// Between two neighbours: the middle goes to the even one, one bit beside it to the nearer one.
static void what_lies_between_goes_to_the_nearest(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7bff; half++) {
        const float low = nj_f32_of_f16(half);
        const float high = nj_f32_of_f16((uint16_t)(half + 1));
        const float middle = low + (high - low) / 2;
        const uint16_t even = (half & 1) == 0 ? half : (uint16_t)(half + 1);
        assert_int_equal(nj_f16_of_f32(middle), even);
        assert_int_equal(nj_f16_of_f32(nj_f32_of_bits(bits_of(middle) - 1)), half);
        assert_int_equal(nj_f16_of_f32(nj_f32_of_bits(bits_of(middle) + 1)), half + 1);
        assert_int_equal(nj_f16_of_f32(-middle), even | 0x8000);
    }
}

static void what_is_too_large_is_infinite(void **state)
{
    (void)state;
    assert_int_equal(nj_f16_of_f32(65519.996f), 0x7bff);
    assert_int_equal(nj_f16_of_f32(65520.0f), 0x7c00);
    assert_int_equal(nj_f16_of_f32(-1e30f), 0xfc00);
    assert_int_equal(nj_f16_of_f32(1e-30f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16_is_the_number_ieee_754_defines),
        cmocka_unit_test(a_bf16_is_the_upper_half_of_a_float),
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(what_lies_between_goes_to_the_nearest),
        cmocka_unit_test(what_is_too_large_is_infinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
