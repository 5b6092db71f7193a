// safetensors_header.h - one file's header: checked, and turned into tensors.
//
//   u64 n | n bytes of JSON, padded with spaces | data ..........................................
//           {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
//
// The rules are those of the official reader (safetensors/src/tensor.rs, Metadata::validate):
// offsets start at 0, each tensor begins where the one before it ends, each has the bytes of its
// shape and dtype, and the last one ends with the file.
#ifndef NJ_INPUT_SAFETENSORS_HEADER_H
#define NJ_INPUT_SAFETENSORS_HEADER_H

#include <jansson.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/input/safetensors.h"

#define NJ_SAFETENSORS_HEADER_BYTES_MAX 100000000u // the official reader's limit
#define NJ_SAFETENSORS_PREFIX_BYTES 8

/// Checks the bytes of one file and appends its tensors (nj_tensor, in file order) to `tensors`.
/// Names are borrowed from `*out_header` (owned by the caller: json_decref), data from `bytes`,
/// `file` names them in errors.
NJ_CHECKED nj_status nj_safetensors_header_read(const uint8_t *bytes, size_t size, const char *file,
                                                nj_buffer *tensors, json_t **out_header,
                                                nj_error *err);

#endif
