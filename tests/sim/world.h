// world.h - one night in one process: coordinators, a store, workers and the network between them on a virtual clock.
//
//   main ─► weather (what goes wrong, from the seed) ─► world (the loop) ─┬─► coordinator (nj_dispatch, as night.c runs it)
//                                                                        ├─► sim_worker (nj_session, as daemon.c runs it)
//                                                                        ├─► store_model, simnet, simclock
//                                                                        └─► invariants, after every step
//
// Everything is drawn from the seed, so the same seed gives the same night; `trace` is a hash of all that happened. The state machines are
// the product's own; messages are packed and unpacked by the product's own code. What is modelled is what the two daemons do
// around them, and the machines, disks and networks that they run on.
#ifndef NJ_TEST_SIM_WORLD_H
#define NJ_TEST_SIM_WORLD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/message.h"
#include "coordinator/dispatch.h"
#include "tests/sim/store_model.h"
#include "tests/support/simclock.h"
#include "tests/support/simnet.h"
#include "tests/support/simrandom.h"
#include "worker/session.h"

#define SIM_COORDINATORS_MAX 4 // those that run, were stopped, or are about to end
#define SIM_SECTIONS 3
#define SIM_DRAFT_BYTES 16
#define SIM_SHARD_USERS_MAX 64
#define SIM_REPORT_BYTES 512
#define SIM_NOBODY UINT32_MAX
#define SIM_WATCH_KINDS 16    // message numbers
#define SIM_SLOWNESS 10       // of the slow worker
#define SIM_SLOT_MASK 0xffffu // of a worker's id: its place in the roster
#define SIM_SLOTS_SPARE 4     // of the roster, beyond the workers
#define SIM_AVOID_MS 1000
#define SIM_BENCH_MAX_MS 4000

typedef enum {
    SIM_SAFETY,   // faults until the end; the night need not finish
    SIM_LIVENESS, // faults stop at faults_end_ns; then it must
} sim_mode;

typedef enum {
    SIM_DELIVER,          // who: flight
    SIM_COORDINATOR_TICK, // who: coordinator, tag: life
    SIM_COMMIT_END,       // who: coordinator, tag: life
    SIM_COORDINATOR_BIRTH,
    SIM_WORKER_TICK,  // who: worker, tag: life
    SIM_COMPUTE_END,  // who: worker, tag: computation
    SIM_SET_UP_END,   // who: worker, tag: life
    SIM_WORKER_BIRTH, // who: worker, tag: life
    SIM_STRIKE,       // who: sim_fault
    SIM_FLAP,         // who: worker
    SIM_KILL,         // who: worker
    SIM_CALM_DOWN,    // the faults end
} sim_event_kind;

typedef enum { POISON_NONE, POISON_FAILS, POISON_CRASHES, POISON_HANGS } sim_poison;

// What goes wrong in a night, and how often.
typedef enum {
#define SIM_FAULT(NAME, effect) FAULT_##NAME,
#include "tests/sim/faults.def"
    SIM_FAULT_COUNT
} sim_fault;

typedef struct {
    simnet_weather net;
    uint32_t every_ms[SIM_FAULT_COUNT]; // on average; 0: never
    // of 1,000 computations
    uint32_t hang;
    uint32_t fail;
    // of 1,000 transactions
    uint32_t commit_fail;
    uint32_t commit_ms_max;
    bool watches;         // a worker that computes without progress gives up
    bool keeps_batch;     // after an error, else it reads the records again
    bool writer_blocks;   // the coordinator hears nothing while it commits
    uint32_t slow_worker; // computes ten times slower; SIM_NOBODY: none
    uint32_t sick_worker; // fails everything
    uint32_t liar;        // computes wrong rows now and then
    uint32_t messy;       // sends rows that do not fit
    bool calm;            // nothing goes wrong at all
} sim_weather;

