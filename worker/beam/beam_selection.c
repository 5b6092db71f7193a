#include "worker/beam/beam_selection.h"

#include <string.h>

typedef bool before_function(const candidate *a, const candidate *b);

// The one that stands last in the order is on top.
static inline void sift_down(candidate *heap, uint32_t count, uint32_t at, before_function *before)
{
    candidate moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && before(&heap[child], &heap[child + 1])) {
            child++; // the later of the two
        }
        if (!before(&moved, &heap[child])) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void sift_up(candidate *heap, uint32_t at)
{
    candidate moved = heap[at];
    while (at > 0) {
        uint32_t above = (at - 1) / 2;
        if (!nj_candidate_is_better(&heap[above], &moved)) {
            break;
        }
        heap[at] = heap[above];
        at = above;
    }
    heap[at] = moved;
}

void nj_selection_enter(selection *selected, const candidate *c)
{
    if (selected->count < selected->limit) {
        selected->heap[selected->count] = *c;
        sift_up(selected->heap, selected->count++);
    } else {
        selected->heap[0] = *c;
        sift_down(selected->heap, selected->limit, 0, nj_candidate_is_better);
    }
}

void nj_selection_enter_standing(selection *selected, candidate c, const standing *s)
{
    c.slot = selected->count < selected->limit ? selected->count : selected->heap[0].slot;
    selected->slots[c.slot] = *s;
    nj_selection_enter(selected, &c);
}

// The second half of a heap sort: the last goes to the end first.
static inline void unheap(candidate *heap, uint32_t count, before_function *before)
{
    for (; count > 1; count--) {
        candidate last = heap[0];
        heap[0] = heap[count - 1];
        heap[count - 1] = last;
        sift_down(heap, count - 1, 0, before);
    }
}

static inline void sort(candidate *heap, uint32_t count, before_function *before)
{
    for (uint32_t at = count / 2; at-- > 0;) {
        sift_down(heap, count, at, before);
    }
    unheap(heap, count, before);
}

void nj_selection_sort(selection *selected)
{
    if (!selected->sorted) {
        unheap(selected->heap, selected->count, nj_candidate_is_better);
        selected->sorted = true;
    }
}

// In a merge nobody asks for the parent any more: it says who is a spare.
#define BEAM 0u
#define SPARE 1u

// Beams before spares, then the best. Two that are equal in all of that are the same path, found by two groups.
static bool goes_before(const candidate *a, const candidate *b)
{
    return a->parent != b->parent ? a->parent < b->parent : nj_candidate_is_better(a, b);
}

static bool stands_before(const candidate *a, const candidate *b)
{
    return a->node != b->node ? a->node < b->node : goes_before(a, b);
}

// The groups' candidates one after the other, each with its slot among all.
static selection join(const selection *groups, uint32_t group_count, uint32_t room)
{
    selection all = {.heap = groups[0].heap, .slots = groups[0].slots, .finite = true};
    for (uint32_t g = 0; g < group_count; g++) {
        const selection *group = &groups[g];
        const uint32_t first_slot = (uint32_t)(group->slots - all.slots);
        for (uint32_t i = 0; i < group->count; i++) {
            candidate c = group->heap[i];
            c.slot += first_slot;
            c.parent = i < room ? BEAM : SPARE;
            all.heap[all.count++] = c;
        }
        all.limit += group->limit;
        all.finite = all.finite && group->finite;
    }
    return all;
}

void nj_selection_merge(selection *groups, uint32_t group_count, uint32_t room, selection *out)
{
    selection all = join(groups, group_count, room);
    sort(all.heap, all.count, stands_before);
    uint32_t count = all.count < 1 ? all.count : 1;
    for (uint32_t i = 1; i < all.count; i++) {
        if (all.heap[i].node != all.heap[count - 1].node) {
            all.heap[count++] = all.heap[i];
        }
    }
    sort(all.heap, count, goes_before);
    all.count = count < group_count * room ? count : group_count * room;
    sort(all.heap, all.count, nj_candidate_is_better);
    all.sorted = true;
    *out = all;
}
