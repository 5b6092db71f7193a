// writer.c - the coordinator's writer: pieces wait for a transaction, and for the disk while it fails.
//
// After an error a writer may do either of two things. It keeps the batch and tries it again, as coordinator/daemon/commit.c does: what had
// reached the disk is a duplicate then. Or it reads the records again, tells what is there, and lets the workers send the rest.
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define COMMIT_US_MIN 200
#define BATCH_MAX 32   // pieces of one transaction, as NJ_STAGE_PIECES_MAX
#define PENDING_MAX 64 // pieces that wait while the disk is full; who brings more keeps the rows

static uint32_t fill_writes(const sim_coordinator *coordinator, store_write *writes)
{
    for (uint32_t i = 0; i < coordinator->committing; i++) {
        const sim_pending *pending = &coordinator->pending[i];
        writes[i] = (store_write){.record = {pending->range, pending->quarantined, pending->digest},
                                  .rows = pending->quarantined ? NULL : pending->rows};
    }
    return coordinator->committing;
}

// A kill in the middle of a transaction: it has reached the disk or it has not.
void sim_coordinator_kill(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
    sim_say(world, "coordinator %u is killed", index);
    if (coordinator->committing > 0) {
        store_write writes[BATCH_MAX];
        store_outcome outcomes[BATCH_MAX];
        uint32_t count = fill_writes(coordinator, writes);
        bool late = simrandom_chance(&world->random, 1, 2);
        sim_check_write(world, index, writes, count);
        nj_status status = store_commit(&world->store, coordinator->epoch, writes, count,
                                        late ? STORE_FAILS_AFTER : STORE_FAILS_BEFORE, outcomes);
        SIM_CHECK(world, status == NJ_IO || status == NJ_AGAIN, "a commit: %s",
                  nj_status_name(status));
    }
    sim_coordinator_end(world, index);
}

void sim_writer_begin(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
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

sim_pending *sim_writer_add(sim_coordinator *coordinator, uint32_t piece)
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

void sim_writer_tell(sim_world *world, uint32_t index, uint32_t piece, bool stored)
{
    uint64_t begin_ns = sim_watch_begin(world);
    nj_status status =
        nj_dispatch_stored(sim_at(world, index)->dispatch, piece, stored, sim_now(world));
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
    bool stored =
        found != NULL && !found->quarantined && nj_digest_equal(&found->digest, &pending->digest);
    SIM_CHECK(world, status != NJ_OK || stored || outcome == STORE_DIVERGED,
              "piece %u is said to be stored and is not", pending->piece);
    sim_writer_tell(world, index, pending->piece, status == NJ_OK || stored);
}

static void settle_batch(sim_world *world, uint32_t index, uint32_t count, nj_status status,
                         const store_outcome *outcomes)
{
    sim_coordinator *coordinator = sim_at(world, index);
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        settle(world, index, &coordinator->pending[place], status, outcomes[i]);
        if (status != NJ_OK && coordinator->pending[place].quarantined) {
            place++; // nobody sends it again
        } else {
            remove_pending(coordinator, place);
        }
    }
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

// What waits is tried; when nothing does, the disk is looked at.
void sim_writer_tick(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
    if (!coordinator->paused) {
        return;
    }
    coordinator->paused = false;
    sim_writer_begin(world, index);
    coordinator->paused = coordinator->committing == 0 && world->full_until_ns > sim_now(world);
    pause_leases(coordinator, coordinator->paused || coordinator->committing > 0);
}

bool sim_writer_is_full(const sim_coordinator *coordinator)
{
    return coordinator->paused && coordinator->pending_count >= PENDING_MAX;
}

// Fenced: somebody else has the night. It says so to its workers and ends.
static void give_way(sim_world *world, uint32_t index)
{
    sim_say(world, "coordinator %u is fenced", index);
    nj_dispatch_drain(sim_at(world, index)->dispatch, NJ_DRAIN_STOPPING);
    sim_coordinator_perform(world, index);
    sim_coordinator_end(world, index);
}

void sim_coordinator_commit_end(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
    store_write writes[BATCH_MAX];
    store_outcome outcomes[BATCH_MAX] = {STORE_WRITTEN};
    uint32_t count = fill_writes(coordinator, writes);
    sim_check_write(world, index, writes, count);
    nj_status status =
        store_commit(&world->store, coordinator->epoch, writes, count, draw_luck(world), outcomes);
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
    if (status == NJ_OK || !world->setup.weather.keeps_batch) {
        settle_batch(world, index, count, status, outcomes);
    }
    sim_coordinator_perform(world, index);
}
