// roster.h - which workers there are, and which leases each of them holds.
//
// A pure state machine: the picture and the table are schemas/roster.def, nj_roster_step is the only code that changes a
// state. A worker is its proved key and the instance of its HELLO; its connection (the peer) may change. A lease
// belongs to a worker, so its deadline is kept here: it moves when a HEARTBEAT names the lease and the worker's users_done has
// grown, so a hung computation loses its lease although its process still answers.
//
//   slots     [worker_max] workers; an id is serial << 16 | slot, and a serial is never used twice
//   peers     (route, key) -> slot, open addressing, at most a quarter full
//   idle,open one bit a slot: no lease at all; room for one more
//
// Who fails different shards is benched (bench.h): it gets no leases for a while. The program reports what it made of the worker's
// leases with FAULT and GOOD; a lease that runs out is a fault too, and comes as LEASE_LOST first.
#ifndef NJ_COORDINATOR_ROSTER_H
#define NJ_COORDINATOR_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/wire/message.h"
#include "common/wire/peer.h"
#include "coordinator/bench.h"

#define NJ_ROSTER_WORKERS_MAX 65535 // the limit of worker_max
#define NJ_ROSTER_EFFECTS_MAX 32

/// Names one worker from its HELLO to its end; 0 is nobody.
typedef uint64_t nj_worker_id;

typedef enum {
#define NJ_ROSTER_STATE(NAME, meaning) NJ_WORKER_##NAME,
#include "schemas/roster.def"
    NJ_WORKER_STATE_COUNT
} nj_worker_state;

typedef enum {
#define NJ_ROSTER_EVENT(NAME, meaning) NJ_WORKER_EVENT_##NAME,
#include "schemas/roster.def"
    NJ_WORKER_EVENT_COUNT
} nj_worker_event;

typedef struct {
    uint32_t shard; // on the wire and here: the index of a piece
    uint32_t attempt;
    uint64_t deadline_ns;
} nj_worker_lease;

typedef struct {
    uint8_t state; // nj_worker_state
    nj_worker_id id;
    nj_peer peer; // where it is now
    nj_instance instance;
    char name[NJ_WIRE_NAME_BYTES_MAX + 1];
    char version[NJ_WIRE_NAME_BYTES_MAX + 1];
    uint32_t cores;
    uint64_t memory_bytes;
    uint32_t credit; // leases it will hold at a time
    uint32_t lease_count;
    nj_worker_lease leases[NJ_WIRE_LEASES_MAX];
    nj_bench bench;
    uint64_t heard_ns;
    uint64_t probed_ns;     // when PROBE was last asked for
    nj_worker_id former_id; // GONE: whose name stands here, for the log
    uint64_t users_done;
} nj_worker;

typedef struct {
    uint32_t worker_max; // 1 .. NJ_ROSTER_WORKERS_MAX
    uint32_t silence_ms; // a worker not heard for this long is gone
    uint32_t lease_ms;   // a lease without progress for this long is lost
    // A worker not heard for this long is sent something, and again every so often: the send fails when its connection has
    // ended, so a process that died is missed before silence_ms is over. 0: never.
    uint32_t probe_ms;
    uint32_t bench_ms;     // how long a worker that fails is benched; it doubles
    uint32_t bench_max_ms; // up to this
} nj_roster_config;

typedef struct {
    nj_roster_config config;
    nj_worker *slots;     // [worker_max] owned
    uint32_t *peers;      // [peer_capacity] owned; slot + 1, 0 = free
    size_t peer_capacity; // a power of two
    uint64_t *idle;       // [words] owned
    uint64_t *open;       // [words] owned
    uint32_t words;
    uint32_t count;        // workers that are not GONE
    uint32_t active_count; // of them, not DRAINING
    uint32_t ready_count;  // READY
    uint32_t tick_slot;    // where the next TICK goes on
    uint64_t serial;       // of the youngest worker
} nj_roster;

