// lines.h - text line by line, in bounded memory, from whatever a path stands for.
//
//   path ──► parts (parts.h): a file, standard input for "-", the part files of a folder
//                └──► part (part.h): plain, gzip, zstd, or Parquet as text ──► lines
//
// The newline, a carriage return before it and a UTF-8 byte order mark at the start of a part are not part of a line. A missing last
// newline is fine; a line does not go on in the next part. Refused: a line beyond the caller's limit, a NUL byte.
//
// Lines are numbered from 1 through all parts, which is their order; nj_lines_fail and nj_lines_place tell them as a person counts
// them: the part, and the line in it (of Parquet the row).
#ifndef NJ_INPUT_LINES_H
#define NJ_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/input/part.h"
#include "common/input/parts.h"

typedef struct nj_lines {
    const char *name; // of the whole, for errors; borrowed for the life of the reader
    nj_parts parts;   // owned
    size_t part;      // that the last line is of; lines of another part have another header
    nj_buffer starts; // owned; uint64_t, of every part begun: the number in front of its first line
    nj_part from;     // owned; the part being read
    const nj_parquet_shape *shapes; // borrowed; [shape_count]
    size_t shape_count;
    bool is_parquet;      // the parts are, and their rows come in this form
    nj_parquet_form form; // ... which is that of every part
    char *bytes;          // owned; [capacity]
    size_t capacity;
    size_t begin; // of what has not been handed out
    size_t end;
    size_t line_bytes_max;
    uint64_t number; // of the last line handed out, from 1
    bool is_fresh;   // nothing of the part has been handed out
    bool at_end;     // of the part; the buffer may still hold lines
} nj_lines;

/// Opens the first part. A missing file is NJ_NOT_FOUND. Parquet is refused.
NJ_CHECKED nj_status nj_lines_open(const char *path, size_t line_bytes_max, nj_lines *out,
                                   nj_error *err);
/// The same, and Parquet files are read as one of these shapes; they must be there until nj_lines_close.
/// Errors  also NJ_INPUT: the parts are not all Parquet, or not all of one form
NJ_CHECKED nj_status nj_lines_open_shaped(const char *path, size_t line_bytes_max,
                                          const nj_parquet_shape *shapes, size_t shape_count,
                                          nj_lines *out, nj_error *err);
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
/// The same of ids: of a Parquet file the column item_id, item or id, or its only one.
NJ_CHECKED nj_status nj_lines_each_id(const char *path, size_t line_bytes_max,
                                      nj_status (*take)(void *context, const nj_lines *lines,
                                                        nj_slice line, nj_error *err),
                                      void *context, nj_error *err);
/// The same of JSON objects: of a Parquet file every row.
NJ_CHECKED nj_status nj_lines_each_object(const char *path, size_t line_bytes_max,
                                          nj_status (*take)(void *context, const nj_lines *lines,
                                                            nj_slice line, nj_error *err),
                                          void *context, nj_error *err);

/// A line that was handed out, as a person finds it: "line 3", "row 3" of Parquet, and of another part than the last line
/// "line 3 of PART".
#define NJ_LINE_PLACE_BYTES 256
typedef struct {
    char text[NJ_LINE_PLACE_BYTES];
} nj_line_place;
nj_line_place nj_lines_place(const nj_lines *lines, uint64_t number);

/// NJ_INPUT with "PART: line N: rule".
nj_status nj_lines_fail(const nj_lines *lines, uint64_t number, nj_error *err, const char *format,
                        ...) __attribute__((format(printf, 4, 5)));

#endif
