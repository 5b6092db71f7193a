#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    int used = snprintf(world->report, sizeof world->report,
                        "seed %" PRIu64 ", %s, %.3f s: ", world->setup.seed,
                        world->setup.mode == SIM_SAFETY ? "safety" : "liveness",
                        (double)sim_now(world) / 1e9);
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

// ---- rows: eight bytes a user, of which the last says that they are a row ----

#define ROW_MARK 0xa5u

uint64_t sim_true_row(const sim_world *world, uint32_t user)
{
    return (simrandom_mix(world->setup.seed * 0x9e3779b97f4a7c15u + user) & ~0xffull) | ROW_MARK;
}

uint64_t sim_wrong_row(const sim_world *world, uint32_t user)
{
    return sim_true_row(world, user) ^ 0x100;
}

bool sim_row_fits(uint64_t row)
{
    return (row & 0xff) == ROW_MARK;
}

// ---- sending ----

nj_peer sim_peer(const sim_world *world, uint32_t line)
{
    nj_peer peer = {.route_bytes = 5};
    memcpy(peer.route + 1, &line, sizeof line);
    snprintf(peer.key, sizeof peer.key, "worker %u", world->net.lines[line].worker);
    return peer;
}

uint32_t sim_line_of(const nj_peer *peer)
{
    uint32_t line;
    memcpy(&line, peer->route + 1, sizeof line);
    return line;
}

static bool is_coordinator_there(const sim_world *world, const simnet_line *line)
{
    const sim_coordinator *coordinator = &world->coordinators[line->coordinator];
    return coordinator->alive && coordinator->life == line->coordinator_life;
}

// What the worker's socket does by itself: it connects again when the other process has ended.
static uint32_t find_line(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    if (worker->line != 0 && !is_coordinator_there(world, &world->net.lines[worker->line])) {
        simnet_close(&world->net, worker->line, true);
        worker->line = 0;
    }
    if (worker->line == 0 && world->newest != SIM_NOBODY) {
        worker->line = simnet_connect(&world->net, index, worker->life, world->newest,
                                      world->coordinators[world->newest].life);
    }
    return worker->line;
}

void sim_harm_until(sim_world *world, uint32_t worker, uint64_t until_ns)
{
    uint64_t *harmed_ns = &world->workers[worker].harmed_ns;
    *harmed_ns = until_ns > *harmed_ns ? until_ns : *harmed_ns;
}

void sim_harm(sim_world *world, uint32_t worker)
{
    sim_harm_until(world, worker, sim_now(world));
}

static void note_harm(sim_world *world, uint32_t worker, bool harmed)
{
    if (harmed) {
        sim_harm(world, worker);
    }
}

static nj_slice pack(sim_world *world, const nj_message *message)
{
    static nj_buffer bytes; // one for all nights
    nj_error err = {0};
    if (bytes.bytes_max == 0) {
        nj_buffer_init(&bytes, NJ_WIRE_MESSAGE_BYTES_MAX);
    }
    nj_buffer_clear(&bytes);
    nj_status status = nj_message_pack(message, &bytes, &err);
    SIM_CHECK(world, status == NJ_OK, "a message cannot be packed: %s", err.text);
    return nj_buffer_slice(&bytes);
}

void sim_send_up(sim_world *world, uint32_t worker, const nj_message *message)
{
    bool harmed;
    (void)simnet_send(&world->net, find_line(world, worker), worker, world->workers[worker].life,
                      SIMNET_UP, pack(world, message), &harmed);
    note_harm(world, worker, harmed);
}

bool sim_send_down(sim_world *world, uint32_t line, const nj_message *message)
{
    bool harmed;
    const simnet_line at = world->net.lines[line];
    uint64_t begin_ns = sim_watch_begin(world);
    nj_slice bytes = pack(world, message);
    sim_watch_end(world, begin_ns);
    bool sent = simnet_send(&world->net, line, at.worker, at.worker_life, SIMNET_DOWN, bytes,
                            &harmed);
    note_harm(world, at.worker, harmed);
    return sent;
}

// ---- receiving ----

// Bytes that were damaged and still are a message: what CURVE and TCP's sum keep out. Those whose harm the protocol itself bears are
// let through: rows and digests are compared, counters and times make up for themselves.
static bool is_borne(const simnet_flight *flight, const nj_message *message)
{
    static nj_message whole;
    nj_error err = {0};
    nj_side sender = flight->direction == SIMNET_UP ? NJ_SIDE_WORKER : NJ_SIDE_COORDINATOR;
    nj_slice bytes = {(const char *)flight->whole, flight->whole_size};
    if (nj_message_unpack(bytes, sender, &whole, &err) != NJ_OK || whole.kind != message->kind) {
        return false;
    }
    switch (message->kind) {
    case NJ_MESSAGE_WELCOME:
    case NJ_MESSAGE_LEASE:
    case NJ_MESSAGE_FAILED:
        return false;
    case NJ_MESSAGE_RESULT:
        return message->result.shard == whole.result.shard &&
               message->result.attempt == whole.result.attempt &&
               message->result.epoch == whole.result.epoch;
    default:
        return true;
    }
}

