#include "worker/policy/candidate.h"

#include <stdbool.h>

static bool is_better(const nj_candidate *a, const nj_candidate *b)
{
    return a->score > b->score || (a->score == b->score && a->row < b->row);
}

static bool is_sorted(const nj_candidates *candidates)
{
    for (uint32_t i = 1; i < candidates->count; i++) {
        if (!is_better(&candidates->items[i - 1], &candidates->items[i])) {
            return false;
        }
    }
    return true;
}

// A heap with the worst in front.
static void sift_down(nj_candidate *items, uint32_t count, uint32_t at)
{
    const nj_candidate moved = items[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_better(&items[child], &items[child + 1])) {
            child++;
        }
        if (is_better(&items[child], &moved)) {
            break;
        }
        items[at] = items[child];
        at = child;
    }
    items[at] = moved;
}

void nj_candidates_sort(nj_candidates *candidates)
{
    nj_candidate *items = candidates->items;
    if (is_sorted(candidates)) {
        return;
    }
    for (uint32_t at = candidates->count / 2; at-- > 0;) {
        sift_down(items, candidates->count, at);
    }
    for (uint32_t end = candidates->count; end-- > 1;) {
        const nj_candidate worst = items[0];
        items[0] = items[end];
        items[end] = worst;
        sift_down(items, end, 0);
    }
}
