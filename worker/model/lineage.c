#include "worker/model/lineage.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

void nj_lineage_claim(nj_claim *claim, uint32_t rows_max, uint32_t steps_max, nj_lineage *out)
{
    *out = (nj_lineage){
        .ancestors = nj_claim_bytes(claim, steps_max, rows_max, sizeof *out->ancestors),
        .before = nj_claim_bytes(claim, steps_max, rows_max, sizeof *out->before),
        .steps_max = steps_max,
    };
}

void nj_lineage_begin(nj_lineage *lineage, uint32_t step, const uint32_t *parent,
                      uint32_t row_count)
{
    const bool again = step > 0 && step == lineage->step;
    assert(step < lineage->steps_max && (step == 0 || step == lineage->step + 1 || again));
    if (!again) {
        uint32_t *of_step_before = lineage->ancestors;
        lineage->ancestors = lineage->before;
        lineage->before = of_step_before;
        lineage->parent_count = lineage->row_count;
    }
    for (size_t r = 0; step > 0 && r < row_count; r++) {
        assert(parent[r] < lineage->parent_count);
        uint32_t *row = lineage->ancestors + r * lineage->steps_max;
        memcpy(row, lineage->before + (size_t)parent[r] * lineage->steps_max,
               (step - 1) * sizeof *row);
        row[step - 1] = parent[r];
    }
    lineage->step = step;
    lineage->row_count = row_count;
}
