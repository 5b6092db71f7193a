// item_fleet.h - rounds over items on workers: an nj_item_executor over the network.
//
//   open: bind, hooks.ready ─► run (round 1): plan ─► WELCOME ─► leases ─► answers, taken in shard order
//                              run (round 2): plan ─► WELCOME that follows ─► ...                         ─► close: DRAIN, BYE
//
// The same socket, messages, dispatch, ledger and roster as a night. A round is a plan: its digest covers the work, its parameters, the
// digests of its sections and shard_rows. A worker fetches the sections it lacks; those that are files stay in its cache, those of one
// round are held in memory. A shard is a piece of one unit, so it is retried and never split: halves would be other answers. What a
// shard gives is kept until those before it were taken; nothing is written to disk, and a coordinator that dies begins its round anew.
//
//   lost worker, killed worker   the lease runs out or the connection ends: the shard goes to another worker
//   RESULT with another digest   REJECTED, counted as a failed try; two failed tries of a shard end the round
//   RESULT twice                 DUPLICATE when equal; DIVERGED when not, and the round ends with NJ_REFUSED
//   a row that is refused        the round ends with it when every shard before it was taken, so all see the first
#ifndef NJ_COORDINATOR_DAEMON_ITEM_FLEET_H
#define NJ_COORDINATOR_DAEMON_ITEM_FLEET_H

#include "common/catalogue/item_round.h"
#include "common/wire/allow_watch.h"
#include "common/wire/message.h"
#include "coordinator/daemon/night.h" // nj_night_hooks

// Answers that wait for one before them; leases stop until it is there.
#define NJ_ITEM_PENDING_BYTES_MAX ((size_t)256 << 20)
#define NJ_ITEM_PENDING_MAX 4096
#define NJ_ITEM_FILES_MAX 16 // different files that are sections of a fleet's rounds

typedef struct {
    const char *endpoint;
    const nj_keypair *keys; // NULL with insecure
    nj_allowlist *allowed;  // copied; NULL with insecure
    nj_allow_watch *watch;  // the file of `allowed`, if it may change; NULL: it may not
    bool insecure;
    uint32_t lease_ms;
    nj_night_hooks hooks; // members may be NULL; `tick` only while a round runs
    /// The digest of a section's file; who starts workers on this host makes it known to them here. NULL: it is read.
    nj_status (*digest_file)(void *context, const char *path, nj_digest *out, nj_error *err);
    void *digest_context;
} nj_item_fleet_options;

// What happened in all rounds so far.
typedef struct {
    uint64_t rounds;
    uint64_t shards;
    uint64_t leases;
    uint64_t losses;
    uint64_t failures;
    uint64_t duplicates;
} nj_item_fleet_counts;

typedef struct nj_item_fleet nj_item_fleet;

/// Binds and calls hooks.ready. `options` is borrowed until close. As nj_router_open; NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_item_fleet_open(const nj_item_fleet_options *options, nj_item_fleet **out,
                                        nj_error *err);
/// Dismisses the workers, who get a moment to say BYE. Accepts NULL.
void nj_item_fleet_close(nj_item_fleet **fleet, nj_drain_reason reason);

/// A round additionally ends with
///   NJ_REFUSED: two workers gave different answers for a shard
///   NJ_FAILED: a shard failed twice, or its workers vanish (names its rows and the reason)
///   NJ_INTERRUPTED, NJ_TERMINATED: a signal; and what a hook returns
/// Without workers a round waits for one.
///
/// Memory  of a round: about 150 bytes a shard, NJ_ITEM_PENDING_BYTES_MAX and what is leased beyond
/// Proof   tests/integration/0300-items-on-workers.t, tests/fault/0170-items-on-bad-ground.t
nj_item_executor nj_item_fleet_executor(nj_item_fleet *fleet);

nj_item_fleet_counts nj_item_fleet_count(const nj_item_fleet *fleet);

#endif
