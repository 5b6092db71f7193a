// test_night_shapes.c - nights of a known shape, and what they may cost: without faults, with one slow worker, with a fifth of the workers
// killed, with users or workers that fail everything.
//
// The ideal is the work divided by the workers: no start, no messages, no commits.
#include <inttypes.h>

#include "tests/sim/world.h"
#include "tests/support/nj_test.h"

#define NIGHTS 3 // of each kind, where only averages say something

static sim_world world; // large

typedef struct {
    double makespan;   // against the ideal
    double rework;     // users computed for nothing, of the users of the night
    double speculated; // second leases, of the shards
} shape;

static shape run_shape(const sim_setup *setup)
{
    const uint64_t users = (uint64_t)setup->shard_count * setup->shard_users - 1;
    const double ideal_ns = (double)users * setup->user_us * 1000.0 / (double)setup->worker_count;
    if (!sim_run(&world, setup)) {
        print_error("%s\n", world.report);
        sim_close(&world);
        fail();
    }
    uint64_t audited = world.counts.audited_users;
    shape result = {.makespan = (double)world.makespan_ns / ideal_ns,
                    .rework = ((double)world.counts.users_computed - (double)(users + audited)) /
                              (double)users,
                    .speculated = (double)world.counts.speculations / setup->shard_count};
    sim_close(&world);
    return result;
}

static shape average(const sim_setup *setup, uint64_t nights, const char *what)
{
    shape sum = {0};
    double worst = 0;
    for (uint64_t seed = 1; seed <= nights; seed++) {
        sim_setup one = *setup;
        one.seed = seed;
        shape result = run_shape(&one);
        sum.makespan += result.makespan / (double)nights;
        sum.rework += result.rework / (double)nights;
        sum.speculated += result.speculated / (double)nights;
        worst = result.makespan > worst ? result.makespan : worst;
    }
    print_message("%s: makespan %.3f of the ideal (worst %.3f), rework %.2f %%, speculative leases "
                  "%.2f %% of the shards, over %" PRIu64 " nights\n",
                  what, sum.makespan, worst, 100 * sum.rework, 100 * sum.speculated, nights);
    return sum;
}

// 40 workers, 1,600 shards of half a second and longer: forty a worker.
static sim_setup make_setup(void)
{
    sim_setup setup = sim_calm_setup(1, 1600, 32, 40);
    setup.user_us = 30000;
    setup.audit_count = 8;
    setup.speculate_min_ms = 3000;
    return setup;
}

static void a_night_without_faults_computes_nothing_twice(void **state)
{
    (void)state;
    sim_setup setup = make_setup();
    shape result = average(&setup, 5, "no faults");
    assert_true(result.rework == 0);
    assert_true(result.speculated == 0);
    assert_true(result.makespan <= 1.1);
}

static void one_worker_ten_times_slower_does_not_hold_up_the_night(void **state)
{
    (void)state;
    sim_setup setup = make_setup();
    setup.weather.calm = false;
    setup.weather.slow_worker = 7;
    shape result = average(&setup, 5, "one worker ten times slower");
    assert_true(result.makespan <= 1.2);
    assert_true(result.rework <= 0.01);
    setup.speculate_percent = 0;
    shape without = average(&setup, 5, "the same without speculation");
    assert_true(result.makespan < without.makespan);
}

