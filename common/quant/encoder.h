// encoder.h - which codes each embedding gets.
//
// Greedy: a code is never taken back when a later level would have fitted better to another one. Residual codebooks can be
// searched with a beam instead: the best `beam` prefixes are kept behind each level, and the best of them is taken at the end.
//
// Which row is nearest is decided twice. Products in float32 give |c|^2 - 2 r.c for all rows at once; their rounding error has a
// bound that holds for any order of summation. Rows within twice that bound of the best are candidates; only where there is more
// than one are they compared again, as plain float64 distances of the float64 residual. So codes are those of a float64 search of
// every row, whatever the set of kernels, the block or the thread.
#ifndef NJ_QUANT_ENCODER_H
#define NJ_QUANT_ENCODER_H

#include "common/math/kernels.h"
#include "common/quant/quant.h"
#include "common/quant/transform.h"

#define NJ_QUANT_BEAM_MAX 256
#define NJ_QUANT_BEAM_SCORES_MAX (1u << 22)  // beam * K
#define NJ_QUANT_TABLE_BYTES_MAX (64u << 20) // of products of codes; larger levels do without
#define NJ_QUANT_BLOCK_ROWS_MAX 128
#define NJ_QUANT_BLOCK_BYTES (8u << 20) // scratch of a block, unless one row alone needs more

typedef struct {
    const nj_kernels *
        kernels; // of precision float32; NULL = the fastest exact set. They do not change the codes
    uint32_t
        beam; // prefixes kept behind a level, at most NJ_QUANT_BEAM_MAX; 0 and 1: greedy. Residual codebooks only
} nj_encoder_options;

typedef struct nj_encoder nj_encoder;

/// Packs the codebooks and allocates all scratch: encoding allocates nothing. Codebooks, transform and kernels are borrowed until
/// nj_encoder_free; the structs themselves are copied. One encoder serves one thread.
///
///   transform   nullable, and may be none (D_in 0)
///   options     nullable: greedy, the fastest kernels
///
/// Memory  the packed codebooks, a norm a code, NJ_QUANT_TABLE_BYTES_MAX and NJ_QUANT_BLOCK_BYTES at most, and 16 bytes a score
///         of a beam
/// Errors  those of nj_codebooks_check and nj_transform_check; NJ_INPUT: a transform whose width is not that of the codebooks
///         (names both); NJ_USAGE: a beam beyond its maxima, or for codebooks that are not residual, kernels
///         of another precision; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_encoder_new(const nj_codebooks *codebooks, const nj_transform *transform,
                                    const nj_encoder_options *options, nj_encoder **out,
                                    nj_error *err);
void nj_encoder_free(nj_encoder **encoder);

/// Width of a row that nj_encoder_encode takes: D_in of the transform, or D of the codebooks.
size_t nj_encoder_width(const nj_encoder *encoder);

/// Finds the codes of N embeddings.
///
///   x             [N, nj_encoder_width]  in   row-major, finite
///   codes         [N, codes_stride]      out  the first L of every row are written; codes_stride >= L
///   error                                in/out  nullable; this call's rows are added
///
/// Errors    NJ_INPUT: a transform that overflows float32 (names the row, counted from 0 in this call); nothing without one
/// Ties      the lower code, at the lowest level where codes differ (exactly equal float64 distances)
/// Order     float64 sums over D as in the kernels' `difference`; `error` adds row after row, so blocks do not change it
/// Source    Chen, Guan, Wang 2010, "Approximate nearest neighbor search by residual vector quantization", section 3.1 (greedy
///           encoding); Babenko and Lempitsky 2014, "Additive quantization", section 3.1 (beam); bound: Higham 2002, "Accuracy
///           and Stability of Numerical Algorithms", section 3.1
/// Proof     tests/unit/quant/test_encoder.c, against a float64 search of every row
NJ_CHECKED nj_status nj_encoder_encode(nj_encoder *encoder, const float *x, size_t N,
                                       uint16_t *codes, size_t codes_stride, nj_quant_error *error,
                                       nj_error *err);

#endif
