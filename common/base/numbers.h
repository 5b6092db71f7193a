// numbers.h - sets of numbers as ascending lists without repeats.
#ifndef NJ_BASE_NUMBERS_H
#define NJ_BASE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/// Sorts in place and drops what is there twice; returns how many are left. Takes no memory.
uint32_t nj_numbers_sort(uint32_t *numbers, uint32_t count);

/// The place of the first number that is not below `least`; `count` when there is none.
static inline uint32_t nj_numbers_from(const uint32_t *numbers, uint32_t count, uint32_t least)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (numbers[middle] < least) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static inline bool nj_numbers_has(const uint32_t *numbers, uint32_t count, uint32_t number)
{
    const uint32_t at = nj_numbers_from(numbers, count, number);
    return at < count && numbers[at] == number;
}

#endif
