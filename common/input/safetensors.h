// safetensors.h - tensors by name from one .safetensors file, from a folder with an index, or from
// bytes in memory.
//
// Source  https://github.com/huggingface/safetensors, README "Format": u64 header length (little-endian), JSON header, data.
// Refused, naming file, tensor, rule and both numbers: a header over 100 MB or beyond the file, offsets that overlap, leave
// holes, do not match shape and dtype or end beyond the file; an unknown dtype; a name given twice; an index that names a
// missing file or tensor. Dtypes other than F32, F16, BF16 are kept by name and refused on reading.
#ifndef NJ_INPUT_SAFETENSORS_H
#define NJ_INPUT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define NJ_TENSOR_DIMS_MAX 8
#define NJ_TENSORS_MAX 100000

typedef enum { NJ_TENSOR_F32, NJ_TENSOR_F16, NJ_TENSOR_BF16, NJ_TENSOR_OTHER } nj_tensor_type;

typedef struct {
    const char *name; // borrowed from the set
    const char *file; // borrowed from the set
    nj_tensor_type type;
    const char *dtype; // as the file says it ("F32", "I64"); borrowed for ever
    size_t dim_count;
    size_t shape[NJ_TENSOR_DIMS_MAX];
    size_t element_count;
    const uint8_t *data; // borrowed from the set; may be unaligned
    size_t data_bytes;
} nj_tensor;

typedef struct nj_tensor_set nj_tensor_set;

/// Opens a .safetensors file, or a folder: model.safetensors.index.json if it is there, else the
/// one or many *.safetensors.
NJ_CHECKED nj_status nj_tensor_set_open(const char *path, nj_tensor_set **out, nj_error *err);
/// The same over bytes in memory (a bundle's section), borrowed for the life of the set. `what`
/// names them in errors.
NJ_CHECKED nj_status nj_tensor_set_open_bytes(const void *bytes, size_t size, const char *what,
                                              nj_tensor_set **out, nj_error *err);
void nj_tensor_set_close(nj_tensor_set **set);

size_t nj_tensor_set_count(const nj_tensor_set *set);
const nj_tensor *nj_tensor_set_at(const nj_tensor_set *set, size_t index); // sorted by name
/// NULL when there is no tensor of this name.
const nj_tensor *nj_tensor_set_find(const nj_tensor_set *set, const char *name);

/// Puts a tensor in the place of the set's own of this name, which loses its shape, type and values, or beside the others where there is none. The
/// tensor's name, file and data are borrowed for the life of the set; pointers to tensors of the set are no longer valid. NJ_NO_MEMORY, also
/// beyond NJ_TENSORS_MAX.
NJ_CHECKED nj_status nj_tensor_set_put(nj_tensor_set *set, const nj_tensor *tensor, nj_error *err);

/// Finds `name` and checks its shape; a missing or misshapen tensor is NJ_INPUT with file, tensor,
/// rule and both shapes.
NJ_CHECKED nj_status nj_tensor_set_expect(const nj_tensor_set *set, const char *name,
                                          const size_t *shape, size_t dim_count,
                                          const nj_tensor **out, nj_error *err);

/// Copies all elements as float32. NaN or infinity is NJ_INPUT and names the tensor and the
/// element's index.
NJ_CHECKED nj_status nj_tensor_read_f32(const nj_tensor *tensor, float *out, nj_error *err);

// Writing: a valid safetensors file in memory, float32, tensors sorted by name, the data area
// aligned to 64.
typedef struct {
    const char *name;
    size_t dim_count;
    size_t shape[NJ_TENSOR_DIMS_MAX];
    const float *data;
} nj_tensor_source;

/// Appends the file's bytes to `out` (empty before). `tensors` is sorted in place by name.
NJ_CHECKED nj_status nj_tensors_write(nj_tensor_source *tensors, size_t count, nj_buffer *out,
                                      nj_error *err);

#endif
