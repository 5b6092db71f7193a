#include "coordinator/dispatch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/outbox.h"

// A roster step gives at most NJ_ROSTER_EFFECTS_MAX effects, each of which becomes at most three (a loss, what becomes of the
// piece, and of the worker); an answer comes on top.
_Static_assert(NJ_DISPATCH_QUEUE_MAX >= 3 * NJ_ROSTER_EFFECTS_MAX + 6, "one event must fit");

// Workers that a piece is not given to: who failed it last, and who holds it. One more is asked.
#define SHUNNED_MAX 2

nj_status nj_dispatch_init(nj_dispatch *dispatch, const nj_dispatch_config *config, nj_error *err)
{
    memset(dispatch, 0, sizeof *dispatch);
    dispatch->config = *config;
    nj_status status = nj_ledger_init(&dispatch->ledger, &config->ledger, err);
    if (status == NJ_OK) {
        status = nj_roster_init(&dispatch->roster, &config->roster, err);
    }
    if (status != NJ_OK) {
        nj_dispatch_fini(dispatch);
    }
    return status;
}

void nj_dispatch_fini(nj_dispatch *dispatch)
{
    nj_roster_fini(&dispatch->roster);
    nj_ledger_fini(&dispatch->ledger);
}

// ---- ledger ----

// Why a piece has no tries left.
typedef struct {
    nj_status status;
    nj_slice text;
} cause;

static const char LOST_TEXT[] = "its workers vanish or make no progress";
static const char CARRY_TEXT[] = "it was not decoded when the deadline came, and there is no row "
                                 "of an earlier night to carry over";
static const char SPENT_TEXT[] = "its tries are used up";
static const cause LOST = {NJ_AGAIN, {LOST_TEXT, sizeof LOST_TEXT - 1}};
static const cause NOT_CARRIED = {NJ_NOT_FOUND, {CARRY_TEXT, sizeof CARRY_TEXT - 1}};
static const cause SPENT = {NJ_AGAIN, {SPENT_TEXT, sizeof SPENT_TEXT - 1}};

static void report_rows(nj_dispatch *dispatch, const nj_ledger_effect *effect)
{
    bool audit = dispatch->ledger.pieces[effect->index].audit;
    (void)nj_outbox_report(dispatch, audit ? NJ_DISPATCH_AUDIT_ROWS : NJ_DISPATCH_WRITE_ROWS,
                           effect->worker, effect->index, effect->attempt);
}

// `why` is what the event at hand said of the piece.
static void report_spent(nj_dispatch *dispatch, const nj_ledger_effect *effect,
                         nj_dispatch_effect_kind kind, cause why)
{
    nj_dispatch_effect *spent =
        nj_outbox_report(dispatch, kind, effect->worker, effect->index, effect->attempt);
    spent->status = why.status;
    spent->text = why.text;
}

static void report_ledger(nj_dispatch *dispatch, const nj_ledger_effect *effect, cause why)
{
    const nj_worker_id worker = effect->worker;
    const uint32_t index = effect->index;
    switch (effect->kind) {
    case NJ_LEDGER_WRITE_ROWS:
        report_rows(dispatch, effect);
        break;
    case NJ_LEDGER_ACK_COMMITTED:
        nj_outbox_send_ack(dispatch, worker, index, effect->attempt, NJ_VERDICT_COMMITTED);
        break;
    case NJ_LEDGER_ACK_DUPLICATE:
        nj_outbox_send_ack(dispatch, worker, index, effect->attempt, NJ_VERDICT_DUPLICATE);
        break;
    case NJ_LEDGER_ACK_STALE:
        nj_outbox_send_ack(dispatch, worker, index, effect->attempt, NJ_VERDICT_STALE);
        break;
    case NJ_LEDGER_ALARM:
        nj_outbox_send_ack(dispatch, worker, index, effect->attempt, NJ_VERDICT_DIVERGED);
        (void)nj_outbox_report(dispatch, NJ_DISPATCH_ALARM, worker, index, effect->attempt);
        break;
    case NJ_LEDGER_SPLIT:
        report_spent(dispatch, effect, NJ_DISPATCH_SPLIT, why);
        break;
    case NJ_LEDGER_QUARANTINE:
        report_spent(dispatch, effect, NJ_DISPATCH_QUARANTINE, why);
        break;
    case NJ_LEDGER_AUDIT_FAILED:
        report_spent(dispatch, effect, NJ_DISPATCH_AUDIT_FAILED, why);
        break;
    case NJ_LEDGER_SEND_LEASE: // only an OFFER or SPECULATE gives it: give_lease
    case NJ_LEDGER_NONE:
    case NJ_LEDGER_REFUSE:
        break;
    }
}

