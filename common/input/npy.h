// npy.h - NumPy array files, mapped and never copied whole.
//
// Source  numpy.lib.format, versions 1.0 to 3.0 (NEP 1). C order only; little-endian only.
#ifndef NJ_INPUT_NPY_H
#define NJ_INPUT_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/mapped.h"

#define NJ_NPY_DIMS_MAX 4

typedef enum {
    NJ_NPY_F16,
    NJ_NPY_F32,
    NJ_NPY_F64,
    NJ_NPY_I8,
    NJ_NPY_I16,
    NJ_NPY_I32,
    NJ_NPY_I64,
    NJ_NPY_U8,
    NJ_NPY_U16,
    NJ_NPY_U32,
    NJ_NPY_U64,
} nj_npy_type;

typedef struct {
    nj_mapped file;      // owned
    const uint8_t *data; // may be unaligned; borrowed from file
    nj_npy_type type;
    size_t element_bytes;
    size_t dim_count;
    size_t shape[NJ_NPY_DIMS_MAX];
    char path[256]; // for messages, cut
} nj_npy;

/// Opens and checks the header against the file's size. NJ_INPUT names file, rule and both numbers.
NJ_CHECKED nj_status nj_npy_open(const char *path, nj_npy *out, nj_error *err);
void nj_npy_close(nj_npy *npy);
/// The same for a file that is in memory already; `name` stands in messages. `bytes` is borrowed as long as `out` is used; nothing
/// is to be closed.
NJ_CHECKED nj_status nj_npy_view(const void *bytes, size_t size, const char *name, nj_npy *out,
                                 nj_error *err);

/// Copies elements [first, first+count) of the flattened array as float32. NJ_INPUT for an integer
/// array, and for NaN or infinity (names row and column of a matrix, else the element's indices).
NJ_CHECKED nj_status nj_npy_read_f32(const nj_npy *npy, size_t first, size_t count, float *out,
                                     nj_error *err);

/// Copies elements as int64. NJ_INPUT for a float array or a u64 beyond INT64_MAX.
NJ_CHECKED nj_status nj_npy_read_i64(const nj_npy *npy, size_t first, size_t count, int64_t *out,
                                     nj_error *err);

/// Writes an array [shape...] of `type` in C order, version 1.0, data aligned to 64, under a
/// temporary name and renamed.
NJ_CHECKED nj_status nj_npy_write(const char *path, nj_npy_type type, const size_t *shape,
                                  size_t dim_count, const void *data, nj_error *err);

/// Writes only the header, to a draft that is at its beginning: the caller writes the elements behind it, and commits.
NJ_CHECKED nj_status nj_npy_write_header(nj_file_draft *draft, nj_npy_type type,
                                         const size_t *shape, size_t dim_count, nj_error *err);

/// The same into memory: appends the header to `out`, the caller the elements behind it.
NJ_CHECKED nj_status nj_npy_append_header(nj_buffer *out, nj_npy_type type, const size_t *shape,
                                          size_t dim_count, nj_error *err);

#endif
