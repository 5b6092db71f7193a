// test_roster.c - workers and their leases, told in sentences; tests/tables visits every pair.
#include "coordinator/roster.h"

#include <stdio.h>

#include "tests/support/nj_test.h"

#define MS 1000000ull
#define WORKERS 70 // more than one word of bits

static nj_roster roster;
static nj_roster_effects effects;

static int setup(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_roster_config config = {.worker_max = WORKERS,
                               .silence_ms = 1000,
                               .lease_ms = 300,
                               .bench_ms = 200,
                               .bench_max_ms = 500};
    assert_ok(nj_roster_init(&roster, &config, &err), &err);
    return 0;
}

static nj_worker_id free_worker(void)
{
    nj_worker_id id = 0;
    return nj_roster_free_workers(&roster, false, &id, 1) == 1 ? id : 0;
}

static int teardown(void **state)
{
    (void)state;
    nj_roster_fini(&roster);
    return 0;
}

static nj_peer peer_of(unsigned route, unsigned key)
{
    nj_peer peer = {.route_bytes = 5};
    snprintf((char *)peer.route, sizeof peer.route, "%05u", route);
    snprintf(peer.key, sizeof peer.key, "key %u", key);
    return peer;
}

static nj_status step(nj_roster_event event, uint64_t now_ms)
{
    return nj_roster_step(&roster, &event, now_ms * MS, &effects);
}

static nj_worker_id hello(nj_peer peer, uint8_t instance, uint64_t now_ms)
{
    nj_message_hello message = {
        .name = nj_slice_from("host"), .version = nj_slice_from("1"), .instance = {{instance}}};
    nj_roster_event event = {.kind = NJ_ROSTER_HELLO, .peer = &peer, .hello = &message};
    assert_int_equal(step(event, now_ms), NJ_OK);
    const nj_worker *worker = nj_roster_find_peer(&roster, &peer);
    return worker != NULL ? worker->id : 0;
}

static void ready(nj_peer peer, uint32_t credit, uint64_t now_ms)
{
    nj_roster_event event = {.kind = NJ_ROSTER_READY, .peer = &peer, .credit = credit};
    assert_int_equal(step(event, now_ms), NJ_OK);
}

static nj_status grant(nj_worker_id worker, uint32_t shard, uint64_t now_ms)
{
    nj_roster_event event = {.kind = NJ_ROSTER_GRANT, .worker = worker, .lease = {shard, 1}};
    return step(event, now_ms);
}

static void heartbeat(nj_peer peer, uint64_t users_done, uint32_t shard, uint64_t now_ms)
{
    nj_message_heartbeat message = {
        .users_done = users_done, .leases = {{shard, 1}}, .leases_count = 1};
    nj_roster_event event = {.kind = NJ_ROSTER_HEARTBEAT, .peer = &peer, .heartbeat = &message};
    assert_int_equal(step(event, now_ms), NJ_OK);
}

static void tick(uint64_t now_ms)
{
    assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_TICK}, now_ms), NJ_OK);
}

static void a_worker_is_welcomed_and_takes_leases_up_to_its_credit(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_SEND_WELCOME);
    assert_int_equal(free_worker(), 0);
    ready(peer, 2, 0);
    assert_int_equal(free_worker(), id);
    assert_int_equal(grant(id, 10, 0), NJ_OK);
    assert_int_equal(grant(id, 11, 0), NJ_OK);
    assert_int_equal(free_worker(), 0);
    assert_int_equal(grant(id, 12, 0), NJ_REFUSED);
    const nj_worker *worker = nj_roster_find(&roster, id);
    assert_true(nj_worker_holds(worker, 11, 1));
    assert_false(nj_worker_holds(worker, 11, 2));
}

static void idle_workers_are_preferred(void **state)
{
    (void)state;
    nj_worker_id first = hello(peer_of(1, 1), 1, 0);
    nj_worker_id second = hello(peer_of(2, 2), 2, 0);
    ready(peer_of(1, 1), 2, 0);
    ready(peer_of(2, 2), 2, 0);
    assert_int_equal(grant(first, 10, 0), NJ_OK);
    assert_int_equal(free_worker(), second);
    assert_int_equal(grant(second, 11, 0), NJ_OK);
    assert_int_equal(free_worker(), first);
}

