// neighbour_table.h - for each item those that go with it, best first, each with a weight: what a policy takes candidates from beside the
// search. The section "neighbours" (schemas/bundle.md), checked and looked into, and written. It is counted by worker/baseline/neighbours.h.
//
//   header    "NJNEIGHB", version, rows, kind, neighbours
//   offsets   u64 [N + 1]     row i: offset[i] .. offset[i + 1]
//   rows      u32 [E]         catalogue rows, padded to 8 bytes
//   weights   float32 [E]
#ifndef NJ_CATALOGUE_NEIGHBOUR_TABLE_H
#define NJ_CATALOGUE_NEIGHBOUR_TABLE_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define NJ_NEIGHBOUR_TABLE_VERSION 1
#define NJ_NEIGHBOUR_TABLE_MAX 1000 // neighbours of an item
#define NJ_NEIGHBOUR_TABLE_EDGES_MAX ((uint64_t)1 << 36)

typedef enum { NJ_NEIGHBOUR_CO_VISITATION, NJ_NEIGHBOUR_ITEM_KNN } nj_neighbour_table_kind;

// A view; all zero where there are no neighbours.
typedef struct {
    uint32_t row_count; // N
    nj_neighbour_table_kind kind;
    uint64_t edge_count;    // E
    const uint64_t *offset; // [N + 1] borrowed; neighbours of row i: offset[i] .. offset[i + 1]
    const uint32_t
        *rows; // [E] likewise; of each item best first, of equal weights the smaller row first
    const float *weights; // [E] likewise; above 0, finite, not rising within an item
} nj_neighbour_table;

/// Opens a view on outside bytes after checking all of them: sizes, offsets, rows (below N, none its own neighbour), weights and their order.
///
///   bytes  aligned to 8; borrowed for the life of the view
///
/// Cost    one pass
/// Errors  NJ_INPUT names item, rule and both numbers
/// Proof   tests/unit/catalogue/test_neighbour_table.c, tests/fuzz/fuzz_item_sections.c
NJ_CHECKED nj_status nj_neighbour_table_open(const void *bytes, size_t size, uint32_t row_count,
                                             nj_neighbour_table *out, nj_error *err);

/// Neighbours of a row.
static inline uint32_t nj_neighbour_table_count(const nj_neighbour_table *table, uint32_t row)
{
    return (uint32_t)(table->offset[row + 1] - table->offset[row]);
}

/// "co-visitation" or "item-knn".
const char *nj_neighbour_table_kind_name(nj_neighbour_table_kind kind);

/// Appends the section; the table is one that opening it would take.
/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_neighbour_table_write(const nj_neighbour_table *table, nj_buffer *out,
                                              nj_error *err);

#endif