// What a night consists of; weather.c draws one, a test may write its own.
typedef struct {
    uint64_t seed;
    sim_mode mode;
    uint32_t shard_count;
    uint32_t shard_users; // of every shard but the last
    // 0: the shards are as said above. Else so many users are cut as nj_plan_make cuts them, into shards of at most shard_users and,
    // at the end, at least shard_users_least.
    uint32_t user_count;
    uint32_t shard_users_least;
    uint32_t worker_count;
    uint32_t lease_slots;
    uint32_t user_us; // time to compute one
    uint32_t poison_count;
    sim_poison poison_kind;
    bool only_poison; // nothing else goes wrong
    uint32_t spare_count;
    uint16_t tries_max;
    uint16_t losses_max;
    uint32_t speculate_percent;
    uint32_t speculate_min_ms;
    uint32_t failed_shards_max;
    uint32_t audit_count;
    uint64_t faults_end_ns;
    uint64_t night_end_ns; // SAFETY: it stops; LIVENESS: it must have been published
    uint64_t birth_spread_ms;
    uint32_t worker_down_ms; // a process that ended comes back after up to this; UINT32_MAX: never
    uint32_t kill_count;     // so many different workers are killed, once each,
    uint32_t kill_within_ms; // evenly within this time
    sim_weather weather;
    uint32_t heartbeat_ms;
    uint32_t lease_ms;
    bool watch; // take the time of the coordinator's code
    bool talk;  // print what happens
} sim_setup;

typedef struct {
    nj_session *session; // owned; lives through every process of this worker
    bool alive;
    uint32_t life; // of the process; counts up
    uint64_t stopped_until_ns;
    uint32_t line;  // 0: none yet
    uint64_t cache; // bit a section, on its disk: outlives the process
    uint8_t draft[SIM_DRAFT_BYTES];
    // of each slot
    uint32_t users[NJ_WIRE_LEASES_MAX][SIM_SHARD_USERS_MAX];
    uint64_t rows[NJ_WIRE_LEASES_MAX][SIM_SHARD_USERS_MAX];
    uint32_t user_count[NJ_WIRE_LEASES_MAX];
    // the compute thread
    uint32_t compute_count;    // users of what it computes
    sim_poison compute_poison; // how it will end
    uint64_t ticket;           // 0: idle
    uint64_t queued_ticket;    // waits for the thread; 0: none
    uint32_t queued_slot;
    uint32_t slot;
    uint32_t computation; // counts up
    uint64_t begun_ns;
    uint32_t reported; // users of it that were reported as progress
    uint32_t ends_at;  // users after which it ends, hangs or crashes
    bool hung;
    uint64_t hung_ns;                  // when it began to
    bool has_rows[NJ_WIRE_LEASES_MAX]; // of the slots, not acknowledged
    uint64_t set_up_ticket;
    const nj_message *at_hand;
    // what was done to it, to judge the coordinator's verdicts by
    uint64_t harmed_ns; // last time that anything touched it or its messages
    uint64_t failed_ns; // last time that it failed of its own accord, or that its rows did not fit
    uint64_t users_computed; // by every process
} sim_worker;

typedef struct {
    uint32_t piece;
    store_range range;
    nj_digest digest;
    uint64_t rows[SIM_SHARD_USERS_MAX];
    bool quarantined;
} sim_pending;

// What the effects said of a piece in this life.
typedef struct {
    uint32_t leases;
    uint32_t failures;
    uint32_t losses;
    uint32_t speculations;
    bool rows_came;
    nj_worker_id ended_by; // the last FAILURE or LOSS
    uint64_t ended_ns;
    uint64_t leased_ns; // the last time
} sim_tally;

// What they said of a worker.
typedef struct {
    nj_worker_id id;
    uint32_t worker;
    uint32_t fault_count; // since its last rows, or since it was benched
    uint32_t faults[NJ_BENCH_FAULTS_MAX];
} sim_slot;

typedef struct {
    bool alive;
    uint32_t life;
    uint64_t stopped_until_ns;
    nj_dispatch *dispatch; // owned while it lives
    uint64_t epoch;
    sim_pending *pending; // [pending_room] owned; what waits for a transaction
    uint32_t pending_count;
    uint32_t pending_room;
    uint32_t committing; // the first so many are in the transaction that is under way
    uint64_t blocked_until_ns;
    uint64_t farewell_ns; // 0: not yet; when it stops listening
    bool leaving;         // SIGTERM
    bool paused;
    bool told_to_pause;
    bool audited;
    bool audit_failed;
    bool alarmed;
    const nj_message *at_hand;
    sim_tally *tallies; // [pieces] owned
    sim_slot *slots;    // [worker_count + SIM_SLOTS_SPARE] owned; by place in the roster
    uint32_t speculations;
} sim_coordinator;

