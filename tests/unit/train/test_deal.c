// test_deal.c - shards of alike effort: every sample once, the longest spread, the same cut whatever order the batch came in.
#include <string.h>

#include "tests/support/nj_test.h"
#include "worker/train/deal.h"

static const uint32_t EFFORTS[] = {1, 20, 3, 3, 7, 20, 2, 9, 1, 5, 20};
#define COUNT (sizeof EFFORTS / sizeof EFFORTS[0])
#define PER_SHARD 4
#define SHARDS 3

static uint32_t find_effort(const void *context, uint32_t number)
{
    (void)context;
    return EFFORTS[number];
}

static void the_samples_go_forth_and_back_over_the_shards_longest_first(void **state)
{
    (void)state;
    // By effort: 1 5 10 (20 each), 7 (9), 4 (7), 9 (5), 2 3 (3 each), 6 (2), 0 8 (1 each).
    static const uint32_t EXPECTED[] = {1, 9, 2, 5, 4, 3, 8, 10, 7, 6, 0};
    const nj_learner learner = {.effort = find_effort};
    uint32_t numbers[COUNT] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    uint32_t turned[COUNT] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    nj_sized_sample sized[COUNT];
    nj_train_shard shards[SHARDS];
    assert_int_equal(nj_train_deal(&learner, PER_SHARD, COUNT, numbers, sized, shards), SHARDS);
    assert_memory_equal(numbers, EXPECTED, sizeof EXPECTED);
    assert_int_equal(shards[0].count, 3);
    assert_int_equal(shards[1].count, 4);
    assert_int_equal(shards[2].count, 4);
    assert_ptr_equal(shards[1].numbers, numbers + 3);
    assert_ptr_equal(shards[2].numbers, numbers + 7);
    nj_train_deal(&learner, PER_SHARD, COUNT, turned, sized, shards);
    assert_memory_equal(turned, EXPECTED, sizeof EXPECTED);
}

static void samples_of_no_effort_are_dealt_in_their_order(void **state)
{
    (void)state;
    const nj_learner learner = {0};
    uint32_t numbers[] = {8, 6, 7, 5, 3};
    static const uint32_t EXPECTED[] = {8, 5, 3, 6, 7};
    nj_sized_sample sized[5];
    nj_train_shard shards[2];
    assert_int_equal(nj_train_deal(&learner, 3, 5, numbers, sized, shards), 2);
    assert_memory_equal(numbers, EXPECTED, sizeof EXPECTED);
    assert_int_equal(shards[0].count, 3);
    assert_int_equal(shards[1].count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_samples_go_forth_and_back_over_the_shards_longest_first),
        cmocka_unit_test(samples_of_no_effort_are_dealt_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
