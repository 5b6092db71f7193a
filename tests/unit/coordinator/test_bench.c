// test_bench.c - who is benched, for how long, and how it is forgiven.
#include "coordinator/bench.h"

#include "tests/support/nj_test.h"

#define MS 1000000ull

static void three_different_shards_are_too_many(void **state)
{
    (void)state;
    nj_bench bench = {0};
    assert_false(nj_bench_note_fault(&bench, 7));
    for (int i = 0; i < 10; i++) {
        assert_false(nj_bench_note_fault(&bench, 7)); // one shard may carry a poisonous user
        assert_false(nj_bench_note_fault(&bench, 8));
    }
    assert_true(nj_bench_note_fault(&bench, 9));
}

static void on_probation_one_is_too_many(void **state)
{
    (void)state;
    nj_bench bench = {0};
    (void)nj_bench_begin(&bench, 30, 600, 0);
    nj_bench_end(&bench);
    assert_true(nj_bench_note_fault(&bench, 7));
}

static void each_further_bench_is_twice_as_long_up_to_a_limit(void **state)
{
    (void)state;
    static const uint32_t WAITS_MS[] = {30, 60, 120, 240, 480, 600, 600};
    nj_bench bench = {0};
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(nj_bench_begin(&bench, 30, 600, 5), WAITS_MS[i]);
        assert_int_equal(bench.until_ns, 5 + WAITS_MS[i] * MS);
        nj_bench_end(&bench);
    }
    for (unsigned i = 0; i < 300; i++) { // the doublings are counted in a byte
        assert_int_equal(nj_bench_begin(&bench, 30, 600, 0), 600);
    }
    assert_int_equal(nj_bench_begin(&bench, UINT32_MAX, UINT32_MAX, 0), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_different_shards_are_too_many),
        cmocka_unit_test(on_probation_one_is_too_many),
        cmocka_unit_test(each_further_bench_is_twice_as_long_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
