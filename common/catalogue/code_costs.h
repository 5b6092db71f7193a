// code_costs.h - the squared error of every code that may follow a prefix, in float64, whatever the machine and the kind of
// codebooks (quant.h).
//
// Vectors are kept in blocks of eight, so that a loop over them is one over neighbours and a compiler can take it in vectors without
// changing the order of any sum:
//
//   [ceil(rows / 8)] blocks of [width] rows of 8 vectors      block 0: v0[0] v1[0] ... v7[0] | v0[1] v1[1] ... | ...
//
// What is left of an embedding x behind a prefix ("rest") has D numbers: residual, x less the vectors of the prefix; product, x less
// the vector of each part that has a code; hierarchical, x.
#ifndef NJ_CATALOGUE_CODE_COSTS_H
#define NJ_CATALOGUE_CODE_COSTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/quant/quant.h"

#define NJ_CODE_COSTS_LANES 8u

typedef struct {
    const nj_codebooks *codebooks;            // borrowed
    const float *blocks[NJ_QUANT_LEVELS_MAX]; // [L] as drawn; views into memory
    float *memory;                            // owned
} nj_code_costs;

/// Rearranges a copy of the codebooks, which are borrowed until nj_code_costs_fini. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_code_costs_init(nj_code_costs *costs, const nj_codebooks *codebooks,
                                        nj_error *err);
/// Accepts a struct that is all zero.
void nj_code_costs_fini(nj_code_costs *costs);

/// How many codes may follow a prefix [level]: K, or the children of its node.
uint32_t nj_codebooks_count_codes(const nj_codebooks *codebooks, uint32_t level,
                                  const uint16_t *prefix);

/// rest [D] out, of x [D] before any code.
void nj_code_costs_begin(const nj_code_costs *costs, const float *x, double *rest);

/// out[k] = the squared error of code k of the level, of all columns that have a code by then. Returns how many codes there are.
///   prefix [level] in, rest [D] in, behind that prefix, out [K] out
/// Order   over columns left to right, no fused multiply-add
/// Proof   tests/unit/catalogue/test_collisions.c
uint32_t nj_code_costs_of(const nj_code_costs *costs, uint32_t level, const uint16_t *prefix,
                          const double *rest, double *out);

/// out [D] = what is left behind one code more; may be in place.
void nj_code_costs_step(const nj_code_costs *costs, uint32_t level, uint16_t code,
                        const double *rest, double *out);

#endif
