// test_numbers.c - sorted lists against a look at every number.
#include "common/base/numbers.h"

#include "common/base/rng.h"
#include "tests/support/nj_test.h"

#define COUNT_MAX 80u
#define BELOW 60u

static void sorting_keeps_every_number_once(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (uint32_t count = 0; count <= COUNT_MAX; count++) {
        uint32_t numbers[COUNT_MAX];
        bool there[BELOW] = {false};
        for (uint32_t i = 0; i < count; i++) {
            numbers[i] = (uint32_t)(nj_rng_next(&seed) % BELOW);
            there[numbers[i]] = true;
        }

        const uint32_t left = nj_numbers_sort(numbers, count);

        uint32_t at = 0;
        for (uint32_t number = 0; number < BELOW; number++) {
            assert_int_equal(nj_numbers_has(numbers, left, number), there[number]);
            assert_int_equal(nj_numbers_from(numbers, left, number), at);
            if (there[number]) {
                assert_int_equal(numbers[at++], number);
            }
        }
        assert_int_equal(left, at);
    }
}

static void no_numbers_are_a_list_too(void **state)
{
    (void)state;
    assert_int_equal(nj_numbers_sort(NULL, 0), 0);
    assert_false(nj_numbers_has(NULL, 0, 3));
    assert_int_equal(nj_numbers_from(NULL, 0, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_keeps_every_number_once),
        cmocka_unit_test(no_numbers_are_a_list_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
