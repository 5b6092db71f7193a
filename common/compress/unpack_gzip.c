// unpack_gzip.c - members of gzip, one behind the other.
#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#include "common/compress/unpack_parts.h"

#define WINDOW_GZIP (15 + 16) // zlib: the largest window, and a gzip header and trailer around it
#define WHY_BYTES 128

typedef struct {
    z_stream stream;
    bool in_member;
} gzip_state;

void *nj_unpack_gzip_new(void)
{
    gzip_state *state = calloc(1, sizeof *state);
    if (state != NULL && inflateInit2(&state->stream, WINDOW_GZIP) != Z_OK) {
        free(state);
        state = NULL;
    }
    return state;
}

static void free_gzip(void *context)
{
    gzip_state *state = context;
    inflateEnd(&state->stream);
    free(state);
}

static bool is_between(const void *context)
{
    const gzip_state *state = context;
    return !state->in_member;
}

static nj_status fail_data(const gzip_state *state, const nj_unpack_input *input, nj_error *err)
{
    char why[WHY_BYTES];
    snprintf(why, sizeof why, "the gzip data is damaged (%s)",
             state->stream.msg != NULL ? state->stream.msg : "a dictionary is asked for");
    return nj_unpack_fail(input, err, why);
}

static nj_status begin_member(gzip_state *state, const nj_unpack_input *input, nj_error *err)
{
    if (input->bytes[input->begin] != 0x1f) {
        return nj_unpack_fail(input, err, "something that is not gzip stands behind gzip data");
    }
    if (inflateReset(&state->stream) != Z_OK) {
        return fail_data(state, input, err);
    }
    state->in_member = true;
    return NJ_OK;
}

static nj_status step_gzip(void *context, nj_unpack_input *input, void *bytes, size_t capacity,
                           size_t *out_size, nj_error *err)
{
    gzip_state *state = context;
    z_stream *stream = &state->stream;
    const uInt room = capacity < (1u << 30) ? (uInt)capacity : 1u << 30;
    *out_size = 0;
    while (*out_size == 0) {
        const size_t left = input->end - input->begin;
        if (!state->in_member && left == 0) {
            return NJ_OK;
        }
        nj_status status = state->in_member ? NJ_OK : begin_member(state, input, err);
        if (status != NJ_OK) {
            return status;
        }
        stream->next_in = input->bytes + input->begin;
        stream->avail_in = (uInt)left;
        stream->next_out = bytes;
        stream->avail_out = room;
        const int result = inflate(stream, Z_NO_FLUSH);
        nj_unpack_take(input, left - stream->avail_in);
        *out_size = room - stream->avail_out;
        state->in_member = result != Z_STREAM_END;
        if (result == Z_MEM_ERROR) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to unpack it", input->name);
        }
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            return fail_data(state, input, err);
        }
        if (state->in_member && input->begin == input->end) {
            return NJ_OK;
        }
    }
    return NJ_OK;
}

const nj_unpack_decoder NJ_UNPACK_GZIP = {step_gzip, is_between, free_gzip};
