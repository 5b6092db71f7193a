#include "coordinator/daemon/item_pass.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/daemon/gate.h"
#include "coordinator/daemon/stop.h"

#define LINGER_MS 500
#define TICK_EVERY_NS UINT64_C(20000000)
#define LOSSES_MAX                                                                                 \
    16 // of a shard: vanishing workers speak against the workers, hardly ever against the items
#define EPOCHS_A_MS 20               // bits: rounds of a fleet that begin in one millisecond
#define FAILED_SHARDS_MAX UINT32_MAX // the first that fails ends the round

static nj_status fail_round(nj_item_fleet *f, nj_status status, const nj_error *err)
{
    if (f->pass.broken == NJ_OK) {
        f->pass.broken = status;
        f->pass.broken_err = *err;
    }
    return status;
}

// ---- what the exchange asks ----

static size_t shard_first(const nj_item_pass *p, size_t shard)
{
    return shard * p->shard_rows;
}

static size_t rows_of(const nj_item_pass *p, size_t shard)
{
    const size_t left = p->row_count - shard_first(p, shard);
    return left < p->shard_rows ? left : p->shard_rows;
}

static nj_status pack_lease(void *context, const nj_piece_range *range, nj_message_lease *lease,
                            nj_buffer *out)
{
    const nj_item_fleet *f = context;
    const nj_item_pass *p = &f->pass;
    lease->user_count = (uint32_t)rows_of(p, range->shard);
    lease->afresh = 0;
    return nj_item_lease_pack(shard_first(p, range->shard), lease->user_count, out);
}

static nj_piece_name name_piece(const void *context, const nj_piece_range *range)
{
    nj_piece_name name;
    const nj_item_fleet *f = context;
    const size_t first = shard_first(&f->pass, range->shard);
    snprintf(name.text, sizeof name.text, "items %zu to %zu", first,
             first + rows_of(&f->pass, range->shard) - 1);
    return name;
}

static const char *find_problem(const void *context, const nj_message_result *result,
                                const nj_piece_range *piece)
{
    const nj_item_fleet *f = context;
    const nj_item_pass *p = &f->pass;
    const size_t rows = rows_of(p, piece->shard);
    if (p->round == NULL) {
        return NULL; // it is kept no more; the ledger tells a duplicate from a lie
    }
    if (result->row_count != rows) {
        return "the answer is for another number of items";
    }
    return p->round->work->find_problem(&p->task, rows, result->rows);
}

static void store_answer(nj_item_fleet *f, const nj_dispatch_effect *effect)
{
    nj_item_pass *p = &f->pass;
    const nj_slice rows = f->exchange.result->rows;
    nj_item_answer *a = &p->answers[effect->lease.shard];
    uint8_t *copy = p->round != NULL ? malloc(rows.size + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, rows.bytes, rows.size);
        *a = (nj_item_answer){copy, rows.size};
        p->pending++;
        p->pending_bytes += rows.size;
        f->progress++;
    } else if (p->round != NULL) {
        nj_log(NJ_LOG_ERROR, "no memory for an answer of %zu bytes", rows.size);
    }
    // Without it the worker keeps its answer and sends it again.
    nj_status status = nj_dispatch_stored(f->exchange.dispatch, effect->lease.shard, copy != NULL,
                                          nj_clock_mono_ns());
    if (status != NJ_OK) {
        nj_error err = {0};
        fail_round(f, nj_fail(&err, status, "a shard was not being written"), &err);
    }
}

static void note_failure(nj_item_fleet *f, const nj_dispatch_effect *effect)
{
    nj_item_pass *p = &f->pass;
    const size_t shard = effect->lease.shard;
    if (p->round == NULL || shard >= p->failed_shard) {
        return;
    }
    const nj_status status = effect->status == NJ_INPUT ? NJ_INPUT : NJ_FAILED;
    p->failed_shard = shard;
    nj_fail(&p->failure, status, "%s: %s, %s: %.*s", nj_item_rows_name(p->round),
            nj_exchange_piece_name(&f->exchange, effect).text,
            nj_exchange_worker_name(&f->exchange, effect->worker), NJ_SLICE_ARGS(effect->text));
}

