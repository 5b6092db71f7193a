// peak.h - how fast one core could multiply at best: the roof that measured kernels are compared with.
#ifndef NJ_MATH_PEAK_H
#define NJ_MATH_PEAK_H

/// GFLOP/s of float32 FMAs (2 flops each) on registers alone, with the widest instruction set that the exact kernels use here. Runs
/// for about `seconds` on the calling thread and takes the best of its slices, so that a busy neighbour lowers it little.
double nj_kernels_peak_gflops(double seconds);

#endif
