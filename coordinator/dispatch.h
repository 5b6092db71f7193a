// dispatch.h - the coordinator's mind: ledger and roster joined. Messages and times come in, effects go out.
//
//   received bytes ─► nj_message_unpack ─► nj_dispatch_message ─┐
//   timer ────────────────────────────────► nj_dispatch_tick ───┼─► while (nj_dispatch_next(...)) perform the effect
//   writer ───────────────────────────────► nj_dispatch_stored ─┘
//
// No socket, clock or file: the daemon performs the effects, the simulation (tests/sim) performs them in memory. Effects are drawn
// one by one; drawing is what hands out leases, so their number needs no bound here. Draw until there are none before the
// message is given up: some effects borrow from it.
#ifndef NJ_COORDINATOR_DISPATCH_H
#define NJ_COORDINATOR_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/wire/message.h"
#include "common/wire/peer.h"
#include "coordinator/ledger.h"
#include "coordinator/roster.h"

#define NJ_DISPATCH_QUEUE_MAX 128 // effects of one event that wait to be drawn

/// Says why rows do not fit their shard (wrong count, not walkable, unknown items), or NULL when they do. The shard is in
/// range and the digest has been compared. Pure: it may only look.
typedef const char *(*nj_dispatch_check)(const void *context, const nj_message_result *result);

typedef struct {
    nj_ledger_config ledger;
    nj_roster_config roster;
    uint64_t epoch;
    const char *numeric_class; // of the plan; borrowed until fini
    nj_dispatch_check check;
    const void *check_context;
} nj_dispatch_config;

typedef enum {
    // Send to `peer`. When a send to a `worker` fails, report nj_dispatch_unreachable.
    NJ_DISPATCH_SEND,         // message: complete; its texts are borrowed until the next event
    NJ_DISPATCH_SEND_WELCOME, // a WELCOME with the daemon's run, plan, settings and sections
    NJ_DISPATCH_SEND_LEASE,   // a LEASE of lease.shard, lease.attempt with the shard's users
    NJ_DISPATCH_SEND_CHUNK,   // the CHUNK that message.fetch asks for; check section and range

    // Store. The rows are those of the RESULT at hand.
    NJ_DISPATCH_WRITE_ROWS, // lease.shard: write rows and ledger entry, then nj_dispatch_stored

    // Tell the operator.
    NJ_DISPATCH_FAILURE,      // worker, lease, status, text: a try ended badly
    NJ_DISPATCH_LOSS,         // worker, lease: ran out, or its worker is gone
    NJ_DISPATCH_SHARD_FAILED, // lease.shard: no tries are left
    NJ_DISPATCH_ALARM,        // worker, lease: other rows are stored; exit 4 at the end
    NJ_DISPATCH_WORKER_GONE,  // worker; status: NJ_OK: said BYE, NJ_AGAIN: vanished
} nj_dispatch_effect_kind;

typedef struct {
    nj_dispatch_effect_kind kind;
    nj_peer peer;        // of the sends
    nj_worker_id worker; // 0 for a peer that is no worker
    nj_wire_lease lease;
    nj_status status; // of FAILURE and WORKER_GONE
    nj_slice text;    // of FAILURE; borrowed until the next event
    nj_message message;
} nj_dispatch_effect;

typedef struct {
    nj_dispatch_config config;
    nj_ledger ledger;
    nj_roster roster;
    bool ticking;  // the roster has not yet gone through all workers
    bool draining; // no more leases
    nj_drain_reason drain_reason;
    char text[NJ_WIRE_TEXT_BYTES_MAX + 1]; // of the REFUSED that is waiting
    size_t queue_first;
    size_t queue_count;
    nj_dispatch_effect queue[NJ_DISPATCH_QUEUE_MAX];
} nj_dispatch;

/// `dispatch` is large: keep it on the heap. NJ_INPUT, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_dispatch_init(nj_dispatch *dispatch, const nj_dispatch_config *config,
                                      nj_error *err);
void nj_dispatch_fini(nj_dispatch *dispatch);

/// A shard that the store already had; before the first message. NJ_NOT_FOUND, NJ_REFUSED (twice).
NJ_CHECKED nj_status nj_dispatch_resume(nj_dispatch *dispatch, uint32_t shard,
                                        const nj_digest *digest);

/// A message that nj_message_unpack accepted from a worker. Slices are borrowed until the effects are drawn.
void nj_dispatch_message(nj_dispatch *dispatch, const nj_peer *peer, const nj_message *message,
                         uint64_t now_ns);
/// Bytes that nj_message_unpack refused: the peer is told why and forgotten.
void nj_dispatch_broken(nj_dispatch *dispatch, const nj_peer *peer, const nj_error *why,
                        uint64_t now_ns);
/// Time has passed; every 100 ms or so.
void nj_dispatch_tick(nj_dispatch *dispatch, uint64_t now_ns);
/// A WRITE_ROWS has ended. NJ_REFUSED when none is under way for this shard.
NJ_CHECKED nj_status nj_dispatch_stored(nj_dispatch *dispatch, uint32_t shard, bool stored,
                                        uint64_t now_ns);
/// A send to this worker failed.
void nj_dispatch_unreachable(nj_dispatch *dispatch, nj_worker_id worker, uint64_t now_ns);
/// No more leases: every worker is sent DRAIN, also those that come later.
void nj_dispatch_drain(nj_dispatch *dispatch, nj_drain_reason reason);

/// Draws the next effect. False: nothing to do until the next event.
/// Proof   tests/unit/coordinator/test_dispatch.c, tests/sim/test_night_small.c
bool nj_dispatch_next(nj_dispatch *dispatch, uint64_t now_ns, nj_dispatch_effect *out);

/// Every shard is COMMITTED or FAILED: time to drain with NJ_DRAIN_FINISHED.
static inline bool nj_dispatch_finished(const nj_dispatch *dispatch)
{
    return nj_ledger_finished(&dispatch->ledger);
}

#endif
