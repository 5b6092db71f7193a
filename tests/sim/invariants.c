// invariants.c - what must hold of the whole night after every step, and at its end. Single effects are judged in effect_checks.c.
#include <inttypes.h>

#include "tests/sim/world.h"

#define TARDY_MS 5000
#define SMALL_NIGHT_PIECES 300
#define SAMPLE_STEPS 4096 // of larger nights one step in so many is looked at as a whole

static void check_counts(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
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
    const sim_coordinator *coordinator = sim_at(world, index);
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
    const nj_roster *roster = &sim_at(world, index)->dispatch->roster;
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
    const nj_ledger *ledger = &sim_at(world, index)->dispatch->ledger;
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
    const nj_dispatch *dispatch = sim_at(world, index)->dispatch;
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
        bool expected = world->poison[user] != POISON_NONE || !world->setup.only_poison;
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
                  !world->over ||
                      world->counts.leases == world->setup.shard_count + world->counts.audits,
                  "%" PRIu64 " leases for %u shards and %" PRIu64 " audits", world->counts.leases,
                  world->setup.shard_count, world->counts.audits);
    }
}
