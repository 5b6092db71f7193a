// log_line.h - a bounded line and the escapes of JSON strings; log.c puts lines together with it.
#ifndef NJ_BASE_LOG_LINE_H
#define NJ_BASE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/log.h"

#define NJ_LINE_TAIL_BYTES 4 // kept free for what ends a line: a quote, a brace, the newline

typedef struct {
    char bytes[NJ_LOG_LINE_BYTES_MAX];
    size_t used;
} nj_line;

/// Adds all of it or, where it would reach into the tail, nothing (false).
bool nj_line_add(nj_line *line, const char *bytes, size_t size);
bool nj_line_print(nj_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
/// Adds to the tail as well; asserted to fit.
void nj_line_end(nj_line *line, const char *text);

/// Adds the text as it stands between the quotes of a JSON string, at most `bytes_max` bytes of it; cut before a character that does
/// not fit. Control characters (those of Latin-1 as well, which drive some terminals) are escaped, a byte that is no UTF-8 becomes
/// U+FFFD: the outcome is printable UTF-8 whatever comes in.
///
/// Proof   tests/unit/base/test_log.c
void nj_line_escape(nj_line *line, nj_slice text, size_t bytes_max);

#endif
