#include "worker/daemon/daemon_internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium/randombytes.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/base/notify.h"
#include "common/base/resident.h"
#include "common/codec/shard.h"
#include "worker/daemon/signals.h"

#define TICK_MS 100
#define LINGER_MS 1000
#define COORDINATOR_TIMEOUT_MS 10000
#define HELLO_PAUSE_MS 500
#define RESEND_MS 5000
#define STOP_WAIT_MS 500      // for the batch at hand, when the worker ends at once
#define MEMORY_MS 500         // between two looks at this process's memory
#define WAITING_SAID_MS 30000 // between two lines that say what an idle worker waits for
#define WAITING_FIRST_MS 4000 // before the first of them, where there is no coordinator

static uint64_t now(void)
{
    return nj_clock_mono_ns();
}

// ---- effects ----

static void send_message(nj_worker_daemon *w, const nj_message *message)
{
    nj_error err = {0};
    nj_status status = nj_dealer_send_message(w->dealer, message, &err);
    if (status != NJ_OK) { // the session sends again what matters, or notices the silence
        nj_log(NJ_LOG_DEBUG, "%s", err.text);
    }
    if (message->kind == NJ_MESSAGE_HELLO) {
        NJ_FAILPOINT_HIT(HELLO_SENT);
    } else if (message->kind == NJ_MESSAGE_READY) {
        NJ_FAILPOINT_HIT(READY_SENT);
    } else if (message->kind == NJ_MESSAGE_RESULT) {
        NJ_FAILPOINT_HIT(RESULT_SENT);
    }
}

// Users that do not fit in memory leave the slot without any: computing it fails.
static void keep_lease(nj_worker_daemon *w, uint32_t slot)
{
    const nj_message_lease *lease = &w->message->lease;
    nj_buffer *users = &w->slots[slot].users;
    nj_buffer_clear(users);
    if (nj_buffer_append(users, lease->users.bytes, lease->users.size) != NJ_OK) {
        nj_buffer_clear(users);
    }
    w->slots[slot].afresh = lease->afresh != 0;
    NJ_FAILPOINT_HIT(LEASE_RECEIVED);
}

static void compute_slot(nj_worker_daemon *w, const nj_session_effect *effect)
{
    nj_error err = {0};
    nj_buffer *users = &w->slots[effect->slot].users;
    nj_status status = users->size > 0
                           ? nj_compute_shard_take(w->compute, effect->ticket, effect->slot,
                                                   w->slots[effect->slot].afresh, users, &err)
                           : nj_fail(&err, NJ_NO_MEMORY, "no memory to keep the users of a lease");
    if (status != NJ_OK) {
        nj_session_failed(w->session, effect->ticket, status, err.text, now());
    }
}

static void drop_slot(nj_worker_daemon *w, uint32_t slot)
{
    nj_buffer_fini(&w->slots[slot].users);
    nj_buffer_fini(&w->slots[slot].rows);
}

static void finish(nj_worker_daemon *w, const nj_session_effect *effect)
{
    w->finished = true;
    w->end_status = effect->status;
    if (effect->status != NJ_OK) {
        nj_fail(&w->end_error, effect->status, "%.*s", NJ_SLICE_ARGS(effect->text));
    }
}

// A coordinator that was started again may have another address. A file that is gone, or wrong, leaves the one of before.
static void connect_anew(nj_worker_daemon *w)
{
    nj_error err = {0};
    bool has_moved = false;
    nj_status status = nj_rendezvous_look(&w->rendezvous, &has_moved, &err);
    if (status == NJ_OK && has_moved) {
        nj_log(NJ_LOG_INFO, "%s: the coordinator has moved to %s", w->options->endpoint,
               w->rendezvous.endpoint);
        status = nj_dealer_move(w->dealer, w->rendezvous.endpoint, &err);
    }
    if (status != NJ_OK) {
        nj_log(NJ_LOG_WARNING, "%s", err.text);
    }
    if ((status != NJ_OK || !has_moved) && nj_dealer_reconnect(w->dealer, &err) != NJ_OK) {
        nj_session_stop(w->session, NJ_IO, err.text, now());
    }
}

