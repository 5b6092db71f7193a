// parquet_parts.h - what the halves of the reader share; nobody else includes it.
#ifndef NJ_PARQUET_PARQUET_PARTS_H
#define NJ_PARQUET_PARQUET_PARTS_H

#include "common/base/buffer.h"
#include "common/base/idlist.h"
#include "common/parquet/parquet.h"
#include "common/parquet/parquet_library.h"

// What a column's values are to us.
typedef enum {
    NJ_PARQUET_OTHER, // not read
    NJ_PARQUET_TEXT,
    NJ_PARQUET_WHOLE,
    NJ_PARQUET_NUMBER,
    NJ_PARQUET_TIME, // a timestamp or date, read as a number
} nj_parquet_kind;

// A column that is read.
typedef struct {
    nj_parquet_kind kind; // of the value, or of a list's elements
    bool is_list;
    // of the rows at hand, borrowed from the chunk:
    const void *data;            // nj_duck_text, or nj_duck_list
    const uint64_t *valid;       // a bit a row; NULL: all are
    const nj_duck_text *element; // of a list
    const uint64_t *element_valid;
} nj_parquet_field;

struct nj_parquet {
    const nj_duck *duck;
    const char *name;
    void *database;
    void *connection;
    void *statement;
    nj_duck_result result;
    bool has_result;
    nj_parquet_form form;
    nj_idlist_builder names; // of the fields, in the text
    nj_parquet_field fields[NJ_PARQUET_COLUMNS_MAX];
    size_t field_count;
    void *chunk; // rows at hand
    uint64_t chunk_count;
    uint64_t chunk_at;
    uint64_t row; // of the file, from 1: the last one written
    nj_buffer text;
    size_t text_at;
    bool at_end;
};

/// Finds the columns and starts the query that fetches them.
NJ_CHECKED nj_status nj_parquet_query(nj_parquet *parquet, int fd, const nj_parquet_shape *shapes,
                                      size_t shape_count, nj_error *err);

/// Appends the row at chunk_at. NJ_INPUT as nj_parquet_read.
NJ_CHECKED nj_status nj_parquet_write_row(nj_parquet *parquet, nj_error *err);
/// Appends the header of CSV.
NJ_CHECKED nj_status nj_parquet_write_header(nj_parquet *parquet, nj_error *err);

/// NJ_INPUT with the first line of what DuckDB says.
nj_status nj_parquet_fail_duck(const nj_parquet *parquet, const char *says, nj_error *err);

#endif