static void a_lease_runs_out_unless_progress_is_reported(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    ready(peer, 1, 0);
    assert_int_equal(grant(id, 10, 0), NJ_OK);
    heartbeat(peer, 5, 10, 200);
    tick(499);
    assert_int_equal(effects.count, 0);
    heartbeat(peer, 5, 10, 400); // alive, but nothing was computed
    tick(500);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_LEASE_LOST);
    assert_int_equal(effects.items[0].lease.shard, 10);
    assert_non_null(nj_roster_find(&roster, id)); // the worker stays
    assert_int_equal(free_worker(), id);
}

static void only_the_oldest_lease_of_a_hung_or_vanished_worker_is_lost(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    ready(peer, 3, 0);
    for (uint32_t shard = 10; shard < 13; shard++) {
        assert_int_equal(grant(id, shard, 0), NJ_OK);
    }
    assert_int_equal(
        step((nj_roster_event){.kind = NJ_ROSTER_END_LEASE, .worker = id, .lease = {10, 1}}, 0),
        NJ_OK);
    assert_int_equal(grant(id, 13, 0), NJ_OK); // behind 11 and 12
    tick(300);
    assert_int_equal(effects.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(effects.items[i].lease.shard, 11 + i);
        assert_int_equal(effects.items[i].kind,
                         i == 0 ? NJ_ROSTER_LEASE_LOST : NJ_ROSTER_LEASE_BACK);
    }
    assert_int_equal(grant(id, 14, 300), NJ_OK);
    assert_int_equal(grant(id, 15, 300), NJ_OK);
    assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_UNREACHABLE, .worker = id}, 400),
                     NJ_OK);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_LEASE_LOST);
    assert_int_equal(effects.items[0].lease.shard, 14);
    assert_int_equal(effects.items[1].kind, NJ_ROSTER_LEASE_BACK);
    assert_int_equal(effects.items[2].kind, NJ_ROSTER_WORKER_GONE);
}

static void progress_renews_only_the_leases_that_are_named(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    ready(peer, 2, 0);
    assert_int_equal(grant(id, 10, 0), NJ_OK);
    assert_int_equal(grant(id, 11, 0), NJ_OK); // its LEASE never arrived
    heartbeat(peer, 5, 10, 200);
    tick(300);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.items[0].lease.shard, 11);
}

static void a_silent_worker_is_forgotten_with_its_leases(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    ready(peer, 1, 0);
    heartbeat(peer, 1, 0, 100);
    assert_int_equal(grant(id, 10, 900), NJ_OK);
    tick(1099);
    assert_int_equal(effects.count, 0);
    tick(1100);
    assert_int_equal(effects.count, 2);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_LEASE_LOST);
    assert_int_equal(effects.items[1].kind, NJ_ROSTER_WORKER_GONE);
    assert_null(nj_roster_find(&roster, id));
    assert_null(nj_roster_find_peer(&roster, &peer));
    assert_int_equal(roster.count, 0);
}

static void a_reconnection_keeps_the_worker_and_its_leases(void **state)
{
    (void)state;
    nj_worker_id id = hello(peer_of(1, 1), 1, 0);
    ready(peer_of(1, 1), 1, 0);
    assert_int_equal(grant(id, 10, 0), NJ_OK);
    assert_int_equal(hello(peer_of(2, 1), 1, 100), id);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_SEND_WELCOME);
    assert_true(nj_worker_holds(nj_roster_find(&roster, id), 10, 1));
    nj_peer old = peer_of(1, 1);
    assert_null(nj_roster_find_peer(&roster, &old));
    assert_int_equal(roster.count, 1);
}

static void the_same_instance_under_another_key_is_another_worker(void **state)
{
    (void)state;
    nj_worker_id honest = hello(peer_of(1, 1), 1, 0);
    nj_worker_id other = hello(peer_of(2, 2), 1, 0);
    assert_true(honest != other);
    nj_peer peer = peer_of(1, 1);
    assert_int_equal(nj_roster_find_peer(&roster, &peer)->id, honest);
}

