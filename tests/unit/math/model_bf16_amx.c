// model_bf16_amx.c - the set "bf16-amx" over the model of the tiles.
#define TILES_HEADER "tests/unit/math/tile_model.h"
#define NARROW_OVER nj_model_bf16_amx_over
#include "common/math/kernels_bf16_amx.c"
