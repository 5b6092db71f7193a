#include "common/store/generation_write.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/store/data_digest.h"
#include "common/store/schema.h"

// Rows in one transaction. Each one rewrites the rightmost pages, so few are better; its pages are in memory.
#define TXN_BYTES_MAX ((size_t)64 << 20)
// The map is planned from the staged pages. Appending packs denser than they are, so twice and a floor is ample.
#define MAP_FACTOR 2
#define MAP_BYTES_FLOOR ((uint64_t)16 << 20)
#define META_BYTES_MAX 8192

void nj_generation_write_abort(nj_generation_write *write)
{
    if (write->cursor != NULL) {
        mdb_cursor_close(write->cursor);
    }
    mdb_txn_abort(write->txn); // accepts NULL
    mdb_env_close(write->env); // accepts NULL
    write->cursor = NULL;
    write->txn = NULL;
    write->env = NULL;
}

static int begin_txn(nj_generation_write *write)
{
    write->txn_bytes = 0;
    int rc = mdb_txn_begin(write->env, NULL, 0, &write->txn);
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(write->txn, NULL, 0, &write->dbi);
    }
    return rc != MDB_SUCCESS ? rc : mdb_cursor_open(write->txn, write->dbi, &write->cursor);
}

static int commit_txn(nj_generation_write *write)
{
    mdb_cursor_close(write->cursor);
    write->cursor = NULL;
    int rc = mdb_txn_commit(write->txn);
    write->txn = NULL;
    return rc;
}

// No lock file: nobody else sees a draft.
nj_status nj_generation_write_begin_map(nj_generation_write *write, const char *folder,
                                        uint64_t map_bytes, nj_error *err)
{
    *write = (nj_generation_write){0};
    nj_digester_init(&write->content);
    int rc = mdb_env_create(&write->env);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(write->env, map_bytes);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(write->env, folder, MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0666);
    }
    if (rc == MDB_SUCCESS) {
        rc = begin_txn(write);
    }
    return nj_env_check(rc, folder, err);
}

nj_status nj_generation_write_begin(nj_generation_write *write, const char *folder,
                                    uint64_t staged_bytes, nj_error *err)
{
    return nj_generation_write_begin_map(write, folder, MAP_FACTOR * staged_bytes + MAP_BYTES_FLOOR,
                                         err);
}

static int append_entry(nj_generation_write *write, nj_slice key, nj_slice value)
{
    MDB_val entry_key = nj_env_val(key.bytes, key.size);
    MDB_val entry_value = nj_env_val(value.bytes, value.size);
    return mdb_cursor_put(write->cursor, &entry_key, &entry_value, MDB_APPEND);
}

nj_status nj_generation_write_row(nj_generation_write *write, nj_slice key, nj_slice value,
                                  nj_error *err)
{
    int rc = append_entry(write, key, value);
    write->txn_bytes += key.size + value.size;
    if (rc == MDB_SUCCESS && write->txn_bytes > TXN_BYTES_MAX) {
        rc = commit_txn(write);
        if (rc == MDB_SUCCESS) {
            rc = begin_txn(write);
        }
    }
    write->rows++;
    nj_digester_update_sized(&write->content, key.bytes, key.size);
    nj_digester_update_sized(&write->content, value.bytes, value.size);
    return nj_env_check(rc, NJ_STORE_WORDS.DATA, err);
}

nj_status nj_generation_write_close(nj_generation_write *write, nj_slice meta, nj_error *err)
{
    int rc = append_entry(write, nj_slice_from(NJ_STORE_WORDS.META_KEY), meta);
    if (rc == MDB_SUCCESS) {
        rc = commit_txn(write);
    }
    if (rc == MDB_SUCCESS) {
        rc = NJ_FAILPOINT_FAILS(PACK_META) ? EIO : mdb_env_sync(write->env, 1);
    }
    nj_generation_write_abort(write);
    return nj_env_check(rc, NJ_STORE_WORDS.META_KEY, err);
}

nj_status nj_generation_write_finish(nj_generation_write *write, nj_store_facts *facts,
                                     nj_error *err)
{
    nj_buffer meta;
    nj_buffer_init(&meta, META_BYTES_MAX);
    facts->row_count = write->rows;
    facts->content_digest = nj_digester_final(&write->content);
    nj_status status = nj_store_facts_pack(facts, &meta, err);
    if (status == NJ_OK) {
        status = nj_generation_write_close(write, nj_buffer_slice(&meta), err);
    }
    nj_buffer_fini(&meta);
    nj_generation_write_abort(write);
    return status;
}

nj_status nj_generation_seal(const char *folder, nj_store_manifest *manifest, nj_error *err)
{
    nj_path data;
    nj_path file;
    struct stat about;
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.DATA, &data, err);
    if (status == NJ_OK) {
        status = nj_path_join(folder, NJ_STORE_WORDS.MANIFEST, &file, err);
    }
    if (status == NJ_OK && stat(data.text, &about) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot stat", data.text);
    }
    if (status != NJ_OK) {
        return status;
    }
    manifest->data_bytes = (uint64_t)about.st_size;
    status = nj_data_digest_plain(data.text, NJ_STORE_HEAD_BYTES, &manifest->head_digest, err);
    if (status == NJ_OK) {
        status =
            nj_data_digest_blocks(data.text, manifest->data_bytes, &manifest->data_digest, err);
    }
    return status != NJ_OK ? status : nj_store_manifest_write(file.text, manifest, err);
}
