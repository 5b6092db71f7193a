// sim_worker.c - a worker's process: the session as worker/daemon/daemon.c runs it, a compute thread, and what befalls both.
#include <string.h>

#include "tests/sim/world.h"

#define TICK_US 100000
#define SET_UP_MS_MAX 300
#define OPERATOR_MS_MIN 2000 // after which somebody kills a process whose computation hangs
#define OPERATOR_MS_MAX 8000
#define LATE_OPERATOR_MS 30000
#define SICK_MS 5000
#define RESTART_MS_MIN 100

const char *const SIM_SECTION_BYTES[SIM_SECTIONS] = {"weights!", "", "trie trie"};

static void run_session(sim_world *world, uint32_t index);

// ---- the process ----

void sim_worker_begin(sim_world *world, uint32_t index)
{
    static const char *const CLASSES[] = {"exact", "fast"};
    sim_worker *worker = &world->workers[index];
    nj_error err = {0};
    nj_session_config config = {.name = "worker",
                                .version = NIGHTJAR_VERSION,
                                .classes = CLASSES,
                                .class_count = 2,
                                .cores = 1,
                                .lease_slots = world->setup.lease_slots,
                                .chunk_bytes = 5,
                                .coordinator_timeout_ms = 1000,
                                .hello_pause_ms = 200,
                                .resend_ms = 500,
                                .give_up_ms = 20000,
                                .drain_ms = 3000};
    uint64_t instance = simrandom_next(&world->random);
    memcpy(config.instance.bytes, &instance, sizeof instance);
    nj_status status = nj_session_init(worker->session, &config, sim_now(world), &err);
    SIM_CHECK(world, status == NJ_OK, "no session: %s", err.text);
    worker->alive = true;
    worker->life++;
    worker->line = 0;
    worker->stopped_until_ns = 0;
    worker->ticket = 0;
    worker->queued_ticket = 0;
    worker->computation++;
    worker->hung = false;
    memset(worker->has_rows, 0, sizeof worker->has_rows);
    worker->set_up_ticket = 0;
    worker->harmed_ns = sim_now(world);
    world->counts.births++;
    sim_say(world, "worker %u begins, life %u", index, worker->life);
    sim_after(world, simrandom_below(&world->random, TICK_US), SIM_WORKER_TICK, index,
              worker->life);
}

static void end_process(sim_world *world, uint32_t index, bool seen)
{
    sim_worker *worker = &world->workers[index];
    worker->alive = false;
    worker->harmed_ns = sim_now(world);
    worker->failed_ns = worker->hung ? sim_now(world) : worker->failed_ns;
    if (worker->line != 0) {
        simnet_close(&world->net, worker->line, seen);
        worker->line = 0;
    }
    if (world->setup.worker_down_ms != UINT32_MAX) {
        uint64_t pause_ms = simrandom_between(&world->random, RESTART_MS_MIN,
                                              RESTART_MS_MIN + world->setup.worker_down_ms);
        sim_after(world, pause_ms * 1000, SIM_WORKER_BIRTH, index, worker->life);
    }
}

void sim_worker_kill(sim_world *world, uint32_t index, bool seen)
{
    sim_say(world, "worker %u is killed%s", index, seen ? "" : ", unseen");
    end_process(world, index, seen);
}

void sim_worker_break_line(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    if (worker->line != 0) {
        sim_say(world, "the line of worker %u breaks", index);
        simnet_close(&world->net, worker->line, true);
        worker->line = 0;
    }
}

void sim_worker_terminate(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    sim_say(world, "worker %u is asked to end", index);
    worker->harmed_ns = sim_now(world);
    if (worker->session->state == NJ_SESSION_DRAINING) {
        nj_session_stop(worker->session, NJ_TERMINATED, "asked to end at once", sim_now(world));
    } else {
        nj_session_drain(worker->session, NJ_TERMINATED, "asked to end", sim_now(world));
    }
    run_session(world, index);
}

// ---- the compute thread ----

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
static void compute(sim_world *world, uint32_t index, const nj_session_effect *effect)
{
    sim_worker *worker = &world->workers[index];
    if (worker->ticket != 0) {
        worker->queued_ticket = effect->ticket;
        worker->queued_slot = effect->slot;
    } else {
        begin_computing(world, index, effect->ticket, effect->slot);
    }
}

static void report_progress(sim_world *world, uint32_t index)
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
    report_progress(world, index);
    worker->ticket = 0;
    finish_computing(world, index, ticket);
    if (worker->queued_ticket != 0 && worker->ticket == 0) {
        uint64_t queued = worker->queued_ticket;
        worker->queued_ticket = 0;
        begin_computing(world, index, queued, worker->queued_slot);
    }
    run_session(world, index);
}

// ---- the session's effects ----

static void verify_section(sim_world *world, uint32_t index, uint32_t section)
{
    sim_worker *worker = &world->workers[index];
    const nj_session_section *wanted = &worker->session->sections[section];
    nj_digest digest = nj_digest_of(worker->draft, (size_t)wanted->size);
    bool good = nj_digest_equal(&digest, &wanted->digest);
    SIM_CHECK(world, good || worker->harmed_ns != 0, "section %u was put together wrongly",
              section);
    worker->cache |= (uint64_t)good << section;
    nj_session_verified(worker->session, section, good, sim_now(world));
}

