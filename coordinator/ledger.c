#include "coordinator/ledger.h"

#include <assert.h>
#include <stdlib.h>

#include "coordinator/ledger_look.h"

#define NS_PER_MS 1000000u

typedef struct {
    uint8_t next;   // nj_piece_state
    uint8_t effect; // nj_ledger_effect_kind
} rule;

static const rule RULES[NJ_PIECE_STATE_COUNT][NJ_PIECE_EVENT_COUNT] = {
#define NJ_LEDGER_RULE(state, event, next, effect)                                                 \
    [NJ_PIECE_##state][NJ_PIECE_EVENT_##event] = {NJ_PIECE_##next, NJ_LEDGER_##effect},
#include "schemas/ledger.def"
};

// Complete: as many rows as pairs, and the compiler warns of a pair that is there twice.
enum {
    RULE_COUNT = 0
#define NJ_LEDGER_RULE(state, event, next, effect) +1
#include "schemas/ledger.def"
};
_Static_assert(RULE_COUNT == NJ_PIECE_STATE_COUNT * NJ_PIECE_EVENT_COUNT,
               "ledger.def must have one row for every (state, event) pair");

const char *nj_piece_state_name(nj_piece_state state)
{
    static const char *const NAMES[] = {
#define NJ_LEDGER_STATE(NAME, meaning) #NAME,
#include "schemas/ledger.def"
    };
    return NAMES[state];
}

const char *nj_piece_event_name(nj_piece_event event)
{
    static const char *const NAMES[] = {
#define NJ_LEDGER_EVENT(NAME, meaning) #NAME,
#include "schemas/ledger.def"
    };
    return NAMES[event];
}

// ---- memory ----

static nj_status check_config(const nj_ledger_config *config, nj_error *err)
{
    if (config->shard_count > NJ_LEDGER_PIECES_MAX) {
        return nj_fail(err, NJ_INPUT, "ledger: %u shards, at most %u", config->shard_count,
                       NJ_LEDGER_PIECES_MAX);
    }
    if (config->tries_max == 0 || config->losses_max == 0) {
        return nj_fail(err, NJ_INPUT, "ledger: %u tries and %u losses, must both be at least 1",
                       config->tries_max, config->losses_max);
    }
    for (uint32_t shard = 0; shard < config->shard_count; shard++) {
        if (config->shard_first[shard + 1] <= config->shard_first[shard]) {
            return nj_fail(err, NJ_INPUT, "ledger: shard %u begins at user %u and ends at %u",
                           shard, config->shard_first[shard], config->shard_first[shard + 1]);
        }
    }
    return NJ_OK;
}

static uint32_t choose_piece_max(const nj_ledger_config *config)
{
    uint32_t spares = config->spare_count;
    if (spares == 0) {
        spares = config->shard_count > NJ_LEDGER_SPARES_LEAST ? config->shard_count
                                                              : NJ_LEDGER_SPARES_LEAST;
    }
    const uint32_t room = NJ_LEDGER_PIECES_MAX - config->shard_count;
    return config->shard_count + (spares < room ? spares : room);
}

// Plan order; audits behind everything.
static uint64_t order_of(const nj_piece *piece)
{
    return (uint64_t)piece->audit << 63 | (uint64_t)piece->shard << 32 | piece->first;
}

// A new WAITING piece; there must be room. Memory is zero until a piece uses it, and pieces are never given back.
static uint32_t add_piece(nj_ledger *ledger, nj_piece_range range, uint64_t now_ns)
{
    uint32_t index = ledger->piece_count++;
    nj_piece *piece = &ledger->pieces[index];
    piece->shard = range.shard;
    piece->first = range.first;
    piece->count = range.count;
    piece->audit = range.audit;
    piece->since_ns = now_ns;
    ledger->counts.states[NJ_PIECE_WAITING]++;
    nj_heap_push(&ledger->waiting, index, order_of(piece));
    return index;
}

nj_status nj_ledger_init(nj_ledger *ledger, const nj_ledger_config *config, nj_error *err)
{
    *ledger = (nj_ledger){.config = *config};
    nj_status status = check_config(config, err);
    if (status != NJ_OK) {
        return status;
    }
    const uint32_t piece_max = choose_piece_max(config);
    ledger->piece_max = piece_max;
    ledger->pieces = calloc(piece_max, sizeof *ledger->pieces);
    if (ledger->pieces == NULL || nj_heap_init(&ledger->waiting, piece_max) != NJ_OK ||
        nj_heap_init_sharing(&ledger->pausing, piece_max, &ledger->waiting) != NJ_OK ||
        nj_heap_init_sharing(&ledger->leased, piece_max, &ledger->waiting) != NJ_OK) {
        nj_ledger_fini(ledger);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a ledger of %u shards",
                       config->shard_count);
    }
    for (uint32_t shard = 0; shard < config->shard_count; shard++) {
        uint32_t count = config->shard_first[shard + 1] - config->shard_first[shard];
        add_piece(ledger, (nj_piece_range){.shard = shard, .count = count}, 0);
    }
    return NJ_OK;
}

