// duration.h - lengths of time as people write them: 90s, 30m, 36h, 7d.
#ifndef NJ_BASE_DURATION_H
#define NJ_BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_DURATION_MS_MAX ((uint64_t)3650 * 24 * 3600 * 1000) // ten years
#define NJ_DURATION_RULE "must be a whole number with s, m, h or d behind it, up to 3650d"

/// False unless `text` is digits and one of s, m, h, d, and gives 1 second to NJ_DURATION_MS_MAX.
/// Proof  tests/unit/base/test_duration.c
bool nj_duration_parse(const char *text, uint64_t *out_ms);

#endif
