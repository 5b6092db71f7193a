// kernels_int8_amx.c - the class "int8" on AMX: a tile operation adds 16 x 16 x 64 products of uint8 and int8 exactly. Rows are
// encoded and sums become floats as AVX-512 does it.
#include "common/math/kernels_int8_zmm.inc.c"

#ifndef TILES_HEADER // tests give a model of the tiles
#define TILES_HEADER "common/math/tiles_amx.h"
#endif
#include TILES_HEADER
#define tile_dot tile_dot_int8

static inline void store_sums(lanes_put lanes, const row_scale *row, const output_terms *output,
                              const uint8_t *sums, float *C)
{
    store_elements(lanes, row, output, _mm512_load_si512(sums), C);
}

#define WINDOW_TEXT "common/math/kernels_narrow_tiles.inc.c"
#ifndef NARROW_OVER
#define NARROW_OVER nj_kernels_int8_amx_over
#endif
#define NARROW_CLASS NJ_INT8_CLASS
#include "common/math/kernels_narrow.inc.c"
