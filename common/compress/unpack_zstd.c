// unpack_zstd.c - frames of zstd, one behind the other.
#include <stdio.h>
#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "common/compress/unpack_parts.h"

#define WHY_BYTES 160

typedef struct {
    ZSTD_DCtx *decoder;
    bool in_frame;
} zstd_state;

void *nj_unpack_zstd_new(void)
{
    zstd_state *state = calloc(1, sizeof *state);
    ZSTD_DCtx *decoder = state != NULL ? ZSTD_createDCtx() : NULL;
    if (decoder == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax,
                                                               NJ_UNPACK_ZSTD_WINDOW_LOG))) {
        ZSTD_freeDCtx(decoder);
        free(state);
        return NULL;
    }
    state->decoder = decoder;
    return state;
}

static void free_zstd(void *context)
{
    zstd_state *state = context;
    ZSTD_freeDCtx(state->decoder);
    free(state);
}

static bool is_between(const void *context)
{
    const zstd_state *state = context;
    return !state->in_frame;
}

static nj_status fail_data(const nj_unpack_input *input, size_t result, nj_error *err)
{
    char why[WHY_BYTES];
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to unpack it", input->name);
    case ZSTD_error_frameParameter_windowTooLarge:
        snprintf(why, sizeof why,
                 "its zstd window is larger than %u MiB: pack it without --long and --ultra",
                 (1u << NJ_UNPACK_ZSTD_WINDOW_LOG) >> 20);
        break;
    case ZSTD_error_prefix_unknown:
        snprintf(why, sizeof why, "something that is not zstd stands behind zstd data");
        break;
    default:
        snprintf(why, sizeof why, "the zstd data is damaged (%s)", ZSTD_getErrorName(result));
    }
    return nj_unpack_fail(input, err, why);
}

static nj_status step_zstd(void *context, nj_unpack_input *input, void *bytes, size_t capacity,
                           size_t *out_size, nj_error *err)
{
    zstd_state *state = context;
    *out_size = 0;
    do {
        ZSTD_inBuffer in = {input->bytes + input->begin, input->end - input->begin, 0};
        ZSTD_outBuffer out = {bytes, capacity, 0};
        if (!state->in_frame && in.size == 0) {
            return NJ_OK;
        }
        const size_t result = ZSTD_decompressStream(state->decoder, &out, &in);
        nj_unpack_take(input, in.pos);
        if (ZSTD_isError(result)) {
            return fail_data(input, result, err);
        }
        state->in_frame = result != 0;
        *out_size = out.pos;
    } while (*out_size == 0 && input->begin < input->end);
    return NJ_OK;
}

const nj_unpack_decoder NJ_UNPACK_ZSTD = {step_zstd, is_between, free_zstd};