static void perform(nj_worker_daemon *w, nj_session_effect *effect)
{
    switch (effect->kind) {
    case NJ_SESSION_SEND:
        send_message(w, &effect->message);
        break;
    case NJ_SESSION_SEND_RESULT:
        effect->message.result.rows = nj_buffer_slice(&w->slots[effect->slot].rows);
        NJ_FAILPOINT_HIT(RESULT_DUE);
        send_message(w, &effect->message);
        break;
    case NJ_SESSION_DROP_LINE:
        connect_anew(w);
        break;
    case NJ_SESSION_LOOK:
        nj_worker_look(w);
        break;
    case NJ_SESSION_STORE:
        nj_worker_store_piece(w, effect);
        break;
    case NJ_SESSION_VERIFY:
        nj_worker_verify_section(w, effect->section);
        break;
    case NJ_SESSION_SET_UP:
        nj_worker_set_up(w, effect->ticket);
        break;
    case NJ_SESSION_KEEP_LEASE:
        keep_lease(w, effect->slot);
        break;
    case NJ_SESSION_COMPUTE:
        compute_slot(w, effect);
        break;
    case NJ_SESSION_DROP:
        nj_compute_drop(w->compute, w->session->slots[effect->slot].ticket);
        drop_slot(w, effect->slot);
        NJ_FAILPOINT_HIT(ACK_RECEIVED);
        break;
    case NJ_SESSION_FINISH:
        finish(w, effect);
        break;
    }
}

static void perform_all(nj_worker_daemon *w)
{
    while (!w->finished && nj_session_next(w->session, w->effect)) {
        perform(w, w->effect);
    }
}

// ---- the loop ----

static nj_status receive_all(nj_worker_daemon *w, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && !w->finished) {
        nj_slice bytes;
        nj_error why = {0};
        status = nj_dealer_receive(w->dealer, &bytes, err);
        if (status != NJ_OK) {
            break;
        }
        if (nj_message_unpack(bytes, NJ_SIDE_COORDINATOR, w->received, &why) == NJ_OK) {
            w->message = w->received;
            w->lease_ms = w->received->kind == NJ_MESSAGE_WELCOME ? w->received->welcome.lease_ms
                                                                  : w->lease_ms;
            nj_session_message(w->session, w->received, now());
        } else {
            nj_session_broken(w->session, &why, now());
        }
        perform_all(w);
        w->message = NULL;
    }
    return status == NJ_AGAIN ? NJ_OK : status;
}

static void take_reports(nj_worker_daemon *w)
{
    nj_compute_report report;
    while (!w->finished && nj_compute_take_report(w->compute, &report)) {
        if (report.kind == NJ_COMPUTE_SET_UP) {
            nj_worker_note_set_up(w, report.ticket);
            nj_session_plan_memory(w->session, report.planned_bytes);
            nj_session_prepared(w->session, report.ticket, report.status, report.text, now());
        } else if (report.status != NJ_OK) {
            nj_session_failed(w->session, report.ticket, report.status, report.text, now());
        } else {
            // Rows of a lease that was dropped meanwhile are not wanted any more; the session ignores its ticket.
            bool wanted = w->session->slots[report.slot].ticket == report.ticket;
            if (wanted) {
                nj_buffer_fini(&w->slots[report.slot].rows);
                w->slots[report.slot].rows = report.rows;
            } else {
                nj_buffer_fini(&report.rows);
            }
            nj_session_computed(w->session, report.ticket, &report.digest, report.row_count, now());
        }
        perform_all(w);
    }
}

static nj_status find_signal_status(void)
{
    return nj_signals_last() == SIGINT ? NJ_INTERRUPTED : NJ_TERMINATED;
}

