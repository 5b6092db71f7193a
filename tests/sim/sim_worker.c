// sim_worker.c - a worker's process: the session as worker/daemon/daemon.c runs it, a compute thread, and what befalls both.
#include <string.h>

#include "tests/sim/world.h"

#define TICK_US 100000
#define SET_UP_MS_MAX 300
#define RESTART_MS_MIN 100

const char *const SIM_SECTION_BYTES[SIM_SECTIONS] = {"weights!", "", "trie trie"};

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
    sim_worker_run(world, index);
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
        sim_compute(world, index, effect);
        break;
    case NJ_SESSION_DROP:
        drop_slot(world, index, effect->slot);
        break;
    case NJ_SESSION_FINISH:
        finish_process(world, index, effect);
        break;
    }
}

void sim_worker_run(sim_world *world, uint32_t index)
{
    static nj_session_effect effect;
    sim_worker *worker = &world->workers[index];
    while (worker->alive && nj_session_next(worker->session, &effect)) {
        perform(world, index, &effect);
    }
}

// ---- what reaches it ----

void sim_worker_tick(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    uint32_t life = worker->life;
    sim_compute_report(world, index);
    sim_compute_watch(world, index);
    if (worker->alive) {
        nj_session_tick(worker->session, sim_now(world));
        sim_worker_run(world, index);
    }
    if (worker->alive && worker->life == life) {
        sim_after(world, TICK_US, SIM_WORKER_TICK, index, life);
    }
}

void sim_worker_set_up(sim_world *world, uint32_t index)
{
    sim_worker *worker = &world->workers[index];
    nj_session_prepared(worker->session, worker->set_up_ticket, NJ_OK, "", sim_now(world));
    sim_worker_run(world, index);
}

void sim_worker_receive(sim_world *world, uint32_t index, const nj_message *message)
{
    sim_worker *worker = &world->workers[index];
    worker->at_hand = message;
    nj_session_message(worker->session, message, sim_now(world));
    sim_worker_run(world, index);
    worker->at_hand = NULL;
}

void sim_worker_broken(sim_world *world, uint32_t index, const nj_error *why)
{
    nj_session_broken(world->workers[index].session, why, sim_now(world));
    sim_worker_run(world, index);
}
