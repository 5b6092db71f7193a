// night.h - one night: plan, staging, workers, publish. What `nightjar run` and `nightjar-coordinator` share.
//
//   job ─► plan ─► staging (new or resumed) ─► router ─► loop: messages ─► dispatch ─► effects
//                                                                            │
//                             pack ◄─ all shards committed ◄─ commits, a few shards a transaction
//                              └─► verify ─► publish ─► remove staging
//
// One thread owns the socket and the store. A night that ends early keeps its staging area: `--resume` goes on from there.
#ifndef NJ_COORDINATOR_DAEMON_NIGHT_H
#define NJ_COORDINATOR_DAEMON_NIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/catalogue/job.h"
#include "common/store/generation.h"
#include "common/wire/allow_watch.h"

#define NJ_NIGHT_SHARD_USERS_DEFAULT "64"
#define NJ_NIGHT_LEASE_MS_DEFAULT "15000"

// Called while the night runs, from its loop. `run` starts and watches its workers here. A status other than NJ_OK ends the night.
typedef struct {
    void *context;
    /// Once, when workers can connect.
    nj_status (*ready)(void *context, const char *endpoint, nj_error *err);
    /// Every 100 ms or so.
    nj_status (*tick)(void *context, nj_error *err);
} nj_night_hooks;

typedef struct {
    const char *endpoint;
    const nj_keypair *keys; // NULL with insecure
    nj_allowlist *allowed;  // copied; NULL with insecure
    nj_allow_watch *watch;  // the file of `allowed`, if it may change; NULL: it may not
    bool insecure;
    const char *store_dir;
    bool resume;
    uint32_t shard_users;
    uint32_t lease_ms;
    const char *numeric_class;
    nj_night_hooks hooks; // members may be NULL
} nj_night_options;

typedef struct {
    nj_store_name generation;
    uint64_t rows;
    uint64_t skipped; // cold users that --cold-users skip left out
    uint64_t shards;
    uint64_t resumed_shards; // found committed
    uint64_t resumed_rows;   // in them; the rate leaves them out
    double decode_seconds;   // from the first message to the last commit
    double publish_seconds;
    uint64_t duplicates;
    uint64_t losses;
} nj_night_summary;

/// Runs the night to its end. With `resume` it also takes over from a process that still runs this night: that one writes
/// nothing more and ends with NJ_AGAIN at its next commit. Other inputs than the night's take nothing over.
///
/// Returns  NJ_OK: published
///          NJ_AGAIN: a staging area is there and `resume` is not set, or another process has taken the night over, or the
///          store's lock is held
///          NJ_CONFIG: `resume`, and the inputs are not those of the staging area
///          NJ_REFUSED: two workers disagreed, or verification failed
///          NJ_FAILED: a shard failed for good (names it and why)
///          NJ_INTERRUPTED, NJ_TERMINATED: a signal; others as the parts say
/// Proof    tests/integration
NJ_CHECKED nj_status nj_night_run(nj_job *job, const nj_night_options *options,
                                  nj_night_summary *out, nj_error *err);

/// Prints the summary on standard output, as text or as JSON.
void nj_night_print(const nj_night_summary *summary, bool as_json);

#endif
