// row.h - a user's list as the bytes that are stored, sent and digested (schemas/store.md, "Value").
//
//   [version, flags, [item...], [score...], history digest (8 bytes)]             as it was decoded
//   [version, flags, [item...], [score...], history digest (8 bytes), age]        as it was taken over from an earlier night
//   [version, flags, [item...], [score...], history digest (8 bytes), age, trace] with what its search looked at (--trace)
//   [version, flags, [item...], [score...], history digest (8 bytes), age, trace or nil, why] with why each item is there (--why)
//   [version, flags, [item...], [score...], history digest (8 bytes), age, trace or nil, why or nil, text]   of a model that answers in text
//   [version, flags, [item...], [score...], history digest (8 bytes), age, trace or nil, why or nil, text or nil, [item...]]
//                                                                      with what would have been listed next (--reserve)
//
// The worker packs it, the coordinator checks it and passes it on unchanged, the store keeps it, readers unpack it.
#ifndef NJ_CODEC_ROW_H
#define NJ_CODEC_ROW_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/slice.h"
#include "common/codec/why.h"

#define NJ_ROW_VERSION 1
#define NJ_ROW_ITEMS_MAX 1000
#define NJ_ROW_TRACE_MAX 1024       // prefixes
#define NJ_ROW_TEXT_BYTES_MAX 16384 // of what a model answers in words
#define NJ_ROW_RESERVE_MAX 200      // items behind the list
#define NJ_ROW_BYTES_MAX                                                                           \
    (64 + NJ_ROW_ITEMS_MAX * (510 + 5 + 5) + NJ_ROW_TRACE_MAX * 4 +                                \
     NJ_ROW_ITEMS_MAX * NJ_WHY_ITEM_BYTES_MAX + NJ_ROW_TEXT_BYTES_MAX +                            \
     NJ_ROW_RESERVE_MAX * (510 + 3))
#define NJ_HISTORY_DIGEST_BYTES 8
#define NJ_ROW_AGE_MAX 65535 // nights
#define NJ_ROW_FLAGS_MAX 32

enum {
#define NJ_ROW_FLAG(name, bit, word, meaning) NJ_ROW_##name = 1u << (bit),
#include "schemas/row.def"
#undef NJ_ROW_FLAG
};

// What a row was computed from, of its user: nj_request_digest of shard.h.
typedef struct {
    uint8_t bytes[NJ_HISTORY_DIGEST_BYTES];
} nj_history_digest;

typedef struct {
    uint32_t flags;
    size_t count;                     // items
    nj_slice items[NJ_ROW_ITEMS_MAX]; // decimal or text, best first; borrowed (see the function)
    float scores[NJ_ROW_ITEMS_MAX];   // log-probabilities, falling; a policy's are its own
    nj_history_digest history;
    uint32_t age;         // nights since it was decoded; 0: tonight
    nj_slice text;        // what the model answered; borrowed; NULL: the row has none
    nj_slice why;         // why.h's bytes of `count` items; borrowed; NULL: the row does not say
    size_t reserve_count; // 0: the row has none
    nj_slice reserve
        [NJ_ROW_RESERVE_MAX]; // what would have been listed next, best first; borrowed as items are
    char digits[NJ_ROW_ITEMS_MAX]
               [NJ_ID_DIGITS_MAX]; // where items that are stored as numbers get their decimals
    char reserve_digits[NJ_ROW_RESERVE_MAX][NJ_ID_DIGITS_MAX];
} nj_row;

/// Appends the packed row. Item ids that are canonical decimals below 2^64 become numbers, others text.
NJ_CHECKED nj_status nj_row_pack(nj_buffer *out, uint32_t flags, const nj_slice *items,
                                 const float *scores, size_t count,
                                 const nj_history_digest *history);

// What a row may have behind its list.
typedef struct {
    // [trace_count] names of prefixes (common/sid/prefix.h), ascending, each once; NULL: not said
    const uint32_t *trace;
    size_t trace_count;      // at most NJ_ROW_TRACE_MAX
    const nj_why *why;       // [count]; NULL: not said
    nj_slice text;           // UTF-8 of at most NJ_ROW_TEXT_BYTES_MAX bytes; bytes NULL: none
    const nj_slice *reserve; // [reserve_count] ids, best first, none of them listed; NULL: none
    size_t reserve_count;    // at most NJ_ROW_RESERVE_MAX
} nj_row_more;

/// The same with what `more` has, behind an age of 0.
NJ_CHECKED nj_status nj_row_pack_more(nj_buffer *out, uint32_t flags, const nj_slice *items,
                                      const float *scores, size_t count,
                                      const nj_history_digest *history, const nj_row_more *more);

/// Unpacks outside bytes. Items borrow from `bytes` and from `out` itself: copy neither. Refuses (NJ_INPUT) anything
/// malformed, other versions, unequal counts, ids that break the rules of id.h and scores that are not finite.
/// The trace and fields behind the reserve are ignored: the value is append-only. That no item stands in list and reserve both is the
/// writer's word, as that none stands in a list twice is.
/// Proof    tests/unit/codec/test_row.c, test_row_text.c, test_row_reserve.c
NJ_CHECKED nj_status nj_row_unpack(nj_slice bytes, nj_row *out, nj_error *err);

/// Appends the row with other flags and another age, and all else as it is: what a night takes over from an earlier one.
///
///   bytes  a row that nj_row_scan_open (row_scan.h) accepted
///   age    1..NJ_ROW_AGE_MAX
NJ_CHECKED nj_status nj_row_copy(nj_buffer *out, nj_slice bytes, uint32_t flags, uint32_t age);

/// Says what nj_row_unpack says of the bytes, several times faster for rows as nj_row_pack makes them. `scratch` holds
/// nothing of use afterwards.
/// Proof    tests/unit/codec/test_row.c
NJ_CHECKED nj_status nj_row_check(nj_slice bytes, nj_row *scratch, nj_error *err);

/// The word of a flag's bit, NULL where it has none.
const char *nj_row_flag_word(unsigned bit);

/// Appends {"user": ..., "items": [...], "scores": [...]} and, where a flag is set, "flags": [...], an age that is not 0 as "age", and "why"
/// where the row says it, its "text", and its "reserve": [...] where it has one; no newline.
/// Bits without a name are printed as "bit<N>".
NJ_CHECKED nj_status nj_row_json(nj_buffer *out, nj_slice user, const nj_row *row);

#endif
