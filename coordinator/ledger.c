#include "coordinator/ledger.h"

#include <assert.h>
#include <stdlib.h>

#define NS_PER_MS 1000000u

typedef struct {
    uint8_t next;   // nj_shard_state
    uint8_t effect; // nj_ledger_effect_kind
} rule;

static const rule RULES[NJ_SHARD_STATE_COUNT][NJ_SHARD_EVENT_COUNT] = {
#define NJ_LEDGER_RULE(state, event, next, effect)                                                 \
    [NJ_SHARD_##state][NJ_SHARD_EVENT_##event] = {NJ_SHARD_##next, NJ_LEDGER_##effect},
#include "schemas/ledger.def"
};

// Complete: as many rows as pairs, and the compiler warns of a pair that is there twice.
enum {
    RULE_COUNT = 0
#define NJ_LEDGER_RULE(state, event, next, effect) +1
#include "schemas/ledger.def"
};
_Static_assert(RULE_COUNT == NJ_SHARD_STATE_COUNT * NJ_SHARD_EVENT_COUNT,
               "ledger.def must have one row for every (state, event) pair");

const char *nj_shard_state_name(nj_shard_state state)
{
    static const char *const NAMES[] = {
#define NJ_LEDGER_STATE(NAME, meaning) #NAME,
#include "schemas/ledger.def"
    };
    return NAMES[state];
}

const char *nj_shard_event_name(nj_shard_event event)
{
    static const char *const NAMES[] = {
#define NJ_LEDGER_EVENT(NAME, meaning) #NAME,
#include "schemas/ledger.def"
    };
    return NAMES[event];
}

static nj_status check_config(const nj_ledger_config *config, nj_error *err)
{
    if (config->shard_count == 0 || config->shard_count > NJ_LEDGER_SHARDS_MAX) {
        return nj_fail(err, NJ_INPUT, "ledger: %u shards, must be 1 to %u", config->shard_count,
                       NJ_LEDGER_SHARDS_MAX);
    }
    if (config->tries_max == 0 || config->losses_max == 0) {
        return nj_fail(err, NJ_INPUT, "ledger: %u tries and %u losses, must both be at least 1",
                       config->tries_max, config->losses_max);
    }
    return NJ_OK;
}

nj_status nj_ledger_init(nj_ledger *ledger, const nj_ledger_config *config, nj_error *err)
{
    *ledger = (nj_ledger){.config = *config};
    nj_status status = check_config(config, err);
    if (status != NJ_OK) {
        return status;
    }
    ledger->shards = calloc(config->shard_count, sizeof *ledger->shards);
    if (ledger->shards == NULL || nj_heap_init(&ledger->waiting, config->shard_count) != NJ_OK ||
        nj_heap_init(&ledger->pausing, config->shard_count) != NJ_OK) {
        nj_ledger_fini(ledger);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a ledger of %u shards",
                       config->shard_count);
    }
    for (uint32_t shard = 0; shard < config->shard_count; shard++) {
        nj_heap_push(&ledger->waiting, shard, shard);
    }
    ledger->counts.states[NJ_SHARD_WAITING] = config->shard_count;
    return NJ_OK;
}

void nj_ledger_fini(nj_ledger *ledger)
{
    nj_heap_fini(&ledger->pausing);
    nj_heap_fini(&ledger->waiting);
    free(ledger->shards);
    ledger->shards = NULL;
}

// ---- guards: from what is reported to the columns of the table ----

static nj_shard_event classify_result(const nj_shard *shard, const nj_ledger_event *event)
{
    if (event->attempt == 0 || event->attempt > shard->attempts) {
        return NJ_SHARD_EVENT_RESULT_STALE;
    }
    if (shard->state != NJ_SHARD_COMMITTING && shard->state != NJ_SHARD_COMMITTED) {
        return NJ_SHARD_EVENT_RESULT;
    }
    return nj_digest_equal(&shard->digest, &event->digest) ? NJ_SHARD_EVENT_RESULT_EQUAL
                                                           : NJ_SHARD_EVENT_RESULT_OTHER;
}

static nj_shard_event classify(const nj_ledger *ledger, const nj_shard *shard,
                               const nj_ledger_event *event)
{
    switch (event->kind) {
    case NJ_LEDGER_RESULT:
        return classify_result(shard, event);
    case NJ_LEDGER_FAILURE:
        return shard->failures + 1u < ledger->config.tries_max ? NJ_SHARD_EVENT_FAILURE
                                                               : NJ_SHARD_EVENT_FAILURE_LAST;
    case NJ_LEDGER_RETURN:
        return NJ_SHARD_EVENT_RETURN;
    case NJ_LEDGER_LOSS:
        return shard->losses + 1u < ledger->config.losses_max ? NJ_SHARD_EVENT_LOSS
                                                              : NJ_SHARD_EVENT_LOSS_LAST;
    case NJ_LEDGER_COMMIT_DONE:
        return NJ_SHARD_EVENT_COMMIT_DONE;
    case NJ_LEDGER_COMMIT_FAILED:
        return shard->live > 0 ? NJ_SHARD_EVENT_COMMIT_FAILED_HELD : NJ_SHARD_EVENT_COMMIT_FAILED;
    case NJ_LEDGER_RESUME:
        return NJ_SHARD_EVENT_RESUME;
    case NJ_LEDGER_OFFER:
        return NJ_SHARD_EVENT_LEASE;
    case NJ_LEDGER_TICK:
        break;
    }
    return NJ_SHARD_EVENT_DUE;
}

