// row_scan.h - walks a stored row where it lies: no memory, no text made of numbers.
//
// For who must look at every item of every row and keeps none of them, as the coordinator does with each RESULT. It knows the one form
// that nj_row_pack and nj_row_copy write; other forms that the schema allows (more fields, wider floats) are for nj_row_unpack.
//
//   0x95 | 1 | flags | [items] | [scores]  | 0xc4 8 digest          and 0x96, with the age behind,
//                                                                  or 0x97, with age and trace (bin of u32, little-endian),
//                                                                  or 0x98, with age, trace or nil, and why (bin of why.h)
//                                                                  or 0x99, with age, trace or nil, why or nil, and text (str)
//                                                                  or 0x9a, with text or nil, and the reserve's [items]
//                        ▲ nj_row_item_read goes from here
#ifndef NJ_CODEC_ROW_SCAN_H
#define NJ_CODEC_ROW_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

typedef struct {
    uint32_t flags;
    uint32_t count;         // items
    const uint8_t *body;    // behind the flags; borrowed from the row's bytes, as the next two
    const uint8_t *items;   // the first of them
    const uint8_t *history; // [NJ_HISTORY_DIGEST_BYTES]
    uint32_t age;           // 0 where there is none
    const uint8_t *trace;   // [trace_count * 4]; NULL: there is none
    uint32_t trace_count;
    nj_slice why;           // why.h's bytes of `count` items; NULL: there is none
    nj_slice text;          // UTF-8; NULL: there is none
    const uint8_t *reserve; // its first item, to be read as `items` are; NULL: there is none
    uint32_t reserve_count;
} nj_row_scan;

typedef struct {
    bool is_number;
    uint64_t number;
    nj_slice text; // when it is no number; borrowed from the row's bytes
} nj_row_item;

/// Checks the whole row by the rules of nj_row_unpack. False: not the form above; nj_row_unpack decides then.
/// Proof   tests/unit/codec/test_row_scan.c: whatever this accepts, nj_row_unpack accepts with the same items
bool nj_row_scan_open(nj_slice bytes, nj_row_scan *out);

/// The flags alone, of a row whose bytes nj_row_check accepted; 0 of others.
uint32_t nj_row_flags(nj_slice bytes);

/// Name number `index` of a trace.
static inline uint32_t nj_row_trace_at(const uint8_t *trace, uint32_t index)
{
    const uint8_t *at = trace + 4 * (size_t)index;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/// Reads the item at `at` and returns where the next one is. Begin with scan.items and call it scan.count times, no more, or with
/// scan.reserve and scan.reserve_count: it relies on the walk of nj_row_scan_open.
static inline const uint8_t *nj_row_item_read(const uint8_t *at, nj_row_item *out)
{
    const unsigned head = *at++;
    const bool is_text = (head >= 0xa0 && head <= 0xbf) || head == 0xd9 || head == 0xda;
    const unsigned length_bytes = head < 0xc0   ? 0
                                  : head < 0xd0 ? 1u << (head - 0xcc)  // uint 8 to uint 64
                                                : 1u << (head - 0xd9); // str 8, str 16
    uint64_t value = head < 0x80 ? head : head & 0x1fu;
    for (unsigned i = 0; i < length_bytes; i++) {
        value = (i == 0 ? 0 : value << 8) | at[i];
    }
    at += length_bytes;
    *out = (nj_row_item){!is_text, value, {(const char *)at, is_text ? (size_t)value : 0}};
    return is_text ? at + value : at;
}

#endif
