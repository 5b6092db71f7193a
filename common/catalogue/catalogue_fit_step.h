// catalogue_fit_step.h - what a fit asks of a shard of rows; used by the fit, its workers and its tests.
//
//   rows [N, D_in] ──► transform ──► [N, D] ──► what the level sees [N, W] ──► nearest of `centroids`
//
//   W is D, or the width of the level's part (product). A priced level has one column more: 0 in every row and the square root of
//   its price in every centroid, which adds the price to the squared distance.
//
// Works (schemas/item_work.def), their sections besides "rows", and their answers, little-endian:
//
//   fit_range     -                                        lowest, highest f32 [D_in] each; sums f64 [D_in]; digest of the rows as f32
//   fit_variance  mean                                     f64 [D_in]: sums of (x - mean)^2
//   fit_products  mean, scale                              f64 [count, D_in]: rows first .. first+count-1 of the sum of z z^T,
//                                                          z = (x - mean) * scale
//   fit_lloyd     mean, scale, matrix, codebook.<l>,       one entry a code that has rows, ascending: u64 code, u64 rows, f64 sum of
//                 codes.<l> (l below the level), centroids    |row|^2, f64 [W]: sums of the rows
//   fit_codes     the same; hierarchical: codebook.<l>,    u16 a row: its code on the level
//                 offsets.<l> up to the level
//   fit_nodes     mean, scale, matrix, embeddings,         a shard is a range of nodes, not of rows: see catalogue_fit_nodes.c
//                 order, first
//
// mean, scale and matrix are there where the transform has them.
#ifndef NJ_CATALOGUE_CATALOGUE_FIT_STEP_H
#define NJ_CATALOGUE_CATALOGUE_FIT_STEP_H

#include "common/catalogue/item_round.h"
#include "common/quant/encoder.h"
#include "common/quant/kmeans.h"
#include "common/quant/quant.h"
#include "common/quant/transform.h"

#define NJ_FIT_BLOCK_ROWS 256
#define NJ_FIT_WIDTH_MAX 4096 // D and D_in

// What a step is told besides its sections: packed as an array of unsigned numbers.
typedef struct {
    nj_quant_kind kind;
    uint32_t level_count;            // L; parts of a product
    uint32_t level;                  // the one that is learned; those below are frozen
    size_t D_in;                     // width of the rows
    size_t D;                        // ... behind the transform
    uint32_t K[NJ_QUANT_LEVELS_MAX]; // [L]
    bool priced;                     // centroids have a column for their price
    size_t first;                    // fit_products: rows of the matrix
    size_t count;                    //
    uint32_t iterations_max;         // fit_nodes
    uint64_t seed;                   //
    double tolerance;                //
} nj_fit_step;

/// Errors  NJ_NO_MEMORY
NJ_CHECKED nj_status nj_fit_step_pack(const nj_fit_step *step, nj_buffer *out, nj_error *err);
/// Errors  NJ_INPUT: not what nj_fit_step_pack writes, or a number beyond its limit
NJ_CHECKED nj_status nj_fit_step_unpack(nj_slice bytes, nj_fit_step *out, nj_error *err);

extern const nj_item_work nj_item_work_fit_range;
extern const nj_item_work nj_item_work_fit_variance;
extern const nj_item_work nj_item_work_fit_products;
extern const nj_item_work nj_item_work_fit_lloyd;
extern const nj_item_work nj_item_work_fit_codes;
extern const nj_item_work nj_item_work_fit_nodes;

// ---- rows as a level sees them ----

// Borrows everything that it is made of.
typedef struct {
    const nj_npy *npy;      // [N, D_in]
    nj_codebooks codebooks; // of the levels below `level`; D and level_count set
    const uint16_t
        *codes[NJ_QUANT_LEVELS_MAX]; // [level] of [N]: codes of the frozen levels; residual only
    uint32_t level;
    size_t first_column;         // of the level's part
    size_t W;                    // columns that the level sees
    size_t stride;               // W, and 1 more where it is priced
    nj_transformer *transformer; // owned; NULL = none
    float *x;                    // [NJ_FIT_BLOCK_ROWS, D_in]; owned
    float *y;                    // [NJ_FIT_BLOCK_ROWS, D]; owned; x without a transform
    float *seen;                 // [NJ_FIT_BLOCK_ROWS, stride]; owned
    double *residual;            // [D]; owned
} nj_fit_view;

/// `view` has npy, codebooks, codes, level, and the transform's widths fit. Owned: nj_fit_view_fini.
NJ_CHECKED nj_status nj_fit_view_init(nj_fit_view *view, const nj_fit_step *step,
                                      const nj_transform *transform, nj_error *err);
void nj_fit_view_fini(nj_fit_view *view);

/// Loads rows first .. first+count-1, count <= NJ_FIT_BLOCK_ROWS, into view->seen. NJ_INPUT: a value that is not finite, before or
/// behind the transform (names the row).
///
/// Order   the residual is x less the vectors of levels 0, 1, ... in float64, rounded once
NJ_CHECKED nj_status nj_fit_view_load(nj_fit_view *view, size_t first, size_t count, nj_error *err);

/// The transform of sections "mean", "scale" and "matrix"; D_in 0 where none is there. NJ_INPUT: a size that does not fit.
NJ_CHECKED nj_status nj_fit_transform_find(const nj_sections *sections, const nj_fit_step *step,
                                           nj_transform *out, nj_error *err);

/// Section `name` with exactly count values of value_bytes. NJ_INPUT: missing, or another size (both numbers).
NJ_CHECKED nj_status nj_fit_section(const nj_sections *sections, const char *name, size_t count,
                                    size_t value_bytes, const void **out, nj_error *err);

/// Adds the answer of a shard to the sums. NJ_INPUT: not an answer.
NJ_CHECKED nj_status nj_fit_lloyd_merge(nj_slice answer, nj_kmeans_sums *sums, nj_error *err);

// What a fit_nodes answer says of a node.
typedef struct {
    const char *vectors; // f32 [child_count, D], unaligned; borrowed from the answer
    uint32_t child_count;
    uint32_t iterations;
    uint32_t revived;
    uint64_t largest; // items of the child that has most
    double error;     // squared, over the rows that the node was trained on
} nj_fit_node;

/// Takes the next node off the answer. NJ_INPUT: not an answer.
NJ_CHECKED nj_status nj_fit_nodes_read(nj_slice *answer, size_t D, nj_fit_node *out, nj_error *err);

/// Bytes of a fit_lloyd entry.
static inline size_t nj_fit_lloyd_entry_bytes(size_t width)
{
    return (3 + width) * 8;
}

#endif