static void keep_lease(sim_world *world, uint32_t index, uint32_t slot)
{
    sim_worker *worker = &world->workers[index];
    const nj_message_lease *lease = &worker->at_hand->lease;
    SIM_CHECK(world, worker->at_hand->kind == NJ_MESSAGE_LEASE, "a lease without LEASE");
    SIM_CHECK(world, lease->epoch == worker->session->epoch, "a lease of another epoch is taken");
    // Damaged bytes may name anybody, and any number of them.
    size_t count = lease->users.size / sizeof(uint32_t);
    count = count < SIM_SHARD_USERS_MAX ? count : SIM_SHARD_USERS_MAX;
    worker->user_count[slot] = (uint32_t)count;
    memcpy(worker->users[slot], lease->users.bytes, count * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++) {
        worker->users[slot][i] %= world->user_count;
    }
}

static void send_result(sim_world *world, uint32_t index, nj_session_effect *effect)
{
    sim_worker *worker = &world->workers[index];
    effect->message.result.rows = (nj_slice){(const char *)worker->rows[effect->slot],
                                             worker->user_count[effect->slot] * sizeof(uint64_t)};
    sim_send_up(world, index, &effect->message);
}

// Rows are forgotten when they were acknowledged, when another epoch has made them void, or with the process.
static void drop_slot(sim_world *world, uint32_t index, uint32_t slot)
{
    sim_worker *worker = &world->workers[index];
    const nj_message *message = worker->at_hand;
    SIM_CHECK(world,
              !worker->has_rows[slot] || worker->session->state == NJ_SESSION_DONE ||
                  (message != NULL &&
                   (message->kind == NJ_MESSAGE_ACK || message->kind == NJ_MESSAGE_WELCOME)),
              "worker %u forgets rows that nobody has acknowledged", index);
    worker->has_rows[slot] = false;
    if (worker->queued_ticket != 0 && worker->queued_slot == slot) {
        worker->queued_ticket = 0;
    }
}

static void finish_process(sim_world *world, uint32_t index, const nj_session_effect *effect)
{
    sim_say(world, "worker %u ends: %s, %.*s", index, nj_status_name(effect->status),
            NJ_SLICE_ARGS(effect->text));
    end_process(world, index, true);
}

static void perform(sim_world *world, uint32_t index, nj_session_effect *effect)
{
    sim_worker *worker = &world->workers[index];
    switch (effect->kind) {
    case NJ_SESSION_SEND:
        sim_send_up(world, index, &effect->message);
        break;
    case NJ_SESSION_SEND_RESULT:
        send_result(world, index, effect);
        break;
    case NJ_SESSION_DROP_LINE:
        if (worker->line != 0) {
            simnet_close(&world->net, worker->line, true);
            worker->line = 0;
        }
        break;
    case NJ_SESSION_LOOK:
        nj_session_inspected(worker->session, ~worker->cache, sim_now(world));
        break;
    case NJ_SESSION_STORE:
        SIM_CHECK(world, effect->offset + effect->bytes.size <= SIM_DRAFT_BYTES, "a long section");
        memcpy(worker->draft + effect->offset, effect->bytes.bytes, effect->bytes.size);
        break;
    case NJ_SESSION_VERIFY:
        verify_section(world, index, effect->section);
        break;
    case NJ_SESSION_SET_UP:
        worker->set_up_ticket = effect->ticket;
        sim_after(world, simrandom_below(&world->random, SET_UP_MS_MAX) * 1000, SIM_SET_UP_END,
                  index, worker->life);
        break;
    case NJ_SESSION_KEEP_LEASE:
        keep_lease(world, index, effect->slot);
        break;
    case NJ_SESSION_COMPUTE:
        compute(world, index, effect);
        break;
    case NJ_SESSION_DROP:
        drop_slot(world, index, effect->slot);
        break;
    case NJ_SESSION_FINISH:
        finish_process(world, index, effect);
        break;
    }
}

static void run_session(sim_world *world, uint32_t index)
{
    static nj_session_effect effect;
    sim_worker *worker = &world->workers[index];
    while (worker->alive && nj_session_next(worker->session, &effect)) {
        perform(world, index, &effect);
    }
}

// ---- what reaches it ----

// As watch_computation of the daemon: a heartbeat before the coordinator takes the leases away, the process gives them back and ends.
static void watch_computation(sim_world *world, uint32_t index)
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
    run_session(world, index);
    if (worker->alive) {
        nj_session_failed(worker->session, worker->ticket, NJ_FAILED, "the computation hangs",
                          sim_now(world));
        run_session(world, index);
    }
}

void sim_worker_tick(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    uint32_t life = worker->life;
    report_progress(world, index);
    watch_computation(world, index);
    if (worker->alive) {
        nj_session_tick(worker->session, sim_now(world));
        run_session(world, index);
    }
    if (worker->alive && worker->life == life) {
        sim_after(world, TICK_US, SIM_WORKER_TICK, index, life);
    }
}

void sim_worker_set_up(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    nj_session_prepared(worker->session, worker->set_up_ticket, NJ_OK, "", sim_now(world));
    run_session(world, index);
}

void sim_worker_receive(sim_world *world, uint32_t index, const nj_message *message)
{
    sim_worker *worker = &world->workers[index];
    worker->at_hand = message;
    nj_session_message(worker->session, message, sim_now(world));
    run_session(world, index);
    worker->at_hand = NULL;
}

void sim_worker_broken(sim_world *world, uint32_t index, const nj_error *why)
{
    nj_session_broken(world->workers[index].session, why, sim_now(world));
    run_session(world, index);
}
