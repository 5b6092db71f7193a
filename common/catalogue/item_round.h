// item_round.h - one pass of some work over all items: cut into shards, computed anywhere, answered in shard order.
//
//   rows [N, D] (a .npy) ─► shards of shard_rows ─► work->run, on threads or workers ─► answer bytes ─► take(shard 0), take(shard 1) ...
//   other sections, parameters ────────────────────────┘
//
// The answer of a shard is a pure function of the round (work, parameters, sections, shard_rows) and of the shard's rows. So what is
// taken does not depend on how many threads or workers there are, on which of them computed what, or on how often it was tried.
// Who adds answers up does so in `take`, in shard order, and gets the same bits everywhere.
//
// A driver (catalogue assign, catalogue fit) runs rounds through an nj_item_executor and does not know which it has: item_threads.h
// computes in this process, coordinator/daemon/item_fleet.h on the workers of the night. Kinds of work are nj_item_work objects; those
// that a worker process can be asked for stand in schemas/item_work.def.
#ifndef NJ_CATALOGUE_ITEM_ROUND_H
#define NJ_CATALOGUE_ITEM_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/bundle/bundle.h"
#include "common/codec/item_plan.h"
#include "common/input/npy.h"
#include "common/math/kernels.h"

#define NJ_ITEM_ROWS                                                                               \
    "rows" // the section that is cut: a .npy file of two dimensions, of floats but where the work says otherwise
#define NJ_ITEM_SECTIONS_MAX NJ_BUNDLE_SECTIONS_MAX
#define NJ_ITEM_SHARDS_MAX ((1u << 24) - 2)
#define NJ_ITEM_SHARD_ROWS_MAX (1u << 24)
#define NJ_ITEM_ANSWER_BYTES_MAX (32u << 20) // one RESULT; the same limit in this process
// A lease is for one shard and is lost with its worker: shards of a tenth of a second to a few seconds are right.

// What a piece of work may look at. Everything is borrowed for the round.
typedef struct {
    nj_npy rows; // [N, D], mapped; named "rows" in messages
    const nj_sections *
        sections; // all of the round, NJ_ITEM_ROWS included, sorted by name; bytes aligned to 16 on workers and
    // as the driver gave them in this process
    nj_slice parameters;
    const nj_kernels
        *kernels; // NULL where answers are only looked at; they must not change an answer
    const void
        *shared; // what the work's `share` made for all threads of this process; NULL without
    // How far: see nj_item_task_step.
    void *step_context;
    nj_status (*step)(void *context, size_t rows, nj_error *err);
} nj_item_task;

// One kind of work.
typedef struct {
    const char *name; // as in schemas/item_work.def
    /// Once a process and round, before any thread: what all read and none writes, such as a model's packed weights. NULL: nothing.
    nj_status (*share)(const nj_item_task *task, void **out_shared, nj_error *err);
    /// NULL where share is. Accepts NULL.
    void (*unshare)(void *shared);
    /// Once a thread or worker and round: packs codebooks, takes scratch. NULL: there is no state.
    nj_status (*open)(const nj_item_task *task, void **out_state, nj_error *err);
    /// Appends the answer for rows first .. first+count-1 to `answer`, which is empty. Allocates no more than its answer and state.
    /// NJ_INPUT names the row as the whole array counts it; every other status may be mended by another try.
    nj_status (*run)(const nj_item_task *task, void *state, size_t first, size_t count,
                     nj_buffer *answer, nj_error *err);
    /// NULL where open is. Accepts NULL.
    void (*close)(void *state);
    /// What is wrong with outside bytes that claim to be an answer for `count` rows, as the end of a sentence, or NULL. Pure.
    const char *(*find_problem)(const nj_item_task *task, size_t count, nj_slice answer);
    bool
        rows_are_whole; // the rows are whole numbers, such as places in another section; else floats
} nj_item_work;

