// kernels_sets.h - what the files of this folder know of each other; nobody else includes it.
#ifndef NJ_MATH_KERNELS_SETS_H
#define NJ_MATH_KERNELS_SETS_H

#include "common/math/kernels.h"

// Enough independent FMAs to hide 5 cycles of latency on 2 units, few enough for the 16 registers of AVX2.
#define NJ_BURST_CHAINS 12

/// `rounds` FMAs on each of NJ_BURST_CHAINS registers and nothing else; returns the flops done. sink[0] goes in and out so that
/// no compiler may leave the work out.
typedef size_t (*nj_fma_burst)(size_t rounds, float *sink);

extern const nj_kernels nj_kernels_ref;

extern const nj_kernels nj_kernels_portable;
size_t nj_fma_burst_portable(size_t rounds, float *sink);

#if defined(__x86_64__)
extern const nj_kernels nj_kernels_avx2;
extern const nj_kernels nj_kernels_avx512;
size_t nj_fma_burst_avx2(size_t rounds, float *sink);
size_t nj_fma_burst_avx512(size_t rounds, float *sink);
#endif

#if defined(__aarch64__)
extern const nj_kernels nj_kernels_neon;
size_t nj_fma_burst_neon(size_t rounds, float *sink);
#endif

/// The set of OpenBLAS; everything that is no matrix product is taken from `base`, the fastest exact set of this CPU.
/// `base` counts on the first call only. Safe from several threads.
const nj_kernels *nj_kernels_openblas(const nj_kernels *base);

/// The burst of the fastest exact set of this CPU.
nj_fma_burst nj_kernels_burst(void);

#endif