void nj_ledger_fini(nj_ledger *ledger)
{
    nj_heap_fini(&ledger->leased);
    nj_heap_fini(&ledger->pausing);
    nj_heap_fini(&ledger->waiting);
    free(ledger->pieces);
    ledger->pieces = NULL;
}

// ---- guards: from what is reported to the columns of the table ----

static nj_piece_event classify_result(const nj_piece *piece, const nj_ledger_event *event)
{
    if (event->attempt == 0 || event->attempt > piece->attempts) {
        return NJ_PIECE_EVENT_RESULT_STALE;
    }
    if (piece->state != NJ_PIECE_COMMITTING && piece->state != NJ_PIECE_COMMITTED) {
        return NJ_PIECE_EVENT_RESULT;
    }
    return nj_digest_equal(&piece->digest, &event->digest) ? NJ_PIECE_EVENT_RESULT_EQUAL
                                                           : NJ_PIECE_EVENT_RESULT_OTHER;
}

static bool can_split(const nj_ledger *ledger, const nj_piece *piece)
{
    return piece->count > 1 && ledger->piece_max - ledger->piece_count >= 2;
}

static nj_piece_event classify_spent(const nj_ledger *ledger, const nj_piece *piece)
{
    if (piece->audit) {
        return NJ_PIECE_EVENT_SPENT_AUDIT;
    }
    return can_split(ledger, piece) ? NJ_PIECE_EVENT_SPENT : NJ_PIECE_EVENT_SPENT_WHOLE;
}

// A lease ended without rows.
static nj_piece_event classify_end(const nj_ledger *ledger, const nj_piece *piece,
                                   const nj_ledger_event *event)
{
    if (piece->state != NJ_PIECE_LEASED || piece->live > 1) {
        return NJ_PIECE_EVENT_END_SPARE;
    }
    const int failures = piece->failures + (event->kind == NJ_LEDGER_FAILURE);
    const int losses = piece->losses + (event->kind == NJ_LEDGER_LOSS);
    if (failures >= ledger->config.tries_max || losses >= ledger->config.losses_max) {
        return classify_spent(ledger, piece);
    }
    return event->kind == NJ_LEDGER_FAILURE ? NJ_PIECE_EVENT_FAILURE
           : event->kind == NJ_LEDGER_LOSS  ? NJ_PIECE_EVENT_LOSS
                                            : NJ_PIECE_EVENT_RETURN;
}

static nj_piece_event classify_resume(const nj_piece *piece, const nj_ledger_event *event)
{
    if (piece->first != event->range.first || piece->count != event->range.count) {
        return NJ_PIECE_EVENT_RESUME_PART;
    }
    return event->resume == NJ_RESUME_COMMITTED     ? NJ_PIECE_EVENT_RESUME
           : event->resume == NJ_RESUME_CARRIED     ? NJ_PIECE_EVENT_RESUME_CARRIED
           : event->resume == NJ_RESUME_QUARANTINED ? NJ_PIECE_EVENT_RESUME_QUARANTINED
                                                    : NJ_PIECE_EVENT_RESUME_RETRY;
}

static nj_piece_event classify_carry(const nj_ledger_event *event)
{
    return event->carry == NJ_CARRY_ALL    ? NJ_PIECE_EVENT_CARRY
           : event->carry == NJ_CARRY_SOME ? NJ_PIECE_EVENT_CARRY_PART
                                           : NJ_PIECE_EVENT_CARRY_NOBODY;
}

