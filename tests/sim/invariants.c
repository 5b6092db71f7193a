// invariants.c - what must hold in every night, whatever happens in it.
//
// They are judged by what the world knows: the disk, the processes, and its own tallies of the effects; never by a count that the
// ledger keeps of itself, but where two of them are compared.
//
// When a user who is no poison may be quarantined, precisely: its piece is that user alone, and in this epoch tries_max of the piece's leases
// ended in FAILURE, or losses_max in LOSS, where
//   FAILURE is just if the worker failed of its own accord (sick, out of luck, malformed rows) or its bytes were damaged, within
//           BLAME_MS before; or the piece holds a poisonous user
//   LOSS    is just if within BLAME_MS before anything was done to the worker, its process, its link or its messages, or to the
//           coordinator; or it hung; or the piece holds a poisonous user
// So nobody is quarantined in a night without faults, and with one user who always fails nobody but that one.
#include <inttypes.h>
#include <string.h>

#include "tests/sim/world.h"

#define BLAME_MS 20000 // longer than any lease, silence and resending take together
#define TARDY_MS 5000
#define SMALL_NIGHT_PIECES 300
#define SAMPLE_STEPS 4096 // of larger nights one step in so many is looked at as a whole

static sim_coordinator *at(sim_world *world, uint32_t index)
{
    return &world->coordinators[index];
}

static sim_tally *tally_of(sim_world *world, uint32_t coordinator, uint32_t piece)
{
    return &at(world, coordinator)->tallies[piece];
}

static const nj_piece *piece_of(sim_world *world, uint32_t coordinator, uint32_t piece)
{
    return &at(world, coordinator)->dispatch->ledger.pieces[piece];
}

static uint32_t first_user(const sim_world *world, store_range range)
{
    return world->shard_first[range.shard] + range.first;
}

static bool has_poison(const sim_world *world, store_range range)
{
    for (uint32_t i = 0; i < range.count; i++) {
        if (world->poison[first_user(world, range) + i] != POISON_NONE) {
            return true;
        }
    }
    return false;
}

static bool is_recent(const sim_world *world, uint64_t when_ns)
{
    return when_ns != 0 && (when_ns > sim_now(world) ||
                            sim_now(world) - when_ns < BLAME_MS * SIM_NS_PER_MS);
}

static bool is_newest(sim_world *world, uint32_t coordinator)
{
    return at(world, coordinator)->epoch == world->store.epoch;
}

// ---- leases ----

static void check_holder(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const nj_worker *worker = nj_roster_find(&at(world, index)->dispatch->roster, effect->worker);
    uint32_t same = 0;
    SIM_CHECK(world, worker != NULL && worker->state == NJ_WORKER_READY,
              "a lease for a worker that is not ready");
    SIM_CHECK(world, worker->lease_count <= worker->credit,
              "a worker with credit %u holds %u leases", worker->credit, worker->lease_count);
    for (uint32_t i = 0; i < worker->lease_count; i++) {
        same += worker->leases[i].shard == effect->lease.shard;
    }
    SIM_CHECK(world, same == 1, "a worker holds piece %u %u times", effect->lease.shard, same);
    const sim_slot *slot = sim_slot_of(world, index, effect->worker);
    SIM_CHECK(world, slot->fault_count < NJ_BENCH_FAULTS_MAX,
              "a worker that failed %u different shards gets a lease", slot->fault_count);
}

static void check_unwritten(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    store_range range = sim_piece_range(at(world, index), effect->lease.shard);
    for (uint32_t i = 0; i < range.count && is_newest(world, index); i++) {
        SIM_CHECK(world, world->store.rows[first_user(world, range) + i] == 0,
                  "piece %u is leased, and its user %u has a row already", effect->lease.shard, i);
        uint32_t leaf = nj_ledger_leaf(&at(world, index)->dispatch->ledger, range.shard,
                                       range.first + i);
        SIM_CHECK(world, leaf == effect->lease.shard, "user %u of piece %u belongs to piece %u", i,
                  effect->lease.shard, leaf);
    }
}