static void a_new_process_on_the_same_connection_replaces_the_old_one(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id old = hello(peer, 1, 0);
    ready(peer, 1, 0);
    assert_int_equal(grant(old, 10, 0), NJ_OK);
    nj_worker_id new = hello(peer, 2, 0);
    assert_true(old != new);
    assert_null(nj_roster_find(&roster, old));
    assert_int_equal(effects.count, 3);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_LEASE_LOST);
    assert_int_equal(effects.items[1].kind, NJ_ROSTER_WORKER_GONE);
    assert_int_equal(effects.items[2].kind, NJ_ROSTER_SEND_WELCOME);
    assert_int_equal(roster.count, 1);
}

static void strangers_are_told_to_say_hello_and_leave_no_trace(void **state)
{
    (void)state;
    nj_peer peer = peer_of(9, 9);
    assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_HEARD, .peer = &peer}, 0), NJ_OK);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_STRANGER);
    assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_BYE, .peer = &peer}, 0), NJ_OK);
    assert_int_equal(effects.count, 0);
    assert_int_equal(roster.count, 0);
}

static void the_last_place_is_given_and_one_more_worker_finds_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_true(hello(peer_of(i, i), (uint8_t)i, 0) != 0);
    }
    assert_int_equal(hello(peer_of(WORKERS, WORKERS), WORKERS, 0), 0);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_FULL);
    nj_peer leaves = peer_of(3, 3);
    assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_BYE, .peer = &leaves}, 0), NJ_OK);
    assert_true(hello(peer_of(WORKERS, WORKERS), WORKERS, 0) != 0);
}

static void a_worker_that_is_quiet_is_probed_now_and_then(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    tick(900);
    assert_int_equal(effects.count, 0); // not unless asked for

    roster.config.probe_ms = 200;
    tick(901);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_PROBE);
    assert_int_equal(effects.items[0].worker, id);
    tick(902);
    assert_int_equal(effects.count, 0); // once in probe_ms
    ready(peer, 1, 950);
    tick(1101);
    assert_int_equal(effects.count, 0); // it was heard
    tick(1150);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_PROBE);
}

static void a_worker_that_has_gone_keeps_its_name_for_the_log(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    assert_string_equal(nj_roster_name(&roster, id), "host");
    nj_roster_event gone = {.kind = NJ_ROSTER_UNREACHABLE, .worker = id};
    assert_int_equal(step(gone, 0), NJ_OK);
    assert_null(nj_roster_find(&roster, id));
    assert_string_equal(nj_roster_name(&roster, id), "host");

    nj_worker_id next = hello(peer, 2, 0); // takes the slot
    assert_string_equal(nj_roster_name(&roster, next), "host");
    assert_string_equal(nj_roster_name(&roster, 0), "a worker that is gone");
    assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_BYE, .peer = &peer}, 0), NJ_OK);
    assert_string_equal(nj_roster_name(&roster, id), "a worker that is gone");
}

static void a_tick_with_many_losses_is_handed_out_in_parts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WORKERS; i++) {
        nj_worker_id id = hello(peer_of(i, i), (uint8_t)i, 0);
        ready(peer_of(i, i), 3, 0);
        for (uint32_t shard = 0; shard < 3; shard++) {
            assert_int_equal(grant(id, 3 * i + shard, 0), NJ_OK);
        }
    }
    size_t lost = 0;
    size_t back = 0;
    size_t gone = 0;
    do {
        tick(1000);
        for (size_t i = 0; i < effects.count; i++) {
            lost += effects.items[i].kind == NJ_ROSTER_LEASE_LOST;
            back += effects.items[i].kind == NJ_ROSTER_LEASE_BACK;
            gone += effects.items[i].kind == NJ_ROSTER_WORKER_GONE;
        }
    } while (effects.more);
    assert_int_equal(lost, WORKERS);
    assert_int_equal(back, 2 * WORKERS);
    assert_int_equal(gone, WORKERS);
    assert_int_equal(roster.count, 0);
}

