// staging_env.h - what the files of a staging area share: the opened environment and the one way to write to it.
#ifndef NJ_STORE_STAGING_ENV_H
#define NJ_STORE_STAGING_ENV_H

#include "common/base/file.h"
#include "common/store/env.h"
#include "common/store/generation.h"
#include "common/store/lock.h"
#include "common/store/staging.h"

#define NJ_STAGING_RECORD_BYTES_MAX 8192

struct nj_staging {
    nj_path store;
    nj_path folder;
    nj_staging_options options;
    nj_staging_facts facts;
    const nj_store_groups *groups; // borrowed; NULL: none
    uint64_t epoch;
    nj_store_lock lock; // rests between two writes
    nj_store_beside beside;
    // rebuilt whenever the environment is opened; env is NULL between a failed write and the next call
    MDB_env *env;
    MDB_dbi rows;
    MDB_dbi ledger;
    MDB_dbi meta;
};

/// Opens the area in `folder`. The map of an existing one has the size stored in it; a new one gets options.map_bytes.
NJ_CHECKED nj_status nj_staging_env_open(nj_staging *staging, const char *folder, bool create,
                                         nj_error *err);
/// Accepts one that is closed.
void nj_staging_env_close(nj_staging *staging);

// One try at a write. `rc` keeps LMDB's answer, because a full map is mended by growing it and trying again.
typedef struct {
    nj_staging *staging;
    MDB_txn *txn;
    int rc;
    nj_error *err;
} nj_staging_write;

/// Puts what is to be written; may run more than once, each time from the beginning.
typedef nj_status (*nj_staging_body)(nj_staging_write *write, void *context);

/// Keeps `rc` in the try and gives its status.
NJ_CHECKED nj_status nj_staging_check_rc(nj_staging_write *write, int rc, const char *what);

/// Runs `body` in a write transaction, as often as the map must grow for it. With `fenced` the epoch is checked first.
NJ_CHECKED nj_status nj_staging_write_growing(nj_staging *staging, bool fenced,
                                              nj_staging_body body, void *context, nj_error *err);

/// The same under the lock. After NJ_IO the environment has been opened afresh.
NJ_CHECKED nj_status nj_staging_run_write(nj_staging *staging, const char *purpose, bool fenced,
                                          nj_staging_body body, void *context, nj_error *err);

/// Begins a read-only transaction, opening the environment where a failed write has left it closed. The caller aborts
/// `*out` (NULL on failure).
NJ_CHECKED nj_status nj_staging_begin_read(nj_staging *staging, MDB_txn **out, nj_error *err);

/// The epoch on disk. NJ_CONFIG without one.
NJ_CHECKED nj_status nj_staging_read_epoch(nj_staging *staging, MDB_txn *txn, uint64_t *out,
                                           nj_error *err);
/// NJ_AGAIN unless the epoch on disk is our own.
NJ_CHECKED nj_status nj_staging_compare_epoch(nj_staging *staging, MDB_txn *txn, nj_error *err);

/// The generation this night was last packed into; "" when there was none.
NJ_CHECKED nj_status nj_staging_packed(nj_staging *staging, nj_store_name *out, nj_error *err);
NJ_CHECKED nj_status nj_staging_packed_set(nj_staging *staging, const nj_store_name *name,
                                           nj_error *err);

#endif
