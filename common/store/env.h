// env.h - what this folder's files share about LMDB. Nothing outside common/store includes it.
#ifndef NJ_STORE_ENV_H
#define NJ_STORE_ENV_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <lmdb.h>

#include "common/base/error.h"
#include "common/base/slice.h"

static inline nj_slice nj_env_slice(MDB_val value)
{
    return (nj_slice){value.mv_data, value.mv_size};
}

static inline MDB_val nj_env_val(const void *bytes, size_t size)
{
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)bytes}; // LMDB only reads it
}

static inline MDB_val nj_env_text(const char *text)
{
    return nj_env_val(text, strlen(text));
}

// Numbers in keys and values are big-endian, so that LMDB's byte order is theirs.
static inline void nj_env_write_u64(uint8_t out[8], uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static inline uint64_t nj_env_read_u64(const void *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = value << 8 | ((const uint8_t *)bytes)[i];
    }
    return value;
}

/// Says "<what>: <LMDB's sentence>" and gives the status that stands for `rc`: NJ_CONFIG for another LMDB's file,
/// NJ_NO_MEMORY, NJ_NOT_FOUND, else NJ_IO. NJ_OK for MDB_SUCCESS.
NJ_CHECKED nj_status nj_env_check(int rc, const char *what, nj_error *err);

/// The first digit of LMDB's version. Files of another one cannot be opened.
uint64_t nj_env_lmdb_major(void);
/// "0.9.24"; borrowed until the thread asks again.
const char *nj_env_lmdb_version(void);

/// Opens a finished generation's folder: read-only and without LMDB's lock file. That is sound because a generation
/// never changes after its rename, and it lets a store on a read-only file system be read.
///   data_bytes  size of data.mdb: as much is mapped, whatever the file asks for
NJ_CHECKED nj_status nj_env_open_frozen(const char *folder, size_t data_bytes, MDB_env **out_env,
                                        MDB_txn **out_txn, MDB_dbi *out_dbi, nj_error *err);

#endif
