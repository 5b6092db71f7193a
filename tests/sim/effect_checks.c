// effect_checks.c - invariants of single effects: leases, failures, losses, rows.
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

static sim_tally *tally_of(sim_world *world, uint32_t coordinator, uint32_t piece)
{
    return &sim_at(world, coordinator)->tallies[piece];
}

static const nj_piece *piece_of(sim_world *world, uint32_t coordinator, uint32_t piece)
{
    return &sim_at(world, coordinator)->dispatch->ledger.pieces[piece];
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
    return when_ns != 0 &&
           (when_ns > sim_now(world) || sim_now(world) - when_ns < BLAME_MS * SIM_NS_PER_MS);
}

static bool is_newest(sim_world *world, uint32_t coordinator)
{
    return sim_at(world, coordinator)->epoch == world->store.epoch;
}

// ---- leases ----

static void check_holder(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const nj_worker *worker =
        nj_roster_find(&sim_at(world, index)->dispatch->roster, effect->worker);
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
    store_range range = sim_piece_range(sim_at(world, index), effect->lease.shard);
    for (uint32_t i = 0; i < range.count && is_newest(world, index); i++) {
        SIM_CHECK(world, world->store.rows[first_user(world, range) + i] == 0,
                  "piece %u is leased, and its user %u has a row already", effect->lease.shard, i);
        uint32_t leaf =
            nj_ledger_leaf(&sim_at(world, index)->dispatch->ledger, range.shard, range.first + i);
        SIM_CHECK(world, leaf == effect->lease.shard, "user %u of piece %u belongs to piece %u", i,
                  effect->lease.shard, leaf);
    }
}

void sim_check_lease(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const sim_coordinator *coordinator = sim_at(world, index);
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
    bool spent =
        tally->failures >= world->setup.tries_max || tally->losses >= world->setup.losses_max;
    SIM_CHECK(world, !spent || tally->rows_came,
              "piece %u is leased again after %u failures and %u losses", effect->lease.shard,
              tally->failures, tally->losses);
    bool again = tally->ended_by == effect->worker && coordinator->dispatch->roster.ready_count > 1;
    SIM_CHECK(world, !again || sim_now(world) - tally->ended_ns >= SIM_AVOID_MS * SIM_NS_PER_MS,
              "piece %u goes back to the worker that failed it, and others are there",
              effect->lease.shard);
}

void sim_check_speculation(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    sim_coordinator *coordinator = sim_at(world, index);
    uint64_t budget = (uint64_t)world->setup.shard_count * world->setup.speculate_percent / 100;
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
    const nj_worker *worker =
        nj_roster_find(&sim_at(world, index)->dispatch->roster, effect->worker);
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
    store_range range = sim_piece_range(sim_at(world, index), effect->lease.shard);
    sim_say(world, "coordinator: worker %u failed piece %u: %.*s", slot->worker,
            effect->lease.shard, NJ_SLICE_ARGS(effect->text));
    const nj_message *message = sim_at(world, index)->at_hand;
    SIM_CHECK(world,
              message->kind != NJ_MESSAGE_FAILED ||
                  message->failed.epoch == sim_at(world, index)->epoch,
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
    store_range range = sim_piece_range(sim_at(world, index), effect->lease.shard);
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
    world->counts.losses += sim_at(world, index)->farewell_ns == 0;
    note_fault(world, index, effect);
}

static void check_spent(sim_world *world, uint32_t index, const nj_dispatch_effect *effect)
{
    const sim_tally *tally = tally_of(world, index, effect->lease.shard);
    SIM_CHECK(world,
              tally->failures >= world->setup.tries_max || tally->losses >= world->setup.losses_max,
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
    store_range range = sim_piece_range(sim_at(world, index), effect->lease.shard);
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
    SIM_CHECK(world, result->epoch == sim_at(world, index)->epoch,
              "rows of epoch %" PRIu64 " are written in epoch %" PRIu64, result->epoch,
              sim_at(world, index)->epoch);
    SIM_CHECK(world, nj_digest_equal(&digest, &result->digest),
              "rows of piece %u are written under another digest", result->shard);
    tally_of(world, index, result->shard)->rows_came = true;
}

bool sim_must_alarm(sim_world *world, uint32_t index, const nj_peer *peer,
                    const nj_message *message)
{
    const nj_dispatch *dispatch = sim_at(world, index)->dispatch;
    const nj_message_result *result = &message->result;
    if (message->kind != NJ_MESSAGE_RESULT || result->epoch != sim_at(world, index)->epoch ||
        result->shard >= dispatch->ledger.piece_count ||
        nj_roster_find_peer(&dispatch->roster, peer) == NULL) {
        return false;
    }
    const nj_piece *piece = piece_of(world, index, result->shard);
    nj_piece_range range = nj_ledger_piece(&dispatch->ledger, result->shard);
    nj_digest digest = nj_digest_of(result->rows.bytes, result->rows.size);
    return (piece->state == NJ_PIECE_COMMITTING || piece->state == NJ_PIECE_COMMITTED) &&
           result->attempt >= 1 && result->attempt <= piece->attempts &&
           nj_digest_equal(&digest, &result->digest) && !nj_digest_equal(&digest, &piece->digest) &&
           dispatch->config.check(world, result, &range) == NULL;
}

// Whoever is told that rows are stored forgets them.
void sim_check_ack(sim_world *world, uint32_t index, const nj_message_ack *ack)
{
    bool stored = ack->verdict == NJ_VERDICT_COMMITTED || ack->verdict == NJ_VERDICT_DUPLICATE;
    if (!stored) {
        return;
    }
    store_range range = sim_piece_range(sim_at(world, index), ack->shard);
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