typedef enum {
    NJ_ROSTER_HELLO,       // peer, hello
    NJ_ROSTER_READY,       // peer, credit
    NJ_ROSTER_HEARTBEAT,   // peer, heartbeat
    NJ_ROSTER_HEARD,       // peer: any other message
    NJ_ROSTER_BYE,         // peer
    NJ_ROSTER_GRANT,       // worker, shard, attempt: from nj_roster_free_worker
    NJ_ROSTER_END_LEASE,   // worker, shard, attempt
    NJ_ROSTER_RETURN,      // worker, shard, attempt: given back; no more until its next READY
    NJ_ROSTER_FAULT,       // worker, lease.shard: a shard of the plan that it failed
    NJ_ROSTER_GOOD,        // worker: its rows fit
    NJ_ROSTER_DRAIN,       // worker
    NJ_ROSTER_PLAN,        // worker: forget its leases, welcome it to the next plan
    NJ_ROSTER_UNREACHABLE, // worker
    NJ_ROSTER_TICK,        // time has passed; every 100 ms or so is enough
} nj_roster_event_kind;

typedef struct {
    nj_roster_event_kind kind;
    const nj_peer *peer;
    nj_worker_id worker;
    union {
        const nj_message_hello *hello;
        const nj_message_heartbeat *heartbeat;
        uint32_t credit;
        nj_wire_lease lease;
    };
} nj_roster_event;

typedef enum {
    NJ_ROSTER_SEND_WELCOME, // worker
    NJ_ROSTER_SEND_DRAIN,   // worker
    NJ_ROSTER_STRANGER,     // the event's peer must say HELLO first
    NJ_ROSTER_FULL,         // the event's peer finds no place
    NJ_ROSTER_PROBE,        // worker: send it anything; report UNREACHABLE when that fails
    NJ_ROSTER_LEASE_LOST,   // worker, lease: report it to the ledger
    // worker, lease: returned, or lost behind one that was granted earlier; report it to the ledger
    NJ_ROSTER_LEASE_BACK,
    NJ_ROSTER_WORKER_GONE, // worker: forgotten; for the log
    NJ_ROSTER_BENCHED,     // worker, wait_ms; for the log
    NJ_ROSTER_UNBENCHED,   // worker; for the log
} nj_roster_effect_kind;

typedef struct {
    nj_roster_effect_kind kind;
    nj_worker_id worker;
    nj_wire_lease lease;
    uint32_t wait_ms;
} nj_roster_effect;

typedef struct {
    size_t count;
    bool more; // TICK: the list is full; perform it and tick again
    nj_roster_effect items[NJ_ROSTER_EFFECTS_MAX];
} nj_roster_effects;

/// NJ_INPUT when a number of the config is out of range (names it), NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_roster_init(nj_roster *roster, const nj_roster_config *config,
                                    nj_error *err);
/// Accepts a roster that is all zero.
void nj_roster_fini(nj_roster *roster);

/// One step; `effects` is filled anew.
///
/// Returns NJ_OK; NJ_REFUSED: the table forbids the event in this state, or a GRANT is beyond the credit, and nothing
///         has changed
/// Proof   tests/tables/test_roster_table.c, tests/unit/coordinator/test_roster.c
NJ_CHECKED nj_status nj_roster_step(nj_roster *roster, const nj_roster_event *event,
                                    uint64_t now_ns, nj_roster_effects *effects);

/// The worker with this id or peer; NULL when it is gone. Borrowed until the next step.
const nj_worker *nj_roster_find(const nj_roster *roster, nj_worker_id id);
const nj_worker *nj_roster_find_peer(const nj_roster *roster, const nj_peer *peer);

/// What people call it, also when it has just gone: the name stands until another worker takes its place. Never NULL;
/// borrowed until the next step.
const char *nj_roster_name(const nj_roster *roster, nj_worker_id id);

/// True when the worker holds exactly this lease.
bool nj_worker_holds(const nj_worker *worker, uint32_t shard, uint32_t attempt);

/// READY workers that have room for a lease, at most `max`: those without any first, and with `idle_only` no others. Returns how
/// many.
size_t nj_roster_free_workers(const nj_roster *roster, bool idle_only, nj_worker_id *out_ids,
                              size_t max);

/// The worker in this slot, 0 .. worker_max-1; 0: none.
nj_worker_id nj_roster_worker_at(const nj_roster *roster, uint32_t slot);

/// The first worker that is neither GONE nor DRAINING; 0: none.
nj_worker_id nj_roster_active_worker(const nj_roster *roster);

const char *nj_worker_state_name(nj_worker_state state);

#endif
