#include "common/math/peak.h"

#include "common/base/clock.h"
#include "common/math/kernels_sets.h"

// A slice lasts below a millisecond: short against a scheduler's slice, long against the grain of the clock.
#define SLICE_ROUNDS 200000

double nj_kernels_peak_gflops(double seconds)
{
    nj_fma_burst burst = nj_kernels_burst();
    double best = 0.0;
    uint64_t begin_ns = nj_clock_mono_ns();
    uint64_t now_ns = begin_ns;
    do {
        float sink = 1.0f;
        uint64_t slice_ns = now_ns;
        size_t flops = burst(SLICE_ROUNDS, &sink);
        now_ns = nj_clock_mono_ns();
        double gflops = (double)flops / (double)(now_ns - slice_ns + 1); // + 1: never by zero
        best = gflops > best ? gflops : best;
    } while ((double)(now_ns - begin_ns) < seconds * 1e9);
    return best;
}
