// coordinator.c - a coordinator's process: the dispatch as coordinator/daemon/night.c runs it. writer.c commits, effects.c performs.
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define TICK_US 100000
#define FAREWELL_MS 1000
#define RESTART_MS_MIN 50
#define RESTART_MS_MAX 2000

store_range sim_piece_range(const sim_coordinator *coordinator, uint32_t piece)
{
    nj_piece_range range = nj_ledger_piece(&coordinator->dispatch->ledger, piece);
    return (store_range){range.shard, range.first, range.count};
}

sim_slot *sim_slot_of(sim_world *world, uint32_t index, nj_worker_id worker)
{
    sim_slot *slot = &sim_at(world, index)->slots[worker & SIM_SLOT_MASK];
    if (slot->id != worker) {
        *slot = (sim_slot){.id = worker, .worker = slot->worker};
    }
    return slot;
}

// ---- beginning and ending ----

// As nj_result_problem: it sees that rows are rows, how many and whose; not whether they are right.
static const char *check_rows(const void *context, const nj_message_result *result,
                              const nj_piece_range *piece)
{
    const sim_world *world = context;
    if (result->row_count != piece->count || result->rows.size != piece->count * sizeof(uint64_t)) {
        return "the rows do not fit the piece's users";
    }
    for (uint32_t i = 0; i < piece->count; i++) {
        uint64_t row;
        memcpy(&row, result->rows.bytes + i * sizeof row, sizeof row);
        if (!sim_row_fits(row, world->shard_first[piece->shard] + piece->first + i)) {
            return "a row is malformed, or another user's";
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
        .check_context = world,
    };
}

// What the store has of the night; a record that was written over by a later one counts no more.
static void resume(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
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
        if (!sim_at(world, i)->alive) {
            return i;
        }
        oldest = sim_at(world, i)->life < sim_at(world, oldest)->life ? i : oldest;
    }
    sim_coordinator_kill(world, oldest);
    return oldest;
}

void sim_coordinator_begin(sim_world *world)
{
    uint32_t index = find_place(world);
    sim_coordinator *coordinator = sim_at(world, index);
    nj_error err = {0};
    *coordinator = (sim_coordinator){.alive = true, .life = ++world->coordinator_lives};
    coordinator->epoch = store_open(&world->store);
    coordinator->dispatch = malloc(sizeof *coordinator->dispatch);
    coordinator->tallies =
        calloc(world->setup.shard_count + world->setup.spare_count, sizeof *coordinator->tallies);
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
void sim_coordinator_end(sim_world *world, uint32_t index)
{
    sim_coordinator_free(sim_at(world, index));
    for (uint32_t i = 0; i < world->setup.worker_count; i++) {
        sim_harm(world, i);
    }
    if (world->newest == index) {
        world->newest = SIM_NOBODY;
        uint64_t pause_ms = simrandom_between(&world->random, RESTART_MS_MIN, RESTART_MS_MAX);
        sim_after(world, pause_ms * 1000, SIM_COORDINATOR_BIRTH, 0, 0);
    }
}
// ---- what reaches it ----

void sim_coordinator_receive(sim_world *world, uint32_t index, const nj_peer *peer,
                             const nj_message *message)
{
    sim_coordinator *coordinator = sim_at(world, index);
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
    sim_coordinator_perform(world, index);
    coordinator->at_hand = NULL;
    SIM_CHECK(world, !must_alarm || world->counts.alarms > alarms,
              "other rows came for piece %u, and there was no alarm", message->result.shard);
}

void sim_coordinator_broken(sim_world *world, uint32_t index, const nj_peer *peer,
                            const nj_error *why)
{
    nj_dispatch_broken(sim_at(world, index)->dispatch, peer, why, sim_now(world));
    sim_coordinator_perform(world, index);
}

// ---- time ----

// Some users are decoded again before anything is published. False: it has been done.
static bool audit(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
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
    sim_coordinator *coordinator = sim_at(world, index);
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
    if (sim_at(world, index)->farewell_ns == 0) {
        say_farewell(world, index, NJ_DRAIN_STOPPING);
        sim_coordinator_perform(world, index);
    }
}

// After the farewell: nothing is published after an alarm, or by a coordinator that lost the night to another.
static void end_night(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
    if (coordinator->leaving || coordinator->audit_failed || coordinator->alarmed) {
        world->over = world->hopeless || coordinator->alarmed;
        sim_coordinator_end(world, index);
        return;
    }
    nj_status status = store_publish(&world->store, coordinator->epoch);
    SIM_CHECK(world, status != NJ_REFUSED, "%u users are committed, %u quarantined, %u in the plan",
              world->store.committed_users, world->store.quarantined_users, world->user_count);
    sim_say(world, "coordinator %u publishes: %s", index, nj_status_name(status));
    world->over = status == NJ_OK;
    sim_coordinator_end(world, index);
}

static void look_for_the_end(sim_world *world, uint32_t index)
{
    sim_coordinator *coordinator = sim_at(world, index);
    if (coordinator->farewell_ns == 0) {
        if (nj_dispatch_hopeless(coordinator->dispatch)) {
            say_farewell(world, index, NJ_DRAIN_STOPPING);
            world->hopeless = true;
            world->makespan_ns = sim_now(world);
        } else if (nj_dispatch_finished(coordinator->dispatch) && coordinator->pending_count == 0 &&
                   !audit(world, index)) {
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
    sim_coordinator *coordinator = sim_at(world, index);
    uint32_t life = coordinator->life;
    sim_writer_tick(world, index);
    uint64_t begin_ns = sim_watch_begin(world);
    nj_dispatch_tick(coordinator->dispatch, sim_now(world));
    sim_watch_end(world, begin_ns);
    look_for_the_end(world, index);
    if (coordinator->alive && coordinator->life == life) {
        sim_coordinator_perform(world, index);
    }
    if (coordinator->alive && coordinator->life == life) {
        sim_after(world, TICK_US, SIM_COORDINATOR_TICK, index, life);
    }
}