static void peers_come_and_go_without_losing_one_another(void **state)
{
    (void)state;
    uint32_t random = 99;
    bool in[WORKERS] = {false};
    for (int i = 0; i < 5000; i++) {
        random = random * 1664525u + 1013904223u;
        unsigned number = (random >> 16) % WORKERS;
        nj_peer peer = peer_of(number, number);
        if (in[number]) {
            assert_int_equal(step((nj_roster_event){.kind = NJ_ROSTER_BYE, .peer = &peer}, 0),
                             NJ_OK);
        } else {
            assert_true(hello(peer, (uint8_t)number, 0) != 0);
        }
        in[number] = !in[number];
        for (unsigned other = 0; other < WORKERS; other++) {
            nj_peer there = peer_of(other, other);
            assert_int_equal(nj_roster_find_peer(&roster, &there) != NULL, in[other]);
        }
    }
}

static void a_lease_given_back_stops_the_credit_until_the_next_ready(void **state)
{
    (void)state;
    nj_peer peer = peer_of(1, 1);
    nj_worker_id id = hello(peer, 1, 0);
    ready(peer, 2, 0);
    assert_int_equal(grant(id, 10, 0), NJ_OK);
    nj_roster_event back = {.kind = NJ_ROSTER_RETURN, .worker = id, .lease = {10, 1}};
    assert_int_equal(step(back, 0), NJ_OK);
    assert_int_equal(free_worker(), 0);
    ready(peer, 2, 0);
    assert_int_equal(free_worker(), id);
}

static void judge(nj_worker_id worker, nj_roster_event_kind kind, uint32_t shard, uint64_t now_ms)
{
    nj_roster_event event = {.kind = kind, .worker = worker, .lease = {shard, 1}};
    assert_int_equal(step(event, now_ms), NJ_OK);
}

static nj_worker_id bench_worker(nj_peer peer, uint64_t now_ms)
{
    nj_worker_id id = hello(peer, 1, now_ms);
    ready(peer, 3, now_ms);
    for (uint32_t shard = 0; shard < 3; shard++) {
        judge(id, NJ_ROSTER_FAULT, shard, now_ms);
    }
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_BENCHED);
    return id;
}

static void a_worker_that_fails_three_shards_gets_no_lease_until_its_bench_is_over(void **state)
{
    (void)state;
    nj_worker_id id = bench_worker(peer_of(1, 1), 0);
    assert_int_equal(effects.items[0].wait_ms, 200);
    assert_int_equal(free_worker(), 0);
    assert_int_equal(grant(id, 10, 0), NJ_REFUSED);
    assert_int_equal(roster.ready_count, 0);
    assert_int_equal(nj_roster_active_worker(&roster), id); // it can be drained
    tick(199);
    assert_int_equal(effects.count, 0);
    tick(200);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_UNBENCHED);
    assert_int_equal(free_worker(), id);

    judge(id, NJ_ROSTER_FAULT, 0, 200); // on probation
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_BENCHED);
    assert_int_equal(effects.items[0].wait_ms, 400);
}

static void a_good_result_ends_the_bench_and_all_that_is_held_against_it(void **state)
{
    (void)state;
    nj_worker_id id = bench_worker(peer_of(1, 1), 0);
    judge(id, NJ_ROSTER_FAULT, 9, 0); // what it still held fails too: nothing new
    assert_int_equal(effects.count, 0);
    judge(id, NJ_ROSTER_GOOD, 0, 50);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_UNBENCHED);
    assert_int_equal(free_worker(), id);
    judge(id, NJ_ROSTER_FAULT, 4, 50);
    judge(id, NJ_ROSTER_FAULT, 5, 50);
    assert_int_equal(effects.count, 0);
    judge(id, NJ_ROSTER_GOOD, 0, 50);
    judge(id, NJ_ROSTER_FAULT, 6, 50);
    assert_int_equal(effects.count, 0);
}

static void a_reconnection_does_not_shorten_the_bench(void **state)
{
    (void)state;
    nj_worker_id id = bench_worker(peer_of(1, 1), 0);
    assert_int_equal(hello(peer_of(2, 1), 1, 50), id);
    assert_int_equal(effects.items[0].kind, NJ_ROSTER_SEND_WELCOME);
    ready(peer_of(2, 1), 3, 60);
    assert_int_equal(free_worker(), 0);
    tick(200);
    assert_int_equal(free_worker(), id);
}

