// ledger.h - what has become of every piece of the night, and so of every user.
//
// A pure state machine: the picture and the table are schemas/ledger.def, nj_ledger_step is the only code that changes a
// state. It holds no socket, clock or file; the memory is taken at init (about 128 bytes a piece, touched when it is used).
//
//   index     0 .. shard_count-1    shard_count ..                     piece_max-1
//   pieces    [ shards of the plan | halves and audits, as they come  | spare     ]
//
//   shard 3, 8 users:  piece 3 = {shard 3, first 0, count 8}   SPLIT
//                        ├─ piece 90 = {3, 0, 4}               COMMITTED
//                        └─ piece 91 = {3, 4, 4}               SPLIT
//                             ├─ piece 94 = {3, 4, 2}  ...
//
// The pieces that are not SPLIT and no audits are the leaves: each user of the plan is in exactly one. A shard whose tries are
// used up is halved until the one user stands alone that no worker can compute; that one is quarantined. On the wire a "shard" is
// the index of a piece.
//
//   nj_ledger_step(OFFER worker 7)          -> SEND_LEASE worker 7, piece 3, attempt 1
//   nj_ledger_step(RESULT piece 3)          -> WRITE_ROWS
//   nj_ledger_step(COMMIT_DONE piece 3)     -> ACK_COMMITTED worker 7, piece 3, attempt 1
//
// Waiting pieces go out in plan order: what comes back goes before what was never leased. A piece does not go to the worker that
// failed it last while another is there, for avoid_ms.
#ifndef NJ_COORDINATOR_LEDGER_H
#define NJ_COORDINATOR_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "coordinator/heap.h"
#include "coordinator/median.h"
#include "coordinator/roster.h" // nj_worker_id

#define NJ_LEDGER_PIECES_MAX ((1u << 24) - 1) // as NJ_WIRE_SHARD_MAX + 1
// Room for halves and audits: as many as there are shards, and at least this. Isolating a user of a shard of 64 takes 12.
#define NJ_LEDGER_SPARES_LEAST 65536u
#define NJ_LEDGER_SPECULATIONS_LEAST 2u // the budget of a small night
// Places of a heap that are looked at for a piece that a worker may take: one is enough unless that worker failed it.
#define NJ_LEDGER_LOOK_MAX 16u
#define NJ_PIECE_NONE UINT32_MAX

typedef enum {
#define NJ_LEDGER_STATE(NAME, meaning) NJ_PIECE_##NAME,
#include "schemas/ledger.def"
    NJ_PIECE_STATE_COUNT
} nj_piece_state;

// What can happen to one piece, after the guards: the columns of the table.
typedef enum {
#define NJ_LEDGER_EVENT(NAME, meaning) NJ_PIECE_EVENT_##NAME,
#include "schemas/ledger.def"
    NJ_PIECE_EVENT_COUNT
} nj_piece_event;

typedef enum {
#define NJ_LEDGER_EFFECT(NAME, meaning) NJ_LEDGER_##NAME,
#include "schemas/ledger.def"
} nj_ledger_effect_kind;

// Users first .. first+count-1 of a shard of the plan.
typedef struct {
    uint32_t shard;
    uint32_t first;
    uint32_t count;
    bool audit; // its rows are compared with those that are stored, not written
} nj_piece_range;

typedef struct {
    // The store keeps these of a committed or quarantined piece; the rest begins anew with an epoch.
    uint8_t state; // nj_piece_state
    uint32_t shard;
    uint32_t first;
    uint32_t count;
    nj_digest digest; // of the rows, in COMMITTING and COMMITTED

    // rebuilt after a start:
    uint8_t live; // leases that workers hold, at most 2
    bool audit;
    bool blamed;             // of a shard: it is counted in failed_shards
    uint16_t failures;       // tries that ended in FAILED or in rows that do not fit
    uint16_t losses;         // leases that ran out or whose holder vanished
    uint32_t attempts;       // leases given; the number of the youngest
    uint32_t speculative;    // the attempt that was one; 0: none yet
    uint32_t writer_attempt; // of the rows in COMMITTING
    uint32_t halves;         // SPLIT: index of the first; the second is the next
    nj_worker_id writer;     // who sent them
    nj_worker_id holder;     // of the youngest lease
    nj_worker_id avoid;      // who failed or lost it last; 0: nobody
    uint64_t since_ns;       // WAITING: since when; else when the youngest lease was given
} nj_piece;

