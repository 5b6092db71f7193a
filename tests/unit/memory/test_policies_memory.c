// test_policies_memory.c - every allocation of a policy's tables fails in turn: the call says so, and behind it nothing is allocated. That
// nothing leaks is for ASan's build to see.
#include "tests/support/memory_faults.h"
#include "tests/unit/policy/shop.h"

#define ALLOCATIONS_MAX 200 // more would mean that one never ends

enum { TOP = 10, LEAVES = 40 };

static void ask_for_everything(nj_policy *policy)
{
    policy->neighbour_weight = 1;
    policy->neighbour_count = 20;
    policy->prior_alpha[0] = 0.1f;
    policy->deny_count = 1;
    policy->deny[0] = (nj_policy_where){NJ_POLICY_NONE, 9};
    policy->fresh_share = 0.3f;
    policy->fresh_attribute = SHOP_COLUMN_DAY;
    policy->fresh_days = 20;
    policy->fresh_until = SHOP_TODAY;
    policy->rerank = NJ_RERANK_DETERMINANTAL;
    policy->relevance = 0.5f;
    policy->cold_places = 2;
    policy->cold_least = -1;
    policy->cold_ahead = -2;
    policy->borrow_levels = 1;
}

static void a_policy_opens_whole_or_says_that_there_is_no_memory(void **state)
{
    (void)state;
    shop *s = shop_open(51, TOP);
    ask_for_everything(&s->policy);
    unsigned n = 1;
    for (;; n++) {
        nj_error err = {0};
        nj_policies *policies = NULL;
        memory_faults_arm(n);
        const nj_status status = nj_policies_open(&s->inputs, &policies, &err);
        const bool failed = memory_faults_disarm();
        if (!failed) {
            assert_ok(status, &err);
            nj_policies_close(&policies);
            break;
        }
        assert_int_equal(status, NJ_NO_MEMORY);
        assert_int_equal(err.status, NJ_NO_MEMORY);
        assert_null(policies);
        assert_true(n < ALLOCATIONS_MAX);
    }
    assert_in_range(n, 6, ALLOCATIONS_MAX);
    shop_close(&s);
}

static void a_list_takes_no_memory_but_the_arenas(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_policies *policies = NULL;
    nj_arena arena;
    nj_policy_list list;
    shop *s = shop_open(52, TOP);
    shopper *who = malloc(sizeof *who);
    assert_non_null(who);
    shop_visit(s, 3, LEAVES, who);
    shopper_bind(who);
    ask_for_everything(&s->policy);
    assert_ok(nj_policies_open(&s->inputs, &policies, &err), &err);
    assert_ok(nj_arena_init(&arena, nj_policies_scratch_bytes(policies, 1), &err), &err);
    memory_faults_arm(1);
    nj_policies_begin(policies, &who->user, 1, &arena);
    nj_policies_list(policies, 0, &who->result, &list);
    nj_policies_finish(policies, &list);
    assert_false(memory_faults_disarm());
    assert_int_equal(list.count, TOP);
    assert_true(arena.peak <= nj_policies_scratch_bytes(policies, 1));
    nj_policies_close(&policies);
    nj_arena_fini(&arena);
    free(who);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_opens_whole_or_says_that_there_is_no_memory),
        cmocka_unit_test(a_list_takes_no_memory_but_the_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
