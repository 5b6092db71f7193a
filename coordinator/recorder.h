// recorder.h - what a night notes about itself while it runs, for its report (coordinator/report).
//
// A pure state machine: times and events come in, numbers stay. It holds no socket, clock or file, and what it holds is bounded,
// however long the night and however many its shards: the axis of time is folded when it is full, the list of leases ends, the list
// of incidents keeps its beginning and its end.
//
//   ms     0        width    2*width                    bins*width
//   axis   | bin 0  | bin 1  | ...                      |          a time behind its end: neighbours are joined, width doubles
//   strip  | 0               | 1 ...                               of each worker: two bins each
//
//   LEASED ─► open lease of the worker ─┬─ ROWS ────► span, latency, work; users count when STORED
//                                       ├─ FAILED ──► span, incident
//                                       ├─ LOST ────► span, incident
//                                       └─ RETURNED ► nothing but a count
//
// Workers are told apart by their names: one that was killed and came back under its name is one worker with a gap.
#ifndef NJ_COORDINATOR_RECORDER_H
#define NJ_COORDINATOR_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_RECORDER_BINS 256u
#define NJ_RECORDER_STRIPS (NJ_RECORDER_BINS / 2)
#define NJ_RECORDER_WIDTH_MS 16u // of a bin at first; a power of two always
// Behind it all times are one: 2^52 ms are longer than any clock.
#define NJ_RECORDER_MS_MAX (UINT64_C(1) << 52)
#define NJ_RECORDER_WORKERS_MAX                                                                    \
    4096u // of different names; what others do is counted together, under NJ_RECORDER_OTHERS
#define NJ_RECORDER_OTHERS "(others)"
#define NJ_RECORDER_NAME_SLOTS (2 * NJ_RECORDER_WORKERS_MAX) // a power of two
#define NJ_RECORDER_NAME_BYTES 65
#define NJ_RECORDER_OPEN_MAX 8u // leases of a worker at a time: NJ_WIRE_LEASES_MAX
#define NJ_RECORDER_SPANS_MAX 2048u
#define NJ_RECORDER_INCIDENTS_FIRST 256u
#define NJ_RECORDER_INCIDENTS_LAST 256u
#define NJ_RECORDER_NOTE_BYTES 160
// Durations: bucket b holds [2^(b/4), 2^((b+1)/4)) ms, the first everything below, the last everything above.
#define NJ_RECORDER_BUCKETS 96u

typedef enum {
    NJ_NOTE_JOINED,      // worker, name, cores, memory
    NJ_NOTE_GONE,        // worker; expected: it said BYE
    NJ_NOTE_BENCHED,     // worker
    NJ_NOTE_MEMORY,      // worker, memory: what it holds now
    NJ_NOTE_LEASED,      // worker, lease
    NJ_NOTE_SECOND,      // worker, lease: the one just given is speculative
    NJ_NOTE_ROWS,        // worker, lease: the rows are good
    NJ_NOTE_FAILED,      // worker, lease, text
    NJ_NOTE_LOST,        // worker, lease
    NJ_NOTE_RETURNED,    // worker, lease: given back unworked
    NJ_NOTE_DUPLICATE,   // worker, lease: its rows are there already
    NJ_NOTE_SPLIT,       // worker, lease, text: no tries are left, the halves wait
    NJ_NOTE_QUARANTINED, // worker, lease, text
    NJ_NOTE_DIVERGED,    // worker, lease
    NJ_NOTE_STORED,      // lease: its users are on disk
    NJ_NOTE_PAST, // name, lease: so many users were stored by that worker before this process began
    NJ_NOTE_SAMPLE,    // memory: of the coordinator
    NJ_NOTE_PAUSED,    // text: the store does not write
    NJ_NOTE_CONTINUED, // it does
    NJ_NOTE_BEGUN,     // text: a process begins the night or takes it up
    NJ_NOTE_ENDED,     // text: how a process that was there before ended
    NJ_NOTE_KIND_COUNT
} nj_note_kind;

// Users first .. first+count-1 of a shard, as the ledger calls them.
typedef struct {
    uint32_t piece; // its index in the ledger
    uint32_t attempt;
    uint32_t shard;
    uint32_t first;
    uint32_t count;
    bool audit;
} nj_note_lease;

typedef struct {
    nj_note_kind kind;
    uint64_t
        worker; // an nj_worker_id: its low 16 bits are a slot, and no two workers share one at a time
    nj_note_lease lease; // where it is listed above
    bool expected;
    const char *name;
    nj_slice text; // why; cut to NJ_RECORDER_NOTE_BYTES
    uint32_t cores;
    uint64_t memory; // bytes
} nj_note;

// One stretch of the night. Of what rises and falls the highest value stands here.
typedef struct {
    uint64_t users; // stored
    uint32_t shards;
    uint32_t leases;
    uint32_t seconds; // speculative ones of them
    uint32_t failures;
    uint32_t losses;
    uint32_t quarantined;
    uint32_t paused_ms;
    uint32_t workers;        // that are there
    uint64_t memory;         // of the coordinator, bytes
    uint64_t workers_memory; // of all workers together
} nj_recorder_bin;

enum {
    NJ_STRIP_JOINED = 1,
    NJ_STRIP_GONE = 2,
    NJ_STRIP_FAILED = 4,
    NJ_STRIP_LOST = 8,
    NJ_STRIP_SECOND = 16,
    NJ_STRIP_BENCHED = 32,
};