// What a night has to show for itself.
typedef struct {
    uint64_t leases;
    uint64_t losses;
    uint64_t failures;
    uint64_t splits;
    uint64_t speculations;
    uint64_t benches;
    uint64_t audits;
    uint64_t alarms;
    uint64_t restarts; // of coordinators
    uint64_t births;   // of workers
    uint64_t messages;
    uint64_t damaged;
    uint64_t quarantined;
    uint64_t users_computed;
    uint64_t audited_users;
    uint64_t steps;
} sim_counts;

// What the coordinators' own code took of a real clock: dispatch, packing and unpacking, without what is modelled around it.
typedef struct {
    int kind; // nj_message_kind that it works on, 0: time or a commit
    uint64_t ns[SIM_WATCH_KINDS];
    uint64_t count[SIM_WATCH_KINDS]; // messages taken
} sim_watch;

typedef struct sim_world {
    sim_setup setup;
    simclock clock;
    simnet net;
    simrandom random;
    store_model store;
    uint32_t *shard_first; // [shard_count + 1] owned
    uint32_t user_count;
    uint8_t *poison;     // [user_count] owned; sim_poison
    sim_worker *workers; // [worker_count] owned
    sim_coordinator coordinators[SIM_COORDINATORS_MAX];
    uint32_t newest; // whom new lines reach; SIM_NOBODY: no one listens
    uint32_t coordinator_lives;
    uint64_t full_until_ns;    // the disk
    uint32_t committed_before; // users, at the last step
    bool hopeless;
    bool liar_spoke; // wrong rows may be on the disk
    bool over;
    uint64_t makespan_ns;
    uint64_t trace;
    sim_counts counts;
    sim_watch watch;
    char report[SIM_REPORT_BYTES]; // what is wrong, when a check fails
    jmp_buf failed;
} sim_world;

/// Runs one night. False: an invariant broke; `world->report` says which and how to replay it. sim_close afterwards.
bool sim_run(sim_world *world, const sim_setup *setup);
void sim_close(sim_world *world);

/// The night that this seed means (weather.c).
sim_setup sim_draw_setup(uint64_t seed, sim_mode mode);
/// One in which nothing goes wrong.
sim_setup sim_calm_setup(uint64_t seed, uint32_t shard_count, uint32_t shard_users,
                         uint32_t worker_count);

// ---- between the parts ----

/// Ends the night: writes the report, prints the last words and how to replay, and leaves sim_run.
void sim_fail(sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#define SIM_CHECK(world, condition, ...)                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim_fail((world), __VA_ARGS__);                                                        \
        }                                                                                          \
    } while (0)

