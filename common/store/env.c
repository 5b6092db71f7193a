#include "common/store/env.h"

#include <errno.h>
#include <stdio.h>

nj_status nj_env_check(int rc, const char *what, nj_error *err)
{
    if (rc == MDB_SUCCESS) {
        return NJ_OK;
    }
    nj_status status = NJ_IO;
    if (rc == ENOMEM) {
        status = NJ_NO_MEMORY;
    } else if (rc == MDB_NOTFOUND) {
        status = NJ_NOT_FOUND;
    } else if (rc == MDB_VERSION_MISMATCH || rc == MDB_INVALID) {
        status = NJ_CONFIG;
    } else if (rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND) {
        return nj_fail(
            err, NJ_REFUSED,
            "%s: %s: the file is damaged and no retry mends it; of a staging area, remove "
            "the folder to begin anew",
            what, mdb_strerror(rc));
    }
    // LMDB calls a write that fell short EIO: that is how a full disk shows.
    return nj_fail(err, status, "%s: %s%s", what, mdb_strerror(rc),
                   rc == EIO ? " (is the disk full?)" : "");
}

uint64_t nj_env_lmdb_major(void)
{
    int major = 0;
    mdb_version(&major, NULL, NULL);
    return (uint64_t)major;
}

const char *nj_env_lmdb_version(void)
{
    static _Thread_local char text[48];
    int major = 0;
    int minor = 0;
    int patch = 0;
    mdb_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

nj_status nj_env_open_frozen(const char *folder, size_t data_bytes, MDB_env **out_env,
                             MDB_txn **out_txn, MDB_dbi *out_dbi, nj_error *err)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    int rc = mdb_env_create(&env);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(env, data_bytes);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(env, folder, MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(txn, NULL, 0, &dbi);
    }
    if (rc != MDB_SUCCESS) {
        mdb_txn_abort(txn); // accepts NULL
        mdb_env_close(env);
        return nj_env_check(rc, folder, err);
    }
    *out_env = env;
    *out_txn = txn;
    *out_dbi = dbi;
    return NJ_OK;
}