void sim_check_lease(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const sim_coordinator *coordinator = at(world, index);
    sim_tally *tally = tally_of(world, index, effect->lease.shard);
    tally->leases++;
    tally->leased_ns = sim_now(world);
    world->counts.leases++;
    SIM_CHECK(world, !coordinator->told_to_pause, "piece %u is leased during a pause",
              effect->lease.shard);
    SIM_CHECK(world, tally->leases == effect->lease.attempt, "lease %u of piece %u is attempt %u",
              tally->leases, effect->lease.shard, effect->lease.attempt);
    check_holder(world, index, effect);
    if (!piece_of(world, index, effect->lease.shard)->audit) {
        check_unwritten(world, index, effect);
    }
    // After a commit that failed a piece may be leased again although its spare lease had used up the rest.
    bool spent = tally->failures >= world->setup.tries_max ||
                 tally->losses >= world->setup.losses_max;
    SIM_CHECK(world, !spent || tally->rows_came,
              "piece %u is leased again after %u failures and %u losses", effect->lease.shard,
              tally->failures, tally->losses);
    bool again = tally->ended_by == effect->worker && coordinator->dispatch->roster.ready_count > 1;
    SIM_CHECK(world,
              !again || sim_now(world) - tally->ended_ns >= SIM_AVOID_MS * SIM_NS_PER_MS,
              "piece %u goes back to the worker that failed it, and others are there",
              effect->lease.shard);
}

void sim_check_speculation(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_coordinator *coordinator = at(world, index);
    uint64_t budget =
        (uint64_t)world->setup.shard_count * world->setup.speculate_percent / 100;
    budget = budget > 2 ? budget : 2;
    coordinator->speculations++;
    world->counts.speculations++;
    SIM_CHECK(world, coordinator->speculations <= budget, "%u speculations, the budget is %" PRIu64,
              coordinator->speculations, budget);
    sim_tally *tally = tally_of(world, index, effect->lease.shard);
    SIM_CHECK(world, ++tally->speculations == 1, "piece %u is speculated twice",
              effect->lease.shard);
}

// ---- leases that end badly ----

static void note_fault(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const nj_piece *piece = piece_of(world, index, effect->lease.shard);
    sim_slot *slot = sim_slot_of(world, index, effect->worker);
    bool counts = effect->lease.shard < world->setup.shard_count || piece->audit;
    // Only who could be given a lease is benched.
    const nj_worker *worker = nj_roster_find(&at(world, index)->dispatch->roster, effect->worker);
    for (uint32_t i = 0; i < slot->fault_count; i++) {
        counts = counts && slot->faults[i] != piece->shard;
    }
    counts = counts && worker != NULL && worker->state == NJ_WORKER_READY;
    if (counts && slot->fault_count < NJ_BENCH_FAULTS_MAX) {
        slot->faults[slot->fault_count++] = piece->shard;
    }
}

void sim_check_failure(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_slot *slot = sim_slot_of(world, index, effect->worker);
    sim_tally *tally = tally_of(world, index, effect->lease.shard);
    store_range range = sim_piece_range(at(world, index), effect->lease.shard);
    sim_say(world, "coordinator: worker %u failed piece %u: %.*s", slot->worker,
            effect->lease.shard, NJ_SLICE_ARGS(effect->text));
    const nj_message *message = at(world, index)->at_hand;
    SIM_CHECK(world,
              message->kind != NJ_MESSAGE_FAILED || message->failed.epoch == at(world, index)->epoch,
              "a failure of another epoch is counted against piece %u", effect->lease.shard);
    SIM_CHECK(world,
              has_poison(world, range) || is_recent(world, world->workers[slot->worker].failed_ns),
              "worker %u is said to have failed piece %u, and did not", slot->worker,
              effect->lease.shard);
    tally->failures++;
    tally->ended_by = effect->worker;
    tally->ended_ns = sim_now(world);
    world->counts.failures++;
    note_fault(world, index, effect);
}

