// why.h - why an item stands in a list: numbers and words of schemas/why.def, and the bytes that a row keeps of them (schemas/store.md,
// "Why").
//
//   an item    source, set of adjustments, raw score, what each of the set added         u8, u8, f32, f32...  little-endian
//   a row      its items', best first, one behind the other
//
// An adjustment of 0 is left out: 6 bytes an item, and 4 for each that did something.
#ifndef NJ_CODEC_WHY_H
#define NJ_CODEC_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"

enum {
#define NJ_SOURCE(name, number, word, meaning) NJ_SOURCE_##name = (number),
#include "schemas/why.def"
    NJ_SOURCE_COUNT = 8
};

enum {
#define NJ_ADJUST(name, number, word, meaning) NJ_ADJUST_##name = (number),
#include "schemas/why.def"
    NJ_ADJUST_COUNT = 7
};

#define NJ_WHY_ADJUST_MAX 8 // that the bytes have room for
#define NJ_WHY_ITEM_BYTES_MAX (2 + 4 + 4 * NJ_WHY_ADJUST_MAX)

typedef struct {
    uint32_t source;                 // NJ_SOURCE_*; from bytes, any below 256
    float raw;                       // what the source said
    float adjust[NJ_WHY_ADJUST_MAX]; // what each NJ_ADJUST_* added; 0: nothing
} nj_why;

/// Bytes of one item.
size_t nj_why_bytes(const nj_why *why);

/// Appends them. Scores are finite.
NJ_CHECKED nj_status nj_why_append(nj_buffer *out, const nj_why *why);

/// Takes the next item off the bytes. False: they are cut off, or a score is not finite or an adjustment 0.
bool nj_why_next(nj_slice *bytes, nj_why *out);

/// The bytes are those of `count` items, no more.
bool nj_why_check(nj_slice bytes, size_t count);

/// Appends the items' JSON: [{"source": "beam", "raw": -1.5, "adjust": {"boost": 0.5}}, ...]; "adjust" is left out where nothing was added, and
/// numbers without a word are "source<N>" and "adjust<N>". The bytes have passed nj_why_check.
NJ_CHECKED nj_status nj_why_json(nj_buffer *out, nj_slice bytes);

#endif
