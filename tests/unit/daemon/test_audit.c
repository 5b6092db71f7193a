// test_audit.c - which users are decoded again: spread over the plan, by its digest, nobody twice.
#include "coordinator/daemon/audit.h"

#include "tests/support/nj_test.h"

#define SHARDS_MAX 8192
#define USERS_MAX 8192

static nj_piece_range ranges[NJ_AUDIT_RANGES_MAX];
static uint32_t firsts[SHARDS_MAX + 1];

// Shards of `shard_users` users, the last one with what is left.
static nj_plan make_plan(uint32_t user_count, uint32_t shard_users, uint8_t digest)
{
    nj_plan plan = {.shard_first = firsts,
                    .user_count = user_count,
                    .shard_count = (user_count + shard_users - 1) / shard_users,
                    .digest = {{digest}}};
    assert_in_range(plan.shard_count, 1, SHARDS_MAX);
    for (uint32_t i = 0; i < plan.shard_count; i++) {
        firsts[i] = i * shard_users;
    }
    firsts[plan.shard_count] = user_count;
    return plan;
}

// How many users were chosen; each once, inside one shard.
static uint32_t count_chosen(const nj_plan *plan, uint32_t user_max)
{
    static bool seen[USERS_MAX];
    uint32_t users = 0;
    memset(seen, 0, sizeof seen);
    const size_t count = nj_audit_choose(plan, user_max, ranges);
    for (size_t i = 0; i < count; i++) {
        assert_true(ranges[i].audit);
        assert_in_range(ranges[i].count, 1, NJ_AUDIT_RANGE_USERS);
        assert_true(ranges[i].first + ranges[i].count <=
                    nj_plan_shard_users(plan, ranges[i].shard));
        for (uint32_t k = 0; k < ranges[i].count; k++) {
            const uint32_t user = plan->shard_first[ranges[i].shard] + ranges[i].first + k;
            assert_false(seen[user]);
            seen[user] = true;
            users++;
        }
    }
    return users;
}

static void as_many_users_as_asked_for_are_chosen_whatever_the_shards(void **state)
{
    (void)state;
    static const uint32_t shard_users[] = {1, 3, 4, 7, 64, 500};
    for (size_t i = 0; i < sizeof shard_users / sizeof shard_users[0]; i++) {
        nj_plan plan = make_plan(500, shard_users[i], 1);
        assert_int_equal(count_chosen(&plan, 0), 0);
        assert_int_equal(count_chosen(&plan, 1), 4);
        assert_int_equal(count_chosen(&plan, 32), 32);
        assert_int_equal(count_chosen(&plan, 500), 500);
        assert_int_equal(count_chosen(&plan, NJ_AUDIT_USERS_MAX), 500);
    }
    nj_plan one = make_plan(1, 64, 1);
    assert_int_equal(count_chosen(&one, 32), 1);
    nj_plan large = make_plan(USERS_MAX, 64, 1);
    assert_int_equal(count_chosen(&large, NJ_AUDIT_USERS_MAX), NJ_AUDIT_USERS_MAX);
}

static void every_eighth_of_the_plan_is_looked_into(void **state)
{
    (void)state;
    nj_plan plan = make_plan(8000, 64, 1);
    bool eighths[8] = {false};
    const size_t count = nj_audit_choose(&plan, 32, ranges);
    for (size_t i = 0; i < count; i++) {
        eighths[(plan.shard_first[ranges[i].shard] + ranges[i].first) / 1000] = true;
    }
    for (int i = 0; i < 8; i++) {
        assert_true(eighths[i]);
    }
}

static void the_digest_decides_where(void **state)
{
    (void)state;
    static nj_piece_range others[NJ_AUDIT_RANGES_MAX];
    nj_plan plan = make_plan(8000, 8000, 1);
    nj_plan same = make_plan(8000, 8000, 1);
    nj_plan other = make_plan(8000, 8000, 2);
    const size_t count = nj_audit_choose(&plan, 32, ranges);
    assert_int_equal(nj_audit_choose(&same, 32, others), count);
    assert_memory_equal(ranges, others, count * sizeof *ranges);
    assert_int_equal(nj_audit_choose(&other, 32, others), count);
    assert_memory_not_equal(ranges, others, count * sizeof *ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_users_as_asked_for_are_chosen_whatever_the_shards),
        cmocka_unit_test(every_eighth_of_the_plan_is_looked_into),
        cmocka_unit_test(the_digest_decides_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
