// test_bias.c - distances fall into the buckets of the reference; far distances saturate.
#include "tests/support/nj_test.h"
#include "worker/t5/t5_internal.h"

#define STARTS_MAX 17

// The distances at which the logarithmic half begins a new bucket, by transformers' _relative_position_bucket in NumPy float32.
// Below the first of them a distance is its own bucket.
typedef struct {
    uint32_t buckets; // of one direction
    uint32_t distance_max;
    uint32_t starts[STARTS_MAX]; // of bucket exact + 1, exact + 2, ...; 0 ends the list
} golden_buckets;

static const golden_buckets GOLDEN[] = {
    {32, 128, {19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113}},
    {16, 128, {12, 16, 23, 32, 46, 64, 91}},
    {16, 40, {10, 12, 15, 18, 22, 27, 33}},
    {8, 40, {8, 13, 23}},
    {7, 20, {5, 8, 13}},
    {3, 20, {5}},
    {33, 100, {18, 20, 23, 25, 28, 31, 35, 38, 43, 48, 53, 59, 65, 73, 81, 90}},
    {4, 3, {3}},
    {2, 3, {0}},
};

static void every_distance_falls_into_the_bucket_of_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOLDEN / sizeof GOLDEN[0]; i++) {
        const golden_buckets *golden = &GOLDEN[i];
        uint32_t exact = golden->buckets / 2;
        for (uint32_t distance = 0; distance < 400; distance++) {
            uint32_t expected = distance < exact ? distance : exact;
            for (size_t s = 0; s < STARTS_MAX && golden->starts[s] != 0; s++) {
                expected += distance >= golden->starts[s];
            }
            assert_int_equal(nj_t5_bucket(distance, golden->buckets, golden->distance_max),
                             expected);
        }
    }
}

static void the_last_bucket_takes_every_distance_beyond_the_maximum(void **state)
{
    (void)state;
    static const uint32_t FAR[] = {128, 129, 10000, UINT32_MAX};
    for (size_t i = 0; i < sizeof FAR / sizeof FAR[0]; i++) {
        assert_int_equal(nj_t5_bucket(FAR[i], 16, 128), 15);
    }
}

static void every_legal_size_gives_buckets_that_rise_and_stay_in_range(void **state)
{
    (void)state;
    for (uint32_t R = NJ_T5_BUCKETS_MIN; R < 70; R++) {
        for (uint32_t distance_max = R / 2 + 1; distance_max < 90; distance_max += 7) {
            uint32_t last = 0;
            for (uint32_t distance = 0; distance <= distance_max; distance++) {
                uint32_t bucket = nj_t5_bucket(distance, R / 2, distance_max);
                assert_in_range(bucket, last, R / 2 - 1);
                last = bucket;
            }
            assert_int_equal(last, R / 2 - 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_distance_falls_into_the_bucket_of_the_reference),
        cmocka_unit_test(the_last_bucket_takes_every_distance_beyond_the_maximum),
        cmocka_unit_test(every_legal_size_gives_buckets_that_rise_and_stay_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