static nj_status step_ledger(nj_dispatch *dispatch, const nj_ledger_event *event, cause why,
                             uint64_t now_ns)
{
    nj_ledger_effect effect;
    nj_status status = nj_ledger_step(&dispatch->ledger, event, now_ns, &effect);
    if (status == NJ_OK) {
        report_ledger(dispatch, &effect, why);
    }
    return status;
}

// A lease that the roster kept has ended: the ledger knows it, so it cannot refuse.
static void end_in_ledger(nj_dispatch *dispatch, nj_ledger_event_kind kind, nj_worker_id worker,
                          nj_wire_lease lease, cause why, uint64_t now_ns)
{
    nj_ledger_event event = {
        .kind = kind, .index = lease.shard, .attempt = lease.attempt, .worker = worker};
    nj_status status = step_ledger(dispatch, &event, why, now_ns);
    assert(status == NJ_OK);
    (void)status;
}

// ---- roster ----

static void report_bench(nj_dispatch *dispatch, const nj_roster_effect *effect)
{
    bool benched = effect->kind == NJ_ROSTER_BENCHED;
    nj_dispatch_effect_kind kind =
        benched ? NJ_DISPATCH_WORKER_BENCHED : NJ_DISPATCH_WORKER_UNBENCHED;
    nj_outbox_report(dispatch, kind, effect->worker, 0, 0)->wait_ms = effect->wait_ms;
    dispatch->ledger.counts.benches += benched;
}

// Holds a lease that went wrong against its worker. Halves are not held against anybody: what failed as a whole speaks
// against its users.
static void blame_worker(nj_dispatch *dispatch, nj_worker_id worker, nj_wire_lease lease,
                         uint64_t now_ns)
{
    const nj_piece *piece = &dispatch->ledger.pieces[lease.shard];
    if (lease.shard >= dispatch->config.ledger.shard_count && !piece->audit) {
        return;
    }
    nj_roster_effects effects;
    nj_roster_event event = {
        .kind = NJ_ROSTER_FAULT, .worker = worker, .lease = {piece->shard, lease.attempt}};
    nj_status status = nj_roster_step(&dispatch->roster, &event, now_ns, &effects);
    assert(status == NJ_OK);
    (void)status;
    for (size_t i = 0; i < effects.count; i++) {
        report_bench(dispatch, &effects.items[i]);
    }
}

static void report_loss(nj_dispatch *dispatch, const nj_roster_effect *effect, uint64_t now_ns)
{
    (void)nj_outbox_report(dispatch, NJ_DISPATCH_LOSS, effect->worker, effect->lease.shard,
                           effect->lease.attempt);
    end_in_ledger(dispatch, NJ_LEDGER_LOSS, effect->worker, effect->lease, LOST, now_ns);
    blame_worker(dispatch, effect->worker, effect->lease, now_ns); // nobody, if it is gone
}

