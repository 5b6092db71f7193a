// test_collisions_memory.c - every allocation of a collision policy and of a report fails in turn: the call says so. That nothing
// leaks is for ASan's build to see.
#include "common/catalogue/report.h"

#include "tests/support/memory_faults.h"
#include "tests/support/nj_test.h"

#define ALLOCATIONS_MAX 200 // of one call; more would mean that one never ends
#define ITEMS 10            // with equal codes, for the four codes of a prefix

static const float COARSE[] = {0, 1, 2, 3};
static const float FINE[] = {0, 0.1f, 0.2f, 0.3f};

static nj_status read_item(void *context, uint32_t row, float *out, nj_error *err)
{
    (void)context;
    (void)err;
    *out = (float)row / 100;
    return NJ_OK;
}

typedef nj_status (*step)(const void *context, nj_error *err);

static void fail_each(step run, const void *context, unsigned least)
{
    unsigned n = 1;
    for (;; n++) {
        nj_error err = {0};
        memory_faults_arm(n);
        const nj_status status = run(context, &err);
        if (!memory_faults_disarm()) {
            assert_ok(status, &err);
            break;
        }
        assert_int_equal(status, NJ_NO_MEMORY);
        assert_int_equal(err.status, NJ_NO_MEMORY);
        assert_true(n < ALLOCATIONS_MAX);
    }
    assert_true(n > least);
}

static nj_codebooks make_codebooks(void)
{
    return (nj_codebooks){.level_count = 2, .D = 1, .K = {4, 4}, .vectors = {COARSE, FINE}};
}

static nj_status resolve(const void *context, nj_error *err)
{
    const nj_codebooks codebooks = make_codebooks();
    uint16_t codes[ITEMS * 3] = {0};
    nj_collision_outcome outcome;
    const nj_collision_work work = {.options = context,
                                    .what = "shop",
                                    .codes = codes,
                                    .row_count = ITEMS,
                                    .level_count = 2,
                                    .K = {4, 4},
                                    .codebooks = &codebooks,
                                    .rows = {NULL, read_item}};
    return nj_collisions_resolve(&work, &outcome, err);
}

static nj_status report(const void *context, nj_error *err)
{
    uint16_t codes[ITEMS * 2] = {0};
    const nj_catalogue catalogue = {
        .sids = {.codes = codes, .row_count = ITEMS, .level_count = 2, .codes_per_level = {4, 4}},
        .codebooks = make_codebooks()};
    nj_report made = {0};
    const nj_status status = nj_report_make(&catalogue, context, &made, err);
    nj_report_fini(&made);
    return status;
}

static void every_allocation_of_a_policy_may_fail(void **state)
{
    (void)state;
    fail_each(resolve, &(nj_collision_options){.policy = NJ_COLLISIONS_LEAVES}, 2);
    fail_each(resolve, &(nj_collision_options){.suffix_codes = ITEMS}, 3);
    fail_each(resolve, &(nj_collision_options){.policy = NJ_COLLISIONS_RELOCATE}, 20);
    fail_each(resolve, &(nj_collision_options){.suffix_codes = 2, .suffix_relocates = true}, 20);
}

static void every_allocation_of_a_report_may_fail(void **state)
{
    (void)state;
    uint32_t of_item[ITEMS] = {0, 1, 2};
    const nj_categories categories = {of_item, ITEMS, 3, ITEMS};
    const nj_report_options options = {
        .rows = {NULL, read_item}, .categories = &categories, .policies = true};
    fail_each(report, &options, 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_policy_may_fail),
        cmocka_unit_test(every_allocation_of_a_report_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
