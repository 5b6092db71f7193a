#include "tests/support/simclock.h"

#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_FIRST 256

static void *must_allocate(void *memory, size_t bytes)
{
    void *bigger = realloc(memory, bytes);
    if (bigger == NULL) {
        fprintf(stderr, "simclock: no memory for %zu bytes\n", bytes);
        abort();
    }
    return bigger;
}

void simclock_init(simclock *clock)
{
    *clock = (simclock){.capacity = CAPACITY_FIRST};
    clock->heap = must_allocate(NULL, CAPACITY_FIRST * sizeof *clock->heap);
}

void simclock_fini(simclock *clock)
{
    free(clock->heap);
    *clock = (simclock){0};
}

static bool is_before(const simevent *a, const simevent *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

void simclock_add(simclock *clock, uint64_t due_ns, uint32_t kind, uint32_t who, uint64_t tag)
{
    if (clock->count == clock->capacity) {
        clock->capacity *= 2;
        clock->heap = must_allocate(clock->heap, clock->capacity * sizeof *clock->heap);
    }
    simevent event = {due_ns > clock->now_ns ? due_ns : clock->now_ns, clock->order++, kind, who,
                      tag};
    size_t at = clock->count++;
    while (at > 0 && is_before(&event, &clock->heap[(at - 1) / 2])) {
        clock->heap[at] = clock->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    clock->heap[at] = event;
}

bool simclock_next(simclock *clock, simevent *out)
{
    if (clock->count == 0) {
        return false;
    }
    *out = clock->heap[0];
    clock->now_ns = out->due_ns;
    simevent last = clock->heap[--clock->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < clock->count && is_before(&clock->heap[child + 1], &clock->heap[child])) {
            child++;
        }
        if (child >= clock->count || !is_before(&clock->heap[child], &last)) {
            break;
        }
        clock->heap[at] = clock->heap[child];
        at = child;
    }
    clock->heap[at] = last;
    return true;
}
