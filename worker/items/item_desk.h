// item_desk.h - one round over items, as a worker computes it: the plan opened once, then leases.
#ifndef NJ_WORKER_ITEMS_ITEM_DESK_H
#define NJ_WORKER_ITEMS_ITEM_DESK_H

#include "worker/items/items.h"

typedef struct nj_item_desk nj_item_desk;

/// How far a lease is: as nj_item_task.step.
typedef struct {
    void *context;
    nj_status (*step)(void *context, size_t rows, nj_error *err);
} nj_item_step;

/// Opens the work that `plan` (outside bytes, copied) names, over sections from outside, which are copied; their bytes are borrowed
/// until close.
///
/// Errors  NJ_CONFIG: this version knows no such work; NJ_PROTOCOL: the plan cannot be read; NJ_INPUT: sections that do not fit, and
///         what the work says; NJ_NO_MEMORY
/// Proof   tests/unit/items/test_item_desk.c
NJ_CHECKED nj_status nj_item_desk_open(const nj_sections *sections, nj_slice plan,
                                       const nj_kernels *kernels, nj_item_step step,
                                       nj_item_desk **out, nj_error *err);
void nj_item_desk_close(nj_item_desk **desk);

/// Computes the rows that `lease` (outside bytes) names. The answer is appended to `answer`, which is empty.
///
/// Errors  NJ_PROTOCOL: the lease names rows that there are not; NJ_INPUT: a row is refused; NJ_NO_MEMORY: also an answer beyond
///         NJ_ITEM_ANSWER_BYTES_MAX; NJ_AGAIN from `step`
NJ_CHECKED nj_status nj_item_desk_run(nj_item_desk *desk, nj_slice lease, nj_buffer *answer,
                                      uint32_t *out_rows, nj_error *err);

#endif
