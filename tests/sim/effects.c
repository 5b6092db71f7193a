// effects.c - what the dispatch asks of a coordinator's process.
#include <string.h>

#include "tests/sim/world.h"

static void send(sim_world *world, uint32_t index, const nj_dispatch_effect *effect,
                 const nj_message *message)
{
    if (!sim_send_down(world, sim_line_of(&effect->peer), message) && effect->worker != 0) {
        nj_dispatch_unreachable(sim_at(world, index)->dispatch, effect->worker, sim_now(world));
    }
}

static void send_welcome(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    static nj_message message;
    message = (nj_message){.kind = NJ_MESSAGE_WELCOME,
                           .welcome = {.run_id = nj_slice_from("night"),
                                       .epoch = sim_at(world, index)->epoch,
                                       .plan = nj_digest_of("plan", 4),
                                       .numeric_class = nj_slice_from("exact"),
                                       .heartbeat_ms = world->setup.heartbeat_ms,
                                       .lease_ms = world->setup.lease_ms,
                                       .sections_count = SIM_SECTIONS}};
    for (uint32_t i = 0; i < SIM_SECTIONS; i++) {
        nj_slice bytes = nj_slice_from(SIM_SECTION_BYTES[i]);
        message.welcome.sections[i] = (nj_wire_section){
            nj_slice_from(SIM_SECTION_BYTES[i]), bytes.size, nj_digest_of(bytes.bytes, bytes.size)};
    }
    sim_slot *slot = sim_slot_of(world, index, effect->worker);
    slot->worker = world->net.lines[sim_line_of(&effect->peer)].worker;
    send(world, index, effect, &message);
}

static void send_lease(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    static nj_message message;
    static uint32_t users[SIM_SHARD_USERS_MAX];
    store_range range = sim_piece_range(sim_at(world, index), effect->lease.shard);
    for (uint32_t i = 0; i < range.count; i++) {
        users[i] = world->shard_first[range.shard] + range.first + i;
    }
    sim_check_lease(world, index, effect);
    sim_say(world, "coordinator %u leases piece %u (shard %u, %u users from %u), attempt %u, to %u",
            index, effect->lease.shard, range.shard, range.count, range.first,
            effect->lease.attempt, sim_slot_of(world, index, effect->worker)->worker);
    message.kind = NJ_MESSAGE_LEASE;
    message.lease = (nj_message_lease){.shard = effect->lease.shard,
                                       .attempt = effect->lease.attempt,
                                       .epoch = sim_at(world, index)->epoch,
                                       .user_count = range.count,
                                       .users = {(const char *)users, range.count * sizeof *users}};
    send(world, index, effect, &message);
}

static void send_chunk(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const nj_message_fetch *fetch = &effect->message.fetch;
    nj_error err = {0};
    for (int i = 0; i < SIM_SECTIONS; i++) {
        nj_slice bytes = nj_slice_from(SIM_SECTION_BYTES[i]);
        nj_digest digest = nj_digest_of(bytes.bytes, bytes.size);
        if (nj_digest_equal(&digest, &fetch->section) && fetch->offset <= bytes.size &&
            fetch->length <= bytes.size - fetch->offset) {
            static nj_message message;
            message.kind = NJ_MESSAGE_CHUNK;
            message.chunk = (nj_message_chunk){
                digest, fetch->offset, {bytes.bytes + fetch->offset, fetch->length}};
            send(world, index, effect, &message);
            return;
        }
    }
    nj_fail(&err, NJ_PROTOCOL, "FETCH: no such bytes in the bundle");
    nj_dispatch_broken(sim_at(world, index)->dispatch, &effect->peer, &err, sim_now(world));
}

static void keep_rows(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_coordinator *coordinator = sim_at(world, index);
    SIM_CHECK(world,
              coordinator->at_hand != NULL && coordinator->at_hand->kind == NJ_MESSAGE_RESULT,
              "rows of piece %u without a RESULT", effect->lease.shard);
    const nj_message_result *result = &coordinator->at_hand->result;
    sim_check_rows(world, index, result);
    if (sim_writer_is_full(coordinator)) {
        sim_writer_tell(world, index, effect->lease.shard, false);
        return;
    }
    sim_pending *pending = sim_writer_add(coordinator, effect->lease.shard);
    pending->digest = result->digest;
    memcpy(pending->rows, result->rows.bytes, result->rows.size);
}

