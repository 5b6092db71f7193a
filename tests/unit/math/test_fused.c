// test_fused.c - the multiply-add of fused.h against the C library's fmaf, which is exact with and without hardware.
#include "common/math/fused.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "tests/support/nj_test.h"

typedef struct {
    float a;
    float b;
    float c;
} triple;

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 16; // 48 bits
}

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool same(float got, float expected)
{
    return isnan(expected) ? isnan(got) : memcmp(&got, &expected, sizeof got) == 0;
}

/// Four triples at once, as the kernels do: a rare lane must not disturb the three beside it.
static void check_four(const triple t[4])
{
    nj_float_4 a = {t[0].a, t[1].a, t[2].a, t[3].a};
    nj_float_4 b = {t[0].b, t[1].b, t[2].b, t[3].b};
    nj_float_4 c = {t[0].c, t[1].c, t[2].c, t[3].c};
    nj_float_4 got = nj_fused(a, b, c);
    for (int i = 0; i < 4; i++) {
        float expected = fmaf(t[i].a, t[i].b, t[i].c);
        if (!same(got[i], expected)) {
            fail_msg("%a * %a + %a is %a, expected %a", (double)t[i].a, (double)t[i].b,
                     (double)t[i].c, (double)got[i], (double)expected);
        }
    }
}

static triple draw_any_bits(uint64_t *seed)
{
    return (triple){float_from_bits((uint32_t)next_random(seed)),
                    float_from_bits((uint32_t)next_random(seed)),
                    float_from_bits((uint32_t)next_random(seed))};
}

/// A sum that cancels: c is the product with the other sign, give or take a few steps of a float.
static triple draw_cancelling(uint64_t *seed)
{
    triple t = draw_any_bits(seed);
    t.c = -(t.a * t.b);
    for (uint64_t steps = next_random(seed) % 4; steps > 0; steps--) {
        t.c = nextafterf(t.c, next_random(seed) % 2 == 0 ? INFINITY : -INFINITY);
    }
    return t;
}

/// A product a trifle beside half a step of c (2^-46 of it, or some times that): c + a * b is a trifle beside the middle of two
/// floats, which is what 53 bits cannot hold. c may be denormal, or become so, or lie at the largest float.
static triple draw_beside_middle(uint64_t *seed)
{
    triple t;
    switch (next_random(seed) % 4) {
    case 0: // around the smallest normal and below
        t.c = float_from_bits((uint32_t)next_random(seed) % (3u << 23));
        break;
    case 1:
        t.c =
            next_random(seed) % 2 == 0 ? FLT_MAX : float_from_bits((uint32_t)next_random(seed) % 4);
        break;
    default:
        t.c = float_from_bits((uint32_t)next_random(seed) % (254u << 23));
        break;
    }
    int exponent = t.c == 0.0f ? -149 : ilogbf(t.c);
    int half_step = (exponent < -126 ? -126 : exponent) - 24;
    float trifle = (float)(next_random(seed) % 100) * 0x1p-23f;
    t.a = ldexpf(1.0f + trifle, half_step / 2);
    t.b = ldexpf(next_random(seed) % 4 == 0 ? 1.0f + trifle : 1.0f - trifle,
                 half_step - half_step / 2);
    t.a = next_random(seed) % 2 == 0 ? t.a : -t.a;
    t.c = next_random(seed) % 2 == 0 ? t.c : -t.c;
    return t;
}

static bool needs_care(triple t)
{
    double twice = (double)t.a * (double)t.b + (double)t.c;
    return !same((float)twice, fmaf(t.a, t.b, t.c));
}

static void check_drawn(triple (*draw)(uint64_t *seed), size_t count)
{
    uint64_t seed = 20260101;
    for (size_t i = 0; i < count; i += 4) {
        triple t[4];
        for (size_t j = 0; j < 4; j++) {
            t[j] = draw(&seed);
        }
        check_four(t);
    }
}

static void any_bits_give_what_fmaf_gives(void **state)
{
    (void)state;
    check_drawn(draw_any_bits, 4000000);
}

static void sums_that_cancel_give_what_fmaf_gives(void **state)
{
    (void)state;
    check_drawn(draw_cancelling, 2000000);
}

static void sums_beside_the_middle_of_two_floats_give_what_fmaf_gives(void **state)
{
    (void)state;
    check_drawn(draw_beside_middle, 2000000);
}

static void rounding_twice_is_wrong_on_many_of_these_sums(void **state)
{
    (void)state;
    uint64_t seed = 20260101;
    size_t normal = 0;
    size_t denormal = 0;
    for (size_t i = 0; i < 100000; i++) {
        triple t = draw_beside_middle(&seed);
        bool small = fabsf(fmaf(t.a, t.b, t.c)) < FLT_MIN;
        normal += needs_care(t) && !small;
        denormal += needs_care(t) && small;
    }
    assert_true(normal > 1000 && denormal > 1000);
}

static void every_triple_of_special_values_gives_what_fmaf_gives(void **state)
{
    (void)state;
    static const float VALUES[] = {0.0f,
                                   0x1p-149f,
                                   0x1.8p-148f,
                                   0x1.fffffcp-127f,
                                   FLT_MIN,
                                   0x1.000002p-126f,
                                   0x1p-125f,
                                   0x1p-75f,
                                   0x1.000002p-75f,
                                   0x1p-24f,
                                   0x1p-23f,
                                   0.5f,
                                   0x1.fffffep-1f,
                                   1.0f,
                                   0x1.000002p0f,
                                   0x1.001p0f,
                                   3.0f,
                                   16777215.0f,
                                   16777216.0f,
                                   0x1p63f,
                                   0x1.fffffep63f,
                                   0x1p64f,
                                   0x1p103f,
                                   0x1.fffffcp127f,
                                   FLT_MAX,
                                   INFINITY,
                                   NAN};
    enum { COUNT = sizeof VALUES / sizeof VALUES[0] };
    for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
        float a = VALUES[i % COUNT];
        float b = VALUES[i / COUNT % COUNT];
        float c = VALUES[i / COUNT / COUNT];
        check_four((triple[]){{a, b, c}, {-a, b, c}, {a, b, -c}, {-a, b, -c}});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bits_give_what_fmaf_gives),
        cmocka_unit_test(sums_that_cancel_give_what_fmaf_gives),
        cmocka_unit_test(sums_beside_the_middle_of_two_floats_give_what_fmaf_gives),
        cmocka_unit_test(rounding_twice_is_wrong_on_many_of_these_sums),
        cmocka_unit_test(every_triple_of_special_values_gives_what_fmaf_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
