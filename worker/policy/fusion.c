#include "worker/policy/fusion.h"

#include "common/math/vecmath.h"

static float find_worth(float weight, float offset, uint32_t index)
{
    return weight / (offset + (float)(index + 1));
}

static uint32_t find_row(const nj_candidate *items, uint32_t count, uint32_t row)
{
    uint32_t at = 0;
    while (at < count && items[at].row != row) {
        at++;
    }
    return at;
}

// Worths while they are summed stand in adjust[FUSION].
void nj_fuse(const nj_policy *policy, uint32_t beam_count, nj_candidates *candidates)
{
    nj_candidate *items = candidates->items;
    const uint32_t all = candidates->count;
    uint32_t kept = beam_count;
    for (uint32_t i = 0; i < beam_count; i++) {
        items[i].adjust[NJ_ADJUST_FUSION] =
            find_worth(policy->beam_weight, policy->fusion_offset, i);
    }
    for (uint32_t i = beam_count; i < all; i++) {
        const float worth =
            find_worth(policy->neighbour_weight, policy->fusion_offset, i - beam_count);
        const uint32_t same = find_row(items, beam_count, items[i].row);
        if (same < beam_count) {
            items[same].adjust[NJ_ADJUST_FUSION] += worth;
        } else {
            items[kept] = items[i];
            items[kept++].adjust[NJ_ADJUST_FUSION] = worth;
        }
    }
    candidates->count = kept;
    for (uint32_t i = 0; i < kept; i++) {
        const float before = items[i].score;
        items[i].score = nj_log(items[i].adjust[NJ_ADJUST_FUSION]);
        items[i].adjust[NJ_ADJUST_FUSION] = items[i].score - before;
    }
    nj_candidates_sort(candidates);
}