// The first signal asks for the shard at hand to be finished, the second does not.
static void look_at_signals(nj_worker_daemon *w, int *seen)
{
    const int count = nj_signals_count();
    if (count == *seen) {
        return;
    }
    nj_status status = find_signal_status();
    nj_notify_stopping();
    if (*seen == 0 && count == 1) {
        nj_log_event(NJ_EVENT_DRAINING, NJ_FIELDS(nj_log_uint("drain_ms", w->options->drain_ms)),
                     "asked to end: finishing what is being computed, for at most %u ms; a second "
                     "signal ends at once",
                     w->options->drain_ms);
        nj_session_drain(w->session, status, "asked to end", now());
    } else {
        nj_session_stop(w->session, status, "asked to end at once", now());
    }
    *seen = count;
}

// ---- a computation that hangs ----

// A heartbeat before the coordinator takes its leases away: those that wait behind it are then given back, and count as no loss.
static uint32_t find_patience_ms(const nj_worker_daemon *w)
{
    const uint32_t heartbeat_ms = w->session->heartbeat_ms;
    return w->lease_ms > heartbeat_ms ? w->lease_ms - heartbeat_ms : w->lease_ms;
}

static const nj_session_slot *find_slot(const nj_worker_daemon *w, uint64_t ticket)
{
    for (uint32_t i = 0; i < NJ_LEASE_SLOTS; i++) {
        const nj_session_slot *slot = &w->session->slots[i];
        if (slot->state == NJ_SLOT_COMPUTING && slot->ticket == ticket) {
            return slot;
        }
    }
    return NULL; // dropped: it is computed for nobody
}

// The process ends, so that another one takes its place: a thread cannot be stopped from outside.
static void give_up_computation(nj_worker_daemon *w)
{
    char text[NJ_WIRE_TEXT_BYTES_MAX];
    const uint64_t ticket = w->watchdog.ticket;
    const uint64_t silent_ms = nj_watchdog_silent_ms(&w->watchdog);
    const nj_session_slot *slot = find_slot(w, ticket);
    snprintf(text, sizeof text,
             "the computation makes no progress since %" PRIu64 " ms (--lease-ms is %u): this "
             "process ends, another may take its place",
             silent_ms, w->lease_ms);
    nj_log_event(NJ_EVENT_COMPUTE_HUNG,
                 NJ_FIELDS(nj_log_uint("silent_ms", silent_ms),
                           slot != NULL ? nj_log_uint("piece", slot->shard) : (nj_log_field){0}),
                 "%s", text);
    nj_session_drain(w->session, NJ_AGAIN, text, now());
    perform_all(w);
    nj_session_failed(w->session, ticket, NJ_FAILED, text, now()); // ignored if it was dropped
    perform_all(w);
}

// The socket thread answers whatever the compute thread does, so nobody else would notice but by its leases.
static void look_at_computation(nj_worker_daemon *w, uint32_t users_done)
{
    nj_watchdog_look(&w->watchdog, nj_compute_ticket(w->compute), users_done,
                     nj_compute_cpu_ns(w->compute), now());
    if (!w->hangs && nj_watchdog_barks(&w->watchdog, find_patience_ms(w), w->lease_ms)) {
        w->hangs = true; // once
        give_up_computation(w);
    }
}

static void look_at_memory(nj_worker_daemon *w)
{
    const uint64_t now_ns = now();
    if (w->memory_ns == 0 || now_ns - w->memory_ns >= MEMORY_MS * 1000000ull) {
        w->memory_ns = now_ns;
        nj_session_note_memory(w->session, (uint32_t)(nj_resident_bytes() >> 20));
    }
}

