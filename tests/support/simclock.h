// simclock.h - virtual time: what is to happen, by when. Nothing waits; time jumps to the next event.
//
// Events of the same moment happen in the order in which they were added, so a night is the same on every machine.
#ifndef NJ_TEST_SIMCLOCK_H
#define NJ_TEST_SIMCLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NS_PER_MS 1000000ull
#define SIM_NS_PER_US 1000ull

typedef struct {
    uint64_t due_ns;
    uint64_t order; // of adding
    uint32_t kind;  // the caller's
    uint32_t who;   // the caller's
    uint64_t tag;   // the caller's
} simevent;

typedef struct {
    uint64_t now_ns;
    uint64_t order;
    simevent *heap; // [capacity] owned; a binary heap, the earliest first
    size_t count;
    size_t capacity;
} simclock;

void simclock_init(simclock *clock);
void simclock_fini(simclock *clock);

/// `due_ns` in the past means now.
void simclock_add(simclock *clock, uint64_t due_ns, uint32_t kind, uint32_t who, uint64_t tag);
/// Takes the next event and moves the time to it. False: none is left.
bool simclock_next(simclock *clock, simevent *out);

#endif
