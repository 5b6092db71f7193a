#include "worker/model/claim.h"

#include <stdint.h>

#include "common/base/checked.h"

void *nj_claim_bytes(nj_claim *claim, size_t outer, size_t rows, size_t row_bytes)
{
    size_t bytes;
    if (!nj_mul_size(outer, rows, &bytes) || !nj_mul_size(bytes, row_bytes, &bytes) ||
        bytes > SIZE_MAX - NJ_ARENA_ALIGN ||
        !nj_add_size(claim->bytes, nj_arena_cost(bytes), &claim->bytes)) {
        claim->bytes = SIZE_MAX; // the next addition of anything but zero fails too
        return NULL;
    }
    return claim->arena == NULL ? NULL : nj_arena_take(claim->arena, bytes);
}

float *nj_claim_floats(nj_claim *claim, size_t outer, size_t rows, size_t row_floats)
{
    size_t row_bytes;
    if (!nj_mul_size(row_floats, sizeof(float), &row_bytes)) {
        row_bytes = SIZE_MAX;
    }
    return nj_claim_bytes(claim, outer, rows, row_bytes);
}
