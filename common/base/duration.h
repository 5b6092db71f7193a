// duration.h - lengths of time as people write them: 90s, 30m, 36h, 7d, 1h30m.
#ifndef NJ_BASE_DURATION_H
#define NJ_BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_DURATION_MS_MAX ((uint64_t)3650 * 24 * 3600 * 1000) // ten years
#define NJ_DURATION_RULE                                                                           \
    "must be whole numbers with d, h, m or s behind each, in this order, as 36h or 1h30m, up to "  \
    "3650d"

/// False unless `text` is days, hours, minutes and seconds in this order, each at most once and at least one of them, that give 1 second to
/// NJ_DURATION_MS_MAX. `*out_ms` is unchanged then.
/// Proof  tests/unit/base/test_duration.c
bool nj_duration_parse(const char *text, uint64_t *out_ms);

#endif
