// rng.h - numbers that look random and follow from a seed alone: SplitMix64, the same on every machine.
#ifndef NJ_BASE_RNG_H
#define NJ_BASE_RNG_H

#include <stdint.h>

#define NJ_RNG_STEP 0x9e3779b97f4a7c15u // what the state grows by with each number

/// The finalizer: all bits of x into all bits of the result, one to one. For numbers by their place: nj_rng_mix(key + place * NJ_RNG_STEP).
/// Source  Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"
static inline uint64_t nj_rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/// The next number of the stream; the state begins with any seed.
static inline uint64_t nj_rng_next(uint64_t *state)
{
    *state += NJ_RNG_STEP;
    return nj_rng_mix(*state);
}

#endif
