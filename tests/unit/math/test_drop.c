// test_drop.c - dropout of every set against kernels_ref.c, and the bits behind it: rates, neighbours, halves of a word, keys.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/math/drop.h"
#include "common/math/kernels.h"
#include "tests/unit/math/guarded.h"

#define COUNT ((size_t)1 << 18)
// A share of 2^18 fair throws is off by less than 5 of its deviations (1 / 1024 at most each); so is a correlation (1 / 512).
#define SHARE_TOLERANCE (5.0 / 1024)
#define CORRELATION_TOLERANCE (5.0 / 512)

static void every_set_drops_the_same_values_as_the_reference(void **state)
{
    (void)state;
    static const size_t COUNTS[] = {0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 64, 100, 1000};
    const nj_drop drop = {0x123456789abcdef0u, 20000, 1.5f};
    for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
        uint64_t seed = 3 + c;
        guarded X = guarded_random(1, COUNTS[c], 0, 9.0f, &seed);
        guarded expected = guarded_new(1, COUNTS[c], 0);
        nj_kernels_at(0)->drop(COUNTS[c], &drop, X.data, expected.data);
        const nj_kernels *kernels;
        for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
            guarded out = guarded_new(1, COUNTS[c], 0);
            guarded in_place = guarded_copy(&X);
            kernels->drop(COUNTS[c], &drop, X.data, out.data);
            kernels->drop(COUNTS[c], &drop, in_place.data, in_place.data);
            assert_same_bits(&out, &expected, kernels->name);
            assert_same_bits(&in_place, &expected, kernels->name);
            guarded_free(&out);
            guarded_free(&in_place);
        }
        guarded_free(&expected);
        guarded_free(&X);
    }
}

static void nothing_is_dropped_below_0_and_nearly_all_below_65535(void **state)
{
    (void)state;
    static float values[COUNT];
    const nj_drop none = {7, 0, 1.0f};
    const nj_drop most = {7, 65535, 1.0f};
    size_t kept = 0;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = 1.0f;
    }
    nj_kernels_at(0)->drop(COUNT, &none, values, values);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(values[i] == 1.0f);
    }
    nj_kernels_at(0)->drop(COUNT, &most, values, values);
    for (size_t i = 0; i < COUNT; i++) {
        kept += values[i] != 0.0f;
    }
    assert_in_range(kept, 1, 20); // 4 are expected
}

// 1 where dropped, else 0.
static void throw_all(uint64_t key, uint32_t threshold, float *out)
{
    const nj_drop drop = {key, threshold, 1.0f};
    for (size_t i = 0; i < COUNT; i++) {
        out[i] = 1.0f;
    }
    nj_kernels_at(0)->drop(COUNT, &drop, out, out);
    for (size_t i = 0; i < COUNT; i++) {
        out[i] = 1.0f - out[i];
    }
}

// Of a and b, `lag` places on, both of which have this mean.
static double correlate(const float *a, const float *b, size_t lag, double mean)
{
    double sum = 0;
    for (size_t i = 0; i + lag < COUNT; i++) {
        sum += ((double)a[i] - mean) * ((double)b[i + lag] - mean);
    }
    return sum / ((double)(COUNT - lag) * mean * (1 - mean));
}

static void the_share_that_is_dropped_is_the_rate_and_no_value_tells_of_another(void **state)
{
    (void)state;
    static const uint32_t THRESHOLDS[] = {655, 6554, 32768}; // 1, 10 and 50 per cent
    // Neighbours, the same lane, the other half of the word, rows of a matrix, powers of two.
    static const size_t LAGS[] = {1, 2, 3, 15, 16, 17, 31, 32, 64, 128, 384, 1024, 1 << 16};
    static float dropped[COUNT];
    for (size_t t = 0; t < sizeof THRESHOLDS / sizeof THRESHOLDS[0]; t++) {
        for (uint64_t key = 0; key < 3; key++) {
            const double mean = THRESHOLDS[t] / 65536.0;
            double sum = 0;
            throw_all(key, THRESHOLDS[t], dropped);
            for (size_t i = 0; i < COUNT; i++) {
                sum += (double)dropped[i];
            }
            assert_true(fabs(sum / COUNT - mean) < SHARE_TOLERANCE);
            for (size_t l = 0; l < sizeof LAGS / sizeof LAGS[0]; l++) {
                double r = correlate(dropped, dropped, LAGS[l], mean);
                if (fabs(r) >= CORRELATION_TOLERANCE) {
                    fail_msg("rate %g, key %d, lag %zu: %g", mean, (int)key, LAGS[l], r);
                }
            }
        }
    }
}

// Neighbouring keys, and keys of which only one half differs.
static void two_keys_have_nothing_in_common_at_any_small_shift(void **state)
{
    (void)state;
    static const uint64_t OTHERS[] = {1, 2, 16, 1ull << 32, 2ull << 32, 1ull << 63, 0x100000001u};
    static float one[COUNT];
    static float other[COUNT];
    throw_all(0, 32768, one);
    for (size_t k = 0; k < sizeof OTHERS / sizeof OTHERS[0]; k++) {
        throw_all(OTHERS[k], 32768, other);
        for (size_t lag = 0; lag <= 48; lag++) {
            // Keys whose lower halves differ by n alone are shifted by n words of two values: nobody makes such keys, they are hashes.
            bool is_shift = OTHERS[k] < 1ull << 32 && lag > 0;
            double r = is_shift ? 0 : correlate(one, other, lag, 0.5);
            if (fabs(r) >= CORRELATION_TOLERANCE) {
                fail_msg("key %llx, lag %zu: %g", (unsigned long long)OTHERS[k], lag, r);
            }
        }
    }
}

// How often each of 256 values comes, of both halves: with 255 degrees of freedom chi-square is 255, give or take 23.
static void upper_bytes_of_both_halves_are_even(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 4; key++) {
        double counts[2][256] = {{0}};
        double chi_square[2] = {0};
        for (uint32_t place = 0; place < COUNT; place++) {
            uint32_t bits = nj_drop_bits(key * 0x9e3779b97f4a7c15u, place);
            counts[0][bits >> 8 & 0xff]++;
            counts[1][bits >> 24]++;
        }
        for (size_t i = 0; i < 512; i++) {
            double off = counts[i / 256][i % 256] - COUNT / 256.0;
            chi_square[i / 256] += off * off / (COUNT / 256.0);
        }
        assert_true(chi_square[0] < 255 + 5 * 23 && chi_square[0] > 255 - 5 * 23);
        assert_true(chi_square[1] < 255 + 5 * 23 && chi_square[1] > 255 - 5 * 23);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_drops_the_same_values_as_the_reference),
        cmocka_unit_test(nothing_is_dropped_below_0_and_nearly_all_below_65535),
        cmocka_unit_test(the_share_that_is_dropped_is_the_rate_and_no_value_tells_of_another),
        cmocka_unit_test(two_keys_have_nothing_in_common_at_any_small_shift),
        cmocka_unit_test(upper_bytes_of_both_halves_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
