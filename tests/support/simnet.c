#include "tests/support/simnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must_allocate(void *memory, size_t count, size_t item_bytes)
{
    void *bigger = realloc(memory, (count + 1) * item_bytes);
    if (bigger == NULL) {
        fprintf(stderr, "simnet: no memory for %zu times %zu bytes\n", count, item_bytes);
        abort();
    }
    return bigger;
}

void simnet_init(simnet *net, simclock *clock, simrandom *random, uint32_t event_kind,
                 uint32_t worker_count)
{
    *net = (simnet){.clock = clock,
                    .random = random,
                    .event_kind = event_kind,
                    .worker_count = worker_count,
                    .line_capacity = 63};
    net->lines = must_allocate(NULL, net->line_capacity, sizeof *net->lines);
    net->links = must_allocate(NULL, worker_count, sizeof *net->links);
    memset(net->links, 0, worker_count * sizeof *net->links);
}

void simnet_fini(simnet *net)
{
    for (uint32_t i = 0; i < net->flight_capacity; i++) {
        free(net->flights[i]);
    }
    free(net->flights);
    free(net->free_flights);
    free(net->lines);
    free(net->links);
    *net = (simnet){0};
}

// ---- lines ----

uint32_t simnet_connect(simnet *net, uint32_t worker, uint32_t worker_life, uint32_t coordinator,
                        uint32_t coordinator_life)
{
    if (net->line_count == net->line_capacity) {
        net->line_capacity = 2 * net->line_capacity + 1;
        net->lines = must_allocate(net->lines, net->line_capacity, sizeof *net->lines);
    }
    net->lines[++net->line_count] = (simnet_line){.worker = worker,
                                                  .worker_life = worker_life,
                                                  .coordinator = coordinator,
                                                  .coordinator_life = coordinator_life,
                                                  .open = true,
                                                  .closed_seen_ns = UINT64_MAX};
    return net->line_count;
}

void simnet_close(simnet *net, uint32_t line, bool seen)
{
    simnet_line *at = &net->lines[line];
    at->open = false;
    if (seen) {
        uint64_t whole_ns = net->links[at->worker].until_ns[SIMNET_UP];
        at->closed_seen_ns = whole_ns > net->clock->now_ns ? whole_ns : net->clock->now_ns;
    }
}

void simnet_cut(simnet *net, uint32_t worker, simnet_direction direction, uint64_t until_ns)
{
    net->links[worker].until_ns[direction] = until_ns;
}

// ---- messages ----

static uint32_t take_free_flight(simnet *net)
{
    if (net->free_count == 0) {
        uint32_t old = net->flight_capacity;
        net->flight_capacity = old == 0 ? 64 : 2 * old;
        net->flights = must_allocate(net->flights, net->flight_capacity, sizeof *net->flights);
        net->free_flights =
            must_allocate(net->free_flights, net->flight_capacity, sizeof *net->free_flights);
        for (uint32_t i = net->flight_capacity; i-- > old;) {
            net->flights[i] = NULL;
            net->free_flights[net->free_count++] = i;
        }
    }
    return net->free_flights[--net->free_count];
}

// Flips some bits, or cuts the end off.
static void damage(simnet *net, simnet_flight *flight)
{
    uint64_t how = simrandom_below(net->random, 8);
    flight->damaged = true;
    if (how == 0) {
        flight->size = (uint32_t)simrandom_below(net->random, flight->size);
        return;
    }
    for (uint64_t left = 1 + simrandom_below(net->random, 3); left > 0 && flight->size > 0;
         left--) {
        uint64_t at = simrandom_below(net->random, flight->size);
        flight->bytes[at] ^= (uint8_t)(1u << simrandom_below(net->random, 8));
    }
}

static void launch(simnet *net, const simnet_flight *like, nj_slice bytes, uint64_t due_ns)
{
    simnet_flight *flight = must_allocate(NULL, 1, sizeof *flight + bytes.size);
    *flight = *like;
    flight->size = (uint32_t)bytes.size;
    memcpy(flight->bytes, bytes.bytes, bytes.size);
    if (simrandom_chance(net->random, net->weather.damage, 1000)) {
        net->harmed++;
        damage(net, flight);
    }
    uint32_t place = take_free_flight(net);
    net->flights[place] = flight;
    net->flight_count++;
    simclock_add(net->clock, due_ns, net->event_kind, place, 0);
}

// When a message that is sent now arrives; `*lost` when a cut swallows it.
static uint64_t plan_arrival(simnet *net, simnet_line *line, uint32_t worker,
                             simnet_direction direction, bool *lost, bool *harmed)
{
    const simnet_weather *weather = &net->weather;
    uint64_t from_ns = net->clock->now_ns;
    uint64_t delay_us =
        simrandom_between(net->random, weather->delay_us_min, weather->delay_us_max);
    uint64_t cut_ns = net->links[worker].until_ns[direction];
    if (cut_ns > from_ns) {
        *lost = !weather->cuts_hold;
        *harmed = true;
        from_ns = cut_ns;
    }
    if (simrandom_chance(net->random, weather->reorder, 1000)) {
        *harmed = true;
        return from_ns +
               (delay_us + simrandom_below(net->random, weather->reorder_us_max)) * SIM_NS_PER_US;
    }
    uint64_t due_ns = from_ns + delay_us * SIM_NS_PER_US;
    if (line != NULL) {
        uint64_t *last_ns = &line->last_due_ns[direction];
        due_ns = due_ns > *last_ns ? due_ns : *last_ns;
        *last_ns = due_ns;
    }
    return due_ns;
}

bool simnet_send(simnet *net, uint32_t line, uint32_t worker, uint32_t worker_life,
                 simnet_direction direction, nj_slice bytes, bool *harmed)
{
    simnet_line *at = line != 0 ? &net->lines[line] : NULL;
    *harmed = false;
    if (direction == SIMNET_DOWN && net->clock->now_ns >= at->closed_seen_ns) {
        return false;
    }
    net->sent++;
    bool lost = simrandom_chance(net->random, net->weather.drop, 1000);
    bool twice = simrandom_chance(net->random, net->weather.repeat, 1000);
    *harmed = lost || twice;
    simnet_flight like = {
        .line = line, .worker = worker, .worker_life = worker_life, .direction = direction};
    for (unsigned copy = 0; copy < (twice ? 2 : 1); copy++) {
        uint64_t harmed_before = net->harmed;
        uint64_t due_ns = plan_arrival(net, at, worker, direction, &lost, harmed);
        if (!lost) {
            launch(net, &like, bytes, due_ns);
        }
        *harmed = *harmed || net->harmed > harmed_before;
    }
    net->harmed += *harmed;
    return true;
}

simnet_flight *simnet_take(simnet *net, uint32_t who)
{
    simnet_flight *flight = net->flights[who];
    net->flights[who] = NULL;
    net->free_flights[net->free_count++] = who;
    net->flight_count--;
    return flight;
}
