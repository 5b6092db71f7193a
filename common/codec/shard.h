// shard.h - what a lease carries to a worker (users with their histories) and what comes back (rows), as bytes.
//
//   users  [[user id, unknown items, rows of known items (u32 little-endian, oldest first)], ...]
//   rows   [row value (bin), ...]      in the order of the users
#ifndef NJ_CODEC_SHARD_H
#define NJ_CODEC_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_SHARD_USERS_MAX 65536
#define NJ_SHARD_BYTES_MAX (32u << 20)

// One user to decode.
typedef struct {
    nj_slice user;
    const uint32_t *items; // [item_count] catalogue rows of the known items, oldest first
    uint32_t item_count;
    uint32_t unknown_count; // items that the catalogue does not know
} nj_request;

/// Appends the users. A shard that would not fit is the planner's mistake: the buffer's own limit reports it.
NJ_CHECKED nj_status nj_users_pack(const nj_request *requests, size_t count, nj_buffer *out);

typedef struct {
    nj_request *requests; // owned; ids borrow from the bytes that were unpacked
    uint32_t *items;      // owned; behind every request
    size_t count;
} nj_users;

/// Reads outside bytes. Every id is checked and every catalogue row is below item_row_count. NJ_PROTOCOL.
NJ_CHECKED nj_status nj_users_unpack(nj_slice bytes, uint32_t item_row_count, nj_users *out,
                                     nj_error *err);
void nj_users_fini(nj_users *users);

typedef struct {
    nj_slice *rows; // owned array; each row borrows from the bytes that were unpacked
    size_t count;
} nj_rows;

/// Appends the head of a rows blob; follow it with `count` calls of nj_rows_add.
NJ_CHECKED nj_status nj_rows_begin(nj_buffer *out, size_t count);
NJ_CHECKED nj_status nj_rows_add(nj_buffer *out, nj_slice row);

/// Reads outside bytes: exactly `count` rows, each of which nj_row_unpack accepts. NJ_PROTOCOL names the row.
NJ_CHECKED nj_status nj_rows_unpack(nj_slice bytes, size_t count, nj_rows *out, nj_error *err);
/// The same without a look into the rows: for who checks them himself (row_scan.h).
NJ_CHECKED nj_status nj_rows_split(nj_slice bytes, size_t count, nj_rows *out, nj_error *err);
void nj_rows_fini(nj_rows *rows);

#endif
