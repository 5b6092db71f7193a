// heap.h - which of the numbers 0 .. N-1 has the lowest key. Ties go to the lower number, so order never depends on history.
//
//   items   [3, 7, 5, ...]     a binary heap of numbers          push, remove: log2(count) steps
//   places  number -> place in items, so that any number can be removed, not only the first
//   keys    number -> key
//
// Heaps may share places and keys when no number is in two of them at a time. Memory is taken once, at init; nothing fails
// afterwards.
#ifndef NJ_COORDINATOR_HEAP_H
#define NJ_COORDINATOR_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define NJ_HEAP_NONE UINT32_MAX

typedef struct {
    uint32_t *items;  // [N] owned, the first `count` in heap order
    uint32_t *places; // [N] owned unless shared, place + 1, or 0 when absent
    uint64_t *keys;   // [N] owned unless shared
    uint32_t count;
    bool shares;
} nj_heap;

/// True when the number may be taken.
typedef bool (*nj_heap_fits)(const void *context, uint32_t number);

/// 16 bytes a number. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_heap_init(nj_heap *heap, uint32_t N);
/// Shares places and keys with `owner`, which has the same N and lives longer: 4 bytes a number. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_heap_init_sharing(nj_heap *heap, uint32_t N, const nj_heap *owner);
/// Accepts a heap that is all zero.
void nj_heap_fini(nj_heap *heap);

/// Adds a number below N that is in no heap of those that share (asserted).
void nj_heap_push(nj_heap *heap, uint32_t number, uint64_t key);
/// Removes a number if it is in the heap.
void nj_heap_remove(nj_heap *heap, uint32_t number);

/// The number with the lowest key; only while count > 0.
static inline uint32_t nj_heap_first(const nj_heap *heap)
{
    return heap->items[0];
}

/// Its key; UINT64_MAX when the heap is empty.
static inline uint64_t nj_heap_first_key(const nj_heap *heap)
{
    return heap->count > 0 ? heap->keys[heap->items[0]] : UINT64_MAX;
}

/// The number with the lowest key that fits, looked for in the first `look_max` places only; NJ_HEAP_NONE. The k-th lowest of all
/// is in the first 2^k - 1 places.
uint32_t nj_heap_first_that(const nj_heap *heap, uint32_t look_max, nj_heap_fits fits,
                            const void *context);

#endif
