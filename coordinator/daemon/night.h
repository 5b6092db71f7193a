// night.h - one night: plan, staging, workers, publish. What `nightjar run` and `nightjar-coordinator` share.
//
//   job ─► copied rows chosen ─► plan ─► staging (new or resumed) ─► router ─► loop: messages ─► dispatch ─► effects
//                                                                            │
//           pack ◄─ a sample decoded again ◄─ every user done ◄─ commits, a few shards a transaction
//            └─► verify ─► publish ─► remove staging
//
// One thread owns the socket and the store. A night that ends early keeps its staging area: `--resume` goes on from there. While the
// store does not write (a full disk), no leases are given; the night goes on by itself when it writes again.
#ifndef NJ_COORDINATOR_DAEMON_NIGHT_H
#define NJ_COORDINATOR_DAEMON_NIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/catalogue/job.h"
#include "common/codec/row.h"
#include "common/store/generation.h"
#include "common/wire/allow_watch.h"
#include "coordinator/daemon/controls.h"
#include "coordinator/daemon/since.h"
#include "coordinator/gates.h"
#include "coordinator/planned.h"
#include "coordinator/report/report.h"

// Unless other sizes are asked for. At the end a batch of the engine (its default) is the least that is worth a lease.
#define NJ_NIGHT_SHARD_USERS 64
#define NJ_NIGHT_SHARD_USERS_LEAST 16
#define NJ_NIGHT_LEASE_MS_DEFAULT "15000"
#define NJ_NIGHT_LEASE_MS_LEAST 500
#define NJ_NIGHT_LEASE_MS_MOST 3600000
#define NJ_NIGHT_STORAGE_WAIT_MS_DEFAULT "600000"
#define NJ_NIGHT_AUDIT_USERS_DEFAULT "32"
#define NJ_NIGHT_CARRY_MAX_DEFAULT 10   // percent
#define NJ_NIGHT_QUARANTINE_MAX 1000000 // the limit of --quarantine-max

// Failures after which a shard is halved, and a single user quarantined.
#define NJ_NIGHT_TRIES_MAX 2
// Leases that ran out, or whose worker vanished, that count as much.
#define NJ_NIGHT_LOSSES_MAX 4

// What a hook may know of the night.
typedef struct {
    uint64_t progress; // rises with every piece that was committed, split or quarantined
    bool paused;       // the store does not write; workers are idle
} nj_night_pulse;

typedef struct {
    uint64_t bytes_most; // resident, of the one that held most; 0: not known
    double core_seconds; // of all
} nj_worker_use;

// Called while the night runs, from its loop. `run` starts and watches its workers here. A status other than NJ_OK ends the night.
typedef struct {
    void *context;
    /// Once, when workers can connect.
    nj_status (*ready)(void *context, const char *endpoint, nj_error *err);
    /// Every 100 ms or so.
    nj_status (*tick)(void *context, const nj_night_pulse *pulse, nj_error *err);
    /// What workers have used until now, asked when the users are done. NULL: nobody knows.
    nj_worker_use (*worker_use)(void *context);
    void *published_context;
    /// When CURRENT names the generation, while a killed process would still find an interrupted night and call it again. `complete`:
    /// nobody was quarantined. NJ_IO is tried again, as what the store does not write.
    nj_status (*published)(void *published_context, const nj_store_name *generation, bool complete,
                           nj_error *err);
} nj_night_hooks;

// What --on-deadline says.
typedef enum { NJ_ON_DEADLINE_UNSAID, NJ_ON_DEADLINE_HOLD, NJ_ON_DEADLINE_CARRY } nj_on_deadline;
// What --missing-users says of those whom the current generation has and tonight's input lacks.
typedef enum { NJ_MISSING_UNSAID, NJ_MISSING_CARRY, NJ_MISSING_DROP } nj_missing_users;

typedef struct {
    const char *endpoint;
    const nj_keypair *keys; // NULL with insecure
    nj_allowlist *allowed;  // copied; NULL with insecure
    nj_allow_watch *watch;  // the file of `allowed`, if it may change; NULL: it may not
    bool insecure;
    const char *ready_file; // holds the endpoint while workers can connect; NULL: none
    const char *store_dir;
    const char *since; // a generation whose rows are copied where they fit; NULL: none
    const char *
        since_bundle; // what that generation was made with, where it is not tonight's; NULL: not given
    const char *kept_bundle; // the same, tried where that is not given; need not fit; NULL: none
    uint32_t max_age;        // nights in a row that a row may be copied
    bool resume;
    bool retry_quarantined; // users that the interrupted night had given up are tried again
    bool speculate;
    uint32_t shard_users;
    uint32_t shard_users_least; // of the last shards: nj_plan_make
    uint32_t lease_ms;
    uint32_t quarantine_max;  // users
    uint32_t storage_wait_ms; // how long a store that does not write is waited for
    uint32_t audit_users;
    const char *deadline; // as it was given; NULL: not
    uint64_t deadline_ms; // the same since 1970; 0: none
    nj_on_deadline on_deadline;
    uint32_t carry_max;   // percent of the users who may be carried over
    bool carry_max_given; // by the command line
    nj_missing_users missing_users;
    uint64_t valid_for_ms; // how long the lists are good, from when they are packed; 0: not said
    nj_controls_wish controls; // of whom the generation keeps lists that nobody is shown
    nj_gates
        gates; // that the input must pass before anything is decoded, and the lists before they are published
    double as_of_s; // what the age of events is counted from: --as-of, or now; seconds since 1970
    const char *numeric_class;
    const char *plan_file;    // a plan.json that the night is compared with; NULL: none
    uint64_t started_ns;      // monotonic: when the command began; 0: with nj_night_run
    const char *metrics_bind; // "127.0.0.1:9464"; NULL: no page
    uint32_t metrics_wait_ms; // how long the page waits for a scrape of the last numbers; 0: not
    const char *metrics_file; // written when the night ends, however it does; NULL: none
    // For the report (coordinator/report); borrowed until nj_night_run returns.
    const nj_night_phase *phases; // [phase_count]
    size_t phase_count;
    nj_night_hooks hooks; // members may be NULL
} nj_night_options;

