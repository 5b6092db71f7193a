// weather.c - what goes wrong in a night: drawn from its seed, and brought down on the world as time passes.
#include "tests/sim/world.h"

#define FAULTS_MS_MIN 3000
#define FAULTS_MS_MAX 10000
#define SPAN_MS_MAX 4000 // of a cut, a freeze, a full disk
#define FLAPS_MAX 8
#define RECOVER_MS 60000 // after the faults a night has this long, and what its work takes
#define LOSS_MS 20000    // this long for each lease that is lost until that one stands alone
#define LEVELS 4         // of bisection, for shards of up to 8 users

// ---- drawing ----

static uint32_t draw_odds(simrandom *random, uint32_t max)
{
    bool present = simrandom_chance(random, 1, 3);
    uint32_t odds = (uint32_t)simrandom_below(random, max + 1);
    return present ? odds : 0;
}

static uint32_t draw_worker(simrandom *random, uint32_t worker_count)
{
    bool present = simrandom_chance(random, 1, 5);
    uint32_t worker = (uint32_t)simrandom_below(random, worker_count);
    return present ? worker : SIM_NOBODY;
}

// One statement a draw: C leaves the order within an initialiser or an argument list to the compiler, and a seed must mean the same night
// whoever compiled it.
static simnet_weather draw_network(simrandom *random)
{
    simnet_weather net = {.delay_us_min = 100};
    net.drop = draw_odds(random, 200);
    net.repeat = draw_odds(random, 100);
    net.reorder = draw_odds(random, 100);
    net.reorder_us_max = simrandom_chance(random, 1, 4) ? 3000000 : 300000;
    net.damage = draw_odds(random, 30);
    net.delay_us_max = 200 + (uint32_t)simrandom_below(random, 200000);
    net.cuts_hold = simrandom_chance(random, 1, 2);
    return net;
}

static sim_weather draw_weather(simrandom *random, uint32_t worker_count)
{
    sim_weather weather = {.net = draw_network(random)};
    weather.hang = draw_odds(random, 60);
    weather.fail = draw_odds(random, 200);
    weather.commit_fail = draw_odds(random, 300);
    weather.commit_ms_max = (uint32_t)simrandom_below(random, 100);
    weather.writer_blocks = simrandom_chance(random, 1, 2);
    weather.watches = simrandom_chance(random, 3, 4);
    weather.keeps_batch = simrandom_chance(random, 1, 2);
    weather.slow_worker = draw_worker(random, worker_count);
    weather.sick_worker = draw_worker(random, worker_count);
    weather.liar = draw_worker(random, worker_count);
    weather.messy = draw_worker(random, worker_count);
    for (int fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        bool present = simrandom_chance(random, 1, 4);
        uint64_t every_ms = simrandom_between(random, 400, 8000);
        weather.every_ms[fault] = present ? (uint32_t)every_ms : 0;
    }
    // A liar is an event; most nights have none.
    weather.liar = simrandom_chance(random, 1, 3) ? weather.liar : SIM_NOBODY;
    return weather;
}

static sim_weather calm_weather(void)
{
    return (sim_weather){.net = {.delay_us_min = 100, .delay_us_max = 2000},
                         .commit_ms_max = 20,
                         .watches = true,
                         .keeps_batch = true,
                         .slow_worker = SIM_NOBODY,
                         .sick_worker = SIM_NOBODY,
                         .liar = SIM_NOBODY,
                         .messy = SIM_NOBODY,
                         .calm = true};
}

sim_setup sim_calm_setup(uint64_t seed, uint32_t shard_count, uint32_t shard_users,
                         uint32_t worker_count)
{
    return (sim_setup){.seed = seed,
                       .mode = SIM_LIVENESS,
                       .shard_count = shard_count,
                       .shard_users = shard_users,
                       .worker_count = worker_count,
                       .lease_slots = 4,
                       .heartbeat_ms = 300,
                       .lease_ms = 1500,
                       .user_us = 20000,
                       .spare_count = 512,
                       .tries_max = 2,
                       .losses_max = 4,
                       .speculate_percent = 5,
                       .speculate_min_ms = 1000,
                       .failed_shards_max = UINT32_MAX,
                       .audit_count = 2,
                       .birth_spread_ms = 100,
                       .worker_down_ms = 1000,
                       .night_end_ns = 3600 * 1000 * SIM_NS_PER_MS,
                       .weather = calm_weather()};
}

