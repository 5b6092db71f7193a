// shard_check.h - whether the staged rows give the digests that the ledger has of them.
//
// The plan's shards are contiguous ranges in key order (schemas/store.md, "Staging"), and so are the pieces of a shard.
// So a walk over all rows in key order meets the rows of the first record, then those of the second, and so on. Put
// together as a worker sends them (codec/shard.h) they must give the record's digest: what was decoded is what is packed.
#ifndef NJ_STORE_SHARD_CHECK_H
#define NJ_STORE_SHARD_CHECK_H

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/store/staging.h"

typedef struct {
    uint64_t shard;
    uint64_t rows;
    nj_digest digest;
} nj_shard_sum;

typedef struct {
    nj_shard_sum *sums; // [count] owned; records with rows in the ledger's order
    size_t count;
    size_t capacity;
    size_t next;    // the one whose rows are being walked
    uint64_t begun; // rows of it that `rows` holds
    nj_buffer rows; // scratch: as the worker sent them
} nj_shard_check;

/// Reads the ledger. Call nj_shard_check_fini in any case.
NJ_CHECKED nj_status nj_shard_check_begin(nj_shard_check *check, nj_staging *staging,
                                          nj_error *err);

/// The next row in key order. NJ_REFUSED names the shard whose rows are others than its record says.
NJ_CHECKED nj_status nj_shard_check_row(nj_shard_check *check, nj_slice value, nj_error *err);

/// Behind the last row. NJ_REFUSED when records are left that have rows.
NJ_CHECKED nj_status nj_shard_check_end(nj_shard_check *check, nj_error *err);

/// Accepts one that is all zero.
void nj_shard_check_fini(nj_shard_check *check);

#endif