void sim_check_loss(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_slot *slot = sim_slot_of(world, index, effect->worker);
    const sim_worker *worker = &world->workers[slot->worker];
    sim_tally *tally = tally_of(world, index, effect->lease.shard);
    store_range range = sim_piece_range(at(world, index), effect->lease.shard);
    sim_say(world, "coordinator: worker %u lost piece %u", slot->worker, effect->lease.shard);
    SIM_CHECK(world,
              has_poison(world, range) || is_recent(world, worker->harmed_ns) ||
                  is_recent(world, worker->failed_ns) || worker->hung,
              "worker %u is said to have lost piece %u, and nothing happened to it", slot->worker,
              effect->lease.shard);
    tally->losses++;
    tally->ended_by = effect->worker;
    tally->ended_ns = sim_now(world);
    // After the end the lease of a worker that left without being asked is nobody's.
    world->counts.losses += at(world, index)->farewell_ns == 0;
    note_fault(world, index, effect);
}

static void check_spent(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const sim_tally *tally = tally_of(world, index, effect->lease.shard);
    SIM_CHECK(world,
              tally->failures >= world->setup.tries_max ||
                  tally->losses >= world->setup.losses_max,
              "piece %u is given up after %u failures and %u losses", effect->lease.shard,
              tally->failures, tally->losses);
}

void sim_check_split(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    check_spent(world, index, effect);
    world->counts.splits++;
    sim_say(world, "coordinator: piece %u is split", effect->lease.shard);
}

void sim_check_quarantine(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    store_range range = sim_piece_range(at(world, index), effect->lease.shard);
    check_spent(world, index, effect);
    SIM_CHECK(world, range.count == 1, "%u users are quarantined at once", range.count);
    SIM_CHECK(world, !is_newest(world, index) || world->store.rows[first_user(world, range)] == 0,
              "user %u is quarantined and has a row", first_user(world, range));
}

// ---- results ----

// The digest is compared, and rows are written for who asked for them in this epoch only.
void sim_check_rows(sim_world *world, uint32_t index, const nj_message_result *result)
{
    nj_digest digest = nj_digest_of(result->rows.bytes, result->rows.size);
    SIM_CHECK(world, result->epoch == at(world, index)->epoch,
              "rows of epoch %" PRIu64 " are written in epoch %" PRIu64, result->epoch,
              at(world, index)->epoch);
    SIM_CHECK(world, nj_digest_equal(&digest, &result->digest),
              "rows of piece %u are written under another digest", result->shard);
    tally_of(world, index, result->shard)->rows_came = true;
}

bool sim_must_alarm(sim_world *world, uint32_t index, const nj_peer *peer,
                    const nj_message *message)
{
    const nj_dispatch *dispatch = at(world, index)->dispatch;
    const nj_message_result *result = &message->result;
    if (message->kind != NJ_MESSAGE_RESULT || result->epoch != at(world, index)->epoch ||
        result->shard >= dispatch->ledger.piece_count ||
        nj_roster_find_peer(&dispatch->roster, peer) == NULL) {
        return false;
    }
    const nj_piece *piece = piece_of(world, index, result->shard);
    nj_piece_range range = nj_ledger_piece(&dispatch->ledger, result->shard);
    nj_digest digest = nj_digest_of(result->rows.bytes, result->rows.size);
    return (piece->state == NJ_PIECE_COMMITTING || piece->state == NJ_PIECE_COMMITTED) &&
           result->attempt >= 1 && result->attempt <= piece->attempts &&
           nj_digest_equal(&digest, &result->digest) &&
           !nj_digest_equal(&digest, &piece->digest) &&
           dispatch->config.check(NULL, result, &range) == NULL;
}

