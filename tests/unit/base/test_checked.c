// test_checked.c - sizes that do not fit are said to, and leave the result alone.
#include "common/base/checked.h"

#include "tests/support/nj_test.h"

static void products_and_sums_that_fit_are_given(void **state)
{
    (void)state;
    size_t out = 1;
    assert_true(nj_mul_size(SIZE_MAX / 3, 3, &out));
    assert_true(out == SIZE_MAX);
    assert_true(nj_mul_size(SIZE_MAX, 0, &out));
    assert_int_equal(out, 0);
    assert_true(nj_add_size(SIZE_MAX - 5, 5, &out));
    assert_true(out == SIZE_MAX);
}

static void products_and_sums_that_do_not_fit_change_nothing(void **state)
{
    (void)state;
    size_t out = 77;
    assert_false(nj_mul_size(SIZE_MAX / 3 + 1, 3, &out));
    assert_false(nj_mul_size((size_t)1 << 32, (size_t)1 << 32, &out));
    assert_false(nj_add_size(SIZE_MAX, 1, &out));
    assert_int_equal(out, 77);
}

static void rounding_goes_up_to_the_unit(void **state)
{
    (void)state;
    assert_int_equal(nj_round_up(0, 64), 0);
    assert_int_equal(nj_round_up(1, 64), 64);
    assert_int_equal(nj_round_up(64, 64), 64);
    assert_int_equal(nj_round_up(65, 64), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_and_sums_that_fit_are_given),
        cmocka_unit_test(products_and_sums_that_do_not_fit_change_nothing),
        cmocka_unit_test(rounding_goes_up_to_the_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
