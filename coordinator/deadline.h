// deadline.h - when a night must be over, as people say it.
//
//   05:00  05:00:30     the next time that the clock on the wall (TZ) shows this
//   90m  2h  1h30m  45s so long from now (common/base/duration.h)
#ifndef NJ_COORDINATOR_DEADLINE_H
#define NJ_COORDINATOR_DEADLINE_H

#include <stdint.h>

#include "common/base/error.h"

#define NJ_DEADLINE_SECONDS_MAX (14u * 86400) // a night is no longer

/// Reads the text of --deadline.
///
///   now_s  seconds since 1970
///   out_s  seconds since 1970, later than now_s and at most NJ_DEADLINE_SECONDS_MAX later
///
/// Errors  NJ_USAGE names the option, the text and both forms
/// Proof   tests/unit/coordinator/test_deadline.c
NJ_CHECKED nj_status nj_deadline_read(const char *text, int64_t now_s, int64_t *out_s,
                                      nj_error *err);

#endif
