// parquet_write.h - rows as a Parquet file, for warehouses: our own writer, because nothing is to be installed for it.
//
//   PAR1 | row group | row group | ... | footer (Thrift, compact protocol) | its length, u32 | PAR1
//          one chunk a column, one page a chunk: [levels of a list] values
//
// Plain encoding, no compression, no statistics, no index: what every reader of Parquet reads. Values are never missing; a list
// may be empty. Nothing is sought, so a pipe can take it. (Reading is parquet.h, through DuckDB: reading has to know every
// encoding there is, writing needs one.)
//
// Source  apache/parquet-format 2.10, README.md, Encodings.md and parquet.thrift
// Proof   tests/unit/parquet/test_parquet_write.c: against a file that pyarrow has read back
#ifndef NJ_PARQUET_PARQUET_WRITE_H
#define NJ_PARQUET_PARQUET_WRITE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_PARQUET_FIELDS_MAX 16
#define NJ_PARQUET_GROUP_BYTES (64u << 20) // a row group is written when it holds as much
#define NJ_PARQUET_ROW_BYTES_MAX (64u << 20)

typedef enum {
    NJ_PARQUET_TEXT,   // UTF-8
    NJ_PARQUET_INT,    // 32 bits, signed
    NJ_PARQUET_TEXTS,  // a list of texts
    NJ_PARQUET_FLOATS, // a list of floats of 32 bits
} nj_parquet_kind;

typedef struct {
    const char *name; // borrowed while the writer lives
    nj_parquet_kind kind;
} nj_parquet_field;

typedef struct nj_parquet_writer nj_parquet_writer;

/// Writes the first bytes to `stream`, which is borrowed until nj_parquet_writer_free, as `what` is, its name in errors. `group_bytes`: NJ_PARQUET_GROUP_BYTES, or
/// less where a test wants several groups.
NJ_CHECKED nj_status nj_parquet_writer_new(FILE *stream, const char *what,
                                           const nj_parquet_field *fields, size_t field_count,
                                           size_t group_bytes, nj_parquet_writer **out,
                                           nj_error *err);
/// Accepts NULL. A file without nj_parquet_end is none.
void nj_parquet_writer_free(nj_parquet_writer **writer);

// The values of one row, each field once and in any order, then nj_parquet_row. The kind of the field is asserted. A failure
// is kept and told by nj_parquet_row.
void nj_parquet_text(nj_parquet_writer *writer, size_t field, nj_slice text);
void nj_parquet_int(nj_parquet_writer *writer, size_t field, int32_t number);
void nj_parquet_texts(nj_parquet_writer *writer, size_t field, const nj_slice *texts, size_t count);
void nj_parquet_floats(nj_parquet_writer *writer, size_t field, const float *numbers, size_t count);

/// NJ_IO where the stream does not take a row group, NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_parquet_row(nj_parquet_writer *writer, nj_error *err);

/// Writes what is left and the footer. The stream is not closed.
NJ_CHECKED nj_status nj_parquet_end(nj_parquet_writer *writer, nj_error *err);

#endif
