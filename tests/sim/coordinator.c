// coordinator.c - a coordinator's process: the dispatch as coordinator/daemon/night.c runs it, with its writer.
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define TICK_US 100000
#define FAREWELL_MS 1000
#define RESTART_MS_MIN 50
#define RESTART_MS_MAX 2000
#define COMMIT_US_MIN 200
#define BATCH_MAX 32 // pieces of one transaction, as NJ_STAGE_SHARDS_MAX

static void perform_all(sim_world *world, uint32_t index);

static sim_coordinator *at(sim_world *world, uint32_t index)
{
    return &world->coordinators[index];
}

store_range sim_piece_range(const sim_coordinator *coordinator, uint32_t piece)
{
    nj_piece_range range = nj_ledger_piece(&coordinator->dispatch->ledger, piece);
    return (store_range){range.shard, range.first, range.count};
}

sim_slot *sim_slot_of(sim_world *world, uint32_t index, nj_worker_id worker)
{
    sim_slot *slot = &at(world, index)->slots[worker & SIM_SLOT_MASK];
    if (slot->id != worker) {
        *slot = (sim_slot){.id = worker, .worker = slot->worker};
    }
    return slot;
}

// ---- beginning and ending ----

// As nj_result_problem: it sees that rows are rows and how many, not whose.
static const char *check_rows(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece)
{
    (void)context;
    if (result->row_count != piece->count ||
        result->rows.size != piece->count * sizeof(uint64_t)) {
        return "the rows do not fit the piece's users";
    }
    for (uint32_t i = 0; i < piece->count; i++) {
        uint64_t row;
        memcpy(&row, result->rows.bytes + i * sizeof row, sizeof row);
        if (!sim_row_fits(row)) {
            return "a row is malformed";
        }
    }
    return NULL;
}

static nj_dispatch_config make_config(const sim_world *world, uint64_t epoch)
{
    const sim_setup *setup = &world->setup;
    return (nj_dispatch_config){
        .ledger = {.shard_count = setup->shard_count,
                   .shard_first = world->shard_first,
                   .spare_count = setup->spare_count,
                   .tries_max = setup->tries_max,
                   .losses_max = setup->losses_max,
                   .retry_ms = 200,
                   .retry_max_ms = 1000,
                   .avoid_ms = SIM_AVOID_MS,
                   .speculate_min_ms = setup->speculate_min_ms,
                   .speculate_percent = setup->speculate_percent,
                   .failed_shards_max = setup->failed_shards_max},
        .roster = {.worker_max = setup->worker_count + SIM_SLOTS_SPARE,
                   .silence_ms = setup->lease_ms + 500,
                   .lease_ms = setup->lease_ms,
                   .probe_ms = setup->heartbeat_ms * 3 / 2,
                   .bench_ms = 1000,
                   .bench_max_ms = SIM_BENCH_MAX_MS},
        .epoch = epoch,
        .numeric_class = "exact",
        .check = check_rows,
    };
}

// What the store has of the night; a record that was written over by a later one counts no more.
static void resume(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    bool retry = simrandom_chance(&world->random, 1, 4);
    for (uint32_t i = 0; i < world->store.record_count; i++) {
        const store_record *record = &world->store.records[i];
        if (store_find(&world->store, record->range) != record) {
            continue;
        }
        nj_resume what = !record->quarantined ? NJ_RESUME_COMMITTED
                         : retry              ? NJ_RESUME_RETRY
                                              : NJ_RESUME_QUARANTINED;
        nj_piece_range range = {.shard = record->range.shard,
                                .first = record->range.first,
                                .count = record->range.count};
        nj_status status = nj_dispatch_resume(coordinator->dispatch, range, what,
                                              record->quarantined ? NULL : &record->digest);
        SIM_CHECK(world, status == NJ_OK, "shard %u, users %u to %u are refused on resume: %s",
                  range.shard, range.first, range.first + range.count - 1, nj_status_name(status));
    }
}

