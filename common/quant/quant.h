// quant.h - codebooks: what a semantic ID stands for, in three kinds.
//
//   residual       x ──► nearest row of level 0 ──► code 0        product   x = [ part 0 | part 1 | ... | part L-1 ]
//                  x - row ──► nearest row of level 1 ──► code 1                  │        │                 │
//                  ...                                                         code 0   code 1            code L-1
//
//   hierarchical   the root's nearest child ──► code 0; that node's nearest child ──► code 1; ...
//
//     level 0          level 1                    The rows of level l are nodes; those that share a parent are consecutive.
//     [root]           [node 0] rows 0..2         child_offset[l][n] is the first row of node n of the level above, and a code
//       rows 0..1      [node 1] rows 3..6         counts from there, so that the row chosen is the node of the next level.
//
// TIGER and RQ-VAE are residual, VQ-Rec is product, P5-CID is hierarchical. encoder.h finds the codes.
#ifndef NJ_QUANT_QUANT_H
#define NJ_QUANT_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_QUANT_LEVELS_MAX 8
#define NJ_QUANT_CODES_MAX 65536
#define NJ_QUANT_DIMS_MAX 65536
#define NJ_QUANT_ROWS_MAX (1u << 24) // nodes of a hierarchical level

typedef enum {
    NJ_QUANT_RESIDUAL = 0,
    NJ_QUANT_PRODUCT,
    NJ_QUANT_HIERARCHICAL,
    NJ_QUANT_KIND_COUNT,
} nj_quant_kind;

typedef struct {
    nj_quant_kind kind;
    uint32_t level_count; // L, 0 = no codebooks
    size_t D;             // width of what is encoded: an embedding, behind its transform
    uint32_t K
        [NJ_QUANT_LEVELS_MAX]; // [L] codes of each level; hierarchical: the most children that a node has
    // [L] of [nj_codebooks_rows, nj_codebooks_width] row-major, finite; borrowed
    const float *vectors[NJ_QUANT_LEVELS_MAX];
    // Hierarchical only: [L] of [nodes above + 1], where the root is the only node above level 0; borrowed. Every node has a child.
    const uint32_t *child_offset[NJ_QUANT_LEVELS_MAX];
} nj_codebooks;

// What is left of the embeddings behind each level, added up over all rows so far.
typedef struct {
    uint64_t row_count;
    double squared_sum[NJ_QUANT_LEVELS_MAX]; // [L] of |x - what codes 0..l stand for|^2
} nj_quant_error;

/// Mean over rows of the squared length of the residual behind `level`; 0 when there is no row.
static inline double nj_quant_error_mean(const nj_quant_error *error, uint32_t level)
{
    return error->row_count == 0 ? 0.0 : error->squared_sum[level] / (double)error->row_count;
}

/// "residual", "product", "hierarchical": as catalogue.json and the command line say it. Borrowed for ever.
const char *nj_quant_kind_name(nj_quant_kind kind);

/// Whether `name` is one of them.
bool nj_quant_kind_from_name(const char *name, nj_quant_kind *out);

/// Where part `part` of a vector of D begins when it is cut into `part_count`: sizes differ by 1 at most. part = part_count gives D.
static inline size_t nj_quant_part_first(size_t D, uint32_t part_count, uint32_t part)
{
    return D * part / part_count;
}

/// First column of the level's vectors in x: 0, or that of the part.
size_t nj_codebooks_first_column(const nj_codebooks *codebooks, uint32_t level);

/// Columns of vectors[level]: D, or the width of the part.
size_t nj_codebooks_width(const nj_codebooks *codebooks, uint32_t level);

/// Rows of vectors[level]: K, or all nodes of the level. child_offset must be set.
size_t nj_codebooks_rows(const nj_codebooks *codebooks, uint32_t level);

/// The row of vectors[level] that codes 0..level lead to: the last code, or the node that they reach. Codes are asserted to exist.
size_t nj_codebooks_row(const nj_codebooks *codebooks, const uint16_t *codes, uint32_t level);

/// Checks everything that an encoder relies on, so that codebooks from outside may be used.
///
/// Errors  NJ_INPUT: no levels, or L, K or D beyond its maximum (names both numbers), a value that is not finite (names level,
///         row and column), more parts than columns, child offsets that do not begin at 0, do not ascend or leave a node
///         without children, a node with more children than K
/// Proof   tests/unit/quant/test_codebooks.c
NJ_CHECKED nj_status nj_codebooks_check(const nj_codebooks *codebooks, nj_error *err);

/// What codes 0..level_count-1 stand for: out[D] in float64. Levels of a product that are not there give 0.
///
///   codes        [level_count]  in   each below its K, and below its node's children: asserted
///   level_count                 in   1..L
void nj_codebooks_decode(const nj_codebooks *codebooks, const uint16_t *codes, uint32_t level_count,
                         double *out);

#endif
