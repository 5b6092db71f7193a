// exchange.h - what a coordinator says to its workers and hears of them, whatever the work: one socket, one dispatch.
//
//   router ─► message ─► dispatch ─► effect ──┬─ WELCOME, CHUNK, LEASE, ACK ...  sent here
//                                             ├─ joined, failed, lost, benched   told here
//                                             └─ rows, and what ends a piece ──► work->perform: a night (effects.c), a round over
//                                                                                items (item_fleet.c)
//
// The work says what a lease contains, how its pieces are called and where rows go; nj_dispatch_config.check says whether they fit.
#ifndef NJ_COORDINATOR_DAEMON_EXCHANGE_H
#define NJ_COORDINATOR_DAEMON_EXCHANGE_H

#include "common/base/buffer.h"
#include "common/bundle/bundle.h"
#include "common/wire/socket.h"
#include "coordinator/daemon/log_gate.h"
#include "coordinator/dispatch.h"

#define NJ_EXCHANGE_TICK_MS 100 // the longest wait for a message
#define NJ_EXCHANGE_WORKERS_MAX 4096
#define NJ_EXCHANGE_MESSAGES_MAX 256 // of one receive, so that commits and ticks happen under load

// Failures and time-outs that every plan has alike.
#define NJ_EXCHANGE_RETRY_MS 500
#define NJ_EXCHANGE_RETRY_MS_MAX 30000
#define NJ_EXCHANGE_BENCH_MS 30000
#define NJ_EXCHANGE_BENCH_MS_MAX 600000
#define NJ_EXCHANGE_SPECULATE_PERCENT 5 // of the shards

// Kinds of lines that many workers can cause.
typedef enum {
    NJ_LINE_JOIN,
    NJ_LINE_GONE,
    NJ_LINE_MESSAGE,
    NJ_LINE_FAILURE,
    NJ_LINE_LOSS,
    NJ_LINE_SPLIT,
    NJ_LINE_SECOND,
    NJ_LINE_BENCH,
    NJ_LINE_COUNT
} nj_line;

typedef struct {
    char text[80];
} nj_piece_name;

typedef struct {
    void *context;
    /// Fills in user_count and afresh, and appends what the lease carries to `out`, which becomes `users`.
    nj_status (*pack_lease)(void *context, const nj_piece_range *range, nj_message_lease *lease,
                            nj_buffer *out);
    /// "shard 7", as a sentence begins with it.
    nj_piece_name (*name_piece)(const void *context, const nj_piece_range *range);
    /// The effects of dispatch.h under "Store", and SPLIT, AUDIT_FAILED and ALARM. The RESULT at hand is nj_exchange.result.
    void (*perform)(void *context, const nj_dispatch_effect *effect);
    /// Behind each message: writes what cannot wait any longer. Behind many: writes what waits.
    nj_status (*relieve)(void *context, nj_error *err);
    nj_status (*settle)(void *context, nj_error *err);
    /// Sees every effect as it is performed, and every message before the dispatch does. NULL: nobody looks on.
    void (*observe)(void *context, const nj_dispatch_effect *effect);
    void (*hear)(void *context, const nj_peer *peer, const nj_message *message);
} nj_exchange_work;

typedef struct {
    uint64_t messages;
    uint64_t received; // bytes
    uint64_t messages_refused;
    uint64_t workers_joined;
    uint64_t workers_most; // at once
    uint64_t workers_vanished;
    uint64_t later_leases; // of pieces that had one before
} nj_exchange_counts;

typedef struct {
    nj_exchange_work work;
    nj_router *router;     // owned
    nj_dispatch *dispatch; // owned

    // what WELCOME says; borrowed
    char run_id[NJ_DIGEST_HEX_BYTES];
    nj_digest plan;
    nj_slice settings;
    const nj_sections *sections;
    uint32_t lease_ms;
    /// Several plans in a row: a FETCH may be of the one before, which is not answered; so is one of a section without bytes.
    bool plans_follow;

    const nj_message_result *result; // the RESULT at hand, while its effects are drawn
    nj_buffer lease_bytes;           // scratch
    nj_exchange_counts counts;
    nj_log_gate gates[NJ_LINE_COUNT];
} nj_exchange;

/// How often a worker sends HEARTBEAT.
uint32_t nj_exchange_heartbeat_ms(uint32_t lease_ms);

/// The time-outs of workers and leases that follow from lease_ms.
nj_roster_config nj_exchange_roster(uint32_t lease_ms);

void nj_exchange_init(nj_exchange *x, const nj_exchange_work *work);
/// Makes the dispatch. NJ_INPUT, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_exchange_open(nj_exchange *x, const nj_dispatch_config *config,
                                      nj_error *err);
/// Waits at most `linger_ms` for what is to be sent. Accepts an exchange that was only begun; says how many lines were left out.
void nj_exchange_close(nj_exchange *x, int linger_ms);

/// Draws and performs effects until there are none.
void nj_exchange_perform(nj_exchange *x);
/// Takes what messages have come, at most so many that ticks still happen, and performs what follows. NJ_IO, and what
/// work->relieve returns.
NJ_CHECKED nj_status nj_exchange_receive(nj_exchange *x, nj_error *err);
/// Tells the workers that it is over, and gives them a moment to answer.
void nj_exchange_farewell(nj_exchange *x, nj_drain_reason reason);

/// True when one more line of this kind may be logged now.
bool nj_exchange_may_say(nj_exchange *x, nj_line line);
const char *nj_exchange_worker_name(const nj_exchange *x, nj_worker_id id);
/// What the effect's piece is called.
nj_piece_name nj_exchange_piece_name(const nj_exchange *x, const nj_dispatch_effect *effect);

#endif
