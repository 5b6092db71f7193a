// kernels_sets.h - what the files of this folder know of each other; nobody else includes it.
#ifndef NJ_MATH_KERNELS_SETS_H
#define NJ_MATH_KERNELS_SETS_H

#include "common/math/kernels.h"

extern const nj_kernels nj_kernels_ref;

/// The set of OpenBLAS; everything that is no matrix product is taken from `base`, the fastest exact set of this CPU.
/// `base` counts on the first call only. Safe from several threads.
const nj_kernels *nj_kernels_openblas(const nj_kernels *base);

#endif
