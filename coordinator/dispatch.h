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

/// Says why rows do not fit the users of their piece (wrong count, not walkable, unknown items), or NULL when they do. The piece is
/// one of the ledger's and the digest has been compared. Pure: it may only look.
typedef const char *(*nj_dispatch_check)(const void *context, const nj_message_result *result,
                                         const nj_piece_range *piece);

typedef struct {
    nj_ledger_config ledger;
    nj_roster_config roster;
    uint64_t epoch;
    const char *numeric_class; // of the plan; borrowed until fini
    nj_dispatch_check check;
    const void *check_context;
} nj_dispatch_config;

// `lease.shard` is the index of a piece everywhere: nj_ledger_piece tells its users.
typedef enum {
    // Send to `peer`. When a send to a `worker` fails, report nj_dispatch_unreachable.
    NJ_DISPATCH_SEND, // message: complete; its texts are borrowed until the next event
    // a WELCOME with the daemon's run, plan, settings and sections; status NJ_AGAIN: it follows (nj_dispatch_replan)
    NJ_DISPATCH_SEND_WELCOME,
    NJ_DISPATCH_SEND_LEASE, // a LEASE of lease.shard, lease.attempt with the piece's users
    NJ_DISPATCH_SEND_CHUNK, // the CHUNK that message.fetch asks for; check section and range

    // Store. The rows are those of the RESULT at hand.
    NJ_DISPATCH_WRITE_ROWS, // lease: write rows and ledger entry, then nj_dispatch_stored
    NJ_DISPATCH_AUDIT_ROWS, // lease: compare with the stored rows, then nj_dispatch_stored when they are equal or could not be
    // read, nj_dispatch_audit_differs when they are not
    // lease, status, text: write a QUARANTINED record and name the users. No answer is awaited, but it must be on disk before
    // anything is published. A late result may still commit them: list those that are left at the end with nj_ledger_next.
    NJ_DISPATCH_QUARANTINE,

    // Tell the operator.
    NJ_DISPATCH_FAILURE,      // worker, lease, status, text: a try ended badly
    NJ_DISPATCH_LOSS,         // worker, lease: ran out, or its worker is gone
    NJ_DISPATCH_SPLIT,        // worker, lease, status, text: no tries are left, the halves wait
    NJ_DISPATCH_AUDIT_FAILED, // worker, lease, status, text: no tries are left; nothing may be published
    NJ_DISPATCH_SPECULATED,     // worker, lease: this lease is a second one
    NJ_DISPATCH_ALARM,          // worker, lease: other rows are stored; exit 4 at the end
    NJ_DISPATCH_WORKER_GONE,    // worker; status: NJ_OK: said BYE, NJ_AGAIN: vanished
    NJ_DISPATCH_WORKER_BENCHED, // worker, wait_ms: failed different shards, gets no leases so long
    NJ_DISPATCH_WORKER_UNBENCHED, // worker
} nj_dispatch_effect_kind;

typedef struct {
    nj_dispatch_effect_kind kind;
    nj_peer peer;        // of the sends
    nj_worker_id worker; // 0 for a peer that is no worker
    nj_wire_lease lease;
    nj_status status; // why: of a FAILURE what the worker said; NJ_AGAIN for losses
    nj_slice text;    // why, never empty where it is listed; borrowed until the next event
    uint32_t wait_ms;
    nj_message message;
} nj_dispatch_effect;

