// test_numeric_class.c - which class a night runs in, and what may be relied on.
#include "common/base/numeric_class.h"

#include "tests/support/nj_test.h"

static void a_precision_means_its_first_class(void **state)
{
    (void)state;
    static const char *const MEANT[][2] = {
        {"float32", "exact"}, {"int8", "int8"}, {"bf16", "bf16-amx"}};
    for (size_t i = 0; i < 3; i++) {
        nj_error err = {0};
        const char *name = NULL;
        assert_ok(nj_numeric_class_choose(MEANT[i][0], NULL, &name, &err), &err);
        assert_string_equal(name, MEANT[i][1]);
    }
}

static void a_class_goes_with_its_own_precision_only(void **state)
{
    (void)state;
    nj_error err = {0};
    const char *name = NULL;
    assert_ok(nj_numeric_class_choose("bf16", "bf16-avx512", &name, &err), &err);
    assert_string_equal(name, "bf16-avx512");
    assert_ok(nj_numeric_class_choose("float32", "openblas-Haswell", &name, &err), &err);
    assert_string_equal(name, "openblas-Haswell");
    assert_refused(nj_numeric_class_choose("float32", "int8", &name, &err), NJ_USAGE, &err,
                   "\"int8\" is of precision int8, but --precision is float32");
    assert_refused(nj_numeric_class_choose("int8", "openblas-Haswell", &name, &err), NJ_USAGE, &err,
                   "is of precision float32, but --precision is int8");
    assert_refused(nj_numeric_class_choose("half", NULL, &name, &err), NJ_USAGE, &err,
                   "known are float32, int8, bf16");
    assert_string_equal(name, "openblas-Haswell");
}

static void only_exact_and_int8_may_be_decoded_twice_and_compared(void **state)
{
    (void)state;
    assert_true(nj_numeric_class_reproducible("exact"));
    assert_true(nj_numeric_class_reproducible("int8"));
    assert_false(nj_numeric_class_reproducible("bf16-avx512"));
    assert_false(nj_numeric_class_reproducible("bf16-amx"));
    assert_false(nj_numeric_class_reproducible("openblas-Haswell"));
    assert_false(nj_numeric_class_reproducible(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_precision_means_its_first_class),
        cmocka_unit_test(a_class_goes_with_its_own_precision_only),
        cmocka_unit_test(only_exact_and_int8_may_be_decoded_twice_and_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