static void report_roster(nj_dispatch *dispatch, const nj_roster_effect *effect,
                          const nj_roster_event *event, uint64_t now_ns)
{
    nj_dispatch_effect *send;
    switch (effect->kind) {
    case NJ_ROSTER_SEND_WELCOME:
        send = nj_outbox_send(dispatch, NJ_DISPATCH_SEND_WELCOME, effect->worker);
        if (send != NULL && event->kind == NJ_ROSTER_PLAN) {
            send->status = NJ_AGAIN;
        }
        break;
    case NJ_ROSTER_SEND_DRAIN:
        send = nj_outbox_send(dispatch, NJ_DISPATCH_SEND, effect->worker);
        if (send != NULL) {
            send->message.kind = NJ_MESSAGE_DRAIN;
            send->message.drain = (nj_message_drain){dispatch->drain_reason};
        }
        break;
    case NJ_ROSTER_PROBE:
        nj_outbox_send_pong(dispatch, effect->worker);
        break;
    case NJ_ROSTER_STRANGER:
        snprintf(dispatch->text, sizeof dispatch->text,
                 "this coordinator does not know you: say HELLO");
        nj_outbox_send_refused(dispatch, event->peer, NJ_AGAIN);
        break;
    case NJ_ROSTER_FULL:
        snprintf(dispatch->text, sizeof dispatch->text, "%u workers are here, the limit is %u",
                 dispatch->roster.count, dispatch->roster.config.worker_max);
        nj_outbox_send_refused(dispatch, event->peer, NJ_AGAIN);
        break;
    case NJ_ROSTER_LEASE_LOST:
        report_loss(dispatch, effect, now_ns);
        break;
    case NJ_ROSTER_LEASE_BACK:
        end_in_ledger(dispatch, NJ_LEDGER_RETURN, effect->worker, effect->lease, SPENT, now_ns);
        break;
    case NJ_ROSTER_BENCHED:
    case NJ_ROSTER_UNBENCHED:
        report_bench(dispatch, effect);
        break;
    case NJ_ROSTER_WORKER_GONE:
        nj_outbox_report(dispatch, NJ_DISPATCH_WORKER_GONE, effect->worker, 0, 0)->status =
            event->kind == NJ_ROSTER_BYE ? NJ_OK : NJ_AGAIN;
        break;
    }
}

// No event that arrives here is one the table forbids.
static bool step_roster(nj_dispatch *dispatch, const nj_roster_event *event, uint64_t now_ns)
{
    nj_roster_effects effects;
    nj_status status = nj_roster_step(&dispatch->roster, event, now_ns, &effects);
    assert(status == NJ_OK);
    (void)status;
    for (size_t i = 0; i < effects.count; i++) {
        report_roster(dispatch, &effects.items[i], event, now_ns);
    }
    return effects.more;
}

static void report_to_roster(nj_dispatch *dispatch, nj_roster_event_kind kind, nj_worker_id worker,
                             nj_wire_lease lease, uint64_t now_ns)
{
    nj_roster_event event = {.kind = kind, .worker = worker, .lease = lease};
    (void)step_roster(dispatch, &event, now_ns);
}

// ---- messages ----

static bool has_class(const nj_message_hello *hello, const char *numeric_class)
{
    for (uint32_t i = 0; i < hello->classes_count; i++) {
        if (nj_slice_equal(hello->classes[i], nj_slice_from(numeric_class))) {
            return true;
        }
    }
    return false;
}

static void fail_lease(nj_dispatch *dispatch, nj_worker_id worker, nj_wire_lease lease, cause why,
                       uint64_t now_ns)
{
    nj_dispatch_effect *failure =
        nj_outbox_report(dispatch, NJ_DISPATCH_FAILURE, worker, lease.shard, lease.attempt);
    failure->status = why.status;
    failure->text = why.text;
    report_to_roster(dispatch, NJ_ROSTER_END_LEASE, worker, lease, now_ns);
    end_in_ledger(dispatch, NJ_LEDGER_FAILURE, worker, lease, why, now_ns);
    blame_worker(dispatch, worker, lease, now_ns);
}

// NULL: the rows may be taken. Those of a piece that was split are not looked at: nobody wants them.
static const char *find_problem(const nj_dispatch *dispatch, const nj_message_result *result)
{
    if (dispatch->ledger.pieces[result->shard].state == NJ_PIECE_SPLIT) {
        return NULL;
    }
    nj_digest digest = nj_digest_of(result->rows.bytes, result->rows.size);
    if (!nj_digest_equal(&digest, &result->digest)) {
        return "the rows do not have the digest that was sent with them";
    }
    const nj_piece_range piece = nj_ledger_piece(&dispatch->ledger, result->shard);
    return dispatch->config.check(dispatch->config.check_context, result, &piece);
}