static void note_alarm(nj_item_fleet *f, const nj_dispatch_effect *effect)
{
    nj_error err = {0};
    const char *worker = nj_exchange_worker_name(&f->exchange, effect->worker);
    const nj_piece_name name = nj_exchange_piece_name(&f->exchange, effect);
    nj_log_event(
        NJ_EVENT_DIVERGENCE,
        NJ_FIELDS(nj_log_uint("piece", effect->lease.shard), nj_log_text("worker", worker)),
        "%s gave another answer for %s than a worker before it", worker, name.text);
    nj_fail(&err, NJ_REFUSED,
            "two workers gave different answers for %s, one of them %s: one computes wrongly, and "
            "nothing is written",
            name.text, worker);
    fail_round(f, NJ_REFUSED, &err);
}

static void perform(void *context, const nj_dispatch_effect *effect)
{
    switch (effect->kind) {
    case NJ_DISPATCH_WRITE_ROWS:
        store_answer(context, effect);
        break;
    case NJ_DISPATCH_QUARANTINE:
        note_failure(context, effect);
        break;
    case NJ_DISPATCH_ALARM:
        note_alarm(context, effect);
        break;
    default: // shards of one unit are not split, and nothing is audited
        break;
    }
}

static nj_status take_answer(nj_item_pass *p, nj_error *err)
{
    const size_t shard = p->delivered;
    nj_item_answer *a = &p->answers[shard];
    nj_status status = p->take(p->take_context, shard, shard_first(p, shard), rows_of(p, shard),
                               (nj_slice){(const char *)a->bytes, a->size}, err);
    p->pending--;
    p->pending_bytes -= a->size;
    p->delivered++;
    free(a->bytes);
    *a = (nj_item_answer){0};
    return status;
}

// Leases stop while too much waits, unless it waits for what nobody has: that one goes out first.
static void balance(nj_item_fleet *f)
{
    const nj_item_pass *p = &f->pass;
    const nj_ledger *ledger = &f->exchange.dispatch->ledger;
    const bool full =
        p->pending >= NJ_ITEM_PENDING_MAX || p->pending_bytes >= NJ_ITEM_PENDING_BYTES_MAX;
    const uint8_t state =
        p->delivered < p->shard_count ? ledger->pieces[p->delivered].state : NJ_PIECE_COMMITTED;
    nj_dispatch_pause(f->exchange.dispatch,
                      full && (state == NJ_PIECE_LEASED || state == NJ_PIECE_COMMITTING));
}

static nj_status deliver(void *context, nj_error *err)
{
    nj_item_fleet *f = context;
    nj_item_pass *p = &f->pass;
    if (p->round == NULL) {
        return NJ_OK;
    }
    nj_status status =
        p->broken != NJ_OK ? nj_fail(err, p->broken, "%s", p->broken_err.text) : NJ_OK;
    while (status == NJ_OK && p->delivered < p->shard_count &&
           p->answers[p->delivered].bytes != NULL) {
        status = take_answer(p, err);
    }
    if (status == NJ_OK && p->failed_shard < p->shard_count && p->failed_shard == p->delivered) {
        status = nj_fail(err, p->failure.status, "%s", p->failure.text);
    }
    balance(f);
    return status;
}

// At the farewell nobody takes answers any more.
static nj_status settle(void *context, nj_error *err)
{
    (void)context;
    (void)err;
    return NJ_OK;
}

// ---- a round ----

static nj_dispatch_config make_dispatch_config(const nj_item_fleet *f)
{
    const uint32_t lease_ms = f->options->lease_ms;
    return (nj_dispatch_config){
        .ledger = {.shard_count = (uint32_t)f->pass.shard_count,
                   .shard_first = f->pass.unit_first,
                   .spare_count = 1, // nothing is split
                   .tries_max = NJ_NIGHT_TRIES_MAX,
                   .losses_max = LOSSES_MAX,
                   .retry_ms = NJ_EXCHANGE_RETRY_MS,
                   .retry_max_ms = NJ_EXCHANGE_RETRY_MS_MAX,
                   .avoid_ms = lease_ms / 3,
                   .speculate_min_ms = lease_ms / 3 * 2,
                   .speculate_percent = NJ_EXCHANGE_SPECULATE_PERCENT,
                   .failed_shards_max = FAILED_SHARDS_MAX},
        .roster = nj_exchange_roster(lease_ms),
        .epoch = f->epoch,
        .numeric_class = NJ_ITEM_CLASS,
        .check = find_problem,
        .check_context = f,
    };
}