static void deliver_up(sim_world *world, simnet_flight *flight, uint32_t line)
{
    static nj_message message;
    nj_error err = {0};
    uint32_t coordinator = world->net.lines[line].coordinator;
    nj_peer peer = sim_peer(world, line);
    nj_slice bytes = {(const char *)flight->bytes, flight->size};
    uint64_t begin_ns = sim_watch_begin(world);
    nj_status status = nj_message_unpack(bytes, NJ_SIDE_WORKER, &message, &err);
    world->watch.kind = status == NJ_OK ? (int)message.kind : 0;
    world->watch.count[world->watch.kind]++;
    sim_watch_end(world, begin_ns);
    SIM_CHECK(world, status == NJ_OK || flight->damaged, "a message cannot be read: %s", err.text);
    sim_mix(world, sim_now(world) ^ (uint64_t)line << 32 ^ (status == NJ_OK ? message.kind : 99));
    if (status != NJ_OK) {
        sim_say(world, "worker %u -> coordinator %u: broken bytes: %s", flight->worker, coordinator,
                err.text);
        sim_coordinator_broken(world, coordinator, &peer, &err);
    } else if (!flight->damaged || is_borne(flight, &message)) {
        sim_say(world, "worker %u -> coordinator %u (line %u): %s%s", flight->worker, coordinator,
                line, nj_message_name(message.kind), flight->damaged ? ", damaged" : "");
        sim_coordinator_receive(world, coordinator, &peer, &message);
    }
    world->watch.kind = 0;
}

static void deliver_down(sim_world *world, simnet_flight *flight)
{
    static nj_message message;
    nj_error err = {0};
    nj_slice bytes = {(const char *)flight->bytes, flight->size};
    nj_status status = nj_message_unpack(bytes, NJ_SIDE_COORDINATOR, &message, &err);
    SIM_CHECK(world, status == NJ_OK || flight->damaged, "a message cannot be read: %s", err.text);
    sim_mix(world, sim_now(world) ^ (uint64_t)flight->line << 40 ^
                       (status == NJ_OK ? message.kind : 99));
    if (status != NJ_OK) {
        sim_say(world, "worker %u <- broken bytes: %s", flight->worker, err.text);
        sim_worker_broken(world, flight->worker, &err);
    } else if (!flight->damaged || is_borne(flight, &message)) {
        sim_say(world, "worker %u <- %s%s", flight->worker, nj_message_name(message.kind),
                flight->damaged ? ", damaged" : "");
        sim_worker_receive(world, flight->worker, &message);
    }
}

// The line by which a message reaches a coordinator now; 0: none. A socket keeps what it could not send for the next connection.
static uint32_t choose_line(sim_world *world, const simnet_flight *flight)
{
    if (flight->line != 0 && is_coordinator_there(world, &world->net.lines[flight->line])) {
        return flight->line;
    }
    sim_worker *worker = &world->workers[flight->worker];
    bool kept = simrandom_chance(&world->random, 1, 2);
    return kept && worker->alive && worker->life == flight->worker_life
               ? find_line(world, flight->worker)
               : 0;
}

static uint64_t busy_until(const sim_coordinator *coordinator)
{
    return coordinator->stopped_until_ns > coordinator->blocked_until_ns
               ? coordinator->stopped_until_ns
               : coordinator->blocked_until_ns;
}

static void postpone(sim_world *world, const simevent *event, uint64_t until_ns)
{
    simclock_add(&world->clock, until_ns, event->kind, event->who, event->tag);
}

static void arrive(sim_world *world, const simevent *event)
{
    simnet_flight *flight = world->net.flights[event->who];
    const sim_worker *worker = &world->workers[flight->worker];
    bool is_up = flight->direction == SIMNET_UP;
    uint32_t line = is_up ? choose_line(world, flight) : 0;
    uint64_t until_ns = worker->stopped_until_ns;
    if (is_up) {
        until_ns = line != 0 ? busy_until(&world->coordinators[world->net.lines[line].coordinator])
                             : 0;
    }
    if (until_ns > sim_now(world)) {
        postpone(world, event, until_ns);
        return;
    }
    flight = simnet_take(&world->net, event->who);
    world->counts.messages++;
    world->counts.damaged += flight->damaged;
    if (flight->damaged) {
        // The harm may last as long as the process: a count of users that is too high is never passed again.
        world->workers[flight->worker].harmed_ns = UINT64_MAX;
        world->workers[flight->worker].failed_ns = sim_now(world);
    }
    if (is_up && line != 0) {
        deliver_up(world, flight, line);
    } else if (!is_up && worker->alive && worker->life == flight->worker_life &&
               (world->net.lines[flight->line].open ||
                simrandom_chance(&world->random, 1, 4))) {
        deliver_down(world, flight);
    }
    free(flight);
}

// ---- the loop ----

static void handle_coordinator(sim_world *world, const simevent *event)
{
    sim_coordinator *coordinator = &world->coordinators[event->who];
    if (!coordinator->alive || coordinator->life != event->tag) {
        return;
    }
    uint64_t until_ns = event->kind == SIM_COMMIT_END ? coordinator->stopped_until_ns
                                                      : busy_until(coordinator);
    if (until_ns > sim_now(world)) {
        postpone(world, event, until_ns);
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
        postpone(world, event, worker->stopped_until_ns);
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
        arrive(world, event);
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

static void open_world(sim_world *world, const sim_setup *setup)
{
    *world = (sim_world){.setup = *setup, .newest = SIM_NOBODY};
    world->random.state = setup->seed * 0x2545f4914f6cdd1du + 1;
    world->user_count = 0;
    world->shard_first = calloc(setup->shard_count + 1, sizeof *world->shard_first);
    world->workers = calloc(setup->worker_count, sizeof *world->workers);
    for (uint32_t shard = 0; shard < setup->shard_count; shard++) {
        bool last = shard + 1 == setup->shard_count;
        uint32_t users = last && setup->shard_users > 1 ? setup->shard_users - 1 : setup->shard_users;
        world->shard_first[shard + 1] = world->shard_first[shard] + users;
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