typedef struct {
    nj_dispatch_config config;
    nj_ledger ledger;
    nj_roster roster;
    uint32_t replan_slot; // of the next worker to be welcomed to a new plan
    uint32_t replan_left; // workers that are not yet
    bool ticking;         // the roster has not yet gone through all workers
    bool draining;        // no more leases
    bool paused;          // no leases now
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

/// A piece that the store already had; before the first message. What contains it is split until it is there.
///
///   range   of one shard; count 0: the whole shard
///   digest  of the rows; NULL unless COMMITTED or CARRIED
///
/// Returns NJ_NOT_FOUND: no such shard; NJ_REFUSED: it overlaps what was resumed before, or halving makes no such range
NJ_CHECKED nj_status nj_dispatch_resume(nj_dispatch *dispatch, nj_piece_range range, nj_resume what,
                                        const nj_digest *digest);

/// The plan has ended and another follows: a new ledger and a higher epoch; the roster stays. Drawing effects then welcomes every
/// worker to it; leases of the plan before are void, and so is what comes of them. Only when every effect was drawn (asserted). On
/// failure nothing has changed. NJ_INPUT, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_dispatch_replan(nj_dispatch *dispatch, const nj_ledger_config *ledger,
                                        uint64_t epoch, nj_error *err);

/// A message that nj_message_unpack accepted from a worker. Slices are borrowed until the effects are drawn.
void nj_dispatch_message(nj_dispatch *dispatch, const nj_peer *peer, const nj_message *message,
                         uint64_t now_ns);
/// Bytes that nj_message_unpack refused: the peer is told why and forgotten.
void nj_dispatch_broken(nj_dispatch *dispatch, const nj_peer *peer, const nj_error *why,
                        uint64_t now_ns);
/// Time has passed; every 100 ms or so.
void nj_dispatch_tick(nj_dispatch *dispatch, uint64_t now_ns);
/// A WRITE_ROWS or AUDIT_ROWS has ended. NJ_REFUSED when none is under way for this piece.
NJ_CHECKED nj_status nj_dispatch_stored(nj_dispatch *dispatch, uint32_t index, bool stored,
                                        uint64_t now_ns);
/// The rows of an AUDIT_ROWS are not those that are stored: gives ALARM. NJ_REFUSED as above.
NJ_CHECKED nj_status nj_dispatch_audit_differs(nj_dispatch *dispatch, uint32_t index,
                                               uint64_t now_ns);
/// Users to decode again; when nj_dispatch_finished, which it is no more until they are. As nj_ledger_audit.
NJ_CHECKED nj_status nj_dispatch_audit(nj_dispatch *dispatch, uint32_t shard, uint32_t first,
                                       uint32_t count, uint64_t now_ns);
/// A send to this worker failed.
void nj_dispatch_unreachable(nj_dispatch *dispatch, nj_worker_id worker, uint64_t now_ns);
/// The deadline has come: what becomes of a piece that is not committed, told once no leases are given any more (nj_dispatch_drain).
/// NJ_REFUSED, NJ_NOT_FOUND as nj_ledger_step. CARRY_NONE gives QUARANTINE, with worker and attempt 0.
/// Proof   tests/unit/coordinator/test_dispatch.c
NJ_CHECKED nj_status nj_dispatch_carry(nj_dispatch *dispatch, uint32_t index, nj_carry what);
/// True: no new leases until it is false again. Everything else goes on: workers keep rows without an ACK and send them again.
void nj_dispatch_pause(nj_dispatch *dispatch, bool paused);
/// No more leases: every worker is sent DRAIN, also those that come later.
void nj_dispatch_drain(nj_dispatch *dispatch, nj_drain_reason reason);

/// Draws the next effect. False: nothing to do until the next event.
/// Proof   tests/unit/coordinator/test_dispatch.c, test_dispatch_random.c; tests/sim
bool nj_dispatch_next(nj_dispatch *dispatch, uint64_t now_ns, nj_dispatch_effect *out);

/// Every piece has come to its end: time to audit, or to drain with NJ_DRAIN_FINISHED.
static inline bool nj_dispatch_finished(const nj_dispatch *dispatch)
{
    return nj_ledger_finished(&dispatch->ledger);
}

/// So many shards fail that something else than users is wrong: time to drain with NJ_DRAIN_STOPPING and to end the night.
static inline bool nj_dispatch_hopeless(const nj_dispatch *dispatch)
{
    return nj_ledger_hopeless(&dispatch->ledger);
}

#endif
