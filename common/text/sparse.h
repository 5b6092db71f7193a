// sparse.h - a matrix of which little is not zero, in compressed sparse rows (CSR): rows of (column, value), end to end.
#ifndef NJ_TEXT_SPARSE_H
#define NJ_TEXT_SPARSE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t column;
    float value;
} nj_sparse_entry;

typedef struct {
    size_t row_count;
    size_t column_count;
    const uint64_t *starts; // [row_count + 1] ascending; row i: entries starts[i] .. starts[i + 1]
    const nj_sparse_entry *entries; // columns of a row ascend
} nj_sparse;

#endif
