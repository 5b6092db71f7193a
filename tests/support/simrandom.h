// simrandom.h - numbers that a seed decides: splitmix64 (Steele, Lea, Flood 2014).
#ifndef NJ_TEST_SIMRANDOM_H
#define NJ_TEST_SIMRANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t state;
} simrandom;

static inline uint64_t simrandom_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t simrandom_next(simrandom *random)
{
    return simrandom_mix(random->state += 0x9e3779b97f4a7c15u);
}

/// 0 .. bound - 1; bound is at least 1.
static inline uint64_t simrandom_below(simrandom *random, uint64_t bound)
{
    return simrandom_next(random) % bound;
}

/// low .. high, both included.
static inline uint64_t simrandom_between(simrandom *random, uint64_t low, uint64_t high)
{
    return low + simrandom_below(random, high - low + 1);
}

/// True in `odds` of `out_of` cases. Draws also when the odds are 0, so that a night keeps its course.
static inline bool simrandom_chance(simrandom *random, uint32_t odds, uint32_t out_of)
{
    return simrandom_below(random, out_of) < odds;
}

#endif
