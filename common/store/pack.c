#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/checked.h"
#include "common/base/failpoint.h"
#include "common/store/draft.h"
#include "common/store/env.h"
#include "common/store/lock.h"
#include "common/store/publish.h"
#include "common/store/schema.h"

// Rows in one transaction. Each one rewrites the rightmost pages, so few are better; its pages are in memory.
#define TXN_BYTES_MAX ((size_t)64 << 20)
// The map is planned from the staged pages. Appending packs denser than they are, so twice and a floor is ample.
#define MAP_FACTOR 2
#define MAP_BYTES_FLOOR ((uint64_t)16 << 20)
#define META_BYTES_MAX 8192
#define PACK_LOCK_WAIT_MS NJ_STORE_LOCK_WAIT_MS

typedef struct {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    size_t txn_bytes;
    uint64_t rows;
    nj_digester content;
} pack_job;

static void close_packing(pack_job *job)
{
    if (job->cursor != NULL) {
        mdb_cursor_close(job->cursor);
    }
    mdb_txn_abort(job->txn); // accepts NULL
    mdb_env_close(job->env); // accepts NULL
    job->cursor = NULL;
    job->txn = NULL;
    job->env = NULL;
}

static int begin_packing_txn(pack_job *job)
{
    job->txn_bytes = 0;
    int rc = mdb_txn_begin(job->env, NULL, 0, &job->txn);
    if (rc == MDB_SUCCESS) {
        rc = mdb_dbi_open(job->txn, NULL, 0, &job->dbi);
    }
    return rc != MDB_SUCCESS ? rc : mdb_cursor_open(job->txn, job->dbi, &job->cursor);
}

static int commit_packing_txn(pack_job *job)
{
    mdb_cursor_close(job->cursor);
    job->cursor = NULL;
    int rc = mdb_txn_commit(job->txn);
    job->txn = NULL;
    return rc;
}

// No lock file: nobody else sees a draft. No sync until the end: a crash leaves a draft that is thrown away.
static nj_status open_packing(pack_job *job, const char *folder, uint64_t rows_bytes, nj_error *err)
{
    nj_digester_init(&job->content);
    int rc = mdb_env_create(&job->env);
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_set_mapsize(job->env, MAP_FACTOR * rows_bytes + MAP_BYTES_FLOOR);
    }
    if (rc == MDB_SUCCESS) {
        rc = mdb_env_open(job->env, folder, MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS, 0666);
    }
    if (rc == MDB_SUCCESS) {
        rc = begin_packing_txn(job);
    }
    return nj_env_check(rc, folder, err);
}

static int append_entry(pack_job *job, nj_slice key, nj_slice value)
{
    MDB_val entry_key = nj_env_val(key.bytes, key.size);
    MDB_val entry_value = nj_env_val(value.bytes, value.size);
    return mdb_cursor_put(job->cursor, &entry_key, &entry_value, MDB_APPEND);
}

static nj_status append_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    pack_job *job = context;
    int rc = append_entry(job, key, value);
    job->txn_bytes += key.size + value.size;
    if (rc == MDB_SUCCESS && job->txn_bytes > TXN_BYTES_MAX) {
        rc = commit_packing_txn(job);
        if (rc == MDB_SUCCESS) {
            rc = begin_packing_txn(job);
        }
    }
    job->rows++;
    nj_digester_update_sized(&job->content, key.bytes, key.size);
    nj_digester_update_sized(&job->content, value.bytes, value.size);
    return rc == MDB_SUCCESS ? NJ_FAILPOINT_STEP(PACK_ROW, err)
                             : nj_env_check(rc, "generation", err);
}

static nj_status finish_packing(pack_job *job, const nj_store_facts *facts, nj_error *err)
{
    nj_buffer meta;
    nj_buffer_init(&meta, META_BYTES_MAX);
    nj_status status = nj_store_facts_pack(facts, &meta, err);
    if (status == NJ_OK) {
        int rc = append_entry(job, nj_slice_from(NJ_STORE_WORDS.META_KEY), nj_buffer_slice(&meta));
        if (rc == MDB_SUCCESS) {
            rc = commit_packing_txn(job);
        }
        if (rc == MDB_SUCCESS) {
            rc = NJ_FAILPOINT_FAILS(PACK_META) ? EIO : mdb_env_sync(job->env, 1);
        }
        status = nj_env_check(rc, NJ_STORE_WORDS.META_KEY, err);
    }
    nj_buffer_fini(&meta);
    close_packing(job);
    return status;
}

// A night is packed when every shard has its record, and rows, ledger and caller agree on the number of rows.
static nj_status check_complete(nj_staging *staging, uint64_t row_count, nj_error *err)
{
    nj_staging_tally tally;
    const char *folder = nj_staging_store_dir(staging);
    uint64_t shards = nj_staging_facts_of(staging)->shard_count;
    nj_status status = nj_staging_count(staging, &tally, err);
    if (status != NJ_OK) {
        return status;
    }
    if (tally.committed + tally.quarantined != shards) {
        return nj_fail(err, NJ_REFUSED,
                       "%s: %" PRIu64 " of %" PRIu64 " shards are done (%" PRIu64 " quarantined)",
                       folder, tally.committed + tally.quarantined, shards, tally.quarantined);
    }
    if (tally.ledger_rows != tally.stored_rows || tally.stored_rows != row_count) {
        return nj_fail(err, NJ_REFUSED,
                       "%s: %" PRIu64 " rows are staged, the ledger says %" PRIu64
                       ", the night expects %" PRIu64,
                       folder, tally.stored_rows, tally.ledger_rows, row_count);
    }
    return NJ_OK;
}

