// test_arena.c - alignment, marks, the plan's arithmetic, and plans that overflowed.
#include "common/base/arena.h"

#include "tests/support/nj_test.h"

static void what_is_taken_is_aligned_and_apart(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_arena arena;
    assert_ok(nj_arena_init(&arena, 3 * NJ_ARENA_ALIGN, &err), &err);

    uint8_t *first = nj_arena_take(&arena, 1);
    uint8_t *second = nj_arena_take(&arena, NJ_ARENA_ALIGN);
    uint8_t *third = nj_arena_take(&arena, NJ_ARENA_ALIGN - 1);

    assert_int_equal((uintptr_t)first % NJ_ARENA_ALIGN, 0);
    assert_ptr_equal(second, first + NJ_ARENA_ALIGN);
    assert_ptr_equal(third, second + NJ_ARENA_ALIGN);
    assert_int_equal(arena.used, arena.capacity);
    assert_non_null(nj_arena_take(&arena, 0));
    nj_arena_fini(&arena);
}

static void a_rewind_gives_back_and_the_peak_stays(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_arena arena;
    assert_ok(nj_arena_init(&arena, 1024, &err), &err);
    uint8_t *kept = nj_arena_take(&arena, 100);
    size_t mark = nj_arena_mark(&arena);
    void *scratch = nj_arena_take(&arena, 500);
    memset(kept, 1, 100);

    nj_arena_rewind(&arena, mark);

    assert_ptr_equal(nj_arena_take(&arena, 10), scratch);
    assert_int_equal(arena.peak, nj_arena_cost(100) + nj_arena_cost(500));
    assert_int_equal(kept[99], 1);
    nj_arena_fini(&arena);
    assert_null(arena.block);
    nj_arena_fini(&arena);
}

static void a_plan_made_of_costs_fits_exactly(void **state)
{
    (void)state;
    static const size_t NEEDS[] = {0, 1, 63, 64, 65, 1000};
    nj_error err = {0};
    nj_arena arena;
    size_t plan = 0;
    for (size_t i = 0; i < sizeof NEEDS / sizeof NEEDS[0]; i++) {
        plan += nj_arena_cost(NEEDS[i]);
    }
    assert_ok(nj_arena_init(&arena, plan, &err), &err);

    for (size_t i = 0; i < sizeof NEEDS / sizeof NEEDS[0]; i++) {
        memset(nj_arena_take(&arena, NEEDS[i]), 0, NEEDS[i]);
    }

    assert_int_equal(arena.used, plan);
    assert_int_equal(arena.capacity, plan);
    nj_arena_fini(&arena);
}

static void a_plan_that_overflowed_is_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_arena arena = {0};

    assert_int_equal(nj_arena_cost(SIZE_MAX), SIZE_MAX);
    assert_int_equal(nj_arena_cost(SIZE_MAX - NJ_ARENA_ALIGN + 1), SIZE_MAX);
    assert_refused(nj_arena_init(&arena, SIZE_MAX, &err), NJ_NO_MEMORY, &err,
                   "18446744073709551615");
    assert_null(arena.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_aligned_and_apart),
        cmocka_unit_test(a_rewind_gives_back_and_the_peak_stays),
        cmocka_unit_test(a_plan_made_of_costs_fits_exactly),
        cmocka_unit_test(a_plan_that_overflowed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