static uint32_t find_place(sim_world *world)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < SIM_COORDINATORS_MAX; i++) {
        if (!at(world, i)->alive) {
            return i;
        }
        oldest = at(world, i)->life < at(world, oldest)->life ? i : oldest;
    }
    sim_coordinator_kill(world, oldest);
    return oldest;
}

void sim_coordinator_begin(sim_world *world)
{
    uint32_t index = find_place(world);
    sim_coordinator *coordinator = at(world, index);
    nj_error err = {0};
    *coordinator = (sim_coordinator){.alive = true, .life = ++world->coordinator_lives};
    coordinator->epoch = store_open(&world->store);
    coordinator->dispatch = malloc(sizeof *coordinator->dispatch);
    coordinator->tallies = calloc(world->setup.shard_count + world->setup.spare_count,
                                  sizeof *coordinator->tallies);
    coordinator->slots =
        calloc(world->setup.worker_count + SIM_SLOTS_SPARE, sizeof *coordinator->slots);
    nj_dispatch_config config = make_config(world, coordinator->epoch);
    nj_status status = nj_dispatch_init(coordinator->dispatch, &config, &err);
    SIM_CHECK(world, status == NJ_OK, "no dispatch: %s", err.text);
    resume(world, index);
    world->newest = index;
    world->counts.restarts += coordinator->life > 1;
    for (uint32_t i = 0; i < world->setup.worker_count && coordinator->life > 1; i++) {
        sim_harm(world, i);
    }
    sim_say(world, "coordinator %u begins: epoch %u, %u users committed, %u quarantined", index,
            (unsigned)coordinator->epoch, world->store.committed_users,
            world->store.quarantined_users);
    sim_after(world, 0, SIM_COORDINATOR_TICK, index, coordinator->life);
}

void sim_coordinator_free(sim_coordinator *coordinator)
{
    nj_dispatch_fini(coordinator->dispatch);
    free(coordinator->dispatch);
    free(coordinator->pending);
    free(coordinator->tallies);
    free(coordinator->slots);
    coordinator->alive = false;
}

// A process that ends, whatever the reason. Another is started when nobody listens any more.
static void end_process(sim_world *world, uint32_t index)
{
    sim_coordinator_free(at(world, index));
    for (uint32_t i = 0; i < world->setup.worker_count; i++) {
        sim_harm(world, i);
    }
    if (world->newest == index) {
        world->newest = SIM_NOBODY;
        uint64_t pause_ms = simrandom_between(&world->random, RESTART_MS_MIN, RESTART_MS_MAX);
        sim_after(world, pause_ms * 1000, SIM_COORDINATOR_BIRTH, 0, 0);
    }
}

// ---- the writer ----

static uint32_t fill_writes(const sim_coordinator *coordinator, store_write *writes)
{
    for (uint32_t i = 0; i < coordinator->committing; i++) {
        const sim_pending *pending = &coordinator->pending[i];
        writes[i] =
            (store_write){.record = {pending->range, pending->quarantined, pending->digest},
                          .rows = pending->quarantined ? NULL : pending->rows};
    }
    return coordinator->committing;
}

// A kill in the middle of a transaction: it has reached the disk or it has not.
void sim_coordinator_kill(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    sim_say(world, "coordinator %u is killed", index);
    if (coordinator->committing > 0) {
        store_write writes[BATCH_MAX];
        store_outcome outcomes[BATCH_MAX];
        uint32_t count = fill_writes(coordinator, writes);
        bool late = simrandom_chance(&world->random, 1, 2);
        sim_check_write(world, index, writes, count);
        nj_status status =
            store_commit(&world->store, coordinator->epoch, writes, count,
                         late ? STORE_FAILS_AFTER : STORE_FAILS_BEFORE, outcomes);
        SIM_CHECK(world, status == NJ_IO || status == NJ_AGAIN, "a commit: %s",
                  nj_status_name(status));
    }
    end_process(world, index);
}

