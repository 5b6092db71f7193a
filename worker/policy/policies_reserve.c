// policies_reserve.c - what stands behind a list: what it would have taken next.
//
// Caps are counted over list and reserve together. A cap holds for every part of what it holds for: so whoever fills a list up from
// its reserve keeps the caps without knowing them, whichever items have gone.
#include "worker/policy/policies_internal.h"

bool nj_policies_follow(nj_policies *policies, uint32_t row)
{
    list_work *work = &policies->work;
    return nj_listable_has(&work->listable, row) && nj_constraints_follow(&work->constraints, row);
}

uint32_t nj_policies_reserve(nj_policies *policies, const nj_beam_result *result, uint32_t *rows)
{
    const list_work *work = &policies->work;
    const uint32_t most = policies->inputs.reserve;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < work->pool.count && taken < most; i++) {
        rows[taken] = work->pool.items[i].row;
        taken += nj_policies_follow(policies, rows[taken]);
    }
    for (uint32_t i = 0; result != NULL && i < result->count && taken < most; i++) {
        uint32_t count;
        const uint32_t *found = nj_beam_result_rows(work->listable.trie, result, i, &count);
        for (uint32_t k = 0; k < count && taken < most; k++) {
            rows[taken] = found[k];
            taken += nj_policies_follow(policies, found[k]);
        }
    }
    return taken;
}
