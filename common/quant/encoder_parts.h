// encoder_parts.h - what the files behind encoder.h share; used inside this folder only.
//
//   encoder.c    sets up, cuts N into blocks, transforms, adds up errors
//   encode.c     levels of a block: products, then the search of every row
//   search.c     one row: bound, candidates, the nearest
//   beam.c       one row: the best prefixes behind a level
//
// Residual codes are looked for behind two kinds of products. With tables, r.c is x.c less what the chosen rows of the levels before
// have in common with c, which is tabulated: x meets each level once, and all prefixes of a beam share its products. Without, as for
// levels of so many codes that tables would be too large, every residual is rounded to float32 and multiplied.
#ifndef NJ_QUANT_ENCODER_PARTS_H
#define NJ_QUANT_ENCODER_PARTS_H

#include "common/base/arena.h"
#include "common/quant/encoder.h"

typedef struct {
    size_t first_column; // of x, where this level's part begins
    size_t width;        // columns of a row
    size_t rows;         // of vectors[level]
    size_t most;         // rows that one search chooses from: K, or the most children of a node
    bool is_multiplied;  // with whole blocks; the deeper levels of a hierarchy are not
    nj_linear linear;    // all rows, packed where is_multiplied
    float *norms;        // [rows] |c|^2, rounded from float64
    double norm_max;     // the longest |c|
    double before;       // residual: the longest |c| of all levels before, added up
    // residual with tables: [j < this level] of [K_j, K] twice the product of two rows; j = 0 with |c|^2 added
    float *tables[NJ_QUANT_LEVELS_MAX];
} nj_level_index;

// What is known of one row of a block: its best prefixes so far, in the order of their codes.
typedef struct {
    uint32_t count;
    uint16_t *codes;  // [beam, L]
    double *energies; // [beam] |x - s|^2 - |x|^2 as the screening knows it
    double
        slack; // how far an energy can be from the truth, or the truth from what float64 makes of it
    double length; // at least |x|
} nj_beam;

// Ordered by value, then by index.
typedef struct {
    double value;
    uint32_t index;
} nj_ranked;

struct nj_encoder {
    nj_codebooks codebooks; // what it points to is borrowed
    const nj_kernels *kernels;
    nj_transformer *transformer; // owned; NULL without one
    size_t width;                // of a row that comes in
    uint32_t beam;
    bool has_tables;
    nj_level_index levels[NJ_QUANT_LEVELS_MAX];
    size_t most; // of all levels
    size_t block_rows;
    nj_arena arena;     // everything below, and what levels point to
    float *transformed; // [block_rows, D]; NULL without a transform
    float *products;    // [multiplied rows, most] of one level
    float *
        rounded; // residual without tables: [block_rows * beam, D] what is multiplied; else NULL, and x is
    nj_beam *beams;         // [block_rows]
    nj_beam next;           // the beam that a level makes
    float *scores;          // [beam, most]
    uint32_t *found;        // [beam * most]
    double *exact;          // [D] in float64: what a prefix leaves of x
    const float **children; // [most] rows of a node
    nj_ranked *heap;        // [beam]
    double *exact_energies; // [beam * most]; NULL when greedy
};

// One row at one level, behind one prefix.
typedef struct {
    const float *x;                          // [D]
    const uint16_t *codes;                   // [level] the prefix
    const float *products;                   // [count]
    const float *terms[NJ_QUANT_LEVELS_MAX]; // of the score, behind the product (kernels.h)
    size_t term_count;
    size_t first_row; // of vectors[level]: 0, or the node's first child
    size_t count;     // rows to choose from
    double length;    // at least that of the row that was multiplied
    double whole;     // at least |x|
} nj_search;

/// At least |v|, and not by much unless values are near the smallest float.
double nj_measure_length(const nj_kernels *kernels, const float *v, size_t n);

/// How far a score can be from the truth, and the truth from float64 distances; infinite where float32 could overflow.
double nj_bound_score(const nj_encoder *encoder, uint32_t level, const nj_search *search);

/// A float that is not below `limit`.
float nj_limit_from(double limit);

/// encoder->exact becomes what codes 0..level-1 leave of x in float64, from the level's first column on.
void nj_leave_exact(nj_encoder *encoder, const float *x, const uint16_t *codes, uint32_t level);

/// The nearest row, counted from first_row.
size_t nj_find_nearest(nj_encoder *encoder, uint32_t level, const nj_search *search);

/// Replaces the beam by the best `target` prefixes that are one code longer. searches: one for each prefix.
void nj_widen_beam(nj_encoder *encoder, uint32_t level, const nj_search *searches, uint32_t target,
                   nj_beam *beam);

/// Codes of one block, whose rows are x [rows, D].
void nj_encode_block(nj_encoder *encoder, const float *x, size_t rows, uint16_t *codes,
                     size_t codes_stride);

#endif
