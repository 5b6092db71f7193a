// test_half.c - every one of the 65,536 half floats against the definition.
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_f16_is_the_number_ieee_754_defines),
        cmocka_unit_test(a_bf16_is_the_upper_half_of_a_float),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
