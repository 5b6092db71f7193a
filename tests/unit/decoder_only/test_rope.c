// test_rope.c - cosines and sines against the C library's, as far as float32 tells them apart.
#include "worker/decoder_only/rope.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/nj_test.h"

enum { E = 64, POSITIONS = 5000 };

static void check_theta(double theta)
{
    const nj_rope_config config = {
        .type = NJ_ROPE_DEFAULT, .theta = theta, .factor = 1.0, .attention = 1.0};
    float *cosines = malloc(POSITIONS * (E / 2) * sizeof *cosines);
    float *sines = malloc(POSITIONS * (E / 2) * sizeof *sines);
    nj_rope_fill(&config, E, POSITIONS, cosines, sines);
    for (size_t p = 0; p < POSITIONS; p++) {
        for (size_t i = 0; i < E / 2; i++) {
            const float frequency = (float)pow(theta, -2.0 * (double)i / E);
            const double angle = (double)((float)p * frequency);
            // The root and the power round at their own places: a frequency may be the next float.
            const double slack = 2e-7 + (double)p * (double)frequency * 1.3e-7;
            assert_true(fabs((double)cosines[p * (E / 2) + i] - cos(angle)) <= slack);
            assert_true(fabs((double)sines[p * (E / 2) + i] - sin(angle)) <= slack);
        }
    }
    free(sines);
    free(cosines);
}

static void tables_are_those_of_the_library(void **state)
{
    (void)state;
    check_theta(1.0);
    check_theta(10000.0);
    check_theta(500000.0);
    check_theta(1e6);
}

static void a_turn_keeps_lengths_and_goes_by_halves(void **state)
{
    (void)state;
    float values[4] = {1.0f, 0.0f, 0.0f, 2.0f};
    const float cosines[2] = {0.0f, -1.0f};
    const float sines[2] = {1.0f, 0.0f};
    nj_rope_turn(4, cosines, sines, values);
    static const float EXPECTED[4] = {0.0f, 0.0f, 1.0f, -2.0f};
    for (size_t i = 0; i < 4; i++) {
        assert_true(values[i] == EXPECTED[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_those_of_the_library),
        cmocka_unit_test(a_turn_keeps_lengths_and_goes_by_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
