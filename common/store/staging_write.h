// staging_write.h - what staging.c and ledger.c share: the opened environment and the one way to write to it.
#ifndef NJ_STORE_STAGING_WRITE_H
#define NJ_STORE_STAGING_WRITE_H

#include "common/base/file.h"
#include "common/store/env.h"
#include "common/store/staging.h"

#define NJ_STAGING_RECORD_BYTES_MAX 8192

struct nj_staging {
    nj_path store;
    nj_path folder;
    nj_staging_options options;
    nj_staging_facts facts;
    uint64_t epoch;
    // rebuilt whenever the environment is opened; env is NULL between a failed write and the next call
    MDB_env *env;
    MDB_dbi rows;
    MDB_dbi ledger;
    MDB_dbi meta;
};

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

/// Runs `body` in a write transaction, under the lock, as often as the map must grow for it. With `fenced` the epoch
/// is checked first. After NJ_IO the environment has been opened afresh.
NJ_CHECKED nj_status nj_staging_run_write(nj_staging *staging, const char *purpose, bool fenced,
                                          nj_staging_body body, void *context, nj_error *err);

/// Begins a read-only transaction, opening the environment where a failed write has left it closed. The caller aborts
/// `*out` (NULL on failure).
NJ_CHECKED nj_status nj_staging_begin_read(nj_staging *staging, MDB_txn **out, nj_error *err);

#endif
