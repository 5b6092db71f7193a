// policies_pool.c - candidates: what the search and the neighbours give, ranked as one, adjusted, the best of them.
#include "worker/policy/fusion.h"
#include "worker/policy/policies_internal.h"

bool nj_policies_matches(const nj_policies *policies, const nj_policy_where *where, uint32_t row)
{
    return where->attribute == NJ_POLICY_NONE
               ? where->value == row
               : policies->inputs.attributes->columns[where->attribute].of_row[row] == where->value;
}

static nj_candidate from_leaf(const nj_policies *policies, const nj_beam_result *result, uint32_t i,
                              uint32_t row)
{
    nj_candidate made = {.row = row,
                         .leaf = result->leaves[i],
                         .score = result->scores[i],
                         .source = NJ_SOURCE_BEAM,
                         .raw = result->raw[i]};
    const float bias = result->bias != NULL ? result->bias[i] : 0.0f;
    made.adjust[NJ_ADJUST_PRIOR] = bias;
    if (policies->policy.search != NJ_SEARCH_BEAM) {
        made.adjust[NJ_ADJUST_SEARCH] = made.score - made.raw - bias;
    }
    return made;
}

// Items of the leaves, as many as go on.
static void add_leaves(nj_policies *policies, const nj_beam_result *result)
{
    list_work *work = &policies->work;
    nj_candidates *pool = &work->pool;
    for (uint32_t i = 0; i < result->count && pool->count < policies->pool_max; i++) {
        uint32_t count;
        const uint32_t *rows = nj_beam_result_rows(work->listable.trie, result, i, &count);
        for (uint32_t k = 0; k < count && pool->count < policies->pool_max; k++) {
            if (nj_listable_has(&work->listable, rows[k])) {
                pool->items[pool->count++] = from_leaf(policies, result, i, rows[k]);
            }
        }
    }
    nj_candidates_sort(pool);
}

static void add_neighbours(nj_policies *policies)
{
    list_work *work = &policies->work;
    const nj_policy_user *user = &policies->users[work->user];
    const uint32_t beam_count = work->pool.count;
    nj_neighbour_source_find(&policies->neighbours, &policies->sums, user->history,
                             user->history_count, &work->listable, &work->pool);
    nj_fuse(&policies->policy, beam_count, &work->pool);
}

static void boost(const nj_policies *policies, nj_candidate *candidate)
{
    const nj_policy *policy = &policies->policy;
    for (uint32_t i = 0; i < policy->boost_count; i++) {
        if (nj_policies_matches(policies, &policy->boosts[i].where, candidate->row)) {
            candidate->adjust[NJ_ADJUST_BOOST] += policy->boosts[i].add;
        }
    }
    candidate->score += candidate->adjust[NJ_ADJUST_BOOST];
}

void nj_policies_gather(nj_policies *policies, const nj_beam_result *result)
{
    const nj_policy *policy = &policies->policy;
    nj_candidates *pool = &policies->work.pool;
    if (result != NULL) {
        add_leaves(policies, result);
    }
    if (policies->neighbours.most > 0) {
        add_neighbours(policies);
    }
    for (uint32_t i = 0; i < pool->count && policy->boost_count > 0; i++) {
        boost(policies, &pool->items[i]);
    }
    nj_candidates_sort(pool);
    if (policy->borrow_levels > 0) {
        nj_cold_borrow(policies->cold, policies->users[policies->work.user].exclusions,
                       policies->arena, pool);
        nj_candidates_sort(pool);
    }
    if (pool->count > policies->pool_max) {
        pool->count = policies->pool_max;
    }
}
