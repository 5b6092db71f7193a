// tiles_amx.h - the tile operations that kernels_narrow_tiles.inc.c is written with, as AMX has them. For the AMX sets only.
//
// A tile is 16 rows of 64 bytes. Numbers of tiles are part of the instruction, so these are macros. The tests have the same
// operations as plain C (tests/unit/math/tile_model.h), which tells what each does.
#ifndef NJ_MATH_TILES_AMX_H
#define NJ_MATH_TILES_AMX_H

#include <immintrin.h>
#include <stdint.h>

// Intel SDM, volume 1, 18.3: palette 1, all 8 tiles alike.
typedef struct {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static inline void tiles_begin(void)
{
    static const tile_config CONFIG = {.palette = 1,
                                       .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                       .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&CONFIG);
}

/// Gives the tiles back, so that no switch of threads has to save them.
static inline void tiles_end(void)
{
    _tile_release();
}

#define tile_zero(tile) _tile_zero(tile)
#define tile_load(tile, from, stride) _tile_loadd(tile, from, stride)
#define tile_store(tile, to, stride) _tile_stored(tile, to, stride)
#define tile_dot_int8(sums, x, weights) _tile_dpbusd(sums, x, weights)
#define tile_dot_bf16(sums, x, weights) _tile_dpbf16ps(sums, x, weights)

#endif
