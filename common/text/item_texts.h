// item_texts.h - what is written about items: a table with a header line, JSON lines, or Parquet.
//
//   CSV                header line of names between commas, quotes by RFC 4180 (common/input/field_rows.h)
//   tab separated      header line, one item a line, as many fields in each; a header field may be typed as in RecBole's .item
//                      (movie_title:token_seq): the name is what stands before the colon
//   JSON lines         {"item_id": "b7", "title": "...", "categories": ["Beauty", "Nails"]} a line; ids may be whole numbers; a text is
//                      a string or an array of strings (or of arrays of them); null and an absent key are no text
//
//   Parquet            every column of text, whole numbers or lists of them, as JSON lines
//
// Which one is told from the first line: '{' begins JSON lines, a tab or a comma stands in a header. Each may be packed by gzip or zstd, come from standard
// input, or be a folder of part files, each with its header (common/input/lines.h).
//
// Source  RecBole documentation, "Atomic Files" (the typed header)
#ifndef NJ_TEXT_ITEM_TEXTS_H
#define NJ_TEXT_ITEM_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/input/lines.h"

#define NJ_ITEM_TEXT_LINE_BYTES_MAX ((size_t)16 << 20)
#define NJ_ITEM_TEXT_COLUMNS_MAX 256  // of a table; also columns that can be named
#define NJ_ITEM_TEXT_FIELDS_MAX 65536 // texts of one item
#define NJ_ITEM_TEXT_WEIGHT_MAX 100

typedef struct {
    nj_slice text;
    uint32_t weight; // how often each of its words counts
    uint32_t column; // that it stands in: its place in text_columns; 0 where no columns are named
} nj_text_field;

typedef struct {
    nj_slice id; // valid (id.h)
    uint64_t line;
    const nj_lines *lines; // that it is of
    const nj_text_field *fields;
    size_t field_count;
} nj_item_text;

typedef struct {
    const char *path;      // "-" is standard input
    const char *id_column; // NULL: item_id, else id, else the first column of a table
    // "title=3,categories": names, each with a weight if it is not 1; NULL: all columns but the id, and of a typed header those of type
    // token and token_seq
    const char *text_columns;
    const char *option; // that text_columns were given by, for messages; NULL: --text-columns
    bool takes_numbers; // whole numbers in JSON are text too
    /// Gets every item in file order; what it holds is borrowed until it returns. Another status than NJ_OK ends the reading.
    nj_status (*take)(void *context, const nj_item_text *item, nj_error *err);
    void *context;
} nj_item_text_reading;

/// Reads the file to its end.
///
/// Memory  one line, and what JSON makes of it
/// Errors  NJ_USAGE: --text-columns is malformed; NJ_NOT_FOUND; NJ_INPUT names file, line and rule: no header, a column that is not there
///         (with those that are), another number of fields than the header's, a bad id, a text that is no text, a line beyond
///         NJ_ITEM_TEXT_LINE_BYTES_MAX; a file without items; bytes that are no UTF-8 in JSON (in a table they pass: words.h)
/// Proof   tests/unit/text/test_item_texts.c, tests/fuzz/fuzz_item_texts.c
NJ_CHECKED nj_status nj_item_texts_read(const nj_item_text_reading *reading, nj_error *err);

#endif
