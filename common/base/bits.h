// bits.h - sets of small numbers as words of 64 bits: number i is bit i % 64 of word i / 64.
//
// The bits behind the last number are 0, so that two equal sets have equal words.
#ifndef NJ_BASE_BITS_H
#define NJ_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NJ_BITS_A_WORD 64

/// Words of a set of numbers below `count`.
static inline size_t nj_bits_words(size_t count)
{
    return count / NJ_BITS_A_WORD + (count % NJ_BITS_A_WORD != 0);
}

static inline bool nj_bits_has(const uint64_t *bits, size_t number)
{
    return (bits[number / NJ_BITS_A_WORD] >> number % NJ_BITS_A_WORD & 1) != 0;
}

static inline void nj_bits_add(uint64_t *bits, size_t number)
{
    bits[number / NJ_BITS_A_WORD] |= (uint64_t)1 << number % NJ_BITS_A_WORD;
}

static inline void nj_bits_remove(uint64_t *bits, size_t number)
{
    bits[number / NJ_BITS_A_WORD] &= ~((uint64_t)1 << number % NJ_BITS_A_WORD);
}

/// How many of the numbers below `count` are in the set.
static inline uint32_t nj_bits_count(const uint64_t *bits, size_t count)
{
    uint32_t found = 0;
    for (size_t i = 0; i < nj_bits_words(count); i++) {
        found += (uint32_t)__builtin_popcountll(bits[i]);
    }
    return found;
}

/// True when some number in [first, end) is in the set.
static inline bool nj_bits_any(const uint64_t *bits, size_t first, size_t end)
{
    if (first >= end) {
        return false;
    }
    const size_t last = (end - 1) / NJ_BITS_A_WORD;
    uint64_t word = bits[first / NJ_BITS_A_WORD] & UINT64_MAX << first % NJ_BITS_A_WORD;
    for (size_t i = first / NJ_BITS_A_WORD; i < last; i++) {
        if (word != 0) {
            return true;
        }
        word = bits[i + 1];
    }
    return (word & UINT64_MAX >> (NJ_BITS_A_WORD - 1 - (end - 1) % NJ_BITS_A_WORD)) != 0;
}

#endif
