// shard.h - what a lease carries to a worker (users with their histories) and what comes back (rows), as bytes.
//
//   users  [[user id, unknown items, rows of known items (u32 little-endian, oldest first)], ...]
//          and behind them, as many as it takes: the user's mask, the rows that he must not get, his candidates or nil, his text
//   rows   [row value (bin), ...]      in the order of the users
#ifndef NJ_CODEC_SHARD_H
#define NJ_CODEC_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/base/slice.h"
#include "common/codec/row.h"

#define NJ_SHARD_USERS_MAX 65536
#define NJ_SHARD_BYTES_MAX (32u << 20)
#define NJ_REQUEST_CANDIDATES_MAX 65536
#define NJ_REQUEST_TEXT_BYTES_MAX 16384

// One user to decode.
typedef struct {
    nj_slice user;
    const uint32_t *items; // [item_count] catalogue rows of the known items, oldest first
    uint32_t item_count;
    uint32_t unknown_count; // items that the catalogue does not know
    uint32_t mask;          // which items he may get: common/catalogue/masks.h
    const uint32_t *
        exclude; // [exclude_count] catalogue rows that he must not get, beside those of his history
    uint32_t exclude_count;
    // [candidate_count] the only catalogue rows that he may get, in the order given; NULL: all of the catalogue. There may be 0 of them: a
    // user none of whose candidates the catalogue knows gets nothing
    const uint32_t *candidates;
    uint32_t candidate_count; // at most NJ_REQUEST_CANDIDATES_MAX
    // his own part of the prompt (schemas/prompt.md), UTF-8 of at most NJ_REQUEST_TEXT_BYTES_MAX bytes; bytes NULL: none
    nj_slice text;
} nj_request;

/// Ties a row to all of its user that decides it: first 8 bytes of BLAKE2b over the ids of the known items, oldest first, each behind
/// its length; then, where there is a mask, the length 0, "m" and its digest; then, where there are any, the length 0, "x" and the
/// excluded ids; then likewise, where there are candidates, even none that the catalogue knows, "c" and their ids; then "t" and the text. Who takes rows from others compares.
///
///   items  the catalogue's
///   mask   of the user's mask; NULL: it leaves nothing out
/// Proof    tests/unit/codec/test_shard.c
nj_history_digest nj_request_digest(const nj_idlist *items, const nj_request *request,
                                    const nj_digest *mask);

/// Appends the users. A shard that would not fit is the planner's mistake: the buffer's own limit reports it.
NJ_CHECKED nj_status nj_users_pack(const nj_request *requests, size_t count, nj_buffer *out);

typedef struct {
    nj_request *requests; // owned; ids borrow from the bytes that were unpacked
    uint32_t *items;      // owned; behind every request
    size_t count;
} nj_users;

/// Reads outside bytes. Every id is checked, every catalogue row is below item_row_count and every mask below mask_count (1 where there
/// are none); candidates and text are within their limits. NJ_PROTOCOL.
NJ_CHECKED nj_status nj_users_unpack(nj_slice bytes, uint32_t item_row_count, uint32_t mask_count,
                                     nj_users *out, nj_error *err);
void nj_users_fini(nj_users *users);

/// Appends the head of a rows blob; follow it with `count` calls of nj_rows_add.
NJ_CHECKED nj_status nj_rows_begin(nj_buffer *out, size_t count);
NJ_CHECKED nj_status nj_rows_add(nj_buffer *out, nj_slice row);

/// Finds the rows in outside bytes: exactly `count` of them. They are not looked into: nj_row_unpack does that.
///
///   out_rows  [count] borrowed from `bytes`
///
/// Errors    NJ_PROTOCOL: not so many rows and nothing else (names the row); NJ_NO_MEMORY
NJ_CHECKED nj_status nj_rows_split(nj_slice bytes, size_t count, nj_slice *out_rows, nj_error *err);

#endif
