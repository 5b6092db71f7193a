// exchange.c - messages between the processes: packed, sent over the network's lines, unpacked, or refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

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
    bool sent =
        simnet_send(&world->net, line, at.worker, at.worker_life, SIMNET_DOWN, bytes, &harmed);
    note_harm(world, at.worker, harmed);
    return sent;
}

// ---- receiving ----

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
    } else {
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
    sim_mix(world,
            sim_now(world) ^ (uint64_t)flight->line << 40 ^ (status == NJ_OK ? message.kind : 99));
    if (status != NJ_OK) {
        sim_say(world, "worker %u <- broken bytes: %s", flight->worker, err.text);
        sim_worker_broken(world, flight->worker, &err);
    } else {
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

uint64_t sim_busy_until(const sim_coordinator *coordinator)
{
    return coordinator->stopped_until_ns > coordinator->blocked_until_ns
               ? coordinator->stopped_until_ns
               : coordinator->blocked_until_ns;
}

void sim_postpone(sim_world *world, const simevent *event, uint64_t until_ns)
{
    simclock_add(&world->clock, until_ns, event->kind, event->who, event->tag);
}

void sim_arrive(sim_world *world, const simevent *event)
{
    simnet_flight *flight = world->net.flights[event->who];
    const sim_worker *worker = &world->workers[flight->worker];
    bool is_up = flight->direction == SIMNET_UP;
    uint32_t line = is_up ? choose_line(world, flight) : 0;
    uint64_t until_ns = worker->stopped_until_ns;
    if (is_up) {
        until_ns = line != 0
                       ? sim_busy_until(&world->coordinators[world->net.lines[line].coordinator])
                       : 0;
    }
    if (until_ns > sim_now(world)) {
        sim_postpone(world, event, until_ns);
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
               (world->net.lines[flight->line].open || simrandom_chance(&world->random, 1, 4))) {
        deliver_down(world, flight);
    }
    free(flight);
}