// Whoever is told that rows are stored forgets them.
void sim_check_ack(sim_world *world, uint32_t index, const nj_message_ack *ack)
{
    bool stored = ack->verdict == NJ_VERDICT_COMMITTED || ack->verdict == NJ_VERDICT_DUPLICATE;
    if (!stored) {
        return;
    }
    store_range range = sim_piece_range(at(world, index), ack->shard);
    for (uint32_t i = 0; i < range.count; i++) {
        SIM_CHECK(world, world->store.rows[first_user(world, range) + i] != 0,
                  "piece %u is acknowledged and not on the disk", ack->shard);
    }
}

void sim_check_write(sim_world *world, uint32_t index, const store_write *writes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        store_range range = writes[i].record.range;
        for (uint32_t k = 0; k < range.count && !writes[i].record.quarantined; k++) {
            uint32_t user = first_user(world, range) + k;
            SIM_CHECK(world,
                      writes[i].rows[k] == sim_true_row(world, user) ||
                          (world->liar_spoke && writes[i].rows[k] == sim_wrong_row(world, user)),
                      "coordinator %u writes a row of user %u that is not its own", index, user);
        }
    }
}

// ---- the whole ----

static void check_counts(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = at(world, index);
    const nj_ledger_counts *counts = &coordinator->dispatch->ledger.counts;
    uint64_t states = 0;
    for (unsigned i = 0; i < NJ_PIECE_STATE_COUNT; i++) {
        states += counts->states[i];
    }
    SIM_CHECK(world, states == coordinator->dispatch->ledger.piece_count,
              "%" PRIu64 " pieces are in some state, there are %u", states,
              coordinator->dispatch->ledger.piece_count);
    SIM_CHECK(world, coordinator->dispatch->queue_count == 0, "effects are left in the queue");
    SIM_CHECK(world, world->net.flight_count < 20000 + 50 * world->setup.worker_count,
              "%u messages are on their way", world->net.flight_count);
}

// Nobody keeps a lease without progress: TARDY_MS are for ticks and for what was on its way when the computation began to hang.
static void check_progress(sim_world *world, uint32_t index, const nj_worker *worker)
{
    const sim_coordinator *coordinator = at(world, index);
    const sim_worker *process = &world->workers[sim_slot_of(world, index, worker->id)->worker];
    const uint64_t limit_ns = (world->setup.lease_ms + TARDY_MS) * SIM_NS_PER_MS;
    if (!process->hung || sim_now(world) < process->hung_ns + limit_ns ||
        sim_now(world) < coordinator->stopped_until_ns + limit_ns) {
        return;
    }
    for (uint32_t i = 0; i < worker->lease_count; i++) {
        uint64_t leased_ns = coordinator->tallies[worker->leases[i].shard].leased_ns;
        SIM_CHECK(world, sim_now(world) < leased_ns + limit_ns,
                  "a worker that hangs keeps its lease of piece %u", worker->leases[i].shard);
    }
}

static uint64_t count_held(sim_world *world, uint32_t index)
{
    const nj_roster *roster = &at(world, index)->dispatch->roster;
    uint64_t held = 0;
    for (uint32_t slot = 0; slot < roster->config.worker_max; slot++) {
        const nj_worker *worker = &roster->slots[slot];
        if (worker->state != NJ_WORKER_GONE) {
            held += worker->lease_count;
            check_progress(world, index, worker);
        }
    }
    return held;
}

// Every user stands in one leaf; what the ledger calls committed is on the disk; every lease has one holder.
static void check_pieces(sim_world *world, uint32_t index)
{
    const nj_ledger *ledger = &at(world, index)->dispatch->ledger;
    uint64_t users = 0;
    uint64_t live = 0;
    for (uint32_t i = 0; i < ledger->piece_count; i++) {
        const nj_piece *piece = &ledger->pieces[i];
        live += piece->live;
        if (piece->audit || piece->state == NJ_PIECE_SPLIT) {
            continue;
        }
        users += piece->count;
        store_range range = {piece->shard, piece->first, piece->count};
        const store_record *record =
            piece->state == NJ_PIECE_COMMITTED ? store_find(&world->store, range) : NULL;
        SIM_CHECK(world,
                  piece->state != NJ_PIECE_COMMITTED ||
                      (record != NULL && !record->quarantined &&
                       nj_digest_equal(&record->digest, &piece->digest)),
                  "piece %u is committed and not on the disk as it was", i);
    }
    SIM_CHECK(world, users == world->user_count, "the pieces have %" PRIu64 " users of %u", users,
              world->user_count);
    uint64_t held = count_held(world, index);
    SIM_CHECK(world, live == held, "%" PRIu64 " leases live, %" PRIu64 " are held", live, held);
    uint64_t ended = ledger->counts.failures + ledger->counts.losses + ledger->counts.returns;
    SIM_CHECK(world, ledger->counts.leases >= ended + live,
              "%" PRIu64 " leases were given, %" PRIu64 " ended badly and %" PRIu64 " live",
              ledger->counts.leases, ended, live);
}