static void begin_commit(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    if (coordinator->committing > 0 || coordinator->pending_count == 0 || coordinator->paused) {
        return;
    }
    uint32_t count = coordinator->pending_count;
    coordinator->committing = count < BATCH_MAX ? count : BATCH_MAX;
    uint64_t us = simrandom_between(&world->random, COMMIT_US_MIN,
                                    COMMIT_US_MIN + world->setup.weather.commit_ms_max * 1000ull);
    if (world->setup.weather.writer_blocks) {
        coordinator->blocked_until_ns = sim_now(world) + us * SIM_NS_PER_US;
    }
    sim_after(world, us, SIM_COMMIT_END, index, coordinator->life);
}

static sim_pending *add_pending(sim_coordinator *coordinator, uint32_t piece)
{
    if (coordinator->pending_count == coordinator->pending_room) {
        uint32_t room = 2 * coordinator->pending_room + BATCH_MAX;
        coordinator->pending = realloc(coordinator->pending, room * sizeof(sim_pending));
        coordinator->pending_room = room;
    }
    sim_pending *pending = &coordinator->pending[coordinator->pending_count++];
    pending->piece = piece;
    pending->range = sim_piece_range(coordinator, piece);
    pending->quarantined = false;
    return pending;
}

static void remove_pending(sim_coordinator *coordinator, uint32_t place)
{
    coordinator->pending_count--;
    memmove(&coordinator->pending[place], &coordinator->pending[place + 1],
            (coordinator->pending_count - place) * sizeof(sim_pending));
}

static void tell_stored(sim_world *world, uint32_t index, uint32_t piece, bool stored)
{
    uint64_t begin_ns = sim_watch_begin(world);
    nj_status status =
        nj_dispatch_stored(at(world, index)->dispatch, piece, stored, sim_now(world));
    sim_watch_end(world, begin_ns);
    SIM_CHECK(world, status == NJ_OK, "piece %u was not being written: %s", piece,
              nj_status_name(status));
}

// What became of one piece of the batch: known from the outcome, or after an error from the records that are there now.
static void settle(sim_world *world, uint32_t index, const sim_pending *pending, nj_status status,
                   store_outcome outcome)
{
    if (status == NJ_OK && outcome == STORE_DIVERGED) {
        world->counts.alarms++;
    }
    if (pending->quarantined) {
        return;
    }
    const store_record *found = store_find(&world->store, pending->range);
    bool stored = found != NULL && !found->quarantined &&
                  nj_digest_equal(&found->digest, &pending->digest);
    SIM_CHECK(world, status != NJ_OK || stored || outcome == STORE_DIVERGED,
              "piece %u is said to be stored and is not", pending->piece);
    tell_stored(world, index, pending->piece, status == NJ_OK || stored);
}

static store_luck draw_luck(sim_world *world)
{
    if (world->full_until_ns > sim_now(world)) {
        return STORE_FAILS_BEFORE;
    }
    bool fails = sim_unlucky(world, world->setup.weather.commit_fail);
    bool late = simrandom_chance(&world->random, 1, 2);
    return !fails ? STORE_GOOD : late ? STORE_FAILS_AFTER : STORE_FAILS_BEFORE;
}

static void pause_leases(sim_coordinator *coordinator, bool paused)
{
    coordinator->told_to_pause = paused;
    nj_dispatch_pause(coordinator->dispatch, paused);
}

// Fenced: somebody else has the night. It says so to its workers and ends.
static void give_way(sim_world *world, uint32_t index)
{
    sim_say(world, "coordinator %u is fenced", index);
    nj_dispatch_drain(at(world, index)->dispatch, NJ_DRAIN_STOPPING);
    perform_all(world, index);
    end_process(world, index);
}

