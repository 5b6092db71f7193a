// model_int8_amx.c - the set "int8-amx" over the model of the tiles.
#define TILES_HEADER "tests/unit/math/tile_model.h"
#define NARROW_OVER nj_model_int8_amx_over
#include "common/math/kernels_int8_amx.c"
