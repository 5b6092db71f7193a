// cold_borrow.c - cold items that stand among the candidates with the score of a neighbour in the trie.
#include <string.h>

#include "common/base/bits.h"
#include "common/base/checked.h"
#include "worker/policy/cold_parts.h"

size_t nj_cold_borrow_bytes(const nj_cold *cold)
{
    return nj_arena_cost(nj_bits_words(cold->count) * sizeof(uint64_t)) +
           nj_arena_cost(nj_bits_words(cold->group_count) * sizeof(uint64_t));
}

static uint64_t *take_bits(size_t count, nj_arena *arena)
{
    const size_t bytes = nj_bits_words(count) * sizeof(uint64_t);
    return memset(nj_arena_take(arena, bytes), 0, bytes);
}

// The first of the pool whose leaf is not below this one.
static uint32_t find_leaf(const nj_cold *cold, uint32_t leaf)
{
    uint32_t low = 0;
    uint32_t high = cold->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (cold->leaves[middle] < leaf) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void mark_present(const nj_cold *cold, const nj_candidates *candidates, uint64_t *present)
{
    for (uint32_t i = 0; i < candidates->count; i++) {
        const nj_candidate *c = &candidates->items[i];
        for (uint32_t k = find_leaf(cold, c->leaf); k < cold->count && cold->leaves[k] == c->leaf;
             k++) {
            if (cold->rows[k] == c->row) {
                nj_bits_add(present, k);
            }
        }
    }
}

// The group whose prefix the leaf has; group_count where there is none.
static uint32_t find_group(const nj_cold *cold, uint32_t leaf)
{
    uint32_t low = 0;
    uint32_t high = cold->group_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (cold->groups[middle].leaves.end <= leaf) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < cold->group_count && cold->groups[low].leaves.first <= leaf ? low
                                                                             : cold->group_count;
}

static void lend(const nj_cold *cold, const nj_exclusions *exclusions, uint32_t group, float score,
                 const uint64_t *present, nj_candidates *candidates)
{
    const uint32_t end = cold->groups[group + 1].first;
    for (uint32_t i = cold->groups[group].first; i < end && candidates->count < candidates->room;
         i++) {
        if (!nj_bits_has(present, i) && !nj_excluded(exclusions, cold->rows[i])) {
            candidates->items[candidates->count++] =
                (nj_candidate){.row = cold->rows[i],
                               .leaf = cold->leaves[i],
                               .score = score - cold->inputs.policy->borrow_less,
                               .source = NJ_SOURCE_BORROWED,
                               .raw = score};
        }
    }
}

void nj_cold_borrow(const nj_cold *cold, const nj_exclusions *exclusions, nj_arena *arena,
                    nj_candidates *candidates)
{
    const uint32_t lenders = candidates->count;
    if (cold->group_count == 0) {
        return;
    }
    const size_t mark = nj_arena_mark(arena);
    uint64_t *present = take_bits(cold->count, arena);
    uint64_t *served = take_bits(cold->group_count, arena);
    mark_present(cold, candidates, present);
    for (uint32_t i = 0; i < lenders && candidates->count < candidates->room; i++) {
        const uint32_t group = find_group(cold, candidates->items[i].leaf);
        if (group < cold->group_count && !nj_bits_has(served, group)) {
            nj_bits_add(served, group);
            lend(cold, exclusions, group, candidates->items[i].score, present, candidates);
        }
    }
    nj_arena_rewind(arena, mark);
}