// Every message that came while the driver computed, so that nobody is missed who has spoken.
static nj_status catch_up(nj_item_fleet *f, nj_error *err)
{
    nj_status status = NJ_OK;
    uint64_t before = f->exchange.counts.messages;
    do {
        before = f->exchange.counts.messages;
        status = nj_exchange_receive(&f->exchange, err);
    } while (status == NJ_OK && f->exchange.counts.messages - before >= NJ_EXCHANGE_MESSAGES_MAX);
    return status;
}

static nj_status announce(nj_item_fleet *f, nj_error *err)
{
    const nj_dispatch_config config = make_dispatch_config(f);
    nj_exchange *x = &f->exchange;
    x->plan = nj_item_pass_digest(&f->pass);
    nj_digest_hex(&x->plan, x->run_id);
    x->settings = nj_buffer_slice(&f->pass.plan);
    x->sections = &f->pass.sections;
    x->plans_follow = true;
    f->epoch++;
    return x->dispatch == NULL ? nj_exchange_open(x, &config, err)
                               : nj_dispatch_replan(x->dispatch, &config.ledger, config.epoch, err);
}

static nj_status check_signal(nj_error *err)
{
    const int number = nj_stop_signal();
    if (number == 0) {
        return NJ_OK;
    }
    return nj_fail(err, number == SIGINT ? NJ_INTERRUPTED : NJ_TERMINATED, "%s",
                   number == SIGINT ? "interrupted" : "asked to end");
}

static nj_status call_tick(nj_item_fleet *f, nj_error *err)
{
    const nj_night_hooks *hooks = &f->options->hooks;
    const nj_night_pulse pulse = {.progress = f->progress};
    return hooks->tick != NULL ? hooks->tick(hooks->context, &pulse, err) : NJ_OK;
}

// Not with every message: going through the roster and the processes takes longer than a short shard.
static nj_status tick(nj_item_fleet *f, nj_error *err)
{
    const uint64_t now_ns = nj_clock_mono_ns();
    if (now_ns - f->ticked_ns < TICK_EVERY_NS) {
        return NJ_OK;
    }
    f->ticked_ns = now_ns;
    if (f->options->watch != NULL) {
        nj_gate_tick(f->exchange.router, f->options->watch, now_ns);
    }
    nj_dispatch_tick(f->exchange.dispatch, now_ns);
    nj_exchange_perform(&f->exchange);
    nj_status status = call_tick(f, err);
    return status == NJ_OK ? check_signal(err) : status;
}

static nj_status run_until_delivered(nj_item_fleet *f, nj_error *err)
{
    nj_poller poller = {0};
    nj_poller_add_router(&poller, f->exchange.router);
    nj_exchange_perform(&f->exchange);
    nj_status status = tick(f, err);
    while (status == NJ_OK && f->pass.delivered < f->pass.shard_count) {
        status = nj_poller_wait(&poller, NJ_EXCHANGE_TICK_MS, err);
        if (status == NJ_OK) {
            status = nj_exchange_receive(&f->exchange, err);
        }
        if (status == NJ_OK && f->pass.delivered < f->pass.shard_count) {
            status = tick(f, err);
        }
        if (status == NJ_OK) {
            status = deliver(f, err); // what a tick has ended
        }
    }
    return status;
}

static void add_counts(nj_item_fleet *f)
{
    const nj_ledger_counts *counts = &f->exchange.dispatch->ledger.counts;
    f->counts.rounds++;
    f->counts.shards += f->pass.delivered;
    f->counts.leases += counts->leases;
    f->counts.losses += counts->losses;
    f->counts.failures += counts->failures;
    f->counts.duplicates += counts->duplicates;
}

// The driver's memory may go; workers that come meanwhile are welcomed to the plan, and find nothing to do.
static void end_pass(nj_item_fleet *f)
{
    nj_item_pass *p = &f->pass;
    for (size_t i = 0; i < p->sections.count; i++) {
        p->sections.sections[i].bytes = NULL;
    }
    p->round = NULL;
    nj_dispatch_pause(f->exchange.dispatch, true);
}

static nj_status run_announced(nj_item_fleet *f, nj_error *err)
{
    nj_stop_catch();
    nj_dispatch_pause(f->exchange.dispatch, false);
    nj_status status = run_until_delivered(f, err);
    if (status == NJ_OK) { // a round may be over before a tick has looked, and the next one forgets
        status = check_signal(err);
    }
    nj_stop_release();
    add_counts(f);
    end_pass(f);
    return status;
}

