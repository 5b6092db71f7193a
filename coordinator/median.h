// median.h - the median of the last values, without keeping all of them.
//
//   ring    the last NJ_MEDIAN_VALUES values as they came; the oldest is replaced
//   sorted  the same values in order
#ifndef NJ_COORDINATOR_MEDIAN_H
#define NJ_COORDINATOR_MEDIAN_H

#include <stdint.h>

#define NJ_MEDIAN_VALUES 63 // odd, so that the middle is one of them

typedef struct {
    uint32_t count; // values so far, at most NJ_MEDIAN_VALUES
    uint32_t next;  // place in the ring
    uint32_t ring[NJ_MEDIAN_VALUES];
    uint32_t sorted[NJ_MEDIAN_VALUES];
} nj_median; // all zero: no values

void nj_median_add(nj_median *median, uint32_t value);

/// The middle value, the lower of two; 0 without any.
uint32_t nj_median_value(const nj_median *median);

#endif
