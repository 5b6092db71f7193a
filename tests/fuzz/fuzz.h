// fuzz.h - what every fuzz target has: the function over bytes, a check that stays in every build, and inputs of several
// parts.
//
// A target that needs more than one file or message takes its bytes as parts, end to end:
//
//   u8 kind | u16 size, little-endian | size bytes        a part that says more than is left takes what is left
#ifndef NJ_FUZZ_H
#define NJ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_PART_HEAD_BYTES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Ends the program, which libFuzzer and the replay both report, when a promise of the reader's
/// header is broken.
static inline void fuzz_check(int holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_parts;

typedef struct {
    uint8_t kind;
    const uint8_t *bytes; // borrowed from the input
    size_t size;
} fuzz_part;

/// False behind the last part.
static inline bool fuzz_next_part(fuzz_parts *parts, fuzz_part *out)
{
    if (parts->left < FUZZ_PART_HEAD_BYTES) {
        return false;
    }
    size_t size = (size_t)parts->at[1] | (size_t)parts->at[2] << 8;
    size_t left = parts->left - FUZZ_PART_HEAD_BYTES;
    *out = (fuzz_part){parts->at[0], parts->at + FUZZ_PART_HEAD_BYTES, size < left ? size : left};
    parts->at += FUZZ_PART_HEAD_BYTES + out->size;
    parts->left = left - out->size;
    return true;
}

/// A number from the front of a part, little-endian; bytes that are not there are zero.
static inline uint64_t fuzz_part_number(const fuzz_part *part)
{
    uint64_t number = 0;
    for (size_t i = 0; i < part->size && i < sizeof number; i++) {
        number |= (uint64_t)part->bytes[i] << (8 * i);
    }
    return number;
}

/// A copy of exactly `size` bytes at a multiple of 64, as a section lies in a bundle; ASan sees a read beyond its end. The
/// caller frees it.
static inline void *fuzz_copy_aligned(const void *bytes, size_t size)
{
    void *copy = NULL;
    fuzz_check(posix_memalign(&copy, 64, size > 0 ? size : 1) == 0, "memory");
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

#endif
