// ledger.h - what has become of every shard.
//
// A pure state machine: the picture and the table are schemas/ledger.def, nj_ledger_step is the only code that changes a
// state. It holds no socket, clock or file; the memory is taken at init (about 120 bytes a shard).
//
//   nj_ledger_step(OFFER worker 7)          -> SEND_LEASE worker 7, shard 3, attempt 1
//   nj_ledger_step(RESULT shard 3)          -> WRITE_ROWS
//   nj_ledger_step(COMMIT_DONE shard 3)     -> ACK_COMMITTED worker 7, shard 3, attempt 1
//
// Waiting shards go out in plan order: a shard that comes back goes before those that were never leased. Speculation
// is one more rule for (LEASED, LEASE): `live` counts leases, so a shard may have several. Backoff is the pause in
// one line of ledger.c; bisection and quarantine replace GIVE_UP.
#ifndef NJ_COORDINATOR_LEDGER_H
#define NJ_COORDINATOR_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "coordinator/heap.h"
#include "coordinator/roster.h" // nj_worker_id

#define NJ_LEDGER_SHARDS_MAX ((1u << 24) - 1) // as NJ_WIRE_SHARD_MAX + 1

typedef enum {
#define NJ_LEDGER_STATE(NAME, meaning) NJ_SHARD_##NAME,
#include "schemas/ledger.def"
    NJ_SHARD_STATE_COUNT
} nj_shard_state;

// What can happen to one shard, after the guards: the columns of the table.
typedef enum {
#define NJ_LEDGER_EVENT(NAME, meaning) NJ_SHARD_EVENT_##NAME,
#include "schemas/ledger.def"
    NJ_SHARD_EVENT_COUNT
} nj_shard_event;

typedef enum {
#define NJ_LEDGER_EFFECT(NAME, meaning) NJ_LEDGER_##NAME,
#include "schemas/ledger.def"
} nj_ledger_effect_kind;

typedef struct {
    // The store keeps these of a committed shard (state and digest); the rest begins anew with an epoch.
    uint8_t state;    // nj_shard_state
    nj_digest digest; // of the rows, in COMMITTING and COMMITTED

    // rebuilt after a start:
    uint8_t live;            // leases that workers hold
    uint16_t failures;       // tries that ended in FAILED or in rows that do not fit
    uint16_t losses;         // leases that ran out or whose holder vanished
    uint32_t attempts;       // leases given; the number of the youngest
    uint32_t writer_attempt; // of the rows in COMMITTING
    nj_worker_id writer;     // who sent them
} nj_shard;

typedef struct {
    uint32_t shard_count; // 1 .. NJ_LEDGER_SHARDS_MAX
    uint16_t tries_max;   // failures after which a shard is FAILED
    uint16_t losses_max;  // losses after which it is FAILED too: a shard may kill its workers
    uint32_t retry_ms;    // pause after a failure
} nj_ledger_config;

// How many shards are in each state, and what happened so far.
typedef struct {
    uint32_t states[NJ_SHARD_STATE_COUNT];
    uint64_t leases;
    uint64_t failures;
    uint64_t losses;
    uint64_t returns;
    uint64_t duplicates;
    uint64_t divergences;
    uint64_t commit_failures;
} nj_ledger_counts;

typedef struct {
    nj_ledger_config config;
    nj_shard *shards; // [shard_count] owned
    nj_heap waiting;  // WAITING, in plan order
    nj_heap pausing;  // RETRY_WAIT, by the time they are due
    nj_ledger_counts counts;
} nj_ledger;

// What the program reports.
typedef enum {
    NJ_LEDGER_OFFER,         // worker: it takes the first waiting shard; NJ_END when none waits
    NJ_LEDGER_RESULT,        // shard, attempt, worker, digest, held: rows that passed every check
    NJ_LEDGER_FAILURE,       // shard: a lease ended in failure
    NJ_LEDGER_RETURN,        // shard: a lease was given back
    NJ_LEDGER_LOSS,          // shard: a lease ran out or its holder is gone
    NJ_LEDGER_TICK,          // time has passed; every 100 ms or so is enough
    NJ_LEDGER_COMMIT_DONE,   // shard
    NJ_LEDGER_COMMIT_FAILED, // shard
    NJ_LEDGER_RESUME,        // shard, digest: found in the store, before the first offer
} nj_ledger_event_kind;

typedef struct {
    nj_ledger_event_kind kind;
    uint32_t shard;
    uint32_t attempt;
    nj_worker_id worker;
    nj_digest digest;
    bool held; // RESULT: the sender held a lease of this shard, which this result ends
} nj_ledger_event;

typedef struct {
    nj_ledger_effect_kind kind; // NJ_LEDGER_NONE: nothing to do
    uint32_t shard;
    uint32_t attempt;
    nj_worker_id worker;
} nj_ledger_effect;

/// NJ_INPUT when a number of the config is out of range (names it), NJ_NO_MEMORY. nj_ledger_fini afterwards.
NJ_CHECKED nj_status nj_ledger_init(nj_ledger *ledger, const nj_ledger_config *config,
                                    nj_error *err);
/// Accepts a ledger that is all zero.
void nj_ledger_fini(nj_ledger *ledger);

/// One step. `*effect` is always set; one event has at most one.
///
/// Returns NJ_OK; NJ_END: an OFFER, and no shard waits; NJ_NOT_FOUND: no such shard; NJ_REFUSED: the table forbids the
///         event in this state. Nothing has changed unless NJ_OK.
/// Proof   tests/tables/test_ledger_table.c, tests/unit/coordinator/test_ledger.c
NJ_CHECKED nj_status nj_ledger_step(nj_ledger *ledger, const nj_ledger_event *event,
                                    uint64_t now_ns, nj_ledger_effect *effect);

/// True when no shard can change any more without a late result: all are COMMITTED or FAILED.
bool nj_ledger_finished(const nj_ledger *ledger);

const char *nj_shard_state_name(nj_shard_state state);
const char *nj_shard_event_name(nj_shard_event event);

#endif