// How long a night may take once the faults have ended: what its work takes if only the slow worker is left, twice, and what it takes to
// find each user who is poison.
static uint64_t plan_recovery_ms(const sim_setup *setup)
{
    uint64_t users = (uint64_t)setup->shard_count * setup->shard_users;
    uint64_t work_ms = users * setup->user_us / 1000 * SIM_SLOWNESS;
    uint64_t losses = (uint64_t)setup->poison_count * setup->losses_max * LEVELS;
    return RECOVER_MS + 2 * work_ms + losses * LOSS_MS;
}

sim_setup sim_draw_setup(uint64_t seed, sim_mode mode)
{
    simrandom random = {seed * 0xd1342543de82ef95u + (mode == SIM_SAFETY ? 1 : 2)};
    bool large = simrandom_chance(&random, 1, 4);
    uint32_t shard_count = (uint32_t)simrandom_between(&random, 1, large ? 60 : 12);
    uint32_t shard_users = (uint32_t)simrandom_between(&random, 1, 8);
    uint32_t worker_count = (uint32_t)simrandom_between(&random, 1, large ? 10 : 4);
    sim_setup setup = sim_calm_setup(seed, shard_count, shard_users, worker_count);
    setup.mode = mode;
    setup.lease_slots = (uint32_t)simrandom_between(&random, 1, 4);
    setup.user_us = (uint32_t)simrandom_between(&random, 1000, 60000);
    setup.poison_count = (uint32_t)simrandom_below(&random, 3);
    setup.poison_kind = (sim_poison)simrandom_below(&random, 4);
    setup.tries_max = (uint16_t)simrandom_between(&random, 1, 3);
    setup.losses_max = (uint16_t)simrandom_between(&random, 2, 6);
    setup.birth_spread_ms = simrandom_below(&random, 2000);
    setup.worker_down_ms = (uint32_t)simrandom_between(&random, 100, 3000);
    uint64_t kind = simrandom_below(&random, 10);
    setup.only_poison = kind == 0;
    setup.poison_count = kind == 1 ? 0 : setup.poison_count;
    if (kind > 1) {
        setup.weather = draw_weather(&random, setup.worker_count);
    }
    setup.weather.calm = kind == 1;
    setup.speculate_min_ms = setup.weather.calm ? 2000 : 300;
    uint64_t faults_ms = simrandom_between(&random, FAULTS_MS_MIN, FAULTS_MS_MAX);
    setup.faults_end_ns = faults_ms * SIM_NS_PER_MS;
    setup.night_end_ns = setup.faults_end_ns;
    setup.night_end_ns += mode == SIM_LIVENESS ? plan_recovery_ms(&setup) * SIM_NS_PER_MS : 0;
    return setup;
}

// ---- bringing it down ----

static uint64_t draw_span_ns(sim_world *world)
{
    uint64_t until_ns =
        sim_now(world) + simrandom_between(&world->random, 50, SPAN_MS_MAX) * SIM_NS_PER_MS;
    return until_ns < world->setup.faults_end_ns ? until_ns : world->setup.faults_end_ns;
}

static void schedule(sim_world *world, sim_fault fault)
{
    uint32_t every_ms = world->setup.weather.every_ms[fault];
    if (every_ms > 0 && sim_faults_on(world)) {
        uint64_t us = simrandom_between(&world->random, every_ms * 100ull, every_ms * 1900ull);
        sim_after(world, us, SIM_STRIKE, (uint32_t)fault, 0);
    }
}

void sim_weather_begin(sim_world *world)
{
    for (int fault = 0; fault < SIM_FAULT_COUNT; fault++) {
        schedule(world, (sim_fault)fault);
    }
    // The workers of a setup are alike, so it may be the first ones.
    for (uint32_t i = 0; i < world->setup.kill_count; i++) {
        uint64_t ms = simrandom_between(&world->random, 1000, world->setup.kill_within_ms);
        sim_after(world, ms * 1000, SIM_KILL, i, 0);
    }
    sim_after(world, world->setup.faults_end_ns / SIM_NS_PER_US, SIM_CALM_DOWN, 0, 0);
}

// Cuts, freezes and full disks have ended by now; the network loses nothing any more.
void sim_weather_end(sim_world *world)
{
    if (world->setup.mode == SIM_SAFETY) {
        return;
    }
    sim_say(world, "the faults end");
    world->net.weather = (simnet_weather){.delay_us_min = 100, .delay_us_max = 5000};
}

static void cut(sim_world *world, uint32_t worker, bool up, bool down)
{
    uint64_t until_ns = draw_span_ns(world);
    sim_say(world, "worker %u is cut off%s%s for %u ms", worker, up ? " upwards" : "",
            down ? " downwards" : "", (unsigned)((until_ns - sim_now(world)) / SIM_NS_PER_MS));
    sim_harm_until(world, worker, until_ns);
    if (up) {
        simnet_cut(&world->net, worker, SIMNET_UP, until_ns);
    }
    if (down) {
        simnet_cut(&world->net, worker, SIMNET_DOWN, until_ns);
    }
}