typedef struct {
    nj_store_name generation; // "" where nothing was published
    nj_store_name held;       // the generation that a gate has held back; "": none
    uint64_t users;           // of the night, copied ones included
    uint64_t rows;
    nj_store_name since; // the generation that rows were copied from; "": none
    const char
        *since_differs; // what is not as it was there, so that nothing was copied; NULL: nothing
    uint64_t copied;    // rows of it
    uint64_t carried;   // users with the row of an earlier night, missing ones included
    uint64_t missing;   // of them those whom tonight's input lacks
    nj_store_name carried_from; // the generation that those rows were in; "": none
    uint64_t carried_age;       // nights since the oldest of those rows was decoded; 0: none
    uint64_t skipped;           // cold users that --cold-users skip left out
    uint64_t shards;
    uint64_t resumed_shards;   // shards and pieces found committed
    uint64_t resumed_rows;     // in them; the rate leaves them out
    double decode_seconds;     // from the first message to the last commit
    double decode_cpu_seconds; // what this process used of processors meanwhile
    double audit_seconds;      // users decoded again
    double publish_seconds;
    double paused_seconds; // in which the store did not write
    uint64_t leases;
    uint64_t retries; // leases of a piece that had failed before
    uint64_t losses;
    uint64_t duplicates;
    uint64_t speculations;
    uint64_t speculations_won;
    uint64_t splits;
    uint64_t benched;
    uint64_t quarantined;                   // users
    uint64_t audited;                       // users
    uint64_t flag_counts[NJ_ROW_FLAGS_MAX]; // rows that this process stored, by bit of their flags
    nj_gate_findings gates;                 // what they said; nothing of a night that was resumed
    nj_planned planned; // owned; what plan_file says, whether it was made for this night or not
    bool planned_fits;  // it was
    nj_night_numbers actual; // what the night came to, in the same words
    nj_path report;          // the page; "": not written
    double report_seconds;   // that it took
    double report_cpu_seconds;
    const nj_job *job;           // borrowed: its masks, where it has any
    nj_buffer quarantined_json;  // owned; the first of them as objects with commas between
    nj_buffer quarantined_lines; // owned; fewer of them, one a line, for people
} nj_night_summary;

/// Runs the night to its end. With `resume` it also takes over from a process that still runs this night: that one writes
/// nothing more and ends with NJ_AGAIN at its next commit. Other inputs than the night's take nothing over.
///
/// `out` is set whatever the status: nj_night_summary_fini.
///
/// Returns  NJ_OK: published
///          NJ_PARTIAL: published without the users that were quarantined, who are no more than quarantine_max, or with rows that were
///          carried over
///          NJ_REFUSED, NJ_AGAIN: the input does not pass a gate; the store is as it was
///          NJ_REFUSED: the lists do not pass one; the generation is there and not published
///          NJ_AGAIN: a staging area is there and `resume` is not set, or another process has taken the night over, or the
///          store's lock is held
///          NJ_AGAIN: the deadline has passed and the night is held; its work is kept
///          NJ_CONFIG: `resume`, and the inputs are not those of the staging area
///          NJ_REFUSED: two workers disagreed, or verification failed
///          NJ_FAILED: more users were quarantined than quarantine_max (names the first, and what to do), or so many shards
///          failed that users are not the reason
///          NJ_IO: the store could not be written for storage_wait_ms
///          NJ_INTERRUPTED, NJ_TERMINATED: a signal; those of nj_planned_read; others as the parts say
/// Proof    tests/integration
NJ_CHECKED nj_status nj_night_run(nj_job *job, const nj_night_options *options,
                                  nj_night_summary *out, nj_error *err);

/// Prints the summary on standard output, as text or as JSON. As text nothing where nothing was published or held back.
void nj_night_print(const nj_night_summary *summary, bool as_json);

/// True when there is something to print: every user was decoded or quarantined.
bool nj_night_has_summary(const nj_night_summary *summary);

/// Accepts a summary that is all zero.
void nj_night_summary_fini(nj_night_summary *summary);

#endif
