// compute.h - the thread that owns the engine, or the desk of a round over items, so that the socket's thread always answers.
//
//   socket thread ── set_up, shard ──► [ queue ] ──► compute thread ──► [ reports ] ── eventfd ──► socket thread
//                                                         └── users done (atomic) ──► heartbeats
#ifndef NJ_WORKER_DAEMON_COMPUTE_H
#define NJ_WORKER_DAEMON_COMPUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/bundle/bundle.h"
#include "common/codec/settings.h"
#include "worker/engine/engine.h"

#define NJ_COMPUTE_QUEUE_MAX 32
#define NJ_COMPUTE_STOP_MS 2000

typedef struct nj_compute nj_compute;

typedef enum { NJ_COMPUTE_SET_UP, NJ_COMPUTE_SHARD } nj_compute_kind;

// What became of one task.
typedef struct {
    nj_compute_kind kind;
    uint64_t ticket;
    uint32_t slot;
    nj_status status;
    char text[NJ_ERROR_TEXT_BYTES];
    nj_buffer rows; // SHARD and NJ_OK: owned by the taker
    uint32_t row_count;
    nj_digest digest;       // of rows
    uint64_t planned_bytes; // SET_UP and NJ_OK: all that the engine holds; 0 of items
} nj_compute_report;

/// Starts the thread, whose engines are opened with `options`; their kernels come with each set-up.
NJ_CHECKED nj_status nj_compute_start(const nj_engine_options *options, nj_compute **out,
                                      nj_error *err);
/// Waits at most `wait_ms` for the batch at hand, ends the thread, frees everything. Accepts NULL.
/// False: the thread goes on; nothing is freed, what it uses must stay, and the process can only _exit.
NJ_CHECKED bool nj_compute_stop(nj_compute **compute, uint32_t wait_ms);

/// Readable when a report waits.
int nj_compute_fd(const nj_compute *compute);

/// Queues: close the engine there is, open one. `sections` are copied, their bytes borrowed until the next set-up has reported.
NJ_CHECKED nj_status nj_compute_set_up(nj_compute *compute, uint64_t ticket,
                                       const nj_sections *sections, const nj_settings *settings,
                                       const nj_kernels *kernels, nj_error *err);
/// Queues: close what there is, open the desk of a round over items (worker/items/item_desk.h). `plan` is copied; sections as above.
NJ_CHECKED nj_status nj_compute_set_up_items(nj_compute *compute, uint64_t ticket,
                                             const nj_sections *sections, nj_slice plan,
                                             const nj_kernels *kernels, nj_error *err);
/// Queues: decode the users of a LEASE, or compute its items; `users` is taken (empty afterwards) on NJ_OK. `afresh`: the engine forgets the lists that it
/// remembers before (nj_engine_forget).
NJ_CHECKED nj_status nj_compute_shard_take(nj_compute *compute, uint64_t ticket, uint32_t slot,
                                           bool afresh, nj_buffer *users, nj_error *err);

/// Nobody wants this shard any more: a round over items is stopped at its next step, an engine decodes to its end.
void nj_compute_drop(nj_compute *compute, uint64_t ticket);

/// The next report. False: none waits.
bool nj_compute_take_report(nj_compute *compute, nj_compute_report *out);
/// What the compute thread has used of a core so far, in nanoseconds.
uint64_t nj_compute_cpu_ns(const nj_compute *compute);
/// Users decoded, or items computed, since the last call.
uint32_t nj_compute_take_progress(nj_compute *compute);
/// The ticket of the shard that is being decoded; 0: none is.
uint64_t nj_compute_ticket(nj_compute *compute);

#endif
