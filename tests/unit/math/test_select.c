// test_select.c - names, "auto", the list of sets, the cost of packing, the peak.
#include "common/math/kernels.c"

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
        assert_true(listed->layer_norm && listed->bias_gelu && listed->add_bias);
        assert_true(listed->gated_gelu && listed->gated_silu && listed->add && listed->scale);
    }
    assert_true(count >= 3); // ref, openblas and portable run everywhere
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
        kernels = NULL;
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
    const nj_kernels *kernels = NULL;
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
                   "\"mkl\" are not known; known are " NJ_KERNELS_KNOWN);
    assert_refused(nj_kernels_select("", &kernels, &err), NJ_USAGE, &err, "not known");
    assert_null(kernels);
}

static void a_known_set_either_runs_or_names_what_the_cpu_lacks(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "ref",       "openblas",     "avx2",      "avx512",   "portable",    "neon",    "int8-ref",
        "int8-avx2", "int8-avxvnni", "int8-vnni", "int8-amx", "bf16-avx512", "bf16-amx"};
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

#if defined(__x86_64__)
static const char *choose_fastest(const char *precision, unsigned features)
{
    nj_error err = {0};
    const known_set *set = NULL;
    assert_ok(find_fastest(features, precision, &set, &err), &err);
    return set->name;
}

static void auto_takes_the_fastest_set_that_the_cpu_runs(void **state)
{
    (void)state;
    const unsigned AVX512 = HAS_AVX512F | HAS_AVX512DQ | HAS_AVX512VL;
    assert_string_equal(choose_fastest("float32", 0), "portable");
    assert_string_equal(choose_fastest("float32", HAS_AVX2), "portable");
    assert_string_equal(choose_fastest("float32", HAS_FMA), "portable");
    assert_string_equal(choose_fastest("float32", AVX512 | HAS_AVX2), "portable");
    assert_string_equal(choose_fastest("float32", HAS_AVX2 | HAS_FMA), "avx2");
    assert_string_equal(choose_fastest("float32", HAS_AVX2 | HAS_FMA | HAS_AVX512F), "avx2");
    assert_string_equal(choose_fastest("float32", HAS_AVX2 | HAS_FMA | HAS_AVX512F | HAS_AVX512DQ),
                        "avx2");
    assert_string_equal(choose_fastest("float32", HAS_AVX2 | HAS_FMA | AVX512), "avx512");

    const unsigned BYTES = HAS_AVX2 | HAS_FMA | AVX512 | HAS_AVX512BW;
    assert_string_equal(choose_fastest("int8", 0), "int8-ref");
    assert_string_equal(choose_fastest("int8", BYTES), "int8-avx2");
    assert_string_equal(choose_fastest("int8", BYTES | HAS_AVX_VNNI), "int8-avxvnni");
    assert_string_equal(choose_fastest("int8", BYTES | HAS_AVX512_VNNI), "int8-vnni");
    assert_string_equal(choose_fastest("int8", BYTES | HAS_AMX_INT8), "int8-avx2");
    assert_string_equal(choose_fastest("int8", BYTES | HAS_AMX_INT8 | HAS_AMX_TILE), "int8-amx");
    assert_string_equal(
        choose_fastest("int8", BYTES | HAS_AVX512_VNNI | HAS_AMX_INT8 | HAS_AMX_TILE), "int8-vnni");
    assert_string_equal(choose_fastest("bf16", BYTES | HAS_AVX512_BF16), "bf16-avx512");
    assert_string_equal(
        choose_fastest("bf16", BYTES | HAS_AVX512_BF16 | HAS_AMX_BF16 | HAS_AMX_TILE), "bf16-amx");
}

static void a_set_that_does_not_run_names_the_first_feature_that_is_missing(void **state)
{
    (void)state;
    const unsigned AVX2 = HAS_AVX2 | HAS_FMA;
    const struct {
        const char *precision;
        const char *name;
        unsigned features;
        const char *message;
    } CASES[] = {
        {"float32", "avx2", 0, "kernels \"avx2\" need AVX2, which this CPU lacks"},
        {"float32", "avx2", HAS_AVX2, "kernels \"avx2\" need FMA, which"},
        {"float32", "avx512", AVX2, "kernels \"avx512\" need AVX-512F, which"},
        {"float32", "avx512", AVX2 | HAS_AVX512F, "kernels \"avx512\" need AVX-512DQ, which"},
        {"float32", "avx512", AVX2 | HAS_AVX512F | HAS_AVX512DQ,
         "kernels \"avx512\" need AVX-512VL, which"},
        {"int8", "int8-vnni", AVX2, "kernels \"int8-vnni\" need AVX-512F, which"},
        {"bf16", "auto", AVX2, "precision bf16 needs AVX-512F, which this CPU lacks"},
        {"int8", "int8-amx", ~(unsigned)HAS_AMX_TILE, "need AMX-TILE and a Linux that gives it"},
        {"float32", "neon", ~0u,
         "kernels \"neon\" need the AArch64 instruction set, which this CPU lacks"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        nj_error err = {0};
        const nj_kernels *kernels = NULL;
        assert_refused(
            choose_for(CASES[i].features, CASES[i].precision, CASES[i].name, &kernels, &err),
            NJ_CONFIG, &err, CASES[i].message);
        assert_null(kernels);
    }
}
#endif

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
#if defined(__x86_64__)
        cmocka_unit_test(auto_takes_the_fastest_set_that_the_cpu_runs),
        cmocka_unit_test(a_set_that_does_not_run_names_the_first_feature_that_is_missing),
#endif
        cmocka_unit_test(packing_costs_whole_arena_steps_and_absurd_sizes_saturate),
        cmocka_unit_test(the_peak_is_a_plausible_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