static void the_one_whose_bench_ends_first_comes_back_first(void **state)
{
    (void)state;
    nj_worker_id second = bench_worker(peer_of(1, 1), 100);
    nj_worker_id first = bench_worker(peer_of(2, 2), 50);
    tick(249);
    assert_int_equal(free_worker(), 0);
    tick(250);
    assert_int_equal(free_worker(), first);
    tick(300);
    nj_worker_id both[3];
    assert_int_equal(nj_roster_free_workers(&roster, true, both, 3), 2);
    assert_int_equal(both[0] == second || both[1] == second, true);
}

static void free_workers_are_listed_idle_ones_first_and_each_once(void **state)
{
    (void)state;
    nj_worker_id ids[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        ids[i] = hello(peer_of(i, i), (uint8_t)i, 0);
        ready(peer_of(i, i), 2, 0);
    }
    for (unsigned i = 0; i < WORKERS - 1; i++) {
        assert_int_equal(grant(ids[i], i, 0), NJ_OK);
    }
    nj_worker_id found[WORKERS + 1];
    assert_int_equal(nj_roster_free_workers(&roster, false, found, WORKERS + 1), WORKERS);
    assert_int_equal(found[0], ids[WORKERS - 1]);
    for (unsigned i = 1; i < WORKERS; i++) {
        assert_int_equal(found[i], ids[i - 1]);
    }
    assert_int_equal(nj_roster_free_workers(&roster, true, found, WORKERS), 1);
    assert_int_equal(nj_roster_free_workers(&roster, false, found, 2), 2);
}

static void configs_out_of_range_are_refused(void **state)
{
    (void)state;
    nj_error err = {0};
    nj_roster other;
    nj_roster_config none = {.worker_max = 0, .silence_ms = 1, .lease_ms = 1};
    nj_roster_config many = {
        .worker_max = NJ_ROSTER_WORKERS_MAX + 1, .silence_ms = 1, .lease_ms = 1};
    nj_roster_config no_time = {.worker_max = 1, .silence_ms = 0, .lease_ms = 1};
    assert_refused(nj_roster_init(&other, &none, &err), NJ_INPUT, &err, "at most 0 workers");
    assert_refused(nj_roster_init(&other, &many, &err), NJ_INPUT, &err, "65536");
    assert_refused(nj_roster_init(&other, &no_time, &err), NJ_INPUT, &err, "0 ms");
    nj_roster_config bench = {
        .worker_max = 1, .silence_ms = 1, .lease_ms = 1, .bench_ms = 2, .bench_max_ms = 1};
    assert_refused(nj_roster_init(&other, &bench, &err), NJ_INPUT, &err, "a bench of 2 ms");
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_worker_is_welcomed_and_takes_leases_up_to_its_credit),
        FRESH(idle_workers_are_preferred),
        FRESH(a_lease_runs_out_unless_progress_is_reported),
        FRESH(only_the_oldest_lease_of_a_hung_or_vanished_worker_is_lost),
        FRESH(progress_renews_only_the_leases_that_are_named),
        FRESH(a_silent_worker_is_forgotten_with_its_leases),
        FRESH(a_worker_that_is_quiet_is_probed_now_and_then),
        FRESH(a_worker_that_has_gone_keeps_its_name_for_the_log),
        FRESH(a_reconnection_keeps_the_worker_and_its_leases),
        FRESH(the_same_instance_under_another_key_is_another_worker),
        FRESH(a_new_process_on_the_same_connection_replaces_the_old_one),
        FRESH(strangers_are_told_to_say_hello_and_leave_no_trace),
        FRESH(the_last_place_is_given_and_one_more_worker_finds_none),
        FRESH(a_tick_with_many_losses_is_handed_out_in_parts),
        FRESH(peers_come_and_go_without_losing_one_another),
        FRESH(a_lease_given_back_stops_the_credit_until_the_next_ready),
        FRESH(a_worker_that_fails_three_shards_gets_no_lease_until_its_bench_is_over),
        FRESH(a_good_result_ends_the_bench_and_all_that_is_held_against_it),
        FRESH(a_reconnection_does_not_shorten_the_bench),
        FRESH(the_one_whose_bench_ends_first_comes_back_first),
        FRESH(free_workers_are_listed_idle_ones_first_and_each_once),
        cmocka_unit_test(configs_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