static void reject_result(nj_dispatch *dispatch, const nj_worker *worker, nj_wire_lease lease,
                          const char *problem, uint64_t now_ns)
{
    const cause why = {NJ_REFUSED, nj_slice_from(problem)};
    dispatch->ledger.counts.rejections++;
    nj_outbox_send_ack(dispatch, worker->id, lease.shard, lease.attempt, NJ_VERDICT_REJECTED);
    if (nj_worker_holds(worker, lease.shard, lease.attempt)) {
        fail_lease(dispatch, worker->id, lease, why, now_ns);
    }
}

static void take_result(nj_dispatch *dispatch, const nj_worker *worker,
                        const nj_message_result *result, uint64_t now_ns)
{
    nj_worker_id id = worker->id;
    nj_wire_lease lease = {result->shard, result->attempt};
    if (result->epoch != dispatch->config.epoch || result->shard >= dispatch->ledger.piece_count) {
        nj_outbox_send_ack(dispatch, id, result->shard, result->attempt, NJ_VERDICT_STALE);
        return;
    }
    const char *problem = find_problem(dispatch, result);
    if (problem != NULL) {
        reject_result(dispatch, worker, lease, problem, now_ns);
        return;
    }
    nj_ledger_event event = {.kind = NJ_LEDGER_RESULT,
                             .index = result->shard,
                             .attempt = result->attempt,
                             .worker = id,
                             .digest = result->digest,
                             .held = nj_worker_holds(worker, result->shard, result->attempt)};
    nj_ledger_effect effect;
    nj_status status = nj_ledger_step(&dispatch->ledger, &event, now_ns, &effect);
    assert(status == NJ_OK); // the guards leave no result that the table refuses
    (void)status;
    report_ledger(dispatch, &effect, SPENT);
    report_to_roster(dispatch, NJ_ROSTER_END_LEASE, id, lease, now_ns);
    if (event.held && effect.kind != NJ_LEDGER_ALARM) {
        report_to_roster(dispatch, NJ_ROSTER_GOOD, id, lease, now_ns);
    }
}

static void take_failed(nj_dispatch *dispatch, const nj_worker *worker,
                        const nj_message_failed *failed, uint64_t now_ns)
{
    nj_worker_id id = worker->id;
    nj_wire_lease lease = {failed->shard, failed->attempt};
    if (failed->epoch != dispatch->config.epoch ||
        !nj_worker_holds(worker, failed->shard, failed->attempt)) {
        return;
    }
    if (failed->status == NJ_AGAIN) {
        report_to_roster(dispatch, NJ_ROSTER_RETURN, id, lease, now_ns);
        end_in_ledger(dispatch, NJ_LEDGER_RETURN, id, lease, SPENT, now_ns);
        return;
    }
    const cause why = {(nj_status)failed->status, failed->text};
    fail_lease(dispatch, id, lease, why, now_ns);
}

// What a known worker's message asks for beside being heard.
static void answer(nj_dispatch *dispatch, const nj_worker *worker, const nj_message *message,
                   uint64_t now_ns)
{
    nj_dispatch_effect *send;
    switch (message->kind) {
    case NJ_MESSAGE_RESULT:
        take_result(dispatch, worker, &message->result, now_ns);
        break;
    case NJ_MESSAGE_FAILED:
        take_failed(dispatch, worker, &message->failed, now_ns);
        break;
    case NJ_MESSAGE_FETCH:
        send = nj_outbox_send(dispatch, NJ_DISPATCH_SEND_CHUNK, worker->id);
        send->message.kind = NJ_MESSAGE_FETCH;
        send->message.fetch = message->fetch;
        break;
    case NJ_MESSAGE_HEARTBEAT:
        nj_outbox_send_pong(dispatch, worker->id);
        break;
    default:
        break;
    }
}

