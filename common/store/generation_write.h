// generation_write.h - data.mdb of a generation, written once from the first key to the last.
//
// Rows come in key order and are appended, which packs LMDB's pages as densely as they can be. Nothing is synced before
// the end: until then the file lies in a draft that nobody reads and a crash leaves to be thrown away.
#ifndef NJ_STORE_GENERATION_WRITE_H
#define NJ_STORE_GENERATION_WRITE_H

#include "common/base/digest.h"
#include "common/store/env.h"
#include "common/store/facts.h"

typedef struct {
    MDB_env *env; // owned until finish or abort
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    size_t txn_bytes;
    uint64_t rows;       // appended so far
    nj_digester content; // of them: content_digest of schemas/store.def
} nj_generation_write;

/// Makes data.mdb in `folder`. `staged_bytes` is what the rows take in the staging area. Call nj_generation_write_abort
/// in any case.
NJ_CHECKED nj_status nj_generation_write_begin(nj_generation_write *write, const char *folder,
                                               uint64_t staged_bytes, nj_error *err);

/// The same with LMDB's map of exactly `map_bytes`: rows that are written in a map of one size give one file.
NJ_CHECKED nj_status nj_generation_write_begin_map(nj_generation_write *write, const char *folder,
                                                   uint64_t map_bytes, nj_error *err);

/// The next row. NJ_IO when LMDB fails, also for a key that is not behind the last.
NJ_CHECKED nj_status nj_generation_write_row(nj_generation_write *write, nj_slice key,
                                             nj_slice value, nj_error *err);

/// Sets row_count and content_digest in `facts`, puts __meta__ behind the rows, syncs and closes the file.
NJ_CHECKED nj_status nj_generation_write_finish(nj_generation_write *write, nj_store_facts *facts,
                                                nj_error *err);

/// The same with a __meta__ that is made already. The caller has compared rows and content digest with it.
NJ_CHECKED nj_status nj_generation_write_close(nj_generation_write *write, nj_slice meta,
                                               nj_error *err);

/// Size and digests of the finished data.mdb in `folder` into `manifest`, which is then written beside it, synced.
NJ_CHECKED nj_status nj_generation_seal(const char *folder, nj_store_manifest *manifest,
                                        nj_error *err);

/// Closes what is open. Accepts one that is finished, or all zero.
void nj_generation_write_abort(nj_generation_write *write);

#endif
