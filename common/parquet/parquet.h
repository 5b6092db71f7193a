// parquet.h - the rows of a Parquet file as lines of text, which the readers of text then read as any other.
//
//   descriptor ──► DuckDB, loaded at run time: columns found, cast, fetched some rows at a time ──► lines of the first form that fits
//
//     NJ_PARQUET_JSON    {"user": "u1", "items": ["a", "b"], "times": [1.5, 2]}     a key of a NULL is left out
//     NJ_PARQUET_CSV     user,item,timestamp                                        a header, then "u1","a",1.5; NULL is an empty field
//     NJ_PARQUET_LINES   a                                                          one column, one id a line
//
// A whole number is its decimals; a timestamp or date is its seconds since 1970. A column of floating point is no id: 17.0 is not 17.
//
// The library is the file that $NIGHTJAR_PARQUET_LIBRARY names, else libduckdb.so where the loader looks. It is DuckDB's C library, or
// the module of Python's duckdb package, which holds the same functions and needs libpython beside it (parquet_library.h). Nothing of
// it is linked, so a machine without Parquet needs none of it. ops/handbook/decisions/0030-parquet-through-duckdb.md says why.
#ifndef NJ_PARQUET_PARQUET_H
#define NJ_PARQUET_PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_PARQUET_COLUMNS_MAX 256              // that are read of one file
#define NJ_PARQUET_NAMES_MAX 3                  // that a column may have
#define NJ_PARQUET_ROW_BYTES_MAX (256ull << 20) // of one line of text

typedef enum { NJ_PARQUET_LINES, NJ_PARQUET_CSV, NJ_PARQUET_JSON } nj_parquet_form;

typedef struct {
    const char *as; // what it is called in the text
    const char
        *names[NJ_PARQUET_NAMES_MAX]; // in the file, the first that is there; NULL: no further one
    bool is_needed;
    bool is_number; // a time, or times; else an id or text, or a list of them
    bool is_list;
} nj_parquet_column;

typedef struct {
    nj_parquet_form form;
    const nj_parquet_column *columns; // [column_count]
    size_t
        column_count; // 0 with JSON: every column of text, whole numbers or lists of them, by its own name;
                      // 0 with LINES: the file's only column
} nj_parquet_shape;

typedef struct nj_parquet nj_parquet;

/// True for the first bytes of a Parquet file (at least 5).
bool nj_parquet_is_head(nj_slice head);

/// Opens the file behind a descriptor as the first of [shape_count] shapes whose needed columns it has.
///
///   fd      a regular file; borrowed until nj_parquet_close
///   name    for errors; borrowed likewise
///   shapes  borrowed for the call
///
/// Memory  DuckDB's, limited to 2 GiB; about two lines
/// Errors  NJ_CONFIG: the library is not there or lacks a function (says where it was looked for); NJ_INPUT: not a Parquet file, a
///         damaged one, no shape fits (names the columns that are there), a column of another type; NJ_NO_MEMORY
/// Proof   tests/unit/parquet/test_parquet.c, tests/cli/0395-parquet.t
NJ_CHECKED nj_status nj_parquet_open(int fd, const char *name, const nj_parquet_shape *shapes,
                                     size_t shape_count, nj_parquet **out, nj_error *err);
/// Accepts NULL; leaves NULL.
void nj_parquet_close(nj_parquet **parquet);

/// Of the shape that fitted.
nj_parquet_form nj_parquet_form_of(const nj_parquet *parquet);

/// The next bytes of text, at most `capacity` (> 0); *out_size 0 is the end.
///
/// Errors  NJ_INPUT: the file is damaged, a row is longer than NJ_PARQUET_ROW_BYTES_MAX, an id of LINES has a line break; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_parquet_read(nj_parquet *parquet, void *bytes, size_t capacity,
                                     size_t *out_size, nj_error *err);

#endif
