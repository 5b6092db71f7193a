// code_costs.h - the squared error of every code of a level at once, in float64, whatever the machine.
//
// Codebooks are kept in blocks of eight codes, so that a loop over them is one over neighbours and a compiler can take it in vectors
// without changing the order of any sum:
//
//   [ceil(K / 8)] blocks of [D] rows of 8 codes      block 0: c0[0] c1[0] ... c7[0] | c0[1] c1[1] ... | ...
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

/// What is left of an embedding before any code: residual = x.
///   x [D] in, residual [D] out
void nj_code_costs_begin(const nj_code_costs *costs, const float *x, double *residual);

/// out[k] = |residual - code k of the level|^2.
///   residual [D] in, out [K] out
/// Order   over D left to right, no fused multiply-add
/// Proof   tests/unit/catalogue/test_collisions.c
void nj_code_costs_of(const nj_code_costs *costs, uint32_t level, const double *residual,
                      double *out);

/// What is left behind a code; may be in place.
///   residual [D] in, out [D] out
void nj_code_costs_step(const nj_code_costs *costs, uint32_t level, uint16_t code,
                        const double *residual, double *out);

#endif
