// store_model.h - the contract of common/store/staging.h in memory, with a disk that fails.
//
// What is in `store_model` is on the disk and outlives every process. One transaction writes rows and records of a batch, or
// nothing; it is fenced by the epoch that its writer was given when it opened the store. A transaction that fails may have failed before
// it reached the disk or after: the caller is told NJ_IO in both cases and must read the records again.
//
// The model checks on its own what must never happen, whoever asks for it: a user whose row changes, or is written twice, or has
// rows from two pieces; it counts, and sim_check_store reads the counts.
#ifndef NJ_TEST_SIM_STORE_MODEL_H
#define NJ_TEST_SIM_STORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"

// Users first .. first+count-1 of a shard.
typedef struct {
    uint32_t shard;
    uint32_t first;
    uint32_t count;
} store_range;

typedef struct {
    store_range range;
    bool quarantined; // else committed
    nj_digest digest; // committed: of the rows
} store_record;

// What is to be written of one piece.
typedef struct {
    store_record record;
    const uint64_t *rows; // [record.range.count] borrowed; NULL when it is quarantined
} store_write;

typedef enum { STORE_WRITTEN, STORE_DUPLICATE, STORE_DIVERGED } store_outcome;

typedef enum {
    STORE_GOOD,
    STORE_FAILS_BEFORE, // nothing has reached the disk
    STORE_FAILS_AFTER,  // everything has, and the caller is not told so
} store_luck;

typedef struct {
    uint64_t epoch;
    uint32_t shard_count;
    const uint32_t *shard_first; // [shard_count + 1] borrowed: users before each shard
    store_record *records;       // [record_count] owned, in the order of writing
    uint32_t record_count;
    uint32_t record_capacity;
    uint64_t *rows;   // [user_count] owned; 0: no row
    uint32_t *owners; // [user_count] owned; record + 1 that the user stands in, 0: none
    uint32_t committed_users;
    uint32_t quarantined_users;
    bool published;
    // what happened
    uint64_t transactions;
    uint64_t failures;
    uint64_t fenced;
    uint64_t duplicates;
    uint64_t divergences;
    uint64_t overlaps; // batches refused because a user has a row from another piece
} store_model;

void store_init(store_model *store, uint32_t shard_count, const uint32_t *shard_first);
void store_fini(store_model *store);

/// Raises the epoch: whoever had the store open writes nothing any more.
uint64_t store_open(store_model *store);

/// One transaction. Returns NJ_OK with `outcomes`; NJ_AGAIN: fenced; NJ_IO; NJ_REFUSED: a user has a row from another piece.
NJ_CHECKED nj_status store_commit(store_model *store, uint64_t epoch, const store_write *writes,
                                  uint32_t count, store_luck luck, store_outcome *outcomes);

/// NULL: none of exactly this range.
const store_record *store_find(const store_model *store, store_range range);

/// NJ_AGAIN: fenced; NJ_REFUSED: a user is neither committed nor quarantined.
NJ_CHECKED nj_status store_publish(store_model *store, uint64_t epoch);

#endif