static nj_status gather_facts(nj_staging *staging, const nj_store_name *name, uint64_t now_ms,
                              nj_store_facts *out, nj_error *err)
{
    const nj_staging_facts *night = nj_staging_facts_of(staging);
    *out = (nj_store_facts){.schema_version = NJ_STORE_SCHEMA_VERSION,
                            .lmdb_major = nj_env_lmdb_major(),
                            .created_ms = now_ms,
                            .plan_digest = night->plan_digest,
                            .bundle_digest = night->bundle_digest,
                            .settings_digest = night->settings_digest,
                            .user_count = night->user_count};
    snprintf(out->lmdb_version, sizeof out->lmdb_version, "%s", nj_env_lmdb_version());
    snprintf(out->generation, sizeof out->generation, "%s", name->text);
    snprintf(out->nightjar_version, sizeof out->nightjar_version, "%s", NIGHTJAR_VERSION);
    strcpy(out->settings, night->settings); // both have the same limit
    return nj_staging_class(staging, out->numeric_class, err);
}

// Size and digests of the finished file, then the manifest beside it.
static nj_status seal(const char *folder, nj_store_manifest *manifest, nj_error *err)
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
    status = nj_store_digest_file(data.text, NJ_STORE_HEAD_BYTES, &manifest->head_digest, err);
    if (status == NJ_OK) {
        status = nj_store_digest_file(data.text, manifest->data_bytes, &manifest->data_digest, err);
    }
    return status != NJ_OK ? status : nj_store_manifest_write(file.text, manifest, err);
}

static nj_status fill_draft(nj_staging *staging, const char *folder, uint64_t row_count,
                            nj_store_manifest *manifest, nj_error *err)
{
    pack_job job = {0};
    uint64_t rows_bytes = 0;
    nj_status status = nj_staging_rows_bytes(staging, &rows_bytes, err);
    if (status == NJ_OK) {
        status = open_packing(&job, folder, rows_bytes, err);
    }
    if (status == NJ_OK) {
        status = nj_staging_rows_each(staging, append_row, &job, err);
    }
    if (status == NJ_OK && job.rows != row_count) {
        status = nj_fail(err, NJ_REFUSED, "%s: %" PRIu64 " rows were read, %" PRIu64 " counted",
                         folder, job.rows, row_count);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PACK_ROWS, err);
    }
    if (status == NJ_OK) {
        manifest->facts.row_count = job.rows;
        manifest->facts.content_digest = nj_digester_final(&job.content);
        status = finish_packing(&job, &manifest->facts, err);
    }
    close_packing(&job);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PACK_SYNCED, err);
    }
    if (status == NJ_OK) {
        status = seal(folder, manifest, err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(PACK_SEALED, err) : status;
}

// The name is given under the lock, so that a night that was fenced while it packed leaves no generation.
static nj_status name_draft(nj_staging *staging, nj_folder_draft *draft, const nj_store_name *name,
                            nj_error *err)
{
    nj_store_lock lock;
    nj_status status =
        nj_store_lock_take(draft->store.text, "name generation", PACK_LOCK_WAIT_MS, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_staging_check_epoch(staging, err);
    if (status == NJ_OK) {
        status = nj_folder_draft_commit(draft, name->text, err);
    }
    nj_store_lock_release(&lock);
    return status;
}

nj_status nj_store_pack(nj_staging *staging, uint64_t row_count, uint64_t now_ms,
                        nj_store_name *out_name, nj_store_manifest *out_manifest, nj_error *err)
{
    nj_folder_draft draft = {0};
    nj_store_manifest manifest = {0};
    nj_store_name name = nj_store_name_make(now_ms);
    nj_status status = NJ_FAILPOINT_STEP(PACK_DUE, err);
    if (status == NJ_OK) {
        status = nj_staging_check_epoch(staging, err);
    }
    if (status == NJ_OK) {
        status = check_complete(staging, row_count, err);
    }
    if (status == NJ_OK) {
        status = gather_facts(staging, &name, now_ms, &manifest.facts, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_draft_begin(nj_staging_store_dir(staging), &draft, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PACK_DRAFTED, err);
    }
    if (status == NJ_OK) {
        status = fill_draft(staging, draft.folder.text, row_count, &manifest, err);
    }
    if (status == NJ_OK) {
        status = name_draft(staging, &draft, &name, err);
    }
    nj_folder_draft_abort(&draft);
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(PACK_NAMED);
        *out_name = name;
        if (out_manifest != NULL) {
            *out_manifest = manifest;
        }
    }
    return status;
}
