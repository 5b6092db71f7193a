// error.h - the sentence that goes with a status, for the person.
//
// A boundary function takes `nj_error *err` last. It may be NULL. A message names the object, the rule and both numbers:
//   bundle "b7.njb": section "codebook.2" has 31 rows, config says 256
#ifndef NJ_BASE_ERROR_H
#define NJ_BASE_ERROR_H

#include "common/base/status.h"

#define NJ_ERROR_TEXT_BYTES 1024

typedef struct {
    nj_status status;
    // NUL-terminated UTF-8, cut at the end when too long; control characters and stray bytes are replaced by '?'.
    char text[NJ_ERROR_TEXT_BYTES];
} nj_error;

/// Fills err (when not NULL) and returns status, so that `return nj_fail(err, NJ_INPUT, "...")` is one line.
nj_status nj_fail(nj_error *err, nj_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/// As nj_fail, with ": <strerror(errno_value)>" behind the message.
nj_status nj_fail_errno(nj_error *err, nj_status status, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/// Puts "text: " before a message that is already there; the status stays.
void nj_error_prefix(nj_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
