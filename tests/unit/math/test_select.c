// test_select.c - names, "auto", the list of sets, the cost of packing, the peak.
#include "common/math/kernels.h"

#include "common/base/numeric_class.h"
#include "common/math/peak.h"
#include "tests/support/nj_test.h"

static void auto_is_the_last_exact_set_of_the_list(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *last = NULL;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        last = strcmp(kernels->numeric_class, "exact") == 0 ? kernels : last;
    }
    assert_ok(nj_kernels_select("auto", &kernels, &err), &err);
    assert_ptr_equal(kernels, last);
}

static void every_listed_set_is_found_by_its_name_and_is_whole(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *listed;
    size_t count = 0;
    for (; (listed = nj_kernels_at(count)) != NULL; count++) {
        const nj_kernels *found = NULL;
        assert_ok(nj_kernels_select(listed->name, &found, &err), &err);
        assert_ptr_equal(found, listed);
        assert_true(listed->linear_pack_bytes && listed->linear_pack && listed->linear);
        assert_true(listed->linear_many && listed->linear_transposed && listed->precision);
        assert_true(listed->matmul_nt && listed->matmul_nn && listed->softmax);
        assert_true(listed->log_sum_exp && listed->rms_norm && listed->relu);
        assert_true(listed->gated_gelu && listed->add && listed->scale);
    }
    assert_true(count >= 2); // ref and openblas run everywhere
    assert_null(nj_kernels_at(count + 1));
}

static void auto_of_a_precision_is_its_last_set_of_the_list(void **state)
{
    (void)state;
    static const char *const PRECISIONS[] = {"float32", "int8", "bf16"};
    for (size_t p = 0; p < 3; p++) {
        const nj_kernels *last = NULL;
        const nj_kernels *kernels;
        for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
            bool picked = strcmp(kernels->precision, PRECISIONS[p]) == 0 &&
                          strcmp(kernels->name, "openblas") != 0;
            last = picked ? kernels : last;
        }
        nj_error err = {0};
        nj_status status = nj_kernels_choose(PRECISIONS[p], "auto", &kernels, &err);
        if (last != NULL) {
            assert_ok(status, &err);
            assert_ptr_equal(kernels, last);
        } else {
            assert_refused(status, NJ_CONFIG, &err, "precision bf16 needs AVX");
        }
    }
}

static void a_set_of_another_precision_is_refused_with_both_named(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    assert_refused(nj_kernels_choose("int8", "ref", &kernels, &err), NJ_USAGE, &err,
                   "kernels \"ref\" are of precision float32, but --precision is int8");
    assert_refused(nj_kernels_choose("float32", "int8-ref", &kernels, &err), NJ_USAGE, &err,
                   "kernels \"int8-ref\" are of precision int8, but --precision is float32");
    assert_refused(nj_kernels_choose("int4", "auto", &kernels, &err), NJ_USAGE, &err,
                   "--precision is \"int4\"; known are float32, int8, bf16");
    assert_null(kernels);
    assert_ok(nj_kernels_choose("int8", "int8-ref", &kernels, &err), &err);
    assert_string_equal(kernels->name, "int8-ref");
}

static void every_set_but_openblas_is_of_a_class_of_the_table(void **state)
{
    (void)state;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        nj_error err = {0};
        const char *chosen = NULL;
        assert_ok(
            nj_numeric_class_choose(kernels->precision, kernels->numeric_class, &chosen, &err),
            &err);
        assert_string_equal(chosen, kernels->numeric_class);
        bool reproducible = strcmp(kernels->numeric_class, "exact") == 0 ||
                            strcmp(kernels->numeric_class, "int8") == 0;
        assert_int_equal(nj_numeric_class_reproducible(kernels->numeric_class), reproducible);
    }
}

static void openblas_names_its_own_class(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels;
    assert_ok(nj_kernels_select("openblas", &kernels, &err), &err);
    assert_memory_equal(kernels->numeric_class, "openblas-", 9);
    assert_true(strlen(kernels->numeric_class) > 9);
}

static void an_unknown_name_is_a_usage_error_that_lists_the_known(void **state)
{
    (void)state;
    nj_error err = {0};
    const nj_kernels *kernels = NULL;
    assert_refused(nj_kernels_select("mkl", &kernels, &err), NJ_USAGE, &err,
                   "\"mkl\" are not known; known are auto, ref, openblas, avx2, avx512");
    assert_refused(nj_kernels_select("", &kernels, &err), NJ_USAGE, &err, "not known");
    assert_null(kernels);
}

static void a_known_set_either_runs_or_names_what_the_cpu_lacks(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"ref",      "openblas",    "avx2",         "avx512",
                                        "int8-ref", "int8-avx2",   "int8-avxvnni", "int8-vnni",
                                        "int8-amx", "bf16-avx512", "bf16-amx"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        nj_error err = {0};
        const nj_kernels *kernels = NULL;
        nj_status status = nj_kernels_select(NAMES[i], &kernels, &err);
        if (status == NJ_OK) {
            assert_string_equal(kernels->name, NAMES[i]);
        } else {
            assert_refused(status, NJ_CONFIG, &err, "which this CPU lacks");
        }
    }
}

static void packing_costs_whole_arena_steps_and_absurd_sizes_saturate(void **state)
{
    (void)state;
    const nj_kernels *kernels;
    for (size_t i = 0; (kernels = nj_kernels_at(i)) != NULL; i++) {
        size_t bytes = kernels->linear_pack_bytes(33, 7);
        size_t cost = nj_linear_pack_cost(kernels, 33, 7);
        assert_true(bytes == 0 || bytes >= (size_t)33 * 7); // a byte a weight at least
        assert_int_equal(cost, nj_arena_cost(bytes));
        assert_int_equal(nj_linear_pack_cost(kernels, 0, 7), 0);
        if (bytes > 0) {
            assert_true(nj_linear_pack_cost(kernels, SIZE_MAX / 2, 8) == SIZE_MAX);
            assert_true(nj_linear_pack_cost(kernels, SIZE_MAX, 1) == SIZE_MAX);
        }
    }
}

static void the_peak_is_a_plausible_rate(void **state)
{
    (void)state;
    double gflops = nj_kernels_peak_gflops(0.01);
    assert_true(gflops > 0.01 && gflops < 10000.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_is_the_last_exact_set_of_the_list),
        cmocka_unit_test(every_listed_set_is_found_by_its_name_and_is_whole),
        cmocka_unit_test(auto_of_a_precision_is_its_last_set_of_the_list),
        cmocka_unit_test(a_set_of_another_precision_is_refused_with_both_named),
        cmocka_unit_test(every_set_but_openblas_is_of_a_class_of_the_table),
        cmocka_unit_test(openblas_names_its_own_class),
        cmocka_unit_test(an_unknown_name_is_a_usage_error_that_lists_the_known),
        cmocka_unit_test(a_known_set_either_runs_or_names_what_the_cpu_lacks),
        cmocka_unit_test(packing_costs_whole_arena_steps_and_absurd_sizes_saturate),
        cmocka_unit_test(the_peak_is_a_plausible_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