typedef struct {
    nj_note_lease lease;
    uint64_t since_ms;
    bool second;
} nj_recorder_open;

typedef struct {
    char name[NJ_RECORDER_NAME_BYTES];
    uint32_t joins;
    uint32_t vanished;
    uint32_t benches;
    uint32_t cores;
    uint64_t planned_memory; // what it said at HELLO, bytes; 0: not known
    uint64_t peak_memory;    // the highest it told; 0: it did not
    uint64_t leases;
    uint64_t shards; // whose rows were good
    uint64_t users;  // of them; audits are not counted
    uint64_t failures;
    uint64_t losses;
    uint64_t returns;
    uint64_t seconds;
    uint64_t seconds_won; // of them, those that delivered
    uint64_t duplicates;
    uint64_t busy_ms; // in which it held a lease
    uint64_t work_ms; // of its shards, one after the other
    uint64_t work_ms_max;
    uint64_t first_ms;
    uint64_t last_ms;
    uint32_t busy[NJ_RECORDER_STRIPS]; // ms
    uint8_t marks[NJ_RECORDER_STRIPS]; // NJ_STRIP_*
    // while it is there:
    bool here;
    uint32_t open_count;
    nj_recorder_open open[NJ_RECORDER_OPEN_MAX];
    uint64_t busy_from_ms;
    uint64_t delivered_ms; // its last rows
    uint64_t memory;
} nj_recorder_worker;

typedef struct {
    uint32_t worker; // index
    nj_note_kind
        end; // ROWS, FAILED, LOST, DUPLICATE; PAST: of an earlier process, without a length
    nj_note_lease lease;
    bool second;
    uint64_t leased_ms;
    uint64_t
        began_ms; // when the worker had delivered what it held before; never earlier than leased_ms
    uint64_t ended_ms;
} nj_recorder_span;

typedef struct {
    uint64_t at_ms;
    nj_note_kind kind;
    uint32_t worker; // index; UINT32_MAX: none
    nj_note_lease lease;
    char text[NJ_RECORDER_NOTE_BYTES];
} nj_recorder_incident;

typedef struct {
    uint64_t count;
    uint64_t sum_ms;
    uint64_t max_ms;
    uint64_t buckets[NJ_RECORDER_BUCKETS];
} nj_recorder_durations;

typedef struct {
    uint64_t width_ms;
    uint64_t last_ms; // the latest event
    nj_recorder_bin bins[NJ_RECORDER_BINS];
    nj_recorder_worker *workers; // [worker_count] owned
    uint32_t worker_count;
    uint32_t worker_capacity;
    uint32_t names[NJ_RECORDER_NAME_SLOTS]; // index + 1 of the worker of a name; 0: free
    uint32_t here_count;
    uint32_t cores_here;
    uint32_t cores_peak; // of workers that were there at once
    uint64_t workers_memory;
    struct {
        uint64_t id;
        uint32_t worker; // index
    } * slots;           // [slot_count] owned
    uint32_t slot_count;
    nj_recorder_span *spans; // [span_count] owned; the first NJ_RECORDER_SPANS_MAX that ended
    uint32_t span_count;
    uint64_t span_total;
    nj_recorder_incident *incidents; // owned; see nj_recorder_incident_at
    uint64_t incident_total;
    uint64_t counts[NJ_NOTE_KIND_COUNT]; // events by kind
    uint64_t seconds;                    // speculative leases
    uint64_t seconds_won;
    uint64_t past_users;
    nj_recorder_durations latency; // from lease to rows
    nj_recorder_durations work;    // from the worker's being free for it to rows
    uint64_t paused_since_ms;
    bool paused;
} nj_recorder;

/// Takes room for spans and incidents (about 300 KB); workers take 2 KB each when they come. `slot_count` is the roster's worker_max.
/// NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_recorder_init(nj_recorder *recorder, uint32_t slot_count, nj_error *err);
/// Accepts a recorder that is all zero; its events are then passed over.
void nj_recorder_fini(nj_recorder *recorder);

/// Notes one event. Never fails: what there is no room for is counted and not listed. Times may go back (PAST).
///
///   now_ms  since the night began, whichever process began it
///
/// Proof   tests/unit/coordinator/test_recorder.c
void nj_recorder_step(nj_recorder *recorder, const nj_note *event, uint64_t now_ms);

/// True when a SAMPLE tells something new: one a bin.
bool nj_recorder_wants_sample(const nj_recorder *recorder, uint64_t now_ms);

/// Bins up to the latest event, at least 1.
uint32_t nj_recorder_bin_count(const nj_recorder *recorder);

/// How many incidents are there to be read, and number `index` of them, in the order they came. Behind the first
/// NJ_RECORDER_INCIDENTS_FIRST some may be missing: incident_total has all.
uint32_t nj_recorder_incident_count(const nj_recorder *recorder);
const nj_recorder_incident *nj_recorder_incident_at(const nj_recorder *recorder, uint32_t index);

/// The duration that a share of all are at most: the upper end of its bucket, and never above the longest. 0 of none.
uint64_t nj_recorder_quantile_ms(const nj_recorder_durations *durations, double share);
/// The lower end of a bucket, in ms.
double nj_recorder_bucket_ms(uint32_t bucket);

/// "failed", "lost" ...: the word of a kind in documents.
const char *nj_note_kind_name(nj_note_kind kind);

#endif
