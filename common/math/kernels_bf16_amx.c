// kernels_bf16_amx.c - the class "bf16-amx": a tile operation adds 16 x 16 x 32 products of bf16.
//
// Order  of every 32 values of K, the products of even k are summed by themselves from +0, k ascending, those of odd k likewise; the
//        two sums are added, and what comes of that is added to the element. Each step is one rounding to even, denormals as 0
//        (Intel SDM, TDPBF16PS). Not the order of vdpbf16ps: a class of its own.
// Proof  tests/unit/math/test_bf16.c
#include "common/math/kernels_bf16.inc.c"

#ifndef TILES_HEADER // tests give a model of the tiles
#define TILES_HEADER "common/math/tiles_amx.h"
#endif
#include TILES_HEADER
#define tile_dot tile_dot_bf16

static inline void store_sums(lanes_put lanes, const row_scale *row, const output_terms *output,
                              const uint8_t *sums, float *C)
{
    (void)row;
    (void)output;
    floats_put(lanes, C, _mm512_load_ps(sums));
}

#define WINDOW_TEXT "common/math/kernels_narrow_tiles.inc.c"
#ifndef NARROW_OVER
#define NARROW_OVER nj_kernels_bf16_amx_over
#endif
#define NARROW_CLASS "bf16-amx"
#include "common/math/kernels_narrow.inc.c"
