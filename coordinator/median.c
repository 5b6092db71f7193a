#include "coordinator/median.h"

#include <string.h>

// Where the value stands in order, or would.
static uint32_t find_place(const nj_median *median, uint32_t value)
{
    uint32_t place = 0;
    while (place < median->count && median->sorted[place] < value) {
        place++;
    }
    return place;
}

void nj_median_add(nj_median *median, uint32_t value)
{
    uint32_t *sorted = median->sorted;
    if (median->count == NJ_MEDIAN_VALUES) {
        uint32_t oldest = find_place(median, median->ring[median->next]);
        median->count--;
        memmove(sorted + oldest, sorted + oldest + 1, (median->count - oldest) * sizeof *sorted);
    }
    uint32_t place = find_place(median, value);
    memmove(sorted + place + 1, sorted + place, (median->count - place) * sizeof *sorted);
    sorted[place] = value;
    median->count++;
    median->ring[median->next] = value;
    median->next = (median->next + 1) % NJ_MEDIAN_VALUES;
}

uint32_t nj_median_value(const nj_median *median)
{
    return median->count == 0 ? 0 : median->sorted[(median->count - 1) / 2];
}
