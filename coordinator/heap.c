#include "coordinator/heap.h"

#include <assert.h>
#include <stdlib.h>

nj_status nj_heap_init(nj_heap *heap, uint32_t N)
{
    size_t slots = (size_t)N + 1; // never zero bytes
    *heap = (nj_heap){
        .items = calloc(slots, sizeof *heap->items),
        .places = calloc(slots, sizeof *heap->places),
        .keys = calloc(slots, sizeof *heap->keys),
    };
    if (heap->items == NULL || heap->places == NULL || heap->keys == NULL) {
        nj_heap_fini(heap);
        return NJ_NO_MEMORY;
    }
    return NJ_OK;
}

nj_status nj_heap_init_sharing(nj_heap *heap, uint32_t N, const nj_heap *owner)
{
    *heap = (nj_heap){.items = calloc((size_t)N + 1, sizeof *heap->items),
                      .places = owner->places,
                      .keys = owner->keys,
                      .shares = true};
    if (heap->items == NULL) {
        nj_heap_fini(heap);
        return NJ_NO_MEMORY;
    }
    return NJ_OK;
}

void nj_heap_fini(nj_heap *heap)
{
    free(heap->items);
    if (!heap->shares) {
        free(heap->places);
        free(heap->keys);
    }
    *heap = (nj_heap){0};
}

static bool comes_before(const nj_heap *heap, uint32_t a, uint32_t b)
{
    return heap->keys[a] != heap->keys[b] ? heap->keys[a] < heap->keys[b] : a < b;
}

static void put(nj_heap *heap, uint32_t place, uint32_t number)
{
    heap->items[place] = number;
    heap->places[number] = place + 1;
}

static void sift_up(nj_heap *heap, uint32_t place)
{
    uint32_t number = heap->items[place];
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!comes_before(heap, number, heap->items[parent])) {
            break;
        }
        put(heap, place, heap->items[parent]);
        place = parent;
    }
    put(heap, place, number);
}

static void sift_down(nj_heap *heap, uint32_t place)
{
    uint32_t number = heap->items[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count &&
            comes_before(heap, heap->items[child + 1], heap->items[child])) {
            child++;
        }
        if (!comes_before(heap, heap->items[child], number)) {
            break;
        }
        put(heap, place, heap->items[child]);
        place = child;
    }
    put(heap, place, number);
}

void nj_heap_push(nj_heap *heap, uint32_t number, uint64_t key)
{
    assert(heap->places[number] == 0);
    heap->keys[number] = key;
    put(heap, heap->count++, number);
    sift_up(heap, heap->count - 1);
}

void nj_heap_remove(nj_heap *heap, uint32_t number)
{
    uint32_t place = heap->places[number] - 1; // absent: above any count
    if (place >= heap->count || heap->items[place] != number) {
        return;
    }
    uint32_t last = heap->items[--heap->count];
    heap->places[number] = 0;
    if (last == number) {
        return;
    }
    put(heap, place, last);
    sift_up(heap, place);
    sift_down(heap, heap->places[last] - 1);
}

uint32_t nj_heap_first_that(const nj_heap *heap, uint32_t look_max, nj_heap_fits fits,
                            const void *context)
{
    uint32_t found = NJ_HEAP_NONE;
    for (uint32_t place = 0; place < heap->count && place < look_max; place++) {
        uint32_t number = heap->items[place];
        if ((found == NJ_HEAP_NONE || comes_before(heap, number, found)) && fits(context, number)) {
            found = number;
        }
        if (place == 0 && found != NJ_HEAP_NONE) {
            break;
        }
    }
    return found;
}
