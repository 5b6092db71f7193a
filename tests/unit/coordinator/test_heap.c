// test_heap.c - against a slow search through an array.
#include "coordinator/heap.h"

#include "tests/support/nj_test.h"

#define N 64

static uint32_t find_first_slowly(const uint64_t *keys, const bool *in)
{
    uint32_t first = N;
    for (uint32_t i = 0; i < N; i++) {
        if (in[i] && (first == N || keys[i] < keys[first])) {
            first = i;
        }
    }
    return first;
}

static void random_pushes_and_removals_agree_with_a_slow_search(void **state)
{
    (void)state;
    nj_heap heap;
    uint64_t keys[N] = {0};
    bool in[N] = {false};
    uint32_t count = 0;
    uint32_t random = 12345;
    assert_int_equal(nj_heap_init(&heap, N), NJ_OK);
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525u + 1013904223u;
        uint32_t number = random >> 16 & (N - 1);
        if (in[number]) {
            nj_heap_remove(&heap, number);
            count--;
        } else {
            keys[number] = random >> 24 & 15; // few keys: many ties
            nj_heap_push(&heap, number, keys[number]);
            count++;
        }
        in[number] = !in[number];
        assert_int_equal(heap.count, count);
        if (count > 0) {
            uint32_t first = find_first_slowly(keys, in);
            assert_int_equal(nj_heap_first(&heap), first);
            assert_int_equal(nj_heap_first_key(&heap), keys[first]);
        }
    }
    nj_heap_fini(&heap);
}

static void an_empty_heap_has_the_highest_key_and_removing_nothing_is_fine(void **state)
{
    (void)state;
    nj_heap heap;
    assert_int_equal(nj_heap_init(&heap, 1), NJ_OK);
    assert_true(nj_heap_first_key(&heap) == UINT64_MAX);
    nj_heap_remove(&heap, 0);
    nj_heap_push(&heap, 0, 9);
    nj_heap_remove(&heap, 0);
    assert_int_equal(heap.count, 0);
    nj_heap_fini(&heap);
    nj_heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pushes_and_removals_agree_with_a_slow_search),
        cmocka_unit_test(an_empty_heap_has_the_highest_key_and_removing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