static nj_piece_event classify(const nj_ledger *ledger, const nj_piece *piece,
                               const nj_ledger_event *event)
{
    switch (event->kind) {
    case NJ_LEDGER_OFFER:
        return NJ_PIECE_EVENT_LEASE;
    case NJ_LEDGER_SPECULATE:
        return NJ_PIECE_EVENT_SPECULATE;
    case NJ_LEDGER_RESULT:
        return classify_result(piece, event);
    case NJ_LEDGER_FAILURE:
    case NJ_LEDGER_RETURN:
    case NJ_LEDGER_LOSS:
        return classify_end(ledger, piece, event);
    case NJ_LEDGER_COMMIT_DONE:
        return NJ_PIECE_EVENT_COMMIT_DONE;
    case NJ_LEDGER_COMMIT_FAILED:
        return piece->live > 0 ? NJ_PIECE_EVENT_COMMIT_FAILED_HELD : NJ_PIECE_EVENT_COMMIT_FAILED;
    case NJ_LEDGER_AUDIT_DIFFERS:
        return NJ_PIECE_EVENT_AUDIT_DIFFERS;
    case NJ_LEDGER_RESUME:
        return classify_resume(piece, event);
    case NJ_LEDGER_CARRY:
        return classify_carry(event);
    case NJ_LEDGER_TICK:
        break;
    }
    return NJ_PIECE_EVENT_DUE;
}

// ---- what an event changes beside the state ----

static void add_saturating(uint16_t *counter)
{
    if (*counter < UINT16_MAX) {
        (*counter)++;
    }
}

static void end_lease(nj_piece *piece)
{
    assert(piece->live > 0); // the roster reports an end only of a lease it was told to keep
    piece->live--;
}

static void begin_lease(nj_ledger *ledger, nj_piece *piece, const nj_ledger_event *event,
                        uint64_t now_ns)
{
    piece->attempts++;
    piece->live++;
    piece->holder = event->worker;
    piece->since_ns = now_ns;
    ledger->counts.leases++;
    if (event->kind == NJ_LEDGER_SPECULATE) {
        piece->speculative = piece->attempts;
        ledger->counts.speculations++;
        nj_heap_remove(&ledger->leased, (uint32_t)(piece - ledger->pieces));
    }
}

// The first rows of a piece. Of a whole shard they also tell how long one takes.
static void keep_result(nj_ledger *ledger, nj_piece *piece, const nj_ledger_event *event,
                        uint64_t now_ns)
{
    piece->digest = event->digest;
    piece->writer = event->worker;
    piece->writer_attempt = event->attempt;
    ledger->counts.speculations_won += event->attempt == piece->speculative;
    if (event->index < ledger->config.shard_count && event->attempt == piece->attempts) {
        uint64_t ms = (now_ns - piece->since_ns) / NS_PER_MS;
        nj_median_add(&ledger->durations, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX);
    }
}

static void record_result(nj_ledger *ledger, nj_piece *piece, nj_piece_event what,
                          const nj_ledger_event *event, uint64_t now_ns)
{
    if (event->held) {
        end_lease(piece);
    }
    if (RULES[piece->state][what].effect == NJ_LEDGER_WRITE_ROWS) {
        keep_result(ledger, piece, event, now_ns);
    }
    ledger->counts.duplicates += what == NJ_PIECE_EVENT_RESULT_EQUAL;
    ledger->counts.divergences += what == NJ_PIECE_EVENT_RESULT_OTHER;
}

// The shard of the plan is counted once, however many of its pieces fail.
static void blame_shard(nj_ledger *ledger, const nj_piece *piece)
{
    nj_piece *shard = &ledger->pieces[piece->shard];
    if (piece->failures >= ledger->config.tries_max && !piece->audit && !shard->blamed) {
        shard->blamed = true;
        ledger->counts.failed_shards++;
    }
}

static void record_end(nj_ledger *ledger, nj_piece *piece, nj_piece_event what,
                       const nj_ledger_event *event)
{
    end_lease(piece);
    switch (event->kind) {
    case NJ_LEDGER_FAILURE:
        add_saturating(&piece->failures);
        piece->avoid = event->worker;
        ledger->counts.failures++;
        break;
    case NJ_LEDGER_LOSS:
        add_saturating(&piece->losses);
        piece->avoid = event->worker;
        ledger->counts.losses++;
        break;
    default:
        ledger->counts.returns++;
        break;
    }
    if (what == NJ_PIECE_EVENT_SPENT || what == NJ_PIECE_EVENT_SPENT_WHOLE) {
        blame_shard(ledger, piece);
    }
    ledger->counts.splits += what == NJ_PIECE_EVENT_SPENT;
}

