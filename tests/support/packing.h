// packing.h - gzip and zstd for tests, appended to a buffer: one member or frame a call.
#ifndef NJ_TEST_PACKING_H
#define NJ_TEST_PACKING_H

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>
#include <zstd.h>

#include "common/base/buffer.h"

static inline void packing_need(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "packing: %s\n", what);
        abort();
    }
}

static inline void pack_gzip(nj_buffer *out, const void *bytes, size_t size)
{
    z_stream stream = {0};
    packing_need(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
                 "deflateInit2");
    const size_t bound = deflateBound(&stream, size);
    packing_need(nj_buffer_reserve(out, bound) == NJ_OK, "memory");
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out->bytes + out->size;
    stream.avail_out = (uInt)bound;
    packing_need(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
    out->size += bound - stream.avail_out;
    deflateEnd(&stream);
}

static inline void pack_zstd(nj_buffer *out, const void *bytes, size_t size)
{
    const size_t bound = ZSTD_compressBound(size);
    packing_need(nj_buffer_reserve(out, bound) == NJ_OK, "memory");
    const size_t got = ZSTD_compress(out->bytes + out->size, bound, bytes, size, 3);
    packing_need(!ZSTD_isError(got), "ZSTD_compress");
    out->size += got;
}

#endif
