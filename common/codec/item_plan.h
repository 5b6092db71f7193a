// item_plan.h - what WELCOME and LEASE carry in a round over items, as bytes.
//
//   settings of WELCOME  [1, work, passing, parameters]   passing: bit i is set when section i is of this round alone
//   users of LEASE       [first, count]                   rows of the section "rows"
//
// RESULT carries the work's own bytes, and the count of rows. The numeric class of such a plan is NJ_ITEM_CLASS: a worker that offers it
// can compute items, whatever its kernels, because they do not change an answer.
#ifndef NJ_CODEC_ITEM_PLAN_H
#define NJ_CODEC_ITEM_PLAN_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_ITEM_CLASS "items"
#define NJ_ITEM_WORK_BYTES_MAX 63
#define NJ_ITEM_PARAMETERS_BYTES_MAX (60u << 10) // they travel with WELCOME

typedef struct {
    nj_slice work; // its name
    uint64_t passing;
    nj_slice parameters;
} nj_item_plan;

/// Appends the plan. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_item_plan_pack(const nj_item_plan *plan, nj_buffer *out);
/// Reads outside bytes; slices of `out` borrow from them. NJ_PROTOCOL.
/// Proof   tests/unit/codec/test_item_plan.c
NJ_CHECKED nj_status nj_item_plan_unpack(nj_slice bytes, nj_item_plan *out, nj_error *err);

NJ_CHECKED nj_status nj_item_lease_pack(uint64_t first, uint32_t count, nj_buffer *out);
/// Reads outside bytes: rows that there are, at least one. NJ_PROTOCOL.
NJ_CHECKED nj_status nj_item_lease_unpack(nj_slice bytes, uint64_t row_count, uint64_t *out_first,
                                          uint32_t *out_count, nj_error *err);

#endif
