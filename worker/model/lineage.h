// lineage.h - which rows of earlier steps a beam descends from: where its keys and values lie.
#ifndef NJ_WORKER_MODEL_LINEAGE_H
#define NJ_WORKER_MODEL_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/model/claim.h"

// Steps are announced one after the other from 0; the last may be announced again, with other rows of the same step before.
typedef struct {
    uint32_t *
        ancestors; // [rows_max, steps_max] row of step s that row r of this step descends from, s < step
    uint32_t *before; // the same of the step before
    uint32_t steps_max;
    uint32_t step;
    uint32_t row_count;
    uint32_t parent_count; // rows of the step before
} nj_lineage;

/// Takes the memory of steps_max steps of at most rows_max rows.
void nj_lineage_claim(nj_claim *claim, uint32_t rows_max, uint32_t steps_max, nj_lineage *out);

/// Announces a step.
///
///   parent  [row_count]  rows of the step before; not read at step 0
void nj_lineage_begin(nj_lineage *lineage, uint32_t step, const uint32_t *parent,
                      uint32_t row_count);

/// Of row r of the step: its rows of the steps before, [step].
static inline const uint32_t *nj_lineage_of(const nj_lineage *lineage, size_t row)
{
    return lineage->ancestors + row * lineage->steps_max;
}

#endif
