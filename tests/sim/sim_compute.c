// sim_compute.c - a worker's compute thread: how long it takes, how it fails, hangs and lies.
#include "tests/sim/world.h"

#define OPERATOR_MS_MIN 2000 // after which somebody kills a process whose computation hangs
#define OPERATOR_MS_MAX 8000
#define LATE_OPERATOR_MS 30000
#define SICK_MS 5000

static uint64_t user_ns(const sim_world *world, uint32_t index)
{
    uint64_t us = world->setup.user_us;
    return (world->setup.weather.slow_worker == index ? us * SIM_SLOWNESS : us) * SIM_NS_PER_US;
}

// How many users come before the one that ends it all; all of them when none does.
static void look_for_poison(const sim_world *world, sim_worker *worker, uint32_t slot)
{
    uint32_t i = 0;
    worker->compute_count = worker->user_count[slot];
    worker->compute_poison = POISON_NONE;
    while (i < worker->compute_count && worker->compute_poison == POISON_NONE) {
        worker->compute_poison = (sim_poison)world->poison[worker->users[slot][i++]];
    }
    worker->ends_at = worker->compute_poison == POISON_NONE ? i : i - 1;
}

static void begin_computing(sim_world *world, uint32_t index, uint64_t ticket, uint32_t slot)
{
    sim_worker *worker = &world->workers[index];
    worker->ticket = ticket;
    worker->slot = slot;
    worker->computation++;
    worker->begun_ns = sim_now(world);
    worker->reported = 0;
    look_for_poison(world, worker, slot);
    uint64_t users = worker->ends_at + (worker->compute_poison != POISON_NONE);
    uint64_t us = users * user_ns(world, index) / SIM_NS_PER_US;
    bool hangs = sim_unlucky(world, world->setup.weather.hang);
    if (hangs || worker->compute_poison == POISON_HANGS) {
        worker->hung = true;
        worker->failed_ns = UINT64_MAX;
        worker->ends_at = hangs ? 0 : worker->ends_at;
        sim_say(world, "worker %u will hang", index);
        worker->hung_ns = sim_now(world) + us * SIM_NS_PER_US;
        us += simrandom_between(&world->random, OPERATOR_MS_MIN, OPERATOR_MS_MAX) * 1000;
        us += simrandom_chance(&world->random, 1, 8) ? LATE_OPERATOR_MS * 1000 : 0;
    }
    sim_after(world, us, SIM_COMPUTE_END, index, worker->computation);
}

// What the session asks for waits while the thread hangs or still computes something that was dropped.
void sim_compute(sim_world *world, uint32_t index, const nj_session_effect *effect)
{
    sim_worker *worker = &world->workers[index];
    if (worker->ticket != 0) {
        worker->queued_ticket = effect->ticket;
        worker->queued_slot = effect->slot;
    } else {
        begin_computing(world, index, effect->ticket, effect->slot);
    }
}

void sim_compute_report(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    if (worker->ticket == 0) {
        return;
    }
    uint64_t done = (sim_now(world) - worker->begun_ns) / user_ns(world, index);
    done = done < worker->ends_at ? done : worker->ends_at;
    if (done > worker->reported) {
        nj_session_progress(worker->session, (uint32_t)done - worker->reported);
        world->counts.users_computed += done - worker->reported;
        worker->reported = (uint32_t)done;
    }
}

static void make_rows(sim_world *world, uint32_t index, uint32_t slot, nj_digest *digest)
{
    sim_worker *worker = &world->workers[index];
    const sim_weather *weather = &world->setup.weather;
    bool lies = weather->liar == index && simrandom_chance(&world->random, 1, 3);
    bool messy = weather->messy == index && sim_unlucky(world, 500);
    for (uint32_t i = 0; i < worker->user_count[slot]; i++) {
        uint32_t user = worker->users[slot][i];
        worker->rows[slot][i] = lies ? sim_wrong_row(world, user) : sim_true_row(world, user);
        worker->rows[slot][i] ^= messy;
    }
    world->liar_spoke = world->liar_spoke || lies;
    if (messy) {
        worker->failed_ns = sim_now(world);
    }
    *digest = nj_digest_of(worker->rows[slot], worker->user_count[slot] * sizeof(uint64_t));
}

static bool is_sick(const sim_world *world, uint32_t index)
{
    return world->setup.weather.sick_worker == index && sim_faults_on(world) &&
           sim_now(world) / (SICK_MS * SIM_NS_PER_MS) % 2 == 0;
}

static void finish_computing(sim_world *world, uint32_t index, uint64_t ticket)
{
    sim_worker *worker = &world->workers[index];
    uint32_t slot = worker->slot;
    bool poisoned = worker->compute_poison != POISON_NONE;
    bool fails = is_sick(world, index) || sim_unlucky(world, world->setup.weather.fail);
    if (poisoned || fails) {
        worker->failed_ns = fails ? sim_now(world) : worker->failed_ns;
        nj_session_failed(worker->session, ticket, NJ_FAILED, "the engine says no", sim_now(world));
        return;
    }
    // Rows of a lease that was dropped meanwhile are not kept; its slot may have another.
    nj_digest digest = {0};
    const nj_session_slot *wanted = &worker->session->slots[slot];
    if (wanted->ticket == ticket && wanted->state == NJ_SLOT_COMPUTING) {
        make_rows(world, index, slot, &digest);
        worker->has_rows[slot] = true;
    }
    nj_session_computed(worker->session, ticket, &digest, worker->compute_count, sim_now(world));
}

void sim_worker_computed(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    uint64_t ticket = worker->ticket;
    if (worker->hung || worker->compute_poison == POISON_CRASHES) {
        sim_worker_kill(world, index, true); // its operator, or itself
        return;
    }
    sim_compute_report(world, index);
    worker->ticket = 0;
    finish_computing(world, index, ticket);
    if (worker->queued_ticket != 0 && worker->ticket == 0) {
        uint64_t queued = worker->queued_ticket;
        worker->queued_ticket = 0;
        begin_computing(world, index, queued, worker->queued_slot);
    }
    sim_worker_run(world, index);
}

// As watch_computation of the daemon: a heartbeat before the coordinator takes the leases away, the process gives them back and ends.
void sim_compute_watch(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    const sim_setup *setup = &world->setup;
    const uint64_t patience_ns = (setup->lease_ms - setup->heartbeat_ms) * SIM_NS_PER_MS;
    if (!worker->hung || !setup->weather.watches ||
        sim_now(world) < worker->hung_ns + patience_ns ||
        worker->session->state == NJ_SESSION_DRAINING) {
        return;
    }
    sim_say(world, "worker %u gives up a computation that hangs", index);
    nj_session_drain(worker->session, NJ_AGAIN, "the computation hangs", sim_now(world));
    sim_worker_run(world, index);
    if (worker->alive) {
        nj_session_failed(worker->session, worker->ticket, NJ_FAILED, "the computation hangs",
                          sim_now(world));
        sim_worker_run(world, index);
    }
}
