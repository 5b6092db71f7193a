// unpack_parts.h - what the decoders of the packed forms share; nobody else includes it.
#ifndef NJ_COMPRESS_UNPACK_PARTS_H
#define NJ_COMPRESS_UNPACK_PARTS_H

#include <stdbool.h>

#include "common/compress/unpack.h"

// What is read of the file and not yet taken by a decoder.
typedef struct {
    int fd;           // borrowed
    const char *name; // borrowed
    uint8_t bytes[NJ_UNPACK_INPUT_BYTES];
    size_t begin;
    size_t end;
    uint64_t taken_bytes; // of the file, in front of bytes[begin]
    bool at_end;          // of the file
} nj_unpack_input;

/// Reads more behind what is left, which moves to the front; at_end when nothing came. There must be room.
NJ_CHECKED nj_status nj_unpack_fill(nj_unpack_input *input, nj_error *err);

/// The decoder has taken this many of bytes[begin, end).
static inline void nj_unpack_take(nj_unpack_input *input, size_t size)
{
    input->begin += size;
    input->taken_bytes += size;
}

/// NJ_INPUT with "NAME: byte N: rule", of the byte that comes next.
nj_status nj_unpack_fail(const nj_unpack_input *input, nj_error *err, const char *rule);

// One decoder: a step turns what is in the input into bytes, without reading the file.
typedef struct {
    /// Makes at most `capacity` bytes of what is in the input. *out_size 0: it needs more of the file, or its end.
    nj_status (*step)(void *state, nj_unpack_input *input, void *bytes, size_t capacity,
                      size_t *out_size, nj_error *err);
    /// False in the middle of a member or frame, where a file must not end.
    bool (*is_between)(const void *state);
    void (*free)(void *state);
} nj_unpack_decoder;

extern const nj_unpack_decoder NJ_UNPACK_GZIP;
extern const nj_unpack_decoder NJ_UNPACK_ZSTD;

/// NULL: no memory.
void *nj_unpack_gzip_new(void);
void *nj_unpack_zstd_new(void);

#endif
