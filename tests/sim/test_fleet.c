// test_fleet.c - 4,096 workers and the shards of a night of 10 million users: what the coordinator's own code costs, and whether the
// workers are kept busy.
#include <inttypes.h>

#include "tests/sim/world.h"
#include "tests/support/nj_test.h"

#define WORKERS 4096
#define SHARDS 156250
#define SHARD_USERS 64
#define USER_US 100000 // 6.4 s a shard: a night of four minutes, and 640 shards a second

// A night of eight hours has 5.4 shards a second, and as many workers that send heartbeats.
#define NIGHT_SECONDS (8 * 3600)

static sim_world world; // large

static void print_costs(double virtual_s)
{
    double all_us = 0;
    for (int kind = 0; kind < SIM_WATCH_KINDS; kind++) {
        double us = (double)world.watch.ns[kind] / 1000;
        all_us += us;
        if (world.watch.ns[kind] > 0) {
            uint64_t count = world.watch.count[kind];
            print_message("  %-10s %9" PRIu64 " times  %8.2f us each  %8.3f s\n",
                          kind == 0 ? "time" : nj_message_name((nj_message_kind)kind), count,
                          count > 0 ? us / (double)count : 0.0, us / 1e6);
        }
    }
    const double beats = (double)world.watch.count[NJ_MESSAGE_HEARTBEAT];
    const double beat_us =
        (double)(world.watch.ns[NJ_MESSAGE_HEARTBEAT] + world.watch.ns[NJ_MESSAGE_READY]) / 1000 /
        beats;
    const double tick_us = (double)world.watch.ns[0] / 1000 / (virtual_s * 10);
    const double shard_us = (double)world.watch.ns[NJ_MESSAGE_RESULT] / 1000 / SHARDS;
    print_message(
        "coordinator: %.1f us a shard, all in all; %.1f us for a RESULT, its ACK and the next "
        "LEASE; %.2f us for a HEARTBEAT with READY; %.1f us for a tick\n",
        all_us / SHARDS, shard_us, beat_us, tick_us);
    print_message("coordinator at the rate of a night of 8 hours: %.2f %% of a core\n",
                  100e-6 * (WORKERS * beat_us + tick_us * 10 + shard_us * SHARDS / NIGHT_SECONDS));
}

static void a_fleet_is_kept_busy_by_half_a_core(void **state)
{
    (void)state;
    sim_setup setup = sim_calm_setup(1, SHARDS, SHARD_USERS, WORKERS);
    setup.user_us = USER_US;
    setup.heartbeat_ms = 1000;
    setup.lease_ms = 15000;
    setup.birth_spread_ms = 3000;
    setup.speculate_min_ms = 60000;
    setup.audit_count = 8;
    setup.spare_count = 65536;
    setup.weather.commit_ms_max = 10;
    setup.watch = true;
    if (!sim_run(&world, &setup)) {
        fail_msg("%s", world.report);
    }
    const double ideal_s = (double)world.user_count * USER_US / 1e6 / WORKERS;
    const double virtual_s = (double)world.makespan_ns / 1e9;
    print_message("%u workers, %u shards: %.1f s, ideal %.1f s: %.3f; %" PRIu64 " leases\n",
                  WORKERS, SHARDS, virtual_s, ideal_s, virtual_s / ideal_s, world.counts.leases);
    print_costs(virtual_s);
    uint64_t ns = 0;
    for (int kind = 0; kind < SIM_WATCH_KINDS; kind++) {
        ns += world.watch.ns[kind];
    }
    assert_true(virtual_s <= 1.1 * ideal_s);
    assert_true((double)ns / 1e9 <= 0.5 * virtual_s); // at a hundred times the rate of that night
    assert_int_equal(world.store.committed_users, world.user_count);
    sim_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_is_kept_busy_by_half_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
