// test_roster_table.c - visits every (state, event) pair of roster.def.
#include "coordinator/roster.c"

#include "tests/support/nj_test.h"

typedef struct {
    nj_worker_state state;
    nj_worker_event event;
    nj_worker_state next;
    unsigned effect;
} row;

static const row ROWS[] = {
#define NJ_ROSTER_RULE(state, event, next, effect)                                                 \
    {NJ_WORKER_##state, NJ_WORKER_EVENT_##event, NJ_WORKER_##next, EFFECT_##effect},
#include "schemas/roster.def"
};

// A roster whose slot 0 is in `state`, with one lease where there can be one.
static void reach(nj_roster *roster, nj_worker_state state)
{
    static const nj_peer PEER = {.route = "12345", .route_bytes = 5, .key = "key"};
    static const nj_message_hello HELLO = {.name = {"w", 1}, .version = {"1", 1}};
    nj_error err = {0};
    nj_roster_effects effects;
    nj_roster_config config = {
        .worker_max = 2, .silence_ms = 10, .lease_ms = 10, .bench_ms = 5, .bench_max_ms = 5};
    assert_ok(nj_roster_init(roster, &config, &err), &err);
    if (state == NJ_WORKER_GONE) {
        return;
    }
    nj_roster_event event = {.kind = NJ_ROSTER_HELLO, .peer = &PEER, .hello = &HELLO};
    assert_int_equal(nj_roster_step(roster, &event, 0, &effects), NJ_OK);
    if (state == NJ_WORKER_CONNECTED) {
        return;
    }
    event = (nj_roster_event){.kind = NJ_ROSTER_READY, .peer = &PEER, .credit = 2};
    assert_int_equal(nj_roster_step(roster, &event, 0, &effects), NJ_OK);
    nj_worker_id worker;
    assert_int_equal(nj_roster_free_workers(roster, false, &worker, 1), 1);
    event = (nj_roster_event){.kind = NJ_ROSTER_GRANT, .worker = worker, .lease = {4, 1}};
    assert_int_equal(nj_roster_step(roster, &event, 0, &effects), NJ_OK);
    event.kind = NJ_ROSTER_FAULT;
    for (uint32_t shard = 0; shard < 3 && state == NJ_WORKER_BENCHED; shard++) {
        event.lease.shard = shard;
        assert_int_equal(nj_roster_step(roster, &event, 0, &effects), NJ_OK);
    }
    if (state == NJ_WORKER_DRAINING) {
        event.kind = NJ_ROSTER_DRAIN;
        assert_int_equal(nj_roster_step(roster, &event, 0, &effects), NJ_OK);
    }
}

static bool has_effect(const nj_roster_effects *effects, nj_roster_effect_kind kind)
{
    for (size_t i = 0; i < effects->count; i++) {
        if (effects->items[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void assert_effects(const row *expected, const nj_roster_effects *effects)
{
    bool ends = expected->effect == EFFECT_LOSE_LEASES || expected->effect == EFFECT_RETURN_LEASES;
    bool had_lease = expected->state >= NJ_WORKER_READY;
    assert_int_equal(has_effect(effects, NJ_ROSTER_BENCHED), expected->effect == EFFECT_BENCH);
    assert_int_equal(has_effect(effects, NJ_ROSTER_UNBENCHED), expected->effect == EFFECT_UNBENCH);
    assert_int_equal(has_effect(effects, NJ_ROSTER_SEND_WELCOME),
                     expected->effect == EFFECT_WELCOME);
    assert_int_equal(has_effect(effects, NJ_ROSTER_SEND_DRAIN),
                     expected->effect == EFFECT_SEND_DRAIN);
    assert_int_equal(has_effect(effects, NJ_ROSTER_STRANGER), expected->effect == EFFECT_STRANGER);
    assert_int_equal(has_effect(effects, NJ_ROSTER_WORKER_GONE), ends);
    assert_int_equal(has_effect(effects, NJ_ROSTER_LEASE_LOST),
                     expected->effect == EFFECT_LOSE_LEASES && had_lease);
    assert_int_equal(has_effect(effects, NJ_ROSTER_LEASE_BACK),
                     expected->effect == EFFECT_RETURN_LEASES && had_lease);
}

static void every_pair_does_what_its_row_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        const row *expected = &ROWS[i];
        nj_roster roster;
        nj_roster_effects effects = {0};
        reach(&roster, expected->state);
        assert_int_equal(roster.slots[0].state, expected->state);
        nj_worker before = roster.slots[0];
        // Nobody has no slot, except in the moment of its HELLO.
        bool nobody = expected->state == NJ_WORKER_GONE && expected->event != NJ_WORKER_EVENT_HELLO;
        nj_status status = nobody ? apply_to_nobody(expected->event, &effects)
                                  : apply(&roster, 0, expected->event, 0, &effects);
        if (expected->effect == EFFECT_REFUSE) {
            assert_int_equal(status, NJ_REFUSED);
            assert_memory_equal(&before, &roster.slots[0], sizeof before);
        } else {
            assert_int_equal(status, NJ_OK);
        }
        assert_int_equal(roster.slots[0].state, expected->next);
        assert_int_equal(roster.count, expected->next != NJ_WORKER_GONE);
        assert_int_equal(roster.ready_count, expected->next == NJ_WORKER_READY);
        assert_int_equal(roster.active_count,
                         expected->next != NJ_WORKER_GONE && expected->next != NJ_WORKER_DRAINING);
        assert_effects(expected, &effects);
        nj_roster_fini(&roster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_does_what_its_row_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