void nj_dispatch_message(nj_dispatch *dispatch, const nj_peer *peer, const nj_message *message,
                         uint64_t now_ns)
{
    nj_roster_event event = {.kind = NJ_ROSTER_HEARD, .peer = peer};
    switch (message->kind) {
    case NJ_MESSAGE_HELLO:
        if (!has_class(&message->hello, dispatch->config.numeric_class)) {
            nj_outbox_refuse_class(dispatch, peer, &message->hello);
            return;
        }
        event.kind = NJ_ROSTER_HELLO;
        event.hello = &message->hello;
        break;
    case NJ_MESSAGE_READY:
        event.kind = NJ_ROSTER_READY;
        event.credit = message->ready.credit;
        break;
    case NJ_MESSAGE_HEARTBEAT:
        event.kind = NJ_ROSTER_HEARTBEAT;
        event.heartbeat = &message->heartbeat;
        break;
    case NJ_MESSAGE_BYE:
        event.kind = NJ_ROSTER_BYE;
        break;
    default:
        break;
    }
    (void)step_roster(dispatch, &event, now_ns);
    const nj_worker *worker = nj_roster_find_peer(&dispatch->roster, peer);
    if (worker != NULL) {
        answer(dispatch, worker, message, now_ns);
    }
}

void nj_dispatch_broken(nj_dispatch *dispatch, const nj_peer *peer, const nj_error *why,
                        uint64_t now_ns)
{
    nj_outbox_refuse_broken(dispatch, peer, why);
    const nj_worker *worker = nj_roster_find_peer(&dispatch->roster, peer);
    if (worker != NULL) {
        nj_dispatch_unreachable(dispatch, worker->id, now_ns);
    }
}

// ---- other events ----

nj_status nj_dispatch_resume(nj_dispatch *dispatch, nj_piece_range range, nj_resume what,
                             const nj_digest *digest)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_RESUME, .resume = what, .range = range};
    if (digest != NULL) {
        event.digest = *digest;
    }
    return step_ledger(dispatch, &event, SPENT, 0);
}

nj_status nj_dispatch_replan(nj_dispatch *dispatch, const nj_ledger_config *ledger, uint64_t epoch,
                             nj_error *err)
{
    nj_ledger next;
    assert(dispatch->queue_count == 0 && epoch > dispatch->config.epoch);
    nj_status status = nj_ledger_init(&next, ledger, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_ledger_fini(&dispatch->ledger);
    dispatch->ledger = next;
    dispatch->config.ledger = *ledger;
    dispatch->config.epoch = epoch;
    dispatch->replan_slot = 0;
    dispatch->replan_left = dispatch->roster.count;
    return NJ_OK;
}

nj_status nj_dispatch_stored(nj_dispatch *dispatch, uint32_t index, bool stored, uint64_t now_ns)
{
    nj_ledger_event event = {.kind = stored ? NJ_LEDGER_COMMIT_DONE : NJ_LEDGER_COMMIT_FAILED,
                             .index = index};
    return step_ledger(dispatch, &event, SPENT, now_ns);
}

nj_status nj_dispatch_carry(nj_dispatch *dispatch, uint32_t index, nj_carry what)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_CARRY, .index = index, .carry = what};
    return step_ledger(dispatch, &event, NOT_CARRIED, 0);
}

nj_status nj_dispatch_audit_differs(nj_dispatch *dispatch, uint32_t index, uint64_t now_ns)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_AUDIT_DIFFERS, .index = index};
    return step_ledger(dispatch, &event, SPENT, now_ns);
}

nj_status nj_dispatch_audit(nj_dispatch *dispatch, uint32_t shard, uint32_t first, uint32_t count,
                            uint64_t now_ns)
{
    const nj_piece_range range = {.shard = shard, .first = first, .count = count};
    uint32_t index;
    return nj_ledger_audit(&dispatch->ledger, range, now_ns, &index);
}

void nj_dispatch_pause(nj_dispatch *dispatch, bool paused)
{
    dispatch->paused = paused;
}

void nj_dispatch_unreachable(nj_dispatch *dispatch, nj_worker_id worker, uint64_t now_ns)
{
    nj_roster_event event = {.kind = NJ_ROSTER_UNREACHABLE, .worker = worker};
    (void)step_roster(dispatch, &event, now_ns);
}