typedef struct {
    uint32_t shard_count; // 0 .. NJ_LEDGER_PIECES_MAX; 0: everybody is copied, and it is finished
    const uint32_t *
        shard_first; // [shard_count + 1] rising; users of the plan before each shard; borrowed until fini
    uint32_t spare_count;  // pieces beyond the shards; 0: see NJ_LEDGER_SPARES_LEAST
    uint16_t tries_max;    // failures after which a piece is split, or quarantined
    uint16_t losses_max;   // losses after which it is too: a user may kill its workers
    uint32_t retry_ms;     // pause after the first failure; it doubles
    uint32_t retry_max_ms; // up to this
    uint32_t avoid_ms;     // how long a piece waits for another worker than the one that failed it
    uint32_t speculate_min_ms; // a younger lease gets no second one
    uint32_t
        speculate_percent; // speculative leases, out of 100 shards; 0: none, not even the least
    uint32_t failed_shards_max; // with more of them the night is hopeless
} nj_ledger_config;

// How many pieces are in each state, and what happened so far. The last two are counted by the dispatch.
typedef struct {
    uint32_t states[NJ_PIECE_STATE_COUNT]; // audits included
    uint64_t committed_users;
    uint64_t quarantined_users;
    uint64_t carried_users;
    uint64_t leases;
    uint64_t failures;
    uint64_t losses;
    uint64_t returns;
    uint64_t duplicates;
    uint64_t divergences;
    uint64_t commit_failures;
    uint64_t splits; // pieces that were split in this epoch
    uint32_t
        failed_shards; // shards of the plan that, or a part of which, failed too often (not: was lost)
    uint64_t speculations;     // second leases
    uint64_t speculations_won; // those that delivered first
    uint32_t audits;           // audit pieces
    uint64_t rejections;       // results whose rows did not pass; they are failures too
    uint64_t benches;          // times that a worker was benched
} nj_ledger_counts;

typedef struct {
    nj_ledger_config config;
    nj_piece *pieces;     // [piece_max] owned
    uint32_t piece_count; // in use
    uint32_t piece_max;
    nj_heap waiting;     // WAITING, in plan order
    nj_heap pausing;     // RETRY_WAIT, by the time they are due
    nj_heap leased;      // LEASED and never speculated, oldest first
    nj_median durations; // ms from lease to rows, of whole shards
    nj_ledger_counts counts;
} nj_ledger;

// What the program reports.
typedef enum {
    NJ_LEDGER_OFFER, // worker, alone: it takes a waiting piece; NJ_END when none is for it
    NJ_LEDGER_SPECULATE, // worker: it takes a second lease; NJ_END when none is for it. Only when none waits
    NJ_LEDGER_RESULT,        // index, attempt, worker, digest, held: rows that passed every check
    NJ_LEDGER_FAILURE,       // index, worker: a lease ended in failure
    NJ_LEDGER_RETURN,        // index, worker: a lease was given back
    NJ_LEDGER_LOSS,          // index, worker: a lease ran out or its holder is gone
    NJ_LEDGER_TICK,          // time has passed; every 100 ms or so is enough
    NJ_LEDGER_COMMIT_DONE,   // index; of an audit: the rows are equal
    NJ_LEDGER_COMMIT_FAILED, // index; of an audit: they could not be compared
    NJ_LEDGER_AUDIT_DIFFERS, // index
    NJ_LEDGER_RESUME,        // range, resume, digest: found in the store, before the first offer
    NJ_LEDGER_CARRY,         // index, carry: the deadline has come
} nj_ledger_event_kind;