typedef struct {
    const char *name; // unique in the round, 1 to 31 bytes
    const void *bytes;
    size_t size;
    /// A file that holds exactly these bytes and stays as it is while the executor lives, such as the embeddings: workers of this host
    /// map it, others keep it in their cache. NULL: the bytes are of this round, and workers keep them in memory alone.
    const char *path;
} nj_item_section;

typedef struct {
    const nj_item_work *work;
    nj_slice parameters;
    const nj_item_section *sections; // in any order; one is NJ_ITEM_ROWS
    size_t section_count;
    size_t shard_rows; // 1 .. NJ_ITEM_SHARD_ROWS_MAX; part of what the answers depend on
} nj_item_round;

/// Called once a shard, in shard order, by the thread that called nj_item_run. `answer` is borrowed for the call. A status other than
/// NJ_OK ends the round with it.
typedef nj_status (*nj_item_take)(void *context, size_t shard, size_t first, size_t count,
                                  nj_slice answer, nj_error *err);

// Where rounds are computed.
typedef struct {
    void *context;
    nj_status (*run)(void *context, const nj_item_round *round, nj_item_take take,
                     void *take_context, nj_error *err);
    /// NULL: nobody waits between rounds.
    nj_status (*attend)(void *context, nj_error *err);
} nj_item_executor;

/// Runs one round to its end. Answers that wait for their turn are bounded in number and bytes, whatever N is.
///
/// Errors  NJ_INPUT: a round that is not well formed (names what, and both numbers), or a row that the work refuses;
///         what `take` returns; what the executor adds (NJ_FAILED, NJ_REFUSED, NJ_INTERRUPTED ...)
/// Proof   tests/unit/catalogue/test_item_round.c
NJ_CHECKED static inline nj_status nj_item_run(const nj_item_executor *executor,
                                               const nj_item_round *round, nj_item_take take,
                                               void *take_context, nj_error *err)
{
    return executor->run(executor->context, round, take, take_context, err);
}

/// A driver that computes for more than a second between two rounds calls this now and then: workers whose coordinator says nothing
/// for 10 s connect anew. NJ_INTERRUPTED, NJ_TERMINATED: it was asked to end; NJ_IO, NJ_FAILED.
NJ_CHECKED static inline nj_status nj_item_attend(const nj_item_executor *executor, nj_error *err)
{
    return executor->attend == NULL ? NJ_OK : executor->attend(executor->context, err);
}

/// Tells that `rows` more rows are done. Work calls it every second or oftener, so that a long shard keeps its lease; shards that
/// take less need not. NJ_AGAIN: nobody wants the answer any more.
NJ_CHECKED static inline nj_status nj_item_task_step(const nj_item_task *task, size_t rows,
                                                     nj_error *err)
{
    return task->step == NULL ? NJ_OK : task->step(task->step_context, rows, err);
}

// ---- for executors ----

/// Checks the round and lists its sections sorted by name, without digests. NJ_INPUT.
NJ_CHECKED nj_status nj_item_round_check(const nj_item_round *round, nj_sections *out_sections,
                                         nj_error *err);

/// The name of the round's rows in messages: their file, or NJ_ITEM_ROWS.
const char *nj_item_rows_name(const nj_item_round *round);

/// A task over sections that are there; `sections` and `parameters` are borrowed. `rows_name` stands in messages. NJ_INPUT: no section
/// NJ_ITEM_ROWS, or it is no .npy with two dimensions of what the work wants. Nothing is to be released.
NJ_CHECKED nj_status nj_item_task_open(const nj_item_work *work, const nj_sections *sections,
                                       nj_slice parameters, const char *rows_name,
                                       const nj_kernels *kernels, nj_item_task *out, nj_error *err);

/// Makes what threads share, into task->shared; and releases it, behind the last of them.
NJ_CHECKED nj_status nj_item_task_share(const nj_item_work *work, nj_item_task *task,
                                        nj_error *err);
void nj_item_task_unshare(const nj_item_work *work, nj_item_task *task);

static inline size_t nj_item_shard_count(size_t row_count, size_t shard_rows)
{
    return row_count / shard_rows + (row_count % shard_rows != 0);
}

#endif