void sim_check_step(sim_world *world, uint32_t index)
{
    const nj_dispatch *dispatch = at(world, index)->dispatch;
    check_counts(world, index);
    if (dispatch->ledger.piece_count <= SMALL_NIGHT_PIECES ||
        world->counts.steps % SAMPLE_STEPS == 0) {
        check_pieces(world, index);
    }
    SIM_CHECK(world, world->store.committed_users >= world->committed_before,
              "%u users were committed, now %u", world->committed_before,
              world->store.committed_users);
    world->committed_before = world->store.committed_users;
}

static void check_stored_rows(sim_world *world)
{
    uint32_t committed = 0;
    uint32_t quarantined = 0;
    for (uint32_t user = 0; user < world->user_count; user++) {
        uint64_t row = world->store.rows[user];
        uint32_t owner = world->store.owners[user];
        bool lies = world->liar_spoke && row == sim_wrong_row(world, user);
        committed += row != 0;
        quarantined += owner != 0 && world->store.records[owner - 1].quarantined;
        SIM_CHECK(world, row == 0 || row == sim_true_row(world, user) || lies,
                  "user %u has a row that is not its own", user);
        SIM_CHECK(world, row == 0 || world->poison[user] == POISON_NONE,
                  "user %u has a row although nobody can compute it", user);
        bool expected = world->poison[user] == POISON_FAILS || !world->setup.only_poison;
        SIM_CHECK(world, owner == 0 || row != 0 || expected,
                  "user %u is quarantined, and nothing is wrong with it", user);
    }
    SIM_CHECK(world,
              committed == world->store.committed_users &&
                  quarantined == world->store.quarantined_users,
              "%u users have rows and %u are quarantined, the store says %u and %u", committed,
              quarantined, world->store.committed_users, world->store.quarantined_users);
    world->counts.quarantined += quarantined;
    SIM_CHECK(world, !world->store.published || committed + quarantined == world->user_count,
              "published with %u and %u users of %u", committed, quarantined, world->user_count);
}

void sim_check_end(sim_world *world)
{
    check_stored_rows(world);
    SIM_CHECK(world, world->store.overlaps == 0, "%" PRIu64 " commits overlapped",
              world->store.overlaps);
    SIM_CHECK(world, world->setup.mode == SIM_SAFETY || world->over,
              "the night does not end: %u of %u users are committed, %u quarantined",
              world->store.committed_users, world->user_count, world->store.quarantined_users);
    bool closed = world->counts.alarms > 0 || world->hopeless;
    SIM_CHECK(world, !world->over || world->store.published || closed,
              "the night is over, and nothing is published for no reason");
    if (world->setup.weather.calm) {
        SIM_CHECK(world,
                  world->counts.alarms + world->counts.losses + world->counts.failures +
                          world->counts.restarts + world->counts.speculations ==
                      0,
                  "something happened in a calm night");
        SIM_CHECK(world,
                  !world->over || world->counts.leases ==
                                      world->setup.shard_count + world->counts.audits,
                  "%" PRIu64 " leases for %u shards and %" PRIu64 " audits", world->counts.leases,
                  world->setup.shard_count, world->counts.audits);
    }
}
