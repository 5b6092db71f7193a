// ledger.c - the shards of a staging area: committing them, and reading them back.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/failpoint.h"
#include "common/base/id.h"
#include "common/store/key.h"
#include "common/store/staging_env.h"

static const nj_record_field FIELDS[] = {
#define NJ_LEDGER_FIELD(kind, name, max, meaning)                                                  \
    {#name, NJ_RECORD_##kind, offsetof(nj_ledger_record, name), max},
#include "schemas/store.def"
};

static const nj_record_table LEDGER = {"ledger record", FIELDS, sizeof FIELDS / sizeof FIELDS[0],
                                       0};

// ---- committing ----

typedef struct {
    const nj_shard_commit *commits;
    size_t count;
    nj_commit_outcome *outcomes;
    nj_buffer packed; // scratch for one record
} commit_batch;

// A whole shard's key is its number; first and count of a piece follow, so that a walk meets the pieces of a shard in order.
typedef struct {
    uint8_t bytes[16];
    size_t size;
} record_key;

static record_key make_key(uint64_t shard, uint64_t first, uint64_t count)
{
    record_key key = {.size = count == 0 ? 8 : 16};
    nj_env_write_u64(key.bytes, shard);
    nj_env_write_u64(key.bytes + 8, first << 32 | count);
    return key;
}

static nj_status read_record(nj_staging *staging, MDB_txn *txn, const record_key *at,
                             nj_ledger_record *out, nj_error *err)
{
    MDB_val key = nj_env_val(at->bytes, at->size);
    MDB_val value;
    int rc = mdb_get(txn, staging->ledger, &key, &value);
    if (rc == MDB_NOTFOUND) {
        return nj_fail(err, NJ_NOT_FOUND, "shard %" PRIu64 ": the ledger has no record",
                       nj_env_read_u64(at->bytes));
    }
    nj_status status = nj_env_check(rc, staging->folder.text, err);
    if (status == NJ_OK) {
        status = nj_record_unpack(&LEDGER, nj_env_slice(value), out, err);
    }
    return status;
}

static nj_commit_outcome judge_commit(const nj_ledger_record *present, const nj_ledger_record *new)
{
    if (present->state == NJ_STORED_QUARANTINED) {
        return new->state != NJ_STORED_QUARANTINED ? NJ_COMMIT_WRITTEN : NJ_COMMIT_DUPLICATE;
    }
    if (present->state != new->state) {
        return NJ_COMMIT_DUPLICATE;
    }
    return nj_digest_equal(&present->digest, &new->digest) ? NJ_COMMIT_DUPLICATE
                                                           : NJ_COMMIT_DIVERGED;
}

static nj_status put_rows(nj_staging_write *write, const nj_shard_commit *commit)
{
    MDB_cursor *cursor = NULL;
    nj_status status = nj_staging_check_rc(
        write, mdb_cursor_open(write->txn, write->staging->rows, &cursor), "rows");
    for (uint64_t i = 0; i < commit->record.rows && status == NJ_OK; i++) {
        const nj_store_row *row = &commit->rows[i];
        nj_store_key packed;
        status = nj_store_key_pack(row->user, &packed, write->err);
        if (status != NJ_OK) {
            break;
        }
        MDB_val key = nj_env_val(packed.bytes, packed.size);
        MDB_val value = nj_env_val(row->value.bytes, row->value.size);
        int rc = mdb_cursor_put(cursor, &key, &value, MDB_NOOVERWRITE);
        if (rc == MDB_KEYEXIST) {
            status = nj_fail(write->err, NJ_REFUSED,
                             "shard %" PRIu64 ": user \"%.*s\" already has a row",
                             commit->record.shard, NJ_SLICE_ARGS(row->user));
        } else {
            status = nj_staging_check_rc(write, rc, "rows");
        }
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    return status;
}

// A user who has a row is not quarantined.
static nj_status judge_quarantine(nj_staging_write *write, const nj_ledger_record *record,
                                  nj_commit_outcome *outcome)
{
    nj_store_key packed;
    nj_status status = nj_store_key_pack(nj_slice_from(record->user), &packed, write->err);
    if (status != NJ_OK) {
        return status;
    }
    MDB_val key = nj_env_val(packed.bytes, packed.size);
    MDB_val value;
    int rc = mdb_get(write->txn, write->staging->rows, &key, &value);
    *outcome = rc == MDB_NOTFOUND ? *outcome : NJ_COMMIT_DUPLICATE;
    return rc == MDB_NOTFOUND ? NJ_OK : nj_staging_check_rc(write, rc, "rows");
}

// Users whose rows have come after all are quarantined no longer. Their records are those of single users in the range.
static nj_status remove_quarantined(nj_staging_write *write, const nj_ledger_record *record)
{
    MDB_cursor *cursor = NULL;
    const uint64_t end = record->count == 0 ? UINT64_MAX : record->first + record->count;
    const record_key at = make_key(record->shard, record->first, 1);
    MDB_val key = nj_env_val(at.bytes, at.size);
    MDB_val value;
    int rc = mdb_cursor_open(write->txn, write->staging->ledger, &cursor);
    if (rc == MDB_SUCCESS) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    }
    nj_status status = NJ_OK;
    while (rc == MDB_SUCCESS && status == NJ_OK) {
        nj_ledger_record present;
        status = nj_record_unpack(&LEDGER, nj_env_slice(value), &present, write->err);
        if (status != NJ_OK || present.shard != record->shard || present.first >= end) {
            break;
        }
        rc = present.state == NJ_STORED_QUARANTINED ? mdb_cursor_del(cursor, 0) : MDB_SUCCESS;
        if (rc == MDB_SUCCESS) {
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    return rc == MDB_SUCCESS || rc == MDB_NOTFOUND ? status
                                                   : nj_staging_check_rc(write, rc, "ledger");
}

static nj_status put_record(nj_staging_write *write, const nj_ledger_record *record,
                            nj_buffer *packed)
{
    const record_key at = make_key(record->shard, record->first, record->count);
    nj_buffer_clear(packed);
    nj_status status = nj_record_pack(&LEDGER, record, packed, write->err);
    if (status != NJ_OK) {
        return status;
    }
    MDB_val key = nj_env_val(at.bytes, at.size);
    MDB_val value = nj_env_val(packed->bytes, packed->size);
    return nj_staging_check_rc(write, mdb_put(write->txn, write->staging->ledger, &key, &value, 0),
                               "ledger");
}

static nj_status judge(nj_staging_write *write, const nj_ledger_record *record,
                       nj_commit_outcome *outcome)
{
    const record_key at = make_key(record->shard, record->first, record->count);
    nj_ledger_record present;
    nj_status status = read_record(write->staging, write->txn, &at, &present, write->err);
    if (status == NJ_OK) {
        *outcome = judge_commit(&present, record);
        return NJ_OK;
    }
    *outcome = NJ_COMMIT_WRITTEN;
    if (status == NJ_NOT_FOUND) {
        status = record->state == NJ_STORED_QUARANTINED ? judge_quarantine(write, record, outcome)
                                                        : NJ_OK;
    }
    return status;
}

static nj_status write_shard(nj_staging_write *write, const nj_shard_commit *commit,
                             nj_buffer *packed)
{
    nj_status status = NJ_OK;
    if (commit->record.state != NJ_STORED_QUARANTINED) {
        status = put_rows(write, commit);
        if (status == NJ_OK) {
            status = remove_quarantined(write, &commit->record);
        }
        if (status == NJ_OK) {
            status = NJ_FAILPOINT_STEP(COMMIT_ROWS, write->err);
        }
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(COMMIT_ROWS, write->err);
    }
    return status == NJ_OK ? put_record(write, &commit->record, packed) : status;
}

static nj_status write_batch(nj_staging_write *write, void *context)
{
    commit_batch *batch = context;
    nj_status status = NJ_FAILPOINT_STEP(COMMIT_BEGUN, write->err);
    for (size_t i = 0; i < batch->count && status == NJ_OK; i++) {
        status = judge(write, &batch->commits[i].record, &batch->outcomes[i]);
        if (status == NJ_OK && batch->outcomes[i] == NJ_COMMIT_WRITTEN) {
            status = write_shard(write, &batch->commits[i], &batch->packed);
        }
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(COMMIT_PUT, write->err) : status;
}

static nj_status check_committed(const nj_ledger_record *record, nj_error *err)
{
    if (record->count != 0 && record->rows != record->count) {
        return nj_fail(err, NJ_INPUT,
                       "shard %" PRIu64 ": a piece of %" PRIu64 " users has %" PRIu64 " rows",
                       record->shard, record->count, record->rows);
    }
    return NJ_OK;
}

static nj_status check_quarantined(const nj_ledger_record *record, nj_error *err)
{
    if (record->rows != 0) {
        return nj_fail(err, NJ_INPUT, "shard %" PRIu64 ": is quarantined but has %" PRIu64 " rows",
                       record->shard, record->rows);
    }
    if (record->count != 1 || record->user[0] == '\0') {
        return nj_fail(err, NJ_INPUT,
                       "shard %" PRIu64 ": one user by name is quarantined, not %" PRIu64
                       " (\"%s\")",
                       record->shard, record->count, record->user);
    }
    return NJ_OK;
}

static nj_status check_commit(const nj_staging *staging, const nj_ledger_record *record,
                              nj_error *err)
{
    if (record->shard >= staging->facts.shard_count) {
        return nj_fail(err, NJ_INPUT, "shard %" PRIu64 " is not one of the plan's %" PRIu64,
                       record->shard, staging->facts.shard_count);
    }
    if (record->state != NJ_STORED_COMMITTED && record->state != NJ_STORED_QUARANTINED &&
        record->state != NJ_STORED_CARRIED) {
        return nj_fail(err, NJ_INPUT, "shard %" PRIu64 ": there is no state %" PRIu64,
                       record->shard, record->state);
    }
    if (record->count == 0 && record->first != 0) {
        return nj_fail(err, NJ_INPUT,
                       "shard %" PRIu64 ": a piece of no users begins at its user %" PRIu64,
                       record->shard, record->first);
    }
    return record->state == NJ_STORED_QUARANTINED ? check_quarantined(record, err)
                                                  : check_committed(record, err);
}

nj_status nj_staging_commit(nj_staging *staging, const nj_shard_commit *commits, size_t count,
                            nj_commit_outcome *out_outcomes, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = check_commit(staging, &commits[i].record, err);
    }
    if (status == NJ_OK) {
        commit_batch batch = {.commits = commits, .count = count, .outcomes = out_outcomes};
        nj_buffer_init(&batch.packed, NJ_STAGING_RECORD_BYTES_MAX);
        status = nj_staging_run_write(staging, "commit", true, write_batch, &batch, err);
        nj_buffer_fini(&batch.packed);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(COMMIT_DONE, err) : status;
}

void nj_ledger_text_set(char *out, size_t out_bytes, nj_slice text)
{
    size_t size = text.size < out_bytes - 1 ? text.size : out_bytes - 1;
    if (size < text.size) {
        while (size > 0 && ((unsigned char)text.bytes[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    if (size > 0) {
        memcpy(out, text.bytes, size);
    }
    out[size] = '\0';
    bool valid = nj_utf8_valid(out, size);
    for (size_t i = 0; i < size; i++) {
        if (out[i] == '\0' || (!valid && (unsigned char)out[i] >= 0x80)) {
            out[i] = '?';
        }
    }
}

// ---- reading back ----

// Calls visit for every entry of one database, in key order.
static nj_status walk_database(nj_staging *staging, const MDB_dbi *dbi, nj_row_visit visit,
                               void *context, nj_error *err)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = nj_env_check(mdb_cursor_open(txn, *dbi, &cursor), staging->folder.text, err);
    }
    while (status == NJ_OK) {
        MDB_val key;
        MDB_val value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (rc == MDB_NOTFOUND) {
            break;
        }
        status = nj_env_check(rc, staging->folder.text, err);
        if (status == NJ_OK) {
            status = visit(context, nj_env_slice(key), nj_env_slice(value), err);
        }
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return status;
}

typedef struct {
    nj_ledger_visit visit;
    void *context;
} record_visit;

static nj_status visit_record(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    (void)key;
    const record_visit *inner = context;
    nj_ledger_record record;
    nj_status status = nj_record_unpack(&LEDGER, value, &record, err);
    return status != NJ_OK ? status : inner->visit(inner->context, &record, err);
}

nj_status nj_staging_ledger_each(nj_staging *staging, nj_ledger_visit visit, void *context,
                                 nj_error *err)
{
    record_visit inner = {.visit = visit, .context = context};
    return walk_database(staging, &staging->ledger, visit_record, &inner, err);
}

nj_status nj_staging_rows_each(nj_staging *staging, nj_row_visit visit, void *context,
                               nj_error *err)
{
    return walk_database(staging, &staging->rows, visit, context, err);
}

static nj_status add_to_tally(void *context, const nj_ledger_record *record, nj_error *err)
{
    (void)err;
    nj_staging_tally *tally = context;
    tally->committed += record->state == NJ_STORED_COMMITTED;
    tally->quarantined += record->state == NJ_STORED_QUARANTINED;
    tally->carried += record->state == NJ_STORED_CARRIED ? record->rows : 0;
    tally->ledger_rows += record->rows;
    return NJ_OK;
}

static nj_status stat_rows(nj_staging *staging, MDB_stat *out, nj_error *err)
{
    MDB_txn *txn = NULL;
    nj_status status = nj_staging_begin_read(staging, &txn, err);
    if (status == NJ_OK) {
        status = nj_env_check(mdb_stat(txn, staging->rows, out), staging->folder.text, err);
    }
    mdb_txn_abort(txn);
    return status;
}

nj_status nj_staging_count(nj_staging *staging, nj_staging_tally *out, nj_error *err)
{
    nj_staging_tally tally = {0};
    MDB_stat rows;
    nj_status status = nj_staging_ledger_each(staging, add_to_tally, &tally, err);
    if (status == NJ_OK) {
        status = stat_rows(staging, &rows, err);
    }
    if (status == NJ_OK) {
        tally.stored_rows = rows.ms_entries;
        *out = tally;
    }
    return status;
}

nj_status nj_staging_rows_bytes(nj_staging *staging, uint64_t *out_bytes, nj_error *err)
{
    MDB_stat rows;
    nj_status status = stat_rows(staging, &rows, err);
    if (status == NJ_OK) {
        *out_bytes = (uint64_t)rows.ms_psize *
                     (rows.ms_branch_pages + rows.ms_leaf_pages + rows.ms_overflow_pages);
    }
    return status;
}

uint64_t nj_staging_disk_bytes(const nj_staging *staging)
{
    struct stat about;
    int fd = -1;
    return staging->env != NULL && mdb_env_get_fd(staging->env, &fd) == 0 && fstat(fd, &about) == 0
               ? (uint64_t)about.st_size
               : 0;
}

typedef struct {
    uint64_t shards; // that have a record so far
    uint64_t shard;  // the last of them
    uint64_t next;   // where its next piece begins; UINT64_MAX behind a record of the whole
    uint64_t users;  // for whom there is a record
} record_cover;

static nj_status add_to_cover(void *context, const nj_ledger_record *record, nj_error *err)
{
    record_cover *cover = context;
    const uint64_t users = record->state == NJ_STORED_QUARANTINED ? 1 : record->rows;
    if (cover->shards == 0 || record->shard != cover->shard) {
        cover->shards++;
        cover->shard = record->shard;
        cover->next = 0;
    }
    if (cover->next == UINT64_MAX) {
        return nj_fail(err, NJ_REFUSED,
                       "shard %" PRIu64 ": is done whole, and has a record of the %" PRIu64
                       " users from its user %" PRIu64 " on besides",
                       record->shard, record->count, record->first);
    }
    if (record->first != cover->next) {
        return nj_fail(err, NJ_REFUSED,
                       "shard %" PRIu64 ": is done up to its user %" PRIu64
                       ", the next record begins at user %" PRIu64,
                       record->shard, cover->next, record->first);
    }
    cover->next = record->count == 0 ? UINT64_MAX : record->first + record->count;
    cover->users += users;
    return NJ_OK;
}

nj_status nj_staging_check_cover(nj_staging *staging, nj_error *err)
{
    record_cover cover = {0};
    const nj_staging_facts *night = &staging->facts;
    nj_status status = nj_staging_ledger_each(staging, add_to_cover, &cover, err);
    if (status == NJ_OK && cover.shards != night->shard_count) {
        status = nj_fail(err, NJ_REFUSED, "%s: %" PRIu64 " of %" PRIu64 " shards are done",
                         staging->store.text, cover.shards, night->shard_count);
    }
    if (status == NJ_OK && cover.users != night->user_count) {
        status = nj_fail(err, NJ_REFUSED,
                         "%s: %" PRIu64
                         " users are committed, carried or quarantined, the plan has %" PRIu64,
                         staging->store.text, cover.users, night->user_count);
    }
    return status;
}

nj_status nj_staging_row_get(nj_staging *staging, nj_slice user, nj_buffer *out, nj_error *err)
{
    MDB_txn *txn = NULL;
    MDB_val value;
    nj_store_key packed;
    nj_status status = nj_store_key_pack(user, &packed, err);
    if (status == NJ_OK) {
        status = nj_staging_begin_read(staging, &txn, err);
    }
    if (status == NJ_OK) {
        MDB_val key = nj_env_val(packed.bytes, packed.size);
        status = nj_env_check(mdb_get(txn, staging->rows, &key, &value), staging->folder.text, err);
    }
    if (status == NJ_OK && nj_buffer_append(out, value.mv_data, value.mv_size) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a row of %zu bytes",
                         staging->folder.text, value.mv_size);
    }
    mdb_txn_abort(txn);
    return status;
}
