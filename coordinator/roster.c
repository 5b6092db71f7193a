#include "coordinator/roster.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/roster_slots.h"

#define NS_PER_MS 1000000u
// One worker gives at most its leases, itself or its return from the bench, and an answer.
#define EFFECTS_PER_WORKER (NJ_WIRE_LEASES_MAX + 2)

_Static_assert(NJ_ROSTER_EFFECTS_MAX >= 2 * EFFECTS_PER_WORKER,
               "a HELLO may end two workers before it is answered");

// What a rule asks for; LEASE lists are expanded for the caller.
enum {
#define NJ_ROSTER_EFFECT(NAME, meaning) EFFECT_##NAME,
#include "schemas/roster.def"
};

typedef struct {
    uint8_t next;
    uint8_t effect;
} rule;

static const rule RULES[NJ_WORKER_STATE_COUNT][NJ_WORKER_EVENT_COUNT] = {
#define NJ_ROSTER_RULE(state, event, next, effect)                                                 \
    [NJ_WORKER_##state][NJ_WORKER_EVENT_##event] = {NJ_WORKER_##next, EFFECT_##effect},
#include "schemas/roster.def"
};

// Complete: as many rows as pairs, and the compiler warns of a pair that is there twice.
enum {
    RULE_COUNT = 0
#define NJ_ROSTER_RULE(state, event, next, effect) +1
#include "schemas/roster.def"
};
_Static_assert(RULE_COUNT == NJ_WORKER_STATE_COUNT * NJ_WORKER_EVENT_COUNT,
               "roster.def must have one row for every (state, event) pair");

// ---- memory ----

nj_status nj_roster_init(nj_roster *roster, const nj_roster_config *config, nj_error *err)
{
    *roster = (nj_roster){.config = *config};
    if (config->worker_max == 0 || config->worker_max > NJ_ROSTER_WORKERS_MAX) {
        return nj_fail(err, NJ_INPUT, "roster: at most %u workers, must be 1 to %d",
                       config->worker_max, NJ_ROSTER_WORKERS_MAX);
    }
    if (config->bench_ms > config->bench_max_ms) {
        return nj_fail(err, NJ_INPUT, "roster: a bench of %u ms, which is more than its limit, %u",
                       config->bench_ms, config->bench_max_ms);
    }
    if (config->silence_ms == 0 || config->lease_ms == 0) {
        return nj_fail(err, NJ_INPUT,
                       "roster: silence of %u ms and leases of %u ms, must be above 0",
                       config->silence_ms, config->lease_ms);
    }
    roster->peer_capacity = 8;
    while (roster->peer_capacity < 4 * (size_t)config->worker_max) {
        roster->peer_capacity *= 2;
    }
    roster->words = (config->worker_max + NJ_ROSTER_WORD_BITS - 1) / NJ_ROSTER_WORD_BITS;
    roster->slots = calloc(config->worker_max, sizeof *roster->slots);
    roster->peers = calloc(roster->peer_capacity, sizeof *roster->peers);
    roster->idle = calloc(roster->words, sizeof *roster->idle);
    roster->open = calloc(roster->words, sizeof *roster->open);
    if (roster->slots == NULL || roster->peers == NULL || roster->idle == NULL ||
        roster->open == NULL) {
        nj_roster_fini(roster);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a roster of %u workers",
                       config->worker_max);
    }
    return NJ_OK;
}

void nj_roster_fini(nj_roster *roster)
{
    free(roster->slots);
    free(roster->peers);
    free(roster->idle);
    free(roster->open);
    *roster = (nj_roster){0};
}

// ---- changes ----

static nj_worker_lease *find_lease(nj_worker *worker, uint32_t shard, uint32_t attempt)
{
    for (uint32_t i = 0; i < worker->lease_count; i++) {
        if (worker->leases[i].shard == shard && worker->leases[i].attempt == attempt) {
            return &worker->leases[i];
        }
    }
    return NULL;
}

static void add_effect(nj_roster_effects *effects, nj_roster_effect_kind kind, nj_worker_id worker,
                       nj_wire_lease lease)
{
    assert(effects->count < NJ_ROSTER_EFFECTS_MAX);
    effects->items[effects->count++] =
        (nj_roster_effect){.kind = kind, .worker = worker, .lease = lease};
}

