// resident.h - how much memory of this process lies in RAM now.
#ifndef NJ_BASE_RESIDENT_H
#define NJ_BASE_RESIDENT_H

#include <stdint.h>

/// Bytes; 0 where the system does not say (no /proc). About 10 us.
uint64_t nj_resident_bytes(void);

#endif
