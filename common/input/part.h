// part.h - one file as a stream of text: plain, unpacked, or made of Parquet rows. Private to common/input.
#ifndef NJ_INPUT_PART_H
#define NJ_INPUT_PART_H

#include "common/base/error.h"
#include "common/compress/unpack.h"
#include "common/parquet/parquet.h"

typedef struct {
    const char *name;    // for errors; borrowed
    int fd;              // owned unless it is standard input; -1: not open
    nj_unpack *unpack;   // owned; NULL where it is Parquet
    nj_parquet *parquet; // owned; NULL where it is text
} nj_part;

/// Opens a file, or standard input for "-"; what comes out is told from its first bytes.
///
///   shapes  of Parquet; none: Parquet is refused
///
/// Errors  NJ_NOT_FOUND: no such file; NJ_INPUT: a folder, Parquet where it is not read; those of nj_unpack_open, nj_parquet_open and
///         nj_spool (Parquet from a pipe)
NJ_CHECKED nj_status nj_part_open(const char *path, const nj_parquet_shape *shapes,
                                  size_t shape_count, nj_part *out, nj_error *err);
/// Accepts a part that was closed.
void nj_part_close(nj_part *part);

/// As nj_unpack_read.
static inline nj_status nj_part_read(nj_part *part, void *bytes, size_t capacity, size_t *out_size,
                                     nj_error *err)
{
    return part->parquet != NULL ? nj_parquet_read(part->parquet, bytes, capacity, out_size, err)
                                 : nj_unpack_read(part->unpack, bytes, capacity, out_size, err);
}

#endif
