#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coordinator/plan.h"

#define EVENTS_MAX 400000000ull // a night that has more of them goes in circles
#define REDELIVER_MS 50

// ---- what a night says of itself ----

void sim_mix(sim_world *world, uint64_t value)
{
    world->trace = (world->trace ^ value) * 0x100000001b3u;
    world->trace ^= world->trace >> 29;
}

void sim_say(sim_world *world, const char *format, ...)
{
    if (!world->setup.talk) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    printf("%9.3f s  ", (double)sim_now(world) / 1e9);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void sim_fail(sim_world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int used = snprintf(
        world->report, sizeof world->report, "seed %" PRIu64 ", %s, %.3f s: ", world->setup.seed,
        world->setup.mode == SIM_SAFETY ? "safety" : "liveness", (double)sim_now(world) / 1e9);
    vsnprintf(world->report + used, sizeof world->report - (size_t)used, format, arguments);
    va_end(arguments);
    longjmp(world->failed, 1);
}

bool sim_unlucky(sim_world *world, uint32_t odds)
{
    return simrandom_chance(&world->random, odds, 1000) && sim_faults_on(world);
}

uint64_t sim_watch_begin(const sim_world *world)
{
    struct timespec now = {0};
    if (world->setup.watch) {
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sim_watch_end(sim_world *world, uint64_t begin_ns)
{
    world->watch.ns[world->watch.kind] += sim_watch_begin(world) - begin_ns;
}

void sim_after(sim_world *world, uint64_t delay_us, sim_event_kind kind, uint32_t who, uint64_t tag)
{
    simclock_add(&world->clock, sim_now(world) + delay_us * SIM_NS_PER_US, kind, who, tag);
}

// ---- rows: eight bytes a user: what was computed, whose it is, and that it is a row ----

#define ROW_MARK 0xa5u
#define USER_BITS 24

static uint64_t finish_row(uint64_t computed, uint32_t user)
{
    return computed << 32 | (uint64_t)user << 8 | ROW_MARK;
}

uint64_t sim_true_row(const sim_world *world, uint32_t user)
{
    return finish_row(simrandom_mix(world->setup.seed * 0x9e3779b97f4a7c15u + user), user);
}

uint64_t sim_wrong_row(const sim_world *world, uint32_t user)
{
    return sim_true_row(world, user) ^ 1ull << 32;
}

bool sim_row_fits(uint64_t row, uint32_t user)
{
    return (row & 0xff) == ROW_MARK && (row >> 8 & ((1u << USER_BITS) - 1)) == user;
}

// ---- the loop ----

static void handle_coordinator(sim_world *world, const simevent *event)
{
    sim_coordinator *coordinator = &world->coordinators[event->who];
    if (!coordinator->alive || coordinator->life != event->tag) {
        return;
    }
    uint64_t until_ns =
        event->kind == SIM_COMMIT_END ? coordinator->stopped_until_ns : sim_busy_until(coordinator);
    if (until_ns > sim_now(world)) {
        sim_postpone(world, event, until_ns);
    } else if (event->kind == SIM_COMMIT_END) {
        sim_coordinator_commit_end(world, event->who);
    } else {
        sim_coordinator_tick(world, event->who);
    }
}

static void handle_worker(sim_world *world, const simevent *event)
{
    sim_worker *worker = &world->workers[event->who];
    if (event->kind == SIM_WORKER_BIRTH) {
        if (!worker->alive && worker->life == event->tag) {
            sim_worker_begin(world, event->who);
        }
        return;
    }
    uint32_t expected = event->kind == SIM_COMPUTE_END ? worker->computation : worker->life;
    if (!worker->alive || expected != event->tag) {
        return;
    }
    if (worker->stopped_until_ns > sim_now(world)) {
        sim_postpone(world, event, worker->stopped_until_ns);
    } else if (event->kind == SIM_WORKER_TICK) {
        sim_worker_tick(world, event->who);
    } else if (event->kind == SIM_COMPUTE_END) {
        sim_worker_computed(world, event->who);
    } else {
        sim_worker_set_up(world, event->who);
    }
}

static void handle(sim_world *world, const simevent *event)
{
    switch ((sim_event_kind)event->kind) {
    case SIM_DELIVER:
        sim_arrive(world, event);
        break;
    case SIM_COORDINATOR_TICK:
    case SIM_COMMIT_END:
        handle_coordinator(world, event);
        break;
    case SIM_COORDINATOR_BIRTH:
        if (event->tag != 0 || world->newest == SIM_NOBODY) { // tag: whether there is one or not
            sim_coordinator_begin(world);
        }
        break;
    case SIM_STRIKE:
        sim_weather_strike(world, (sim_fault)event->who);
        break;
    case SIM_FLAP:
        sim_weather_flap(world, event->who);
        break;
    case SIM_KILL:
        sim_worker_kill(world, event->who, true);
        break;
    case SIM_CALM_DOWN:
        sim_weather_end(world);
        break;
    default:
        handle_worker(world, event);
        break;
    }
}

// Users of a shard that begins at user `first`.
static uint32_t size_of(const sim_setup *setup, uint32_t shard, uint32_t first)
{
    if (setup->user_count > 0) {
        return nj_plan_next_shard(setup->user_count - first, setup->shard_users,
                                  setup->shard_users_least);
    }
    bool last = shard + 1 == setup->shard_count;
    return last && setup->shard_users > 1 ? setup->shard_users - 1 : setup->shard_users;
}

static void count_shards(sim_setup *setup)
{
    uint32_t first = 0;
    for (setup->shard_count = 0; first < setup->user_count; setup->shard_count++) {
        first += size_of(setup, setup->shard_count, first);
    }
}

static void open_world(sim_world *world, const sim_setup *asked)
{
    *world = (sim_world){.setup = *asked, .newest = SIM_NOBODY};
    sim_setup *setup = &world->setup;
    if (setup->user_count > 0) {
        count_shards(setup);
    }
    world->random.state = setup->seed * 0x2545f4914f6cdd1du + 1;
    world->user_count = 0;
    world->shard_first = calloc(setup->shard_count + 1, sizeof *world->shard_first);
    world->workers = calloc(setup->worker_count, sizeof *world->workers);
    for (uint32_t shard = 0; shard < setup->shard_count; shard++) {
        world->shard_first[shard + 1] =
            world->shard_first[shard] + size_of(setup, shard, world->shard_first[shard]);
    }
    world->user_count = world->shard_first[setup->shard_count];
    world->poison = calloc(world->user_count, 1);
    for (uint32_t i = 0; i < setup->poison_count; i++) {
        uint64_t user = simrandom_below(&world->random, world->user_count);
        world->poison[user] = (uint8_t)setup->poison_kind;
    }
    simclock_init(&world->clock);
    simnet_init(&world->net, &world->clock, &world->random, SIM_DELIVER, setup->worker_count);
    world->net.weather = setup->weather.net;
    store_init(&world->store, setup->shard_count, world->shard_first);
    for (uint32_t i = 0; i < setup->worker_count; i++) {
        world->workers[i].session = malloc(sizeof(nj_session));
        uint64_t birth_us = simrandom_below(&world->random, setup->birth_spread_ms + 1) * 1000;
        sim_after(world, birth_us, SIM_WORKER_BIRTH, i, 0);
    }
}

void sim_close(sim_world *world)
{
    for (uint32_t i = 0; i < SIM_COORDINATORS_MAX; i++) {
        if (world->coordinators[i].alive) {
            sim_coordinator_free(&world->coordinators[i]);
        }
    }
    for (uint32_t i = 0; i < world->setup.worker_count; i++) {
        free(world->workers[i].session);
    }
    store_fini(&world->store);
    simnet_fini(&world->net);
    simclock_fini(&world->clock);
    free(world->poison);
    free(world->workers);
    free(world->shard_first);
}

bool sim_run(sim_world *world, const sim_setup *setup)
{
    open_world(world, setup);
    if (setjmp(world->failed) != 0) {
        return false;
    }
    sim_after(world, 0, SIM_COORDINATOR_BIRTH, 0, 0);
    sim_weather_begin(world);
    simevent event;
    while (!world->over && simclock_next(&world->clock, &event)) {
        if (sim_now(world) > setup->night_end_ns) {
            break;
        }
        SIM_CHECK(world, world->counts.steps++ < EVENTS_MAX, "the night goes in circles");
        handle(world, &event);
    }
    sim_check_end(world);
    return true;
}
