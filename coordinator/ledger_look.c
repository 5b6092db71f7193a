#include "coordinator/ledger_look.h"

#include <xxhash.h>

#define NS_PER_MS 1000000u

// ---- which piece a worker takes ----

typedef struct {
    const nj_ledger *ledger;
    const nj_ledger_event *event;
    uint64_t now_ns;
} offer;

static bool may_take(const void *context, uint32_t index)
{
    const offer *o = context;
    const nj_piece *piece = &o->ledger->pieces[index];
    return o->event->alone || piece->avoid != o->event->worker ||
           o->now_ns - piece->since_ns >= (uint64_t)o->ledger->config.avoid_ms * NS_PER_MS;
}

static bool may_speculate(const void *context, uint32_t index)
{
    const offer *o = context;
    const nj_ledger_config *config = &o->ledger->config;
    const nj_piece *piece = &o->ledger->pieces[index];
    const uint64_t usual_ms = 2 * (uint64_t)nj_median_value(&o->ledger->durations);
    const uint64_t age_ms =
        usual_ms > config->speculate_min_ms ? usual_ms : config->speculate_min_ms;
    return piece->holder != o->event->worker && piece->avoid != o->event->worker &&
           o->now_ns - piece->since_ns >= age_ms * NS_PER_MS;
}

static bool may_speculate_more(const nj_ledger *ledger)
{
    const nj_ledger_config *config = &ledger->config;
    uint64_t share = (uint64_t)config->shard_count * config->speculate_percent / 100;
    uint64_t budget = share > NJ_LEDGER_SPECULATIONS_LEAST ? share : NJ_LEDGER_SPECULATIONS_LEAST;
    return config->speculate_percent > 0 && ledger->counts.speculations < budget;
}

uint32_t nj_ledger_choose(const nj_ledger *ledger, const nj_ledger_event *event, uint64_t now_ns)
{
    const offer context = {ledger, event, now_ns};
    if (event->kind == NJ_LEDGER_OFFER) {
        return nj_heap_first_that(&ledger->waiting, NJ_LEDGER_LOOK_MAX, may_take, &context);
    }
    if (!may_speculate_more(ledger)) {
        return NJ_HEAP_NONE;
    }
    return nj_heap_first_that(&ledger->leased, NJ_LEDGER_LOOK_MAX, may_speculate, &context);
}

// After a failed commit the longest pause: the rows are with their worker, who sends them again before it is over. Else it
// doubles with each failure, and is up to a quarter longer, so that pieces which failed together do not come back together.
uint64_t nj_ledger_choose_pause_ns(const nj_ledger *ledger, uint32_t index, nj_piece_event what)
{
    const nj_ledger_config *config = &ledger->config;
    const nj_piece *piece = &ledger->pieces[index];
    uint64_t pause_ms = config->retry_max_ms;
    if (what == NJ_PIECE_EVENT_FAILURE) {
        const unsigned doublings = piece->failures - 1u < 31 ? piece->failures - 1u : 31;
        const uint64_t doubled_ms = (uint64_t)config->retry_ms << doublings;
        pause_ms = doubled_ms < pause_ms ? doubled_ms : pause_ms;
    }
    const uint32_t draw[2] = {index, piece->attempts};
    const uint64_t pause_ns = pause_ms * NS_PER_MS;
    return pause_ns + XXH3_64bits(draw, sizeof draw) % (pause_ns / 4 + 1);
}

// ---- ranges ----

bool nj_piece_contains(const nj_piece *piece, nj_piece_range range)
{
    return range.first >= piece->first && range.first - piece->first < piece->count &&
           range.count <= piece->count - (range.first - piece->first);
}

uint32_t nj_ledger_leaf(const nj_ledger *ledger, uint32_t shard, uint32_t position)
{
    uint32_t index = shard;
    while (ledger->pieces[index].state == NJ_PIECE_SPLIT) {
        uint32_t second = ledger->pieces[index].halves + 1;
        index = position < ledger->pieces[second].first ? second - 1 : second;
    }
    return index;
}

// ---- questions ----

nj_piece_range nj_ledger_piece(const nj_ledger *ledger, uint32_t index)
{
    const nj_piece *piece = &ledger->pieces[index];
    return (nj_piece_range){piece->shard, piece->first, piece->count, piece->audit};
}

uint32_t nj_ledger_next(const nj_ledger *ledger, nj_piece_state state, uint32_t index)
{
    while (index < ledger->piece_count && ledger->pieces[index].state != state) {
        index++;
    }
    return index < ledger->piece_count ? index : NJ_PIECE_NONE;
}

bool nj_ledger_finished(const nj_ledger *ledger)
{
    const uint32_t *states = ledger->counts.states;
    return states[NJ_PIECE_COMMITTED] + states[NJ_PIECE_QUARANTINED] + states[NJ_PIECE_CARRIED] +
               states[NJ_PIECE_SPLIT] + states[NJ_PIECE_FAILED] ==
           ledger->piece_count;
}

bool nj_ledger_hopeless(const nj_ledger *ledger)
{
    return ledger->counts.failed_shards > ledger->config.failed_shards_max;
}