static void strike_worker(sim_world *world, sim_fault fault)
{
    uint32_t index = (uint32_t)simrandom_below(&world->random, world->setup.worker_count);
    sim_worker *worker = &world->workers[index];
    if (fault == FAULT_CUT_UP || fault == FAULT_CUT_DOWN || fault == FAULT_CUT_BOTH) {
        cut(world, index, fault != FAULT_CUT_DOWN, fault != FAULT_CUT_UP);
        return;
    }
    if (!worker->alive || worker->stopped_until_ns > sim_now(world)) {
        return;
    }
    sim_harm(world, index);
    switch (fault) {
    case FAULT_KILL_WORKER:
    case FAULT_POWER_OFF_WORKER:
        sim_worker_kill(world, index, fault == FAULT_KILL_WORKER);
        break;
    case FAULT_FREEZE_WORKER:
        worker->stopped_until_ns = draw_span_ns(world);
        sim_harm_until(world, index, worker->stopped_until_ns);
        sim_say(world, "worker %u is frozen", index);
        break;
    case FAULT_END_WORKER:
        sim_worker_terminate(world, index);
        break;
    case FAULT_BREAK_LINE:
        sim_worker_break_line(world, index);
        break;
    default:
        break;
    }
}

// Breaks the connection and cuts the link, a few times in a row: each time schedules the next.
static void flap(sim_world *world)
{
    uint32_t index = (uint32_t)simrandom_below(&world->random, world->setup.worker_count);
    uint64_t at_ns = sim_now(world);
    sim_say(world, "the link of worker %u flaps", index);
    for (uint64_t i = simrandom_between(&world->random, 2, FLAPS_MAX); i > 0; i--) {
        at_ns += simrandom_between(&world->random, 50, 500) * SIM_NS_PER_MS;
        simclock_add(&world->clock, at_ns, SIM_FLAP, index, 0);
    }
    sim_harm_until(world, index, at_ns);
}

void sim_weather_flap(sim_world *world, uint32_t worker)
{
    if (sim_faults_on(world)) {
        uint64_t until_ns = sim_now(world) + 100 * SIM_NS_PER_MS;
        sim_worker_break_line(world, worker);
        simnet_cut(&world->net, worker, SIMNET_UP, until_ns);
        simnet_cut(&world->net, worker, SIMNET_DOWN, until_ns);
    }
}

static void strike_coordinator(sim_world *world, sim_fault fault)
{
    uint32_t index = world->newest;
    if (index == SIM_NOBODY || world->coordinators[index].stopped_until_ns > sim_now(world)) {
        return;
    }
    sim_coordinator *coordinator = &world->coordinators[index];
    switch (fault) {
    case FAULT_KILL_COORDINATOR:
        sim_coordinator_kill(world, index);
        break;
    case FAULT_END_COORDINATOR:
        sim_say(world, "coordinator %u is asked to end", index);
        sim_coordinator_terminate(world, index);
        break;
    case FAULT_FREEZE_COORDINATOR:
        coordinator->stopped_until_ns = draw_span_ns(world);
        sim_say(world, "coordinator %u is frozen", index);
        for (uint32_t i = 0; i < world->setup.worker_count; i++) {
            sim_harm_until(world, i, coordinator->stopped_until_ns);
        }
        if (simrandom_chance(&world->random, 2, 3)) {
            uint64_t pause_ms = simrandom_between(&world->random, 100, SPAN_MS_MAX);
            sim_after(world, pause_ms * 1000, SIM_COORDINATOR_BIRTH, 0, 1);
        }
        break;
    default:
        sim_say(world, "somebody starts a second coordinator");
        sim_coordinator_begin(world);
        break;
    }
}

void sim_weather_strike(sim_world *world, sim_fault fault)
{
    if (!sim_faults_on(world)) {
        return;
    }
    sim_mix(world, sim_now(world) ^ (uint64_t)fault << 50);
    if (fault == FAULT_FLAP) {
        flap(world);
    } else if (fault == FAULT_FULL_DISK) {
        world->full_until_ns = draw_span_ns(world);
        sim_say(world, "the disk is full");
    } else if (fault >= FAULT_KILL_COORDINATOR) {
        strike_coordinator(world, fault);
    } else {
        strike_worker(world, fault);
    }
    schedule(world, fault);
}