void nj_dispatch_drain(nj_dispatch *dispatch, nj_drain_reason reason)
{
    dispatch->draining = true;
    dispatch->drain_reason = reason;
}

void nj_dispatch_tick(nj_dispatch *dispatch, uint64_t now_ns)
{
    nj_ledger_event event = {.kind = NJ_LEDGER_TICK};
    nj_status status = step_ledger(dispatch, &event, SPENT, now_ns);
    assert(status == NJ_OK);
    (void)status;
    dispatch->ticking = true;
}

// ---- drawing ----

// A piece for this worker, waiting or (SPECULATE) in another's hands. False: none.
static bool give_lease(nj_dispatch *dispatch, nj_ledger_event_kind kind, nj_worker_id worker,
                       uint64_t now_ns)
{
    nj_ledger_event offer = {
        .kind = kind, .worker = worker, .alone = dispatch->roster.ready_count == 1};
    nj_ledger_effect effect;
    if (nj_ledger_step(&dispatch->ledger, &offer, now_ns, &effect) != NJ_OK) {
        return false;
    }
    const nj_wire_lease lease = {effect.index, effect.attempt};
    report_to_roster(dispatch, NJ_ROSTER_GRANT, worker, lease, now_ns);
    nj_outbox_send(dispatch, NJ_DISPATCH_SEND_LEASE, worker)->lease = lease;
    if (kind == NJ_LEDGER_SPECULATE) {
        (void)nj_outbox_report(dispatch, NJ_DISPATCH_SPECULATED, worker, effect.index,
                               effect.attempt);
    }
    return true;
}

// Speculation is for idle workers: behind other work it would gain nothing.
static bool grant_lease(nj_dispatch *dispatch, uint64_t now_ns)
{
    nj_worker_id workers[SHUNNED_MAX + 1];
    const bool waiting = dispatch->ledger.waiting.count > 0;
    if (dispatch->draining || dispatch->paused) {
        return false;
    }
    size_t count = nj_roster_free_workers(&dispatch->roster, !waiting, workers, SHUNNED_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        if (give_lease(dispatch, waiting ? NJ_LEDGER_OFFER : NJ_LEDGER_SPECULATE, workers[i],
                       now_ns)) {
            return true;
        }
    }
    return false;
}

static bool drain_worker(nj_dispatch *dispatch, uint64_t now_ns)
{
    nj_worker_id worker = dispatch->draining ? nj_roster_active_worker(&dispatch->roster) : 0;
    if (worker == 0) {
        return false;
    }
    nj_roster_event event = {.kind = NJ_ROSTER_DRAIN, .worker = worker};
    (void)step_roster(dispatch, &event, now_ns);
    return true;
}

// False: everybody is welcomed to the plan.
static bool welcome_worker(nj_dispatch *dispatch, uint64_t now_ns)
{
    while (dispatch->replan_left > 0 &&
           dispatch->replan_slot < dispatch->roster.config.worker_max) {
        nj_worker_id worker = nj_roster_worker_at(&dispatch->roster, dispatch->replan_slot++);
        if (worker != 0) {
            dispatch->replan_left--;
            nj_roster_event event = {.kind = NJ_ROSTER_PLAN, .worker = worker};
            (void)step_roster(dispatch, &event, now_ns);
            return true;
        }
    }
    return false;
}

// Makes new effects when the queue is empty. False: there is nothing to do. Before anything else looks at a lease, those of the
// plan before are gone.
static bool refill(nj_dispatch *dispatch, uint64_t now_ns)
{
    if (welcome_worker(dispatch, now_ns)) {
        return true;
    }
    if (dispatch->ticking) {
        nj_roster_event event = {.kind = NJ_ROSTER_TICK};
        dispatch->ticking = step_roster(dispatch, &event, now_ns);
        return true;
    }
    return drain_worker(dispatch, now_ns) || grant_lease(dispatch, now_ns);
}

bool nj_dispatch_next(nj_dispatch *dispatch, uint64_t now_ns, nj_dispatch_effect *out)
{
    while (!nj_outbox_take(dispatch, out)) {
        if (!refill(dispatch, now_ns)) {
            return false;
        }
    }
    return true;
}