static void set_bit(uint64_t *bits, uint32_t slot, bool on)
{
    uint64_t bit = 1ull << slot % NJ_ROSTER_WORD_BITS;
    bits[slot / NJ_ROSTER_WORD_BITS] =
        on ? bits[slot / NJ_ROSTER_WORD_BITS] | bit : bits[slot / NJ_ROSTER_WORD_BITS] & ~bit;
}

static void refresh_bits(nj_roster *roster, uint32_t slot)
{
    const nj_worker *worker = &roster->slots[slot];
    bool open = worker->state == NJ_WORKER_READY && worker->lease_count < worker->credit;
    set_bit(roster->open, slot, open);
    set_bit(roster->idle, slot, open && worker->lease_count == 0);
}

// The only code that assigns a state.
static void enter_state(nj_roster *roster, uint32_t slot, uint8_t next)
{
    nj_worker *worker = &roster->slots[slot];
    roster->count += (next != NJ_WORKER_GONE);
    roster->count -= (worker->state != NJ_WORKER_GONE);
    roster->ready_count += (next == NJ_WORKER_READY);
    roster->ready_count -= (worker->state == NJ_WORKER_READY);
    roster->active_count += nj_roster_is_active(next);
    roster->active_count -= nj_roster_is_active(worker->state);
    worker->state = next;
    refresh_bits(roster, slot);
}

// A worker computes its leases in the order in which they were granted, so only the first can be what it died of, or hangs in: the
// others are returned, lest a user who kills his workers takes his neighbours with him.
static void end_worker(nj_roster *roster, uint32_t slot, nj_roster_effect_kind first_kind,
                       nj_roster_effects *effects)
{
    nj_worker *worker = &roster->slots[slot];
    for (uint32_t i = 0; i < worker->lease_count; i++) {
        nj_wire_lease lease = {worker->leases[i].shard, worker->leases[i].attempt};
        add_effect(effects, i == 0 ? first_kind : NJ_ROSTER_LEASE_BACK, worker->id, lease);
    }
    add_effect(effects, NJ_ROSTER_WORKER_GONE, worker->id, (nj_wire_lease){0});
    nj_roster_peers_remove(roster, &worker->peer);
    nj_worker gone = {.state = NJ_WORKER_GONE, .former_id = worker->id};
    memcpy(gone.name, worker->name, sizeof gone.name);
    *worker = gone;
}

static void begin_bench(const nj_roster *roster, nj_worker *worker, uint64_t now_ns,
                        nj_roster_effects *effects)
{
    const nj_roster_config *config = &roster->config;
    add_effect(effects, NJ_ROSTER_BENCHED, worker->id, (nj_wire_lease){0});
    effects->items[effects->count - 1].wait_ms =
        nj_bench_begin(&worker->bench, config->bench_ms, config->bench_max_ms, now_ns);
}

static nj_status apply(nj_roster *roster, uint32_t slot, nj_worker_event what, uint64_t now_ns,
                       nj_roster_effects *effects)
{
    nj_worker *worker = &roster->slots[slot];
    const rule *row = &RULES[worker->state][what];
    nj_wire_lease none = {0};
    if (row->effect == EFFECT_REFUSE) {
        return NJ_REFUSED;
    }
    enter_state(roster, slot, row->next);
    switch (row->effect) {
    case EFFECT_WELCOME:
        add_effect(effects, NJ_ROSTER_SEND_WELCOME, worker->id, none);
        break;
    case EFFECT_SEND_DRAIN:
        add_effect(effects, NJ_ROSTER_SEND_DRAIN, worker->id, none);
        break;
    case EFFECT_BENCH:
        begin_bench(roster, worker, now_ns, effects);
        break;
    case EFFECT_UNBENCH:
        add_effect(effects, NJ_ROSTER_UNBENCHED, worker->id, none);
        break;
    case EFFECT_LOSE_LEASES:
        end_worker(roster, slot, NJ_ROSTER_LEASE_LOST, effects);
        break;
    case EFFECT_RETURN_LEASES:
        end_worker(roster, slot, NJ_ROSTER_LEASE_BACK, effects);
        break;
    default:
        break;
    }
    return NJ_OK;
}

