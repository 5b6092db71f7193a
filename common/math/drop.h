// drop.h - the random bits of dropout: a function of a key and a place, 16 places at a time on vectors of 32-bit words.
//
// Three rounds of xor-shift and multiplication map places one to one to words; the upper half of the key comes in between, so that two keys
// are two sequences and not one of them shifted. Not for secrets.
//
// Source  Wellons 2018, "hash-prospector", triple32: bias 0.021 of the ideal's
// Proof   tests/unit/math/test_drop.c: rates, neighbours, halves, keys
#ifndef NJ_MATH_DROP_H
#define NJ_MATH_DROP_H

#include <stdint.h>

#define NJ_DROP_MULTIPLY_1 0xed5ad4bbu
#define NJ_DROP_MULTIPLY_2 0xac4c1b51u
#define NJ_DROP_MULTIPLY_3 0x31848babu

/// What of a key comes in behind the first round; folded, so that a key's upper bits reach the lower bits of the next product.
static inline uint32_t nj_drop_second(uint64_t key)
{
    uint32_t upper = (uint32_t)(key >> 32);
    return upper ^ upper >> 16;
}

static inline uint32_t nj_drop_bits(uint64_t key, uint32_t place)
{
    uint32_t x = place + (uint32_t)key;
    x = (x ^ x >> 17) * NJ_DROP_MULTIPLY_1;
    x = (x ^ x >> 11 ^ nj_drop_second(key)) * NJ_DROP_MULTIPLY_2;
    x = (x ^ x >> 15) * NJ_DROP_MULTIPLY_3;
    return x ^ x >> 14;
}

#endif