static void record(nj_ledger *ledger, nj_piece *piece, nj_piece_event what,
                   const nj_ledger_event *event, uint64_t now_ns)
{
    switch (event->kind) {
    case NJ_LEDGER_OFFER:
    case NJ_LEDGER_SPECULATE:
        begin_lease(ledger, piece, event, now_ns);
        break;
    case NJ_LEDGER_RESULT:
        record_result(ledger, piece, what, event, now_ns);
        break;
    case NJ_LEDGER_FAILURE:
    case NJ_LEDGER_RETURN:
    case NJ_LEDGER_LOSS:
        record_end(ledger, piece, what, event);
        break;
    case NJ_LEDGER_COMMIT_FAILED:
        ledger->counts.commit_failures++;
        break;
    case NJ_LEDGER_AUDIT_DIFFERS:
        ledger->counts.divergences++;
        break;
    case NJ_LEDGER_RESUME:
        piece->digest = event->digest;
        break;
    case NJ_LEDGER_CARRY:
    case NJ_LEDGER_COMMIT_DONE:
    case NJ_LEDGER_TICK:
        break;
    }
}

// ---- states ----

static void enter_heap(nj_ledger *ledger, uint32_t index, nj_piece_event what, uint64_t now_ns)
{
    nj_piece *piece = &ledger->pieces[index];
    switch (piece->state) {
    case NJ_PIECE_WAITING:
        piece->since_ns = now_ns;
        nj_heap_push(&ledger->waiting, index, order_of(piece));
        break;
    case NJ_PIECE_RETRY_WAIT:
        nj_heap_push(&ledger->pausing, index,
                     now_ns + nj_ledger_choose_pause_ns(ledger, index, what));
        break;
    case NJ_PIECE_LEASED:
        if (piece->speculative == 0) {
            nj_heap_push(&ledger->leased, index, piece->since_ns);
        }
        break;
    default:
        break;
    }
}

static void count_users(nj_ledger *ledger, const nj_piece *piece, bool enters)
{
    uint64_t *users = piece->state == NJ_PIECE_COMMITTED     ? &ledger->counts.committed_users
                      : piece->state == NJ_PIECE_QUARANTINED ? &ledger->counts.quarantined_users
                      : piece->state == NJ_PIECE_CARRIED     ? &ledger->counts.carried_users
                                                             : NULL;
    if (users != NULL && !piece->audit) {
        *users = enters ? *users + piece->count : *users - piece->count;
    }
}

static void add_halves(nj_ledger *ledger, nj_piece *piece, uint64_t now_ns)
{
    const uint32_t half = piece->count / 2 + piece->count % 2;
    const nj_piece_range first = {.shard = piece->shard, .first = piece->first, .count = half};
    const nj_piece_range second = {
        .shard = piece->shard, .first = piece->first + half, .count = piece->count - half};
    piece->halves = add_piece(ledger, first, now_ns);
    (void)add_piece(ledger, second, now_ns);
}

// The only code that assigns a state. The heaps and the counts follow it.
static void enter_state(nj_ledger *ledger, uint32_t index, nj_piece_state next, nj_piece_event what,
                        uint64_t now_ns)
{
    nj_piece *piece = &ledger->pieces[index];
    if (piece->state == next) {
        return;
    }
    nj_heap_remove(&ledger->waiting, index);
    nj_heap_remove(&ledger->pausing, index);
    nj_heap_remove(&ledger->leased, index);
    count_users(ledger, piece, false);
    ledger->counts.states[piece->state]--;
    ledger->counts.states[next]++;
    piece->state = (uint8_t)next;
    count_users(ledger, piece, true);
    enter_heap(ledger, index, what, now_ns);
    if (next == NJ_PIECE_SPLIT) {
        add_halves(ledger, piece, now_ns);
    }
}

static nj_ledger_effect describe_effect(const nj_piece *piece, uint32_t index,
                                        nj_ledger_effect_kind kind, const nj_ledger_event *event)
{
    nj_ledger_effect effect = {kind, index, event->attempt, event->worker};
    if (kind == NJ_LEDGER_SEND_LEASE) {
        effect.attempt = piece->attempts;
    }
    if (kind == NJ_LEDGER_ACK_COMMITTED || event->kind == NJ_LEDGER_AUDIT_DIFFERS) {
        effect.attempt = piece->writer_attempt;
        effect.worker = piece->writer;
    }
    return effect;
}