// An event about somebody who is GONE: the rule alone decides, there is no slot to change.
static nj_status apply_to_nobody(nj_worker_event what, nj_roster_effects *effects)
{
    const rule *row = &RULES[NJ_WORKER_GONE][what];
    if (row->effect == EFFECT_STRANGER) {
        add_effect(effects, NJ_ROSTER_STRANGER, 0, (nj_wire_lease){0});
    }
    return row->effect == EFFECT_REFUSE ? NJ_REFUSED : NJ_OK;
}

// ---- HELLO ----

static uint32_t find_instance(const nj_roster *roster, const nj_peer *peer,
                              const nj_instance *instance)
{
    for (uint32_t slot = 0; roster->count > 0 && slot < roster->config.worker_max; slot++) {
        const nj_worker *worker = &roster->slots[slot];
        if (worker->state != NJ_WORKER_GONE &&
            memcmp(worker->instance.bytes, instance->bytes, sizeof instance->bytes) == 0 &&
            strcmp(worker->peer.key, peer->key) == 0) {
            return slot;
        }
    }
    return NJ_ROSTER_NO_SLOT;
}

static uint32_t take_slot(nj_roster *roster)
{
    for (uint32_t slot = 0; slot < roster->config.worker_max; slot++) {
        if (roster->slots[slot].state == NJ_WORKER_GONE) {
            roster->slots[slot].id = ++roster->serial << NJ_ROSTER_SLOT_BITS | slot;
            return slot;
        }
    }
    return NJ_ROSTER_NO_SLOT;
}

static void copy_text(char *out, size_t out_size, nj_slice text)
{
    size_t size = text.size < out_size ? text.size : out_size - 1;
    memcpy(out, text.bytes, size);
    out[size] = '\0';
}

static void describe_worker(nj_worker *worker, const nj_message_hello *hello)
{
    worker->instance = hello->instance;
    copy_text(worker->name, sizeof worker->name, hello->name);
    copy_text(worker->version, sizeof worker->version, hello->version);
    worker->cores = hello->cores;
    worker->memory_bytes = hello->memory_bytes;
    worker->credit = 0; // until its READY
}

static nj_status greet(nj_roster *roster, const nj_roster_event *event, uint64_t now_ns,
                       nj_roster_effects *effects)
{
    uint32_t slot = find_instance(roster, event->peer, &event->hello->instance);
    uint32_t at_peer = nj_roster_peers_find(roster, event->peer);
    if (at_peer != NJ_ROSTER_NO_SLOT && at_peer != slot) {
        // Another process speaks on this connection: the former one is no more.
        nj_status status = apply(roster, at_peer, NJ_WORKER_EVENT_UNREACHABLE, now_ns, effects);
        assert(status == NJ_OK);
        (void)status;
    }
    if (slot != NJ_ROSTER_NO_SLOT) {
        nj_roster_peers_remove(roster, &roster->slots[slot].peer);
    } else {
        slot = take_slot(roster);
    }
    if (slot == NJ_ROSTER_NO_SLOT) {
        add_effect(effects, NJ_ROSTER_FULL, 0, (nj_wire_lease){0});
        return NJ_OK;
    }
    nj_worker *worker = &roster->slots[slot];
    worker->peer = *event->peer;
    nj_roster_peers_insert(roster, slot);
    describe_worker(worker, event->hello);
    worker->heard_ns = now_ns;
    return apply(roster, slot, NJ_WORKER_EVENT_HELLO, now_ns, effects);
}

// ---- leases and time ----

static void renew_leases(nj_roster *roster, nj_worker *worker,
                         const nj_message_heartbeat *heartbeat, uint64_t now_ns)
{
    if (heartbeat->users_done <= worker->users_done) {
        return;
    }
    worker->users_done = heartbeat->users_done;
    for (uint32_t i = 0; i < heartbeat->leases_count; i++) {
        nj_worker_lease *lease =
            find_lease(worker, heartbeat->leases[i].shard, heartbeat->leases[i].attempt);
        if (lease != NULL) {
            lease->deadline_ns = now_ns + (uint64_t)roster->config.lease_ms * NS_PER_MS;
        }
    }
}