// Nights of as many users as Amazon Beauty, at 5 ms each: what the last shards cost fleets of every size, all equal or halved towards the
// end.
static void small_shards_at_the_end_keep_workers_busy(void **state)
{
    (void)state;
    static const uint32_t FLEETS[] = {1, 2, 16, 64, 512};
    for (size_t i = 0; i < sizeof FLEETS / sizeof FLEETS[0]; i++) {
        double took[2] = {0};
        uint32_t shards[2] = {0};
        for (uint64_t night = 0; night < 2 * NIGHTS; night++) {
            const size_t halved = night % 2;
            sim_setup setup = sim_calm_setup(1 + night / 2, 0, 64, FLEETS[i]);
            setup.user_count = 22363;
            setup.shard_users_least = halved ? 16 : setup.shard_users;
            setup.user_us = 5000;
            setup.heartbeat_ms = 1000;
            setup.lease_ms = 15000;
            assert_true(sim_run(&world, &setup));
            const double ideal_ns = (double)world.user_count * 5e6 / FLEETS[i];
            took[halved] += (double)world.makespan_ns / ideal_ns / NIGHTS;
            shards[halved] = world.setup.shard_count;
            sim_close(&world);
        }
        print_message("%3u workers: makespan %.3f of the ideal with %u equal shards, %.3f with %u "
                      "halved towards the end\n",
                      FLEETS[i], took[0], shards[0], took[1], shards[1]);
        assert_true(took[1] <= took[0] * 1.01);
        assert_true(FLEETS[i] != 64 || took[1] < took[0] - 0.03);
    }
}

// Each of them once, at a random moment, and it does not come back.
static void a_fifth_of_the_workers_killed_costs_a_third_at_most(void **state)
{
    (void)state;
    sim_setup setup = make_setup();
    setup.weather.calm = false;
    setup.worker_down_ms = UINT32_MAX;
    setup.kill_count = setup.worker_count / 5;
    setup.kill_within_ms = 30000;
    shape result = average(&setup, 20, "20 % of the workers killed for good");
    assert_true(result.makespan <= 1.35);
    assert_true(result.rework <= 0.05);
}

// Twice as bad as it can be meant: a fifth of the workers within every shard's duration, over the whole night; they come back. Half a
// shard is lost with each, so a tenth of the work is done twice whatever a coordinator does.
static void a_fifth_killed_in_every_shards_duration(void **state)
{
    (void)state;
    sim_setup setup = make_setup();
    const uint64_t shard_ms = (uint64_t)setup.shard_users * setup.user_us / 1000;
    setup.weather.calm = false;
    setup.worker_down_ms = 100;
    setup.losses_max = 100;
    setup.faults_end_ns = 3600 * 1000 * SIM_NS_PER_MS;
    setup.weather.every_ms[FAULT_KILL_WORKER] = (uint32_t)(shard_ms * 5 / setup.worker_count);
    shape result = average(&setup, 5, "20 % killed in each shard's duration, back after 0.2 s");
    assert_true(result.rework <= 0.2);
    assert_true(result.makespan <= 2);
}

static void a_bundle_that_fails_everything_ends_the_night_early(void **state)
{
    (void)state;
    sim_setup setup = sim_calm_setup(3, 400, 8, 10);
    setup.weather.calm = false;
    setup.weather.fail = 1000;
    setup.faults_end_ns = setup.night_end_ns;
    setup.failed_shards_max = 8;
    assert_true(sim_run(&world, &setup));
    assert_true(world.hopeless);
    assert_false(world.store.published);
    print_message("everything fails: given up after %.1f s and %" PRIu64 " leases\n",
                  (double)world.makespan_ns / 1e9, world.counts.leases);
    assert_true(world.counts.leases < 400);
    sim_close(&world);
}

static void a_user_that_kills_its_workers_is_found(void **state)
{
    (void)state;
    sim_setup setup = sim_calm_setup(4, 40, 8, 6);
    setup.weather.calm = false;
    setup.poison_count = 1;
    setup.poison_kind = POISON_CRASHES;
    assert_true(sim_run(&world, &setup));
    assert_true(world.store.published);
    assert_int_equal(world.store.quarantined_users, 1);
    assert_int_equal(world.store.committed_users, world.user_count - 1);
    sim_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_night_without_faults_computes_nothing_twice),
        cmocka_unit_test(one_worker_ten_times_slower_does_not_hold_up_the_night),
        cmocka_unit_test(small_shards_at_the_end_keep_workers_busy),
        cmocka_unit_test(a_fifth_of_the_workers_killed_costs_a_third_at_most),
        cmocka_unit_test(a_fifth_killed_in_every_shards_duration),
        cmocka_unit_test(a_bundle_that_fails_everything_ends_the_night_early),
        cmocka_unit_test(a_user_that_kills_its_workers_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
