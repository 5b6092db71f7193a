// instant.h - a moment as it stands in a file of events or on a command line.
//
//   in a file           a decimal number; its unit and its zero are the file's own
//   on a command line   such a number, or a date by ISO 8601, which is UTC unless it says otherwise:
//                       2024-05-01   2024-05-01T06:30   2024-05-01T06:30:15.5Z   2024-05-01T06:30:15+02:00
//
// A date is turned into seconds since 1970-01-01T00:00:00Z without leap seconds, as POSIX counts
// them; so it means something only beside a file whose numbers are such seconds. One whose numbers
// are milliseconds shows it (nj_instant_fits), and is not cut in the year 1970 by mistake.
#ifndef NJ_INPUT_INSTANT_H
#define NJ_INPUT_INSTANT_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_DECIMAL_BYTES_MAX 63

/// The end of the year 9999 in seconds: no date lies behind it.
#define NJ_INSTANT_DATE_MAX 253402300800.0

typedef struct {
    bool given;   // false: there is none, and the rest says nothing
    bool is_date; // at is in seconds since 1970, whatever the file's times are
    double at;    // finite
} nj_instant;

/// Reads a decimal number: digits with a sign, a point and an exponent where wanted; no spaces, no "inf", "nan" or "0x10", at most
/// NJ_DECIMAL_BYTES_MAX bytes. False where it is anything else, or too large to be finite.
bool nj_decimal_parse(nj_slice text, double *out);

/// Reads the text of an option: a decimal number, or a date of the years 0001 to 9999. A second 60 is refused: POSIX seconds have
/// none.
///
/// Errors  NJ_USAGE names the option and both forms; `*out` is then unchanged
/// Source  RFC 3339, section 5.6, with the time, its seconds and its offset optional; days of the civil calendar as in
///         Hinnant, "chrono-compatible low-level date algorithms"
/// Proof   tests/unit/input/test_instant.c
NJ_CHECKED nj_status nj_instant_parse(const char *option, const char *text, nj_instant *out,
                                      nj_error *err);

/// False when the instant is a date and the file's time `at` lies behind every date, so that the file does not count seconds.
static inline bool nj_instant_fits(const nj_instant *instant, double at)
{
    return !instant->is_date || (at < NJ_INSTANT_DATE_MAX && at > -NJ_INSTANT_DATE_MAX);
}

#endif