/// One line of the readable trace, if anybody listens.
void sim_say(sim_world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_mix(sim_world *world, uint64_t value);

/// Something was done to the worker: what becomes of its leases now, or until then, is not held against the coordinator.
void sim_harm(sim_world *world, uint32_t worker);
void sim_harm_until(sim_world *world, uint32_t worker, uint64_t until_ns);

static inline uint64_t sim_now(const sim_world *world)
{
    return world->clock.now_ns;
}

static inline sim_coordinator *sim_at(sim_world *world, uint32_t coordinator)
{
    return &world->coordinators[coordinator];
}

static inline bool sim_faults_on(const sim_world *world)
{
    return world->clock.now_ns < world->setup.faults_end_ns;
}

/// True in `odds` of 1,000 cases while there are faults.
bool sim_unlucky(sim_world *world, uint32_t odds);

/// The real clock while the watch is on, else 0.
uint64_t sim_watch_begin(const sim_world *world);
void sim_watch_end(sim_world *world, uint64_t begin_ns);

void sim_after(sim_world *world, uint64_t delay_us, sim_event_kind kind, uint32_t who,
               uint64_t tag);

/// What a user's row must be, and what a liar makes of it.
uint64_t sim_true_row(const sim_world *world, uint32_t user);
uint64_t sim_wrong_row(const sim_world *world, uint32_t user);
bool sim_row_fits(uint64_t row, uint32_t user);

// world.c: sends
void sim_send_up(sim_world *world, uint32_t worker, const nj_message *message);
/// False: the line's end is known.
bool sim_send_down(sim_world *world, uint32_t line, const nj_message *message);
nj_peer sim_peer(const sim_world *world, uint32_t line);
uint32_t sim_line_of(const nj_peer *peer);

// sim_worker.c
extern const char *const SIM_SECTION_BYTES[SIM_SECTIONS];
void sim_worker_begin(sim_world *world, uint32_t worker);
void sim_worker_tick(sim_world *world, uint32_t worker);
void sim_worker_computed(sim_world *world, uint32_t worker);
void sim_worker_set_up(sim_world *world, uint32_t worker);
void sim_worker_receive(sim_world *world, uint32_t worker, const nj_message *message);
void sim_worker_broken(sim_world *world, uint32_t worker, const nj_error *why);
/// kill -9, or the machine: `seen` when the coordinator's side learns of it.
void sim_worker_kill(sim_world *world, uint32_t worker, bool seen);
void sim_worker_break_line(sim_world *world, uint32_t worker);
void sim_worker_terminate(sim_world *world, uint32_t worker);

void sim_worker_run(sim_world *world, uint32_t worker);

// sim_compute.c
void sim_compute(sim_world *world, uint32_t worker, const nj_session_effect *effect);
void sim_compute_report(sim_world *world, uint32_t worker);
void sim_compute_watch(sim_world *world, uint32_t worker);

// coordinator.c
void sim_coordinator_begin(sim_world *world);
void sim_coordinator_tick(sim_world *world, uint32_t coordinator);
void sim_coordinator_commit_end(sim_world *world, uint32_t coordinator);
void sim_coordinator_receive(sim_world *world, uint32_t coordinator, const nj_peer *peer,
                             const nj_message *message);
void sim_coordinator_broken(sim_world *world, uint32_t coordinator, const nj_peer *peer,
                            const nj_error *why);
void sim_coordinator_free(sim_coordinator *coordinator);
void sim_coordinator_kill(sim_world *world, uint32_t coordinator);
void sim_coordinator_terminate(sim_world *world, uint32_t coordinator);
store_range sim_piece_range(const sim_coordinator *coordinator, uint32_t piece);
sim_slot *sim_slot_of(sim_world *world, uint32_t coordinator, nj_worker_id worker);

void sim_coordinator_perform(sim_world *world, uint32_t coordinator);
void sim_coordinator_end(sim_world *world, uint32_t coordinator);

// writer.c
void sim_writer_tick(sim_world *world, uint32_t coordinator);
bool sim_writer_is_full(const sim_coordinator *coordinator);
void sim_writer_begin(sim_world *world, uint32_t coordinator);
sim_pending *sim_writer_add(sim_coordinator *coordinator, uint32_t piece);
void sim_writer_tell(sim_world *world, uint32_t coordinator, uint32_t piece, bool stored);

// exchange.c
void sim_arrive(sim_world *world, const simevent *event);
void sim_postpone(sim_world *world, const simevent *event, uint64_t until_ns);
uint64_t sim_busy_until(const sim_coordinator *coordinator);

// weather.c
void sim_weather_begin(sim_world *world);
void sim_weather_end(sim_world *world);
void sim_weather_flap(sim_world *world, uint32_t worker);
void sim_weather_strike(sim_world *world, sim_fault fault);

// invariants.c
void sim_check_step(sim_world *world, uint32_t coordinator);
void sim_check_lease(sim_world *world, uint32_t coordinator, const nj_dispatch_effect *effect);
void sim_check_failure(sim_world *world, uint32_t coordinator, const nj_dispatch_effect *effect);
void sim_check_loss(sim_world *world, uint32_t coordinator, const nj_dispatch_effect *effect);
void sim_check_speculation(sim_world *world, uint32_t coordinator,
                           const nj_dispatch_effect *effect);
void sim_check_split(sim_world *world, uint32_t coordinator, const nj_dispatch_effect *effect);
void sim_check_quarantine(sim_world *world, uint32_t coordinator, const nj_dispatch_effect *effect);
void sim_check_rows(sim_world *world, uint32_t coordinator, const nj_message_result *result);
void sim_check_ack(sim_world *world, uint32_t coordinator, const nj_message_ack *ack);
/// True when this message must raise an alarm: other rows than those that are there.
bool sim_must_alarm(sim_world *world, uint32_t coordinator, const nj_peer *peer,
                    const nj_message *message);
void sim_check_write(sim_world *world, uint32_t coordinator, const store_write *writes,
                     uint32_t count);
void sim_check_end(sim_world *world);

#endif