static nj_status grant_lease(nj_roster *roster, uint32_t slot, nj_wire_lease lease, uint64_t now_ns,
                             nj_roster_effects *effects)
{
    nj_worker *worker = &roster->slots[slot];
    if (worker->lease_count >= worker->credit) {
        return NJ_REFUSED;
    }
    nj_status status = apply(roster, slot, NJ_WORKER_EVENT_GRANT, now_ns, effects);
    if (status == NJ_OK) {
        uint64_t deadline_ns = now_ns + (uint64_t)roster->config.lease_ms * NS_PER_MS;
        worker->leases[worker->lease_count++] =
            (nj_worker_lease){lease.shard, lease.attempt, deadline_ns};
        refresh_bits(roster, slot);
    }
    return status;
}

static nj_status end_lease(nj_roster *roster, uint32_t slot, nj_wire_lease lease, uint64_t now_ns,
                           nj_roster_effects *effects)
{
    nj_worker *worker = &roster->slots[slot];
    nj_status status = apply(roster, slot, NJ_WORKER_EVENT_END_LEASE, now_ns, effects);
    nj_worker_lease *found = find_lease(worker, lease.shard, lease.attempt);
    if (status == NJ_OK && found != NULL) {
        const size_t behind = (size_t)(&worker->leases[--worker->lease_count] - found);
        memmove(found, found + 1, behind * sizeof *found); // in the order of their grants
        refresh_bits(roster, slot);
    }
    return status;
}

// Faults are held against a worker that takes leases: what it holds beyond that is an echo of them.
static nj_status judge_worker(nj_roster *roster, uint32_t slot, const nj_roster_event *event,
                              uint64_t now_ns, nj_roster_effects *effects)
{
    nj_worker *worker = &roster->slots[slot];
    if (event->kind == NJ_ROSTER_GOOD) {
        worker->bench = (nj_bench){0};
        return apply(roster, slot, NJ_WORKER_EVENT_GOOD, now_ns, effects);
    }
    bool last =
        worker->state == NJ_WORKER_READY && nj_bench_note_fault(&worker->bench, event->lease.shard);
    return apply(roster, slot, last ? NJ_WORKER_EVENT_FAULT_LAST : NJ_WORKER_EVENT_FAULT, now_ns,
                 effects);
}

static bool is_probe_due(const nj_roster *roster, const nj_worker *worker, uint64_t now_ns)
{
    const uint64_t probe_ns = (uint64_t)roster->config.probe_ms * NS_PER_MS;
    return probe_ns != 0 && now_ns - worker->heard_ns >= probe_ns &&
           now_ns - worker->probed_ns >= probe_ns;
}

static nj_status tick_worker(nj_roster *roster, uint32_t slot, uint64_t now_ns,
                             nj_roster_effects *effects)
{
    nj_worker *worker = &roster->slots[slot];
    if (worker->state == NJ_WORKER_GONE) {
        return NJ_OK;
    }
    if (now_ns - worker->heard_ns >= (uint64_t)roster->config.silence_ms * NS_PER_MS) {
        return apply(roster, slot, NJ_WORKER_EVENT_SILENT, now_ns, effects);
    }
    if (is_probe_due(roster, worker, now_ns)) {
        worker->probed_ns = now_ns;
        add_effect(effects, NJ_ROSTER_PROBE, worker->id, (nj_wire_lease){0});
    }
    nj_status status = NJ_OK;
    if (worker->state == NJ_WORKER_BENCHED && now_ns >= worker->bench.until_ns) {
        nj_bench_end(&worker->bench);
        status = apply(roster, slot, NJ_WORKER_EVENT_BENCH_OVER, now_ns, effects);
    }
    uint32_t i = 0;
    nj_roster_effect_kind kind = NJ_ROSTER_LEASE_LOST; // of the first: see end_worker
    while (i < worker->lease_count && status == NJ_OK) {
        if (now_ns < worker->leases[i].deadline_ns) {
            i++;
            kind = NJ_ROSTER_LEASE_BACK;
            continue;
        }
        nj_wire_lease lease = {worker->leases[i].shard, worker->leases[i].attempt};
        status = end_lease(roster, slot, lease, now_ns, effects);
        add_effect(effects, kind, worker->id, lease);
        kind = NJ_ROSTER_LEASE_BACK;
    }
    return status;
}

