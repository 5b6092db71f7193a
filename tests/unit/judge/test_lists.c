// test_lists.c - lists set, also by other processes, and judged beside the held-out items.
#include "common/judge/lists.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/judge/metric.h"
#include "tests/support/nj_test.h"

#define BAD NJ_ITEM_INVALID

static void a_list_keeps_its_first_places_and_is_absent_until_it_is_set(void **state)
{
    (void)state;
    nj_lists lists;
    uint32_t count = 9;
    assert_int_equal(nj_lists_init(3, 2, &lists), NJ_OK);
    nj_lists_set(&lists, 1, (const uint32_t[]){5, 6, 7}, 3);
    nj_lists_set(&lists, 2, NULL, 0);
    const uint32_t *items = nj_lists_at(&lists, 1, &count);
    assert_int_equal(count, 2);
    assert_int_equal(items[0], 5);
    assert_int_equal(items[1], 6);
    (void)nj_lists_at(&lists, 0, &count);
    assert_int_equal(count, 0);
    assert_int_equal(lists.counts[0], NJ_LIST_ABSENT);
    assert_int_equal(lists.counts[2], 0);
    nj_lists_fini(&lists);
    nj_lists_fini(&lists);
}

static void ranks_absences_and_what_is_no_item_are_counted(void **state)
{
    (void)state;
    static const uint32_t TARGETS[] = {8, 8, 8, 8, 0};
    nj_lists lists;
    nj_judgement judgement;
    assert_int_equal(nj_lists_init(5, 4, &lists), NJ_OK);
    nj_lists_set(&lists, 0, (const uint32_t[]){8, 1}, 2);
    nj_lists_set(&lists, 1, (const uint32_t[]){BAD, BAD, 8}, 3); // what is no item keeps its place
    nj_lists_set(&lists, 2, (const uint32_t[]){1, 2, 3, 4, 8}, 5); // behind the depth
    nj_lists_set(&lists, 4, NULL, 0); // an empty list is a list; row 0 is not found in unset memory
    assert_int_equal(nj_lists_judge(&lists, TARGETS, &judgement), NJ_OK);
    static const uint32_t RANKS[] = {1, 3, NJ_RANK_NONE, NJ_RANK_NONE, NJ_RANK_NONE};
    assert_memory_equal(judgement.ranks, RANKS, sizeof RANKS);
    assert_int_equal(judgement.absent_count, 1);
    assert_int_equal(judgement.item_total, 2 + 3 + 4);
    assert_int_equal(judgement.invalid_total, 2);
    assert_int_equal(judgement.longest, 4);
    nj_judgement_fini(&judgement);
    nj_judgement_fini(&judgement);
    nj_lists_fini(&lists);
}

static void the_overlap_of_two_models_is_the_mean_of_their_users(void **state)
{
    (void)state;
    nj_lists a;
    nj_lists b;
    assert_int_equal(nj_lists_init(4, 4, &a), NJ_OK);
    assert_int_equal(nj_lists_init(4, 2, &b), NJ_OK); // the depths may differ
    nj_lists_set(&a, 0, (const uint32_t[]){1, 2, 3, 4}, 4);
    nj_lists_set(&b, 0, (const uint32_t[]){2, 1}, 2);
    nj_lists_set(&a, 1, (const uint32_t[]){1, 2, 3, 4}, 4);
    nj_lists_set(&b, 1, (const uint32_t[]){1, 9}, 2);
    nj_lists_set(&a, 2, (const uint32_t[]){1}, 1); // absent in b; 3 is absent in both
    assert_true(nj_lists_overlap(&a, &b, 2) == (1 + 0.5 + 0 + 1) / 4);
    assert_true(nj_lists_overlap(&a, &b, 1) == (0 + 1 + 0 + 1) / 4.0);
    nj_lists_fini(&a);
    nj_lists_fini(&b);
}

static void processes_that_are_forked_set_lists_that_all_see(void **state)
{
    (void)state;
    nj_lists lists;
    int ended = -1;
    assert_int_equal(nj_lists_init(2, 1, &lists), NJ_OK);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        nj_lists_set(&lists, 1, (const uint32_t[]){77}, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    uint32_t count;
    const uint32_t *items = nj_lists_at(&lists, 1, &count);
    assert_int_equal(count, 1);
    assert_int_equal(items[0], 77);
    nj_lists_fini(&lists);
}

static void nobody_is_judged_and_too_many_are_refused(void **state)
{
    (void)state;
    nj_lists lists;
    nj_judgement judgement;
    assert_int_equal(nj_lists_init(0, 20, &lists), NJ_OK);
    assert_int_equal(nj_lists_judge(&lists, NULL, &judgement), NJ_OK);
    assert_int_equal(judgement.item_total, 0);
    assert_true(nj_lists_overlap(&lists, &lists, 10) == 1.0);
    nj_judgement_fini(&judgement);
    nj_lists_fini(&lists);
    assert_int_equal(nj_lists_init(SIZE_MAX / 8, 20, &lists), NJ_NO_MEMORY);
    assert_int_equal(nj_lists_init((size_t)1 << 56, 1000, &lists), NJ_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_its_first_places_and_is_absent_until_it_is_set),
        cmocka_unit_test(ranks_absences_and_what_is_no_item_are_counted),
        cmocka_unit_test(the_overlap_of_two_models_is_the_mean_of_their_users),
        cmocka_unit_test(processes_that_are_forked_set_lists_that_all_see),
        cmocka_unit_test(nobody_is_judged_and_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
