// field_rows.h - lines as rows of fields between delimiters, with or without quotes.
//
// With quotes, by RFC 4180: a field that begins with a quote ends at the next single one, may hold delimiters and line breaks, and
// a doubled quote in it is one. A row does not go on in the next part.
#ifndef NJ_INPUT_FIELD_ROWS_H
#define NJ_INPUT_FIELD_ROWS_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/input/lines.h"

#define NJ_ROW_FIELDS_MAX 256

typedef struct {
    nj_lines *lines; // borrowed
    bool has_quotes;
    char delimiter;
    size_t row_bytes_max;
    nj_buffer joined; // a row of more than one line
    uint64_t number;  // line on which the last row begins
    size_t field_count;
    nj_slice fields[NJ_ROW_FIELDS_MAX]; // of the last row; borrowed until the next one
} nj_field_rows;

void nj_field_rows_init(nj_field_rows *rows, nj_lines *lines, bool has_quotes, char delimiter,
                        size_t row_bytes_max);
void nj_field_rows_fini(nj_field_rows *rows);

/// Splits the next line that is not blank, and those that its quotes go on in. NJ_END behind the last. NJ_INPUT: quotes that are wrong,
/// more than NJ_ROW_FIELDS_MAX fields, a row longer than row_bytes_max.
NJ_CHECKED nj_status nj_field_rows_next(nj_field_rows *rows, nj_error *err);
/// The same of the line that `rows->lines` gave last.
NJ_CHECKED nj_status nj_field_rows_split(nj_field_rows *rows, char *line, size_t size,
                                         nj_error *err);

#endif