static nj_status tick(nj_roster *roster, uint64_t now_ns, nj_roster_effects *effects)
{
    nj_status status = NJ_OK;
    while (roster->tick_slot < roster->config.worker_max && status == NJ_OK) {
        if (effects->count + EFFECTS_PER_WORKER > NJ_ROSTER_EFFECTS_MAX) {
            effects->more = true;
            return status;
        }
        status = tick_worker(roster, roster->tick_slot++, now_ns, effects);
    }
    roster->tick_slot = 0;
    return status;
}

// ---- the step ----

static nj_status step_message(nj_roster *roster, const nj_roster_event *event, uint64_t now_ns,
                              nj_roster_effects *effects)
{
    nj_worker_event what = event->kind == NJ_ROSTER_READY ? NJ_WORKER_EVENT_READY
                           : event->kind == NJ_ROSTER_BYE ? NJ_WORKER_EVENT_BYE
                                                          : NJ_WORKER_EVENT_HEARD;
    uint32_t slot = nj_roster_peers_find(roster, event->peer);
    if (slot == NJ_ROSTER_NO_SLOT) {
        return apply_to_nobody(what, effects);
    }
    nj_worker *worker = &roster->slots[slot];
    worker->heard_ns = now_ns;
    if (event->kind == NJ_ROSTER_READY) {
        worker->credit = event->credit < NJ_WIRE_LEASES_MAX ? event->credit : NJ_WIRE_LEASES_MAX;
    }
    if (event->kind == NJ_ROSTER_HEARTBEAT) {
        renew_leases(roster, worker, event->heartbeat, now_ns);
    }
    return apply(roster, slot, what, now_ns, effects);
}

static nj_status step_worker(nj_roster *roster, const nj_roster_event *event, uint64_t now_ns,
                             nj_roster_effects *effects)
{
    static const nj_worker_event WHAT[] = {
        [NJ_ROSTER_GRANT] = NJ_WORKER_EVENT_GRANT,
        [NJ_ROSTER_END_LEASE] = NJ_WORKER_EVENT_END_LEASE,
        [NJ_ROSTER_RETURN] = NJ_WORKER_EVENT_END_LEASE,
        [NJ_ROSTER_FAULT] = NJ_WORKER_EVENT_FAULT,
        [NJ_ROSTER_GOOD] = NJ_WORKER_EVENT_GOOD,
        [NJ_ROSTER_DRAIN] = NJ_WORKER_EVENT_DRAIN,
        [NJ_ROSTER_PLAN] = NJ_WORKER_EVENT_PLAN,
        [NJ_ROSTER_UNREACHABLE] = NJ_WORKER_EVENT_UNREACHABLE,
    };
    uint32_t slot = nj_roster_slot_of(roster, event->worker);
    if (slot == NJ_ROSTER_NO_SLOT) {
        return apply_to_nobody(WHAT[event->kind], effects);
    }
    if (event->kind == NJ_ROSTER_GRANT) {
        return grant_lease(roster, slot, event->lease, now_ns, effects);
    }
    if (event->kind == NJ_ROSTER_FAULT || event->kind == NJ_ROSTER_GOOD) {
        return judge_worker(roster, slot, event, now_ns, effects);
    }
    if (event->kind == NJ_ROSTER_RETURN || event->kind == NJ_ROSTER_PLAN) {
        roster->slots[slot].credit = 0;
    }
    if (event->kind == NJ_ROSTER_PLAN) {
        roster->slots[slot].lease_count = 0;
    }
    if (event->kind == NJ_ROSTER_END_LEASE || event->kind == NJ_ROSTER_RETURN) {
        return end_lease(roster, slot, event->lease, now_ns, effects);
    }
    return apply(roster, slot, WHAT[event->kind], now_ns, effects);
}

nj_status nj_roster_step(nj_roster *roster, const nj_roster_event *event, uint64_t now_ns,
                         nj_roster_effects *effects)
{
    effects->count = 0;
    effects->more = false;
    switch (event->kind) {
    case NJ_ROSTER_HELLO:
        return greet(roster, event, now_ns, effects);
    case NJ_ROSTER_READY:
    case NJ_ROSTER_HEARTBEAT:
    case NJ_ROSTER_HEARD:
    case NJ_ROSTER_BYE:
        return step_message(roster, event, now_ns, effects);
    case NJ_ROSTER_TICK:
        return tick(roster, now_ns, effects);
    default:
        return step_worker(roster, event, now_ns, effects);
    }
}