void sim_coordinator_commit_end(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    store_write writes[BATCH_MAX];
    store_outcome outcomes[BATCH_MAX] = {STORE_WRITTEN};
    uint32_t count = fill_writes(coordinator, writes);
    sim_check_write(world, index, writes, count);
    nj_status status = store_commit(&world->store, coordinator->epoch, writes, count,
                                    draw_luck(world), outcomes);
    SIM_CHECK(world, status != NJ_REFUSED, "a user is in two pieces that are both written");
    sim_mix(world, sim_now(world) ^ count ^ (uint64_t)status << 8);
    sim_say(world, "coordinator %u commits %u pieces: %s", index, count, nj_status_name(status));
    coordinator->committing = 0;
    if (status == NJ_AGAIN) {
        give_way(world, index);
        return;
    }
    coordinator->paused = status != NJ_OK;
    pause_leases(coordinator, status != NJ_OK);
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        settle(world, index, &coordinator->pending[place], status, outcomes[i]);
        if (status != NJ_OK && coordinator->pending[place].quarantined) {
            place++; // nobody sends it again
        } else {
            remove_pending(coordinator, place);
        }
    }
    perform_all(world, index);
}

// ---- effects ----

static void send(sim_world *world, uint32_t index, const nj_dispatch_effect *effect,
                 const nj_message *message)
{
    if (!sim_send_down(world, sim_line_of(&effect->peer), message) && effect->worker != 0) {
        nj_dispatch_unreachable(at(world, index)->dispatch, effect->worker, sim_now(world));
    }
}

static void send_welcome(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    static nj_message message;
    message = (nj_message){.kind = NJ_MESSAGE_WELCOME,
                           .welcome = {.run_id = nj_slice_from("night"),
                                       .epoch = at(world, index)->epoch,
                                       .plan = nj_digest_of("plan", 4),
                                       .numeric_class = nj_slice_from("exact"),
                                       .heartbeat_ms = world->setup.heartbeat_ms,
                                       .lease_ms = world->setup.lease_ms,
                                       .sections_count = SIM_SECTIONS}};
    for (uint32_t i = 0; i < SIM_SECTIONS; i++) {
        nj_slice bytes = nj_slice_from(SIM_SECTION_BYTES[i]);
        message.welcome.sections[i] =
            (nj_wire_section){nj_slice_from(SIM_SECTION_BYTES[i]), bytes.size,
                              nj_digest_of(bytes.bytes, bytes.size)};
    }
    sim_slot *slot = sim_slot_of(world, index, effect->worker);
    slot->worker = world->net.lines[sim_line_of(&effect->peer)].worker;
    send(world, index, effect, &message);
}