static void compare_rows(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const nj_message_result *result = &sim_at(world, index)->at_hand->result;
    sim_check_rows(world, index, result);
    store_range range = sim_piece_range(sim_at(world, index), effect->lease.shard);
    const uint64_t *stored = &world->store.rows[world->shard_first[range.shard] + range.first];
    bool equal = memcmp(stored, result->rows.bytes, result->rows.size) == 0;
    if (sim_unlucky(world, world->setup.weather.commit_fail)) {
        sim_writer_tell(world, index, effect->lease.shard, false);
        return;
    }
    nj_status status = equal ? nj_dispatch_stored(sim_at(world, index)->dispatch,
                                                  effect->lease.shard, true, sim_now(world))
                             : nj_dispatch_audit_differs(sim_at(world, index)->dispatch,
                                                         effect->lease.shard, sim_now(world));
    SIM_CHECK(world, status == NJ_OK, "an audit cannot be reported: %s", nj_status_name(status));
}

static void quarantine(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_check_quarantine(world, index, effect);
    sim_say(world, "coordinator %u quarantines piece %u", index, effect->lease.shard);
    sim_writer_add(sim_at(world, index), effect->lease.shard)->quarantined = true;
}

static void raise_alarm(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_say(world, "coordinator %u: alarm, piece %u", index, effect->lease.shard);
    world->counts.alarms++;
    sim_at(world, index)->alarmed = true;
    SIM_CHECK(world, world->liar_spoke, "an alarm for piece %u although nobody computes wrongly",
              effect->lease.shard);
}

static void perform(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    switch (effect->kind) {
    case NJ_DISPATCH_SEND:
        if (effect->message.kind == NJ_MESSAGE_ACK) {
            sim_check_ack(world, index, &effect->message.ack);
        }
        send(world, index, effect, &effect->message);
        break;
    case NJ_DISPATCH_SEND_WELCOME:
        send_welcome(world, index, effect);
        break;
    case NJ_DISPATCH_SEND_LEASE:
        send_lease(world, index, effect);
        break;
    case NJ_DISPATCH_SEND_CHUNK:
        send_chunk(world, index, effect);
        break;
    case NJ_DISPATCH_WRITE_ROWS:
        keep_rows(world, index, effect);
        break;
    case NJ_DISPATCH_AUDIT_ROWS:
        compare_rows(world, index, effect);
        break;
    case NJ_DISPATCH_QUARANTINE:
        quarantine(world, index, effect);
        break;
    case NJ_DISPATCH_FAILURE:
        sim_check_failure(world, index, effect);
        break;
    case NJ_DISPATCH_LOSS:
        sim_check_loss(world, index, effect);
        break;
    case NJ_DISPATCH_SPLIT:
        sim_check_split(world, index, effect);
        break;
    case NJ_DISPATCH_AUDIT_FAILED:
        sim_at(world, index)->audit_failed = true;
        break;
    case NJ_DISPATCH_ALARM:
        raise_alarm(world, index, effect);
        break;
    case NJ_DISPATCH_SPECULATED:
        sim_check_speculation(world, index, effect);
        break;
    case NJ_DISPATCH_WORKER_BENCHED:
        sim_slot_of(world, index, effect->worker)->fault_count = 0;
        world->counts.benches++;
        // fall through
    case NJ_DISPATCH_WORKER_GONE:
    case NJ_DISPATCH_WORKER_UNBENCHED:
        sim_say(world, "coordinator %u: worker %u %s", index,
                sim_slot_of(world, index, effect->worker)->worker,
                effect->kind == NJ_DISPATCH_WORKER_GONE      ? "is gone"
                : effect->kind == NJ_DISPATCH_WORKER_BENCHED ? "is benched"
                                                             : "is back from the bench");
        break;
    }
}

static bool next_effect(sim_world *world, uint32_t index, nj_dispatch_effect *effect)
{
    uint64_t begin_ns = sim_watch_begin(world);
    bool more = nj_dispatch_next(sim_at(world, index)->dispatch, sim_now(world), effect);
    sim_watch_end(world, begin_ns);
    return more;
}

void sim_coordinator_perform(sim_world *world, uint32_t index)
{
    static nj_dispatch_effect effect;
    sim_coordinator *coordinator = sim_at(world, index);
    uint32_t life = coordinator->life;
    while (next_effect(world, index, &effect)) {
        perform(world, index, &effect);
        SIM_CHECK(world, coordinator->alive && coordinator->life == life, "it ended within a step");
    }
    sim_writer_begin(world, index);
    sim_check_step(world, index);
}