// A worker that does nothing says why: nobody else may know that it is there.
static void say_waiting(nj_worker_daemon *w)
{
    const nj_session *session = w->session;
    const uint64_t now_ns = now();
    const bool is_taken = session->state == NJ_SESSION_READY;
    if (!is_taken && session->state != NJ_SESSION_CONNECTING &&
        session->state != NJ_SESSION_GREETED) {
        w->waiting_ns = 0;
        w->waiting_said = false;
        return;
    }
    if (w->waiting_ns == 0) {
        w->waiting_ns = now_ns;
    }
    const uint64_t after_ms = w->waiting_said || is_taken ? WAITING_SAID_MS : WAITING_FIRST_MS;
    if (now_ns - w->waiting_ns < after_ms * 1000000ull) {
        return;
    }
    w->waiting_said = true;
    w->waiting_ns = now_ns;
    if (is_taken) {
        nj_log(NJ_LOG_INFO, "waiting for a shard: the coordinator at %s has none to give",
               w->rendezvous.endpoint);
        return;
    }
    const uint64_t waited_ms = (now_ns - session->contact_ns) / 1000000u;
    const uint64_t left_ms =
        waited_ms < w->options->give_up_ms ? w->options->give_up_ms - waited_ms : 0;
    nj_log(NJ_LOG_INFO, "waiting for a coordinator at %s since %u s, for another %u s: %s",
           w->rendezvous.endpoint, (unsigned)(waited_ms / 1000), (unsigned)(left_ms / 1000),
           session->refusal[0] != '\0' ? session->refusal
                                       : "nobody answers. Is it running? If so, its key is not "
                                         "--server-key, or ours is not in its --workers: its log "
                                         "names whom it turns away");
}

static nj_status run_loop(nj_worker_daemon *w, nj_error *err)
{
    nj_poller poller = {0};
    int seen_signals = 0;
    nj_poller_add_dealer(&poller, w->dealer);
    nj_poller_add_fd(&poller, nj_compute_fd(w->compute));
    nj_status status = NJ_OK;
    while (status == NJ_OK && !w->finished) {
        look_at_signals(w, &seen_signals);
        const uint32_t users_done = nj_compute_take_progress(w->compute);
        nj_session_progress(w->session, users_done);
        look_at_memory(w);
        look_at_computation(w, users_done);
        nj_session_tick(w->session, now());
        perform_all(w);
        say_waiting(w);
        nj_notify_alive(now());
        if (!w->finished) {
            status = nj_poller_wait(&poller, TICK_MS, err);
        }
        if (status == NJ_OK) {
            take_reports(w);
            status = receive_all(w, err);
        }
    }
    return status;
}

// ---- opening ----

// Waits for the file, if there is one. The night is begun elsewhere, and may be begun later than its workers.
static nj_status find_coordinator(nj_worker_daemon *w, nj_error *err)
{
    const struct timespec pause = {.tv_nsec = TICK_MS * 1000000};
    const uint64_t start_ns = now();
    bool is_first = true;
    for (;;) {
        bool has_moved;
        nj_status status = nj_rendezvous_look(&w->rendezvous, &has_moved, err);
        if (status != NJ_AGAIN) {
            return status;
        }
        if (nj_signals_count() > 0) {
            return nj_fail(err, find_signal_status(),
                           "asked to end before there was a coordinator");
        }
        const uint64_t waited_ms = (now() - start_ns) / 1000000u;
        if (waited_ms >= w->options->give_up_ms) {
            nj_error_prefix(err, "waited %u s for a coordinator", (unsigned)(waited_ms / 1000));
            return NJ_AGAIN;
        }
        if (is_first) {
            nj_log(NJ_LOG_INFO, "waiting for a coordinator to write its address: %s", err->text);
            is_first = false;
        }
        nj_notify_alive(now());
        nanosleep(&pause, NULL);
    }
}

static nj_status open_session(nj_worker_daemon *w, nj_error *err)
{
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    snprintf(w->name, sizeof w->name, "%s/%ld", host, (long)getpid());
    nj_session_config config = {
        .name = w->name,
        .version = NIGHTJAR_VERSION,
        .classes = w->classes,
        .class_count = w->class_count,
        .cores = 1,
        .memory_bytes = w->options->memory_bytes_max,
        .lease_slots = NJ_LEASE_SLOTS,
        .chunk_bytes = NJ_WIRE_CHUNK_BYTES_MAX,
        .coordinator_timeout_ms = COORDINATOR_TIMEOUT_MS,
        .hello_pause_ms = HELLO_PAUSE_MS,
        .resend_ms = RESEND_MS,
        .give_up_ms = w->options->give_up_ms,
        .drain_ms = w->options->drain_ms,
    };
    randombytes_buf(config.instance.bytes, sizeof config.instance.bytes);
    w->session = malloc(sizeof *w->session);
    w->received = malloc(sizeof *w->received);
    w->effect = malloc(sizeof *w->effect);
    bool has_memory = w->session != NULL && w->received != NULL && w->effect != NULL;
    return has_memory ? nj_session_init(w->session, &config, now(), err)
                      : nj_fail(err, NJ_NO_MEMORY, "no memory for the session");
}

