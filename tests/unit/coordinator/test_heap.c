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

static bool is_odd(const void *context, uint32_t number)
{
    (void)context;
    return number % 2 == 1;
}

static void the_first_that_fits_is_found_where_one_looks(void **state)
{
    (void)state;
    nj_heap heap;
    assert_int_equal(nj_heap_init(&heap, N), NJ_OK);
    assert_int_equal(nj_heap_first_that(&heap, N, is_odd, NULL), NJ_HEAP_NONE);
    for (uint32_t number = 0; number < N; number++) {
        nj_heap_push(&heap, number, number < 10 ? 100 : number); // 10 is the lowest, 11 next
    }
    assert_int_equal(nj_heap_first(&heap), 10);
    assert_int_equal(nj_heap_first_that(&heap, 3, is_odd, NULL), 11);
    assert_int_equal(nj_heap_first_that(&heap, 1, is_odd, NULL), NJ_HEAP_NONE);
    nj_heap_remove(&heap, 10);
    assert_int_equal(nj_heap_first_that(&heap, 1, is_odd, NULL), 11);
    nj_heap_fini(&heap);
}

static void heaps_that_share_their_places_do_not_mix_their_numbers(void **state)
{
    (void)state;
    nj_heap one, two;
    assert_int_equal(nj_heap_init(&one, N), NJ_OK);
    assert_int_equal(nj_heap_init_sharing(&two, N, &one), NJ_OK);
    for (uint32_t number = 0; number < N; number++) {
        nj_heap_push(number % 2 == 0 ? &one : &two, number, N - number);
    }
    for (uint32_t number = 0; number < N; number++) {
        nj_heap_remove(number % 2 == 0 ? &two : &one, number); // not there
    }
    assert_int_equal(one.count, N / 2);
    assert_int_equal(two.count, N / 2);
    for (uint32_t number = N; number-- > 0;) {
        nj_heap *heap = number % 2 == 0 ? &one : &two;
        assert_int_equal(nj_heap_first(heap), number);
        nj_heap_remove(heap, number);
    }
    nj_heap_fini(&two);
    nj_heap_fini(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_pushes_and_removals_agree_with_a_slow_search),
        cmocka_unit_test(an_empty_heap_has_the_highest_key_and_removing_nothing_is_fine),
        cmocka_unit_test(the_first_that_fits_is_found_where_one_looks),
        cmocka_unit_test(heaps_that_share_their_places_do_not_mix_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