// ---- what an event changes beside the state ----

static void add_saturating(uint16_t *counter)
{
    if (*counter < UINT16_MAX) {
        (*counter)++;
    }
}

static void end_lease(nj_shard *shard)
{
    assert(shard->live > 0); // the roster reports an end only of a lease it was told to keep
    shard->live--;
}

static void record_result(nj_ledger *ledger, nj_shard *shard, nj_shard_event what,
                          const nj_ledger_event *event)
{
    if (event->held) {
        end_lease(shard);
    }
    if (what == NJ_SHARD_EVENT_RESULT) {
        shard->digest = event->digest;
        shard->writer = event->worker;
        shard->writer_attempt = event->attempt;
    }
    ledger->counts.duplicates += what == NJ_SHARD_EVENT_RESULT_EQUAL;
    ledger->counts.divergences += what == NJ_SHARD_EVENT_RESULT_OTHER;
}

static void record(nj_ledger *ledger, nj_shard *shard, nj_shard_event what,
                   const nj_ledger_event *event)
{
    switch (event->kind) {
    case NJ_LEDGER_OFFER:
        shard->attempts++;
        shard->live++;
        ledger->counts.leases++;
        break;
    case NJ_LEDGER_RESULT:
        record_result(ledger, shard, what, event);
        break;
    case NJ_LEDGER_FAILURE:
        end_lease(shard);
        add_saturating(&shard->failures);
        ledger->counts.failures++;
        break;
    case NJ_LEDGER_RETURN:
        end_lease(shard);
        ledger->counts.returns++;
        break;
    case NJ_LEDGER_LOSS:
        end_lease(shard);
        add_saturating(&shard->losses);
        ledger->counts.losses++;
        break;
    case NJ_LEDGER_COMMIT_FAILED:
        ledger->counts.commit_failures++;
        break;
    case NJ_LEDGER_RESUME:
        shard->digest = event->digest;
        break;
    case NJ_LEDGER_COMMIT_DONE:
    case NJ_LEDGER_TICK:
        break;
    }
}

// The only code that assigns a state. Both heaps follow it.
static void enter_state(nj_ledger *ledger, uint32_t index, nj_shard_state next, uint64_t now_ns)
{
    nj_shard *shard = &ledger->shards[index];
    if (shard->state == next) {
        return;
    }
    nj_heap_remove(&ledger->waiting, index);
    nj_heap_remove(&ledger->pausing, index);
    if (next == NJ_SHARD_WAITING) {
        nj_heap_push(&ledger->waiting, index, index);
    }
    if (next == NJ_SHARD_RETRY_WAIT) {
        uint64_t pause_ns = (uint64_t)ledger->config.retry_ms * NS_PER_MS;
        nj_heap_push(&ledger->pausing, index, now_ns + pause_ns);
    }
    ledger->counts.states[shard->state]--;
    ledger->counts.states[next]++;
    shard->state = (uint8_t)next;
}

static nj_ledger_effect describe_effect(const nj_shard *shard, uint32_t index,
                                        nj_ledger_effect_kind kind, const nj_ledger_event *event)
{
    nj_ledger_effect effect = {kind, index, event->attempt, event->worker};
    if (kind == NJ_LEDGER_SEND_LEASE) {
        effect.attempt = shard->attempts;
    }
    if (kind == NJ_LEDGER_ACK_COMMITTED) {
        effect.attempt = shard->writer_attempt;
        effect.worker = shard->writer;
    }
    return effect;
}

static nj_status apply(nj_ledger *ledger, uint32_t index, const nj_ledger_event *event,
                       uint64_t now_ns, nj_ledger_effect *effect)
{
    nj_shard *shard = &ledger->shards[index];
    nj_shard_event what = classify(ledger, shard, event);
    const rule *row = &RULES[shard->state][what];
    if (row->effect == NJ_LEDGER_REFUSE) {
        return NJ_REFUSED;
    }
    record(ledger, shard, what, event);
    enter_state(ledger, index, (nj_shard_state)row->next, now_ns);
    *effect = describe_effect(shard, index, (nj_ledger_effect_kind)row->effect, event);
    return NJ_OK;
}

nj_status nj_ledger_step(nj_ledger *ledger, const nj_ledger_event *event, uint64_t now_ns,
                         nj_ledger_effect *effect)
{
    *effect = (nj_ledger_effect){.kind = NJ_LEDGER_NONE};
    if (event->kind == NJ_LEDGER_OFFER) {
        return ledger->waiting.count == 0
                   ? NJ_END
                   : apply(ledger, nj_heap_first(&ledger->waiting), event, now_ns, effect);
    }
    if (event->kind != NJ_LEDGER_TICK) {
        return event->shard < ledger->config.shard_count
                   ? apply(ledger, event->shard, event, now_ns, effect)
                   : NJ_NOT_FOUND;
    }
    nj_status status = NJ_OK;
    while (status == NJ_OK && nj_heap_first_key(&ledger->pausing) <= now_ns) {
        status = apply(ledger, nj_heap_first(&ledger->pausing), event, now_ns, effect);
    }
    return status;
}

bool nj_ledger_finished(const nj_ledger *ledger)
{
    const uint32_t *states = ledger->counts.states;
    return states[NJ_SHARD_COMMITTED] + states[NJ_SHARD_FAILED] == ledger->config.shard_count;
}