static void send_lease(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    static nj_message message;
    static uint32_t users[SIM_SHARD_USERS_MAX];
    store_range range = sim_piece_range(at(world, index), effect->lease.shard);
    for (uint32_t i = 0; i < range.count; i++) {
        users[i] = world->shard_first[range.shard] + range.first + i;
    }
    sim_check_lease(world, index, effect);
    sim_say(world, "coordinator %u leases piece %u (shard %u, %u users from %u), attempt %u, to %u",
            index, effect->lease.shard, range.shard, range.count, range.first,
            effect->lease.attempt, sim_slot_of(world, index, effect->worker)->worker);
    message.kind = NJ_MESSAGE_LEASE;
    message.lease =
        (nj_message_lease){.shard = effect->lease.shard,
                           .attempt = effect->lease.attempt,
                           .epoch = at(world, index)->epoch,
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
    nj_dispatch_broken(at(world, index)->dispatch, &effect->peer, &err, sim_now(world));
}

static void keep_rows(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_coordinator *coordinator = at(world, index);
    SIM_CHECK(world,
              coordinator->at_hand != NULL && coordinator->at_hand->kind == NJ_MESSAGE_RESULT,
              "rows of piece %u without a RESULT", effect->lease.shard);
    const nj_message_result *result = &coordinator->at_hand->result;
    sim_check_rows(world, index, result);
    sim_pending *pending = add_pending(coordinator, effect->lease.shard);
    pending->digest = result->digest;
    memcpy(pending->rows, result->rows.bytes, result->rows.size);
}

static void compare_rows(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const nj_message_result *result = &at(world, index)->at_hand->result;
    store_range range = sim_piece_range(at(world, index), effect->lease.shard);
    const uint64_t *stored =
        &world->store.rows[world->shard_first[range.shard] + range.first];
    bool equal = memcmp(stored, result->rows.bytes, result->rows.size) == 0;
    if (sim_unlucky(world, world->setup.weather.commit_fail)) {
        tell_stored(world, index, effect->lease.shard, false);
        return;
    }
    nj_status status =
        equal ? nj_dispatch_stored(at(world, index)->dispatch, effect->lease.shard, true,
                                   sim_now(world))
              : nj_dispatch_audit_differs(at(world, index)->dispatch, effect->lease.shard,
                                          sim_now(world));
    SIM_CHECK(world, status == NJ_OK, "an audit cannot be reported: %s", nj_status_name(status));
}

static void quarantine(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_check_quarantine(world, index, effect);
    sim_say(world, "coordinator %u quarantines piece %u", index, effect->lease.shard);
    add_pending(at(world, index), effect->lease.shard)->quarantined = true;
}

static void raise_alarm(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_say(world, "coordinator %u: alarm, piece %u", index, effect->lease.shard);
    world->counts.alarms++;
    at(world, index)->alarmed = true;
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
        at(world, index)->audit_failed = true;
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
    bool more = nj_dispatch_next(at(world, index)->dispatch, sim_now(world), effect);
    sim_watch_end(world, begin_ns);
    return more;
}

static void perform_all(sim_world *world, uint32_t index)
{
    static nj_dispatch_effect effect;
    sim_coordinator *coordinator = at(world, index);
    uint32_t life = coordinator->life;
    while (next_effect(world, index, &effect)) {
        perform(world, index, &effect);
        SIM_CHECK(world, coordinator->alive && coordinator->life == life, "it ended within a step");
    }
    begin_commit(world, index);
    sim_check_step(world, index);
}

// ---- what reaches it ----

void sim_coordinator_receive(sim_world *world, uint32_t index, const nj_peer *peer,
                             const nj_message *message)
{
    sim_coordinator *coordinator = at(world, index);
    const nj_worker *worker = nj_roster_find_peer(&coordinator->dispatch->roster, peer);
    const uint64_t alarms = world->counts.alarms;
    const bool must_alarm = sim_must_alarm(world, index, peer, message);
    coordinator->at_hand = message;
    if (worker != NULL && message->kind == NJ_MESSAGE_RESULT) {
        sim_slot_of(world, index, worker->id)->fault_count = 0;
    }
    uint64_t begin_ns = sim_watch_begin(world);
    nj_dispatch_message(coordinator->dispatch, peer, message, sim_now(world));
    sim_watch_end(world, begin_ns);
    perform_all(world, index);
    coordinator->at_hand = NULL;
    SIM_CHECK(world, !must_alarm || world->counts.alarms > alarms,
              "other rows came for piece %u, and there was no alarm", message->result.shard);
}

void sim_coordinator_broken(sim_world *world, uint32_t index, const nj_peer *peer,
                            const nj_error *why)
{
    nj_dispatch_broken(at(world, index)->dispatch, peer, why, sim_now(world));
    perform_all(world, index);
}

// ---- time ----

// Some users are decoded again before anything is published. False: it has been done.
static bool audit(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    if (coordinator->audited) {
        return false;
    }
    coordinator->audited = true;
    for (uint32_t i = 0; i < world->setup.audit_count; i++) {
        uint64_t shard = simrandom_below(&world->random, world->setup.shard_count);
        uint32_t users = world->shard_first[shard + 1] - world->shard_first[shard];
        uint64_t first = simrandom_below(&world->random, users);
        uint64_t count = 1 + simrandom_below(&world->random, users - first < 4 ? users - first : 4);
        nj_status status = nj_dispatch_audit(coordinator->dispatch, (uint32_t)shard,
                                             (uint32_t)first, (uint32_t)count, sim_now(world));
        world->counts.audits += status == NJ_OK;
        world->counts.audited_users += status == NJ_OK ? count : 0;
        SIM_CHECK(world, status == NJ_OK || status == NJ_REFUSED, "no audit: %s",
                  nj_status_name(status));
    }
    return !nj_dispatch_finished(coordinator->dispatch);
}

static void say_farewell(sim_world *world, uint32_t index, nj_drain_reason reason)
{
    sim_coordinator *coordinator = at(world, index);
    coordinator->farewell_ns = sim_now(world) + FAREWELL_MS * SIM_NS_PER_MS;
    coordinator->leaving = reason == NJ_DRAIN_STOPPING;
    if (reason == NJ_DRAIN_FINISHED && world->makespan_ns == 0) {
        world->makespan_ns = sim_now(world);
    }
    sim_say(world, "coordinator %u says farewell: %s", index,
            coordinator->leaving ? "stopping" : "finished");
    nj_dispatch_drain(coordinator->dispatch, reason);
}

void sim_coordinator_terminate(sim_world *world, uint32_t index)
{
    if (at(world, index)->farewell_ns == 0) {
        say_farewell(world, index, NJ_DRAIN_STOPPING);
        perform_all(world, index);
    }
}

// After the farewell: nothing is published after an alarm, or by a coordinator that lost the night to another.
static void end_night(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    if (coordinator->leaving || coordinator->audit_failed || coordinator->alarmed) {
        world->over = world->hopeless || coordinator->alarmed;
        end_process(world, index);
        return;
    }
    nj_status status = store_publish(&world->store, coordinator->epoch);
    SIM_CHECK(world, status != NJ_REFUSED, "%u users are committed, %u quarantined, %u in the plan",
              world->store.committed_users, world->store.quarantined_users, world->user_count);
    sim_say(world, "coordinator %u publishes: %s", index, nj_status_name(status));
    world->over = status == NJ_OK;
    end_process(world, index);
}

static void look_for_the_end(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    if (coordinator->farewell_ns == 0) {
        if (nj_dispatch_hopeless(coordinator->dispatch)) {
            say_farewell(world, index, NJ_DRAIN_STOPPING);
            world->hopeless = true;
            world->makespan_ns = sim_now(world);
        } else if (nj_dispatch_finished(coordinator->dispatch) &&
                   coordinator->pending_count == 0 && !audit(world, index)) {
            say_farewell(world, index, NJ_DRAIN_FINISHED);
        }
        return;
    }
    bool alone = coordinator->dispatch->roster.count == 0;
    bool written = coordinator->pending_count == 0 || coordinator->leaving;
    if (written && (alone || sim_now(world) >= coordinator->farewell_ns)) {
        end_night(world, index);
    }
}

void sim_coordinator_tick(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    uint32_t life = coordinator->life;
    if (coordinator->paused) { // what has come meanwhile is tried; without it, the disk is looked at
        coordinator->paused = false;
        begin_commit(world, index);
        coordinator->paused =
            coordinator->committing == 0 && world->full_until_ns > sim_now(world);
        pause_leases(coordinator, coordinator->paused || coordinator->committing > 0);
    }
    uint64_t begin_ns = sim_watch_begin(world);
    nj_dispatch_tick(coordinator->dispatch, sim_now(world));
    sim_watch_end(world, begin_ns);
    look_for_the_end(world, index);
    if (coordinator->alive && coordinator->life == life) {
        perform_all(world, index);
    }
    if (coordinator->alive && coordinator->life == life) {
        sim_after(world, TICK_US, SIM_COORDINATOR_TICK, index, life);
    }
}
