// npy_header.h - the Python dictionary at the start of a .npy file.
//
//   {'descr': '<f4', 'fortran_order': False, 'shape': (12101, 128), }
//
// Exactly these three keys, in any order, once each. The parser accepts what numpy.lib.format
// writes and nothing of the rest of Python: no nesting, no escapes, no structured types.
#ifndef NJ_INPUT_NPY_HEADER_H
#define NJ_INPUT_NPY_HEADER_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/slice.h"
#include "common/input/npy.h"

// numpy itself refuses headers over 10,000 bytes unless told otherwise
#define NJ_NPY_HEADER_BYTES_MAX 65535

typedef struct {
    nj_npy_type type;
    size_t element_bytes;
    bool fortran_order;
    size_t dim_count;
    size_t shape[NJ_NPY_DIMS_MAX];
} nj_npy_header;

/// Parses the text between the length field and the data. `what` names the file in errors
/// (NJ_INPUT).
NJ_CHECKED nj_status nj_npy_header_parse(nj_slice text, const char *what, nj_npy_header *out,
                                         nj_error *err);

/// "<f4" and so on; borrowed for ever.
const char *nj_npy_type_descr(nj_npy_type type);
size_t nj_npy_type_bytes(nj_npy_type type);

#endif