// What the store had.
typedef enum {
    NJ_RESUME_COMMITTED,   // rows of this digest
    NJ_RESUME_CARRIED,     // rows of an earlier generation, and so it stays
    NJ_RESUME_QUARANTINED, // and so it stays
    NJ_RESUME_RETRY,       // quarantined, and it is to be tried again as the piece that it was
} nj_resume;

// For whom of a piece's users there is a row of an earlier generation.
typedef enum {
    NJ_CARRY_ALL,  // and it is in the store
    NJ_CARRY_SOME, // it is halved, so that each half can be told again
    NJ_CARRY_NONE, // of a piece of one user: he is quarantined
} nj_carry;

typedef struct {
    nj_ledger_event_kind kind;
    uint32_t index;
    uint32_t attempt;
    nj_worker_id worker;
    nj_digest digest;
    bool held;  // RESULT: the sender held a lease of this piece, which this result ends
    bool alone; // OFFER: no other worker could take what this one failed
    nj_resume resume;
    nj_carry carry;
    nj_piece_range range;
} nj_ledger_event;

typedef struct {
    nj_ledger_effect_kind kind; // NJ_LEDGER_NONE: nothing to do
    uint32_t index;
    uint32_t attempt;
    nj_worker_id worker;
} nj_ledger_effect;

/// NJ_INPUT when a number of the config is out of range (names it), NJ_NO_MEMORY. nj_ledger_fini afterwards.
NJ_CHECKED nj_status nj_ledger_init(nj_ledger *ledger, const nj_ledger_config *config,
                                    nj_error *err);
/// Accepts a ledger that is all zero.
void nj_ledger_fini(nj_ledger *ledger);

/// One step. `*effect` is always set; one event has at most one. log2(pieces) work, a TICK for each piece that is due.
///
/// Returns NJ_OK; NJ_END: an OFFER or SPECULATE, and nothing is for this worker; NJ_NOT_FOUND: no such piece or shard;
///         NJ_REFUSED: the table forbids the event in this state, or the range of a RESUME is none that halving makes; a CARRY of
///         SOME of a piece that cannot be halved (one user, or no room for pieces), of NONE of more than one user, or of an audit.
///         Nothing has changed unless NJ_OK, but that a RESUME may have split pieces.
/// Proof   tests/tables/test_ledger_table.c, tests/unit/coordinator/test_ledger.c, test_dispatch_random.c
NJ_CHECKED nj_status nj_ledger_step(nj_ledger *ledger, const nj_ledger_event *event,
                                    uint64_t now_ns, nj_ledger_effect *effect);

/// Adds an audit piece, WAITING; it comes after everything else. Its users must be of one shard, and COMMITTED. NJ_NOT_FOUND: no
/// such users; NJ_REFUSED: they are not all committed; NJ_END: there is no room for another piece.
NJ_CHECKED nj_status nj_ledger_audit(nj_ledger *ledger, nj_piece_range range, uint64_t now_ns,
                                     uint32_t *out_index);

/// The users of a piece; index < piece_count.
nj_piece_range nj_ledger_piece(const nj_ledger *ledger, uint32_t index);

/// The leaf that holds user `position` of a shard; both must be in the plan.
uint32_t nj_ledger_leaf(const nj_ledger *ledger, uint32_t shard, uint32_t position);

/// The first piece from `index` on that is in this state; NJ_PIECE_NONE: no more. To list quarantined users, say.
uint32_t nj_ledger_next(const nj_ledger *ledger, nj_piece_state state, uint32_t index);

/// True when no piece can change any more without a late result: all leaves are COMMITTED, CARRIED or QUARANTINED, all audits
/// COMMITTED or FAILED.
bool nj_ledger_finished(const nj_ledger *ledger);

/// True when so many shards failed (failed_shards_max) that something else than their users is wrong.
bool nj_ledger_hopeless(const nj_ledger *ledger);

const char *nj_piece_state_name(nj_piece_state state);
const char *nj_piece_event_name(nj_piece_event event);

#endif