static nj_status open_worker(nj_worker_daemon *w, nj_error *err)
{
    const nj_dealer_config dealer = {.endpoint = w->rendezvous.endpoint,
                                     .keys = w->options->keys,
                                     .server_keys = w->options->server_keys,
                                     .insecure = w->options->insecure};
    nj_status status = nj_worker_list_classes(w, err);
    if (status == NJ_OK) {
        status = nj_section_cache_init(&w->cache, w->options->cache_folder, err);
    }
    if (status == NJ_OK) {
        const uint64_t bytes_max = w->options->memory_bytes_max;
        nj_engine_options engine = nj_engine_options_default(NULL);
        engine.batch_users = w->options->batch_users;
        engine.savings = w->options->savings;
        engine.bytes_max = bytes_max != 0 ? bytes_max : SIZE_MAX;
        status = nj_compute_start(&engine, &w->compute, err);
    }
    if (status == NJ_OK) {
        status = open_session(w, err);
    }
    if (status == NJ_OK) {
        status = nj_dealer_open(&dealer, &w->dealer, err);
    }
    return status;
}

// The compute thread is not to be stopped: neither memory nor mappings may go before it does.
static void leave_at_once(nj_status status, const nj_error *err)
{
    const int exit_code = nj_status_exit_code(status);
    if (status != NJ_OK) {
        nj_log_event(NJ_EVENT_ENDED,
                     NJ_FIELDS(nj_log_text("status", nj_status_name(status)),
                               nj_log_uint("exit", (uint64_t)exit_code)),
                     "%s; a batch was still being computed", err->text);
    }
    _exit(exit_code);
}

static void close_worker(nj_worker_daemon *w, nj_status status, const nj_error *err)
{
    nj_dealer_close(&w->dealer, LINGER_MS);
    if (!nj_compute_stop(&w->compute, STOP_WAIT_MS)) {
        leave_at_once(status, err);
    }
    nj_section_cache_fini(&w->cache);
    nj_held_sections_fini(&w->held);
    nj_buffer_fini(&w->plan);
    for (uint32_t i = 0; i < NJ_LEASE_SLOTS; i++) {
        drop_slot(w, i);
    }
    free(w->session);
    free(w->received);
    free(w->effect);
}

nj_status nj_worker_run(const nj_worker_options *options, nj_error *err)
{
    nj_worker_daemon w = {.options = options,
                          .rendezvous = {.word = options->endpoint},
                          .cache = {.draft_fd = -1},
                          .end_status = NJ_OK};
    for (size_t i = 0; i < NJ_LEASE_SLOTS; i++) {
        nj_buffer_init(&w.slots[i].users, NJ_SHARD_BYTES_MAX);
        nj_buffer_init(&w.slots[i].rows, NJ_SHARD_BYTES_MAX);
    }
    nj_buffer_init(&w.plan, NJ_WIRE_SETTINGS_BYTES_MAX);
    nj_signals_catch(NULL);
    nj_notify_ready();
    nj_status status = find_coordinator(&w, err);
    if (status == NJ_OK) {
        status = open_worker(&w, err);
    }
    if (status == NJ_OK) {
        status = run_loop(&w, err);
    }
    if (status == NJ_OK && w.end_status != NJ_OK) {
        status = w.end_status;
        *err = w.end_error;
        if (status == NJ_AGAIN) { // the session knows no address
            nj_error_prefix(err, "%s", w.rendezvous.endpoint);
        }
    }
    close_worker(&w, status, err);
    return status;
}