static nj_status apply(nj_ledger *ledger, uint32_t index, const nj_ledger_event *event,
                       uint64_t now_ns, nj_ledger_effect *effect)
{
    nj_piece *piece = &ledger->pieces[index];
    nj_piece_event what = classify(ledger, piece, event);
    const rule *row = &RULES[piece->state][what];
    if (row->effect == NJ_LEDGER_REFUSE) {
        return NJ_REFUSED;
    }
    record(ledger, piece, what, event, now_ns);
    enter_state(ledger, index, (nj_piece_state)row->next, what, now_ns);
    *effect = describe_effect(piece, index, (nj_ledger_effect_kind)row->effect, event);
    return NJ_OK;
}

// ---- the step ----

// Splits what contains the piece until it is there, and tells it. Each round halves it, so there are at most log2(users).
static nj_status resume(nj_ledger *ledger, const nj_ledger_event *event, nj_ledger_effect *effect)
{
    nj_ledger_event exact = *event;
    nj_piece_range *range = &exact.range;
    if (range->shard >= ledger->config.shard_count) {
        return NJ_NOT_FOUND;
    }
    if (range->count == 0) {
        *range = nj_ledger_piece(ledger, range->shard);
    }
    for (;;) {
        uint32_t index = nj_ledger_leaf(ledger, range->shard, range->first);
        const nj_piece *piece = &ledger->pieces[index];
        bool whole = piece->first == range->first && piece->count == range->count;
        if (!nj_piece_contains(piece, *range) || (!whole && !can_split(ledger, piece))) {
            return NJ_REFUSED;
        }
        nj_status status = apply(ledger, index, &exact, 0, effect);
        if (status != NJ_OK || whole) {
            return status;
        }
    }
}

static nj_status carry(nj_ledger *ledger, const nj_ledger_event *event, nj_ledger_effect *effect)
{
    if (event->index >= ledger->piece_count) {
        return NJ_NOT_FOUND;
    }
    const nj_piece *piece = &ledger->pieces[event->index];
    const bool fits = event->carry == NJ_CARRY_SOME
                          ? can_split(ledger, piece)
                          : event->carry == NJ_CARRY_ALL || piece->count == 1;
    return fits && !piece->audit ? apply(ledger, event->index, event, 0, effect) : NJ_REFUSED;
}

static nj_status tick(nj_ledger *ledger, const nj_ledger_event *event, uint64_t now_ns,
                      nj_ledger_effect *effect)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && nj_heap_first_key(&ledger->pausing) <= now_ns) {
        status = apply(ledger, nj_heap_first(&ledger->pausing), event, now_ns, effect);
    }
    return status;
}

nj_status nj_ledger_step(nj_ledger *ledger, const nj_ledger_event *event, uint64_t now_ns,
                         nj_ledger_effect *effect)
{
    *effect = (nj_ledger_effect){.kind = NJ_LEDGER_NONE};
    uint32_t index = event->index;
    switch (event->kind) {
    case NJ_LEDGER_TICK:
        return tick(ledger, event, now_ns, effect);
    case NJ_LEDGER_RESUME:
        return resume(ledger, event, effect);
    case NJ_LEDGER_CARRY:
        return carry(ledger, event, effect);
    case NJ_LEDGER_OFFER:
    case NJ_LEDGER_SPECULATE:
        index = nj_ledger_choose(ledger, event, now_ns);
        return index == NJ_HEAP_NONE ? NJ_END : apply(ledger, index, event, now_ns, effect);
    default:
        return index < ledger->piece_count ? apply(ledger, index, event, now_ns, effect)
                                           : NJ_NOT_FOUND;
    }
}

// ---- audits ----

nj_status nj_ledger_audit(nj_ledger *ledger, nj_piece_range range, uint64_t now_ns,
                          uint32_t *out_index)
{
    if (range.shard >= ledger->config.shard_count || range.count == 0 ||
        !nj_piece_contains(&ledger->pieces[range.shard], range)) {
        return NJ_NOT_FOUND;
    }
    const nj_piece *leaf = NULL;
    for (uint32_t at = range.first; at < range.first + range.count;
         at = leaf->first + leaf->count) {
        leaf = &ledger->pieces[nj_ledger_leaf(ledger, range.shard, at)];
        if (leaf->state != NJ_PIECE_COMMITTED) {
            return NJ_REFUSED;
        }
    }
    if (ledger->piece_count == ledger->piece_max) {
        return NJ_END;
    }
    range.audit = true;
    *out_index = add_piece(ledger, range, now_ns);
    ledger->pieces[*out_index].avoid = leaf->writer; // another worker's word is worth more
    ledger->counts.audits++;
    return NJ_OK;
}
