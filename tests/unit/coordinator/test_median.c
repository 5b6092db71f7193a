// test_median.c - the median of the last values, against sorting them.
#include "coordinator/median.h"

#include <stdlib.h>

#include "tests/support/nj_test.h"

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void without_values_it_is_zero(void **state)
{
    (void)state;
    nj_median median = {0};
    assert_int_equal(nj_median_value(&median), 0);
    nj_median_add(&median, 7);
    assert_int_equal(nj_median_value(&median), 7);
    nj_median_add(&median, 3);
    assert_int_equal(nj_median_value(&median), 3); // the lower of two
}

static void it_is_that_of_the_last_values_only(void **state)
{
    (void)state;
    nj_median median = {0};
    uint32_t all[1000];
    uint32_t random = 1;
    for (uint32_t i = 0; i < 1000; i++) {
        random = random * 1664525u + 1013904223u;
        all[i] = random >> 24; // many are equal
        nj_median_add(&median, all[i]);

        uint32_t count = i + 1 < NJ_MEDIAN_VALUES ? i + 1 : NJ_MEDIAN_VALUES;
        uint32_t last[NJ_MEDIAN_VALUES];
        memcpy(last, all + i + 1 - count, count * sizeof *last);
        qsort(last, count, sizeof *last, compare);
        assert_int_equal(nj_median_value(&median), last[(count - 1) / 2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_values_it_is_zero),
        cmocka_unit_test(it_is_that_of_the_last_values_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
