// lines.h - a text file line by line, in bounded memory.
//
// The newline, a carriage return before it and a UTF-8 byte order mark at the start are not part of
// a line. A missing last newline is fine. Refused: a line beyond the caller's limit, a NUL byte, what
// gzip has compressed, a folder.
#ifndef NJ_INPUT_LINES_H
#define NJ_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

typedef struct {
    const char *name; // for errors; borrowed for the life of the reader
    int fd;           // owned unless it is standard input; -1 when closed
    char *bytes;      // owned; [capacity]
    size_t capacity;
    size_t begin; // of what has not been handed out
    size_t end;
    size_t line_bytes_max;
    uint64_t number; // of the last line handed out, from 1
    bool at_end;     // of the file; the buffer may still hold lines
} nj_lines;

/// Opens a file, or standard input for "-". A missing file is NJ_NOT_FOUND.
NJ_CHECKED nj_status nj_lines_open(const char *path, size_t line_bytes_max, nj_lines *out,
                                   nj_error *err);
/// Accepts a struct that was closed.
void nj_lines_close(nj_lines *lines);

/// The next line, [out_size] bytes that the caller may overwrite; borrowed until the next call.
/// NJ_END behind the last one, which is not an error and leaves err alone.
NJ_CHECKED nj_status nj_lines_next(nj_lines *lines, char **out_line, size_t *out_size,
                                   nj_error *err);

/// Opens a file, hands every line over and closes it. The first status of `take` that is not NJ_OK ends the reading and is returned.
/// Errors  as nj_lines_open and nj_lines_next
NJ_CHECKED nj_status nj_lines_each(const char *path, size_t line_bytes_max,
                                   nj_status (*take)(void *context, const nj_lines *lines,
                                                     nj_slice line, nj_error *err),
                                   void *context, nj_error *err);

/// NJ_INPUT with "NAME: line N: rule".
nj_status nj_lines_fail(const nj_lines *lines, uint64_t number, nj_error *err, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

#endif