static nj_status run_round(void *context, const nj_item_round *round, nj_item_take take,
                           void *take_context, nj_error *err)
{
    nj_item_fleet *f = context;
    nj_status status = f->exchange.dispatch != NULL ? catch_up(f, err) : NJ_OK;
    if (status != NJ_OK) {
        return status;
    }
    nj_item_pass before = f->pass;
    f->pass = (nj_item_pass){.round = round, .take = take, .take_context = take_context};
    nj_buffer_init(&f->pass.plan, NJ_WIRE_SETTINGS_BYTES_MAX);
    status = nj_item_pass_plan(f, err);
    if (status == NJ_OK) {
        status = announce(f, err);
    }
    if (status != NJ_OK) { // the round before stands, and has ended
        nj_item_pass failed = f->pass;
        f->pass = before;
        nj_item_pass_fini(&failed);
        return status;
    }
    nj_item_pass_fini(&before);
    return run_announced(f, err);
}

static nj_status attend(void *context, nj_error *err)
{
    nj_item_fleet *f = context;
    if (f->exchange.dispatch == NULL) {
        return NJ_OK;
    }
    nj_status status = catch_up(f, err);
    return status == NJ_OK ? tick(f, err) : status;
}

nj_item_executor nj_item_fleet_executor(nj_item_fleet *fleet)
{
    return (nj_item_executor){.context = fleet, .run = run_round, .attend = attend};
}

nj_item_fleet_counts nj_item_fleet_count(const nj_item_fleet *fleet)
{
    return fleet->counts;
}

// ---- opening and closing ----

static nj_status open_router(nj_item_fleet *f, nj_error *err)
{
    const nj_item_fleet_options *options = f->options;
    const nj_router_config config = {.endpoint = options->endpoint,
                                     .keys = options->keys,
                                     .allowed = options->allowed,
                                     .insecure = options->insecure};
    nj_status status = nj_router_open(&config, &f->exchange.router, err);
    if (status != NJ_OK) {
        return status;
    }
    const char *endpoint = nj_router_endpoint(f->exchange.router);
    nj_log_event(
        NJ_EVENT_LISTENING,
        NJ_FIELDS(nj_log_text("endpoint", endpoint), nj_log_uint("encrypted", !options->insecure)),
        "listening on %s%s", endpoint, options->insecure ? " without encryption" : "");
    return options->hooks.ready != NULL
               ? options->hooks.ready(options->hooks.context, endpoint, err)
               : NJ_OK;
}

nj_status nj_item_fleet_open(const nj_item_fleet_options *options, nj_item_fleet **out,
                             nj_error *err)
{
    nj_item_fleet *f = calloc(1, sizeof *f);
    nj_item_file *files = calloc(NJ_ITEM_FILES_MAX, sizeof *files);
    if (f == NULL || files == NULL) {
        free(files);
        free(f);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to lead workers");
    }
    f->options = options;
    f->files = files;
    // Above that of a coordinator before this one, should one of its workers still be there.
    f->epoch = (nj_clock_wall_ms() << EPOCHS_A_MS) + 1;
    const nj_exchange_work work = {.context = f,
                                   .pack_lease = pack_lease,
                                   .name_piece = name_piece,
                                   .perform = perform,
                                   .relieve = deliver,
                                   .settle = settle};
    nj_exchange_init(&f->exchange, &work);
    f->exchange.lease_ms = options->lease_ms;
    if (options->watch != NULL) {
        nj_gate_open();
    }
    nj_status status = open_router(f, err);
    if (status == NJ_OK) {
        *out = f;
        f = NULL;
    }
    nj_item_fleet_close(&f, NJ_DRAIN_STOPPING);
    return status;
}

void nj_item_fleet_close(nj_item_fleet **fleet, nj_drain_reason reason)
{
    nj_item_fleet *f = *fleet;
    if (f == NULL) {
        return;
    }
    if (f->exchange.dispatch != NULL) {
        nj_exchange_farewell(&f->exchange, reason);
    }
    nj_exchange_close(&f->exchange, LINGER_MS);
    nj_item_pass_fini(&f->pass);
    if (f->options->watch != NULL) {
        nj_gate_close();
    }
    free(f->files);
    free(f);
    *fleet = NULL;
}
