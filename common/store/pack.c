#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/codec/row.h"
#include "common/codec/row_scan.h"
#include "common/store/channel.h"
#include "common/store/draft.h"
#include "common/store/generation_write.h"
#include "common/store/id.h"
#include "common/store/lock.h"
#include "common/store/origin.h"
#include "common/store/publish.h"
#include "common/store/quarantine.h"
#include "common/store/schema.h"
#include "common/store/shard_check.h"
#include "common/store/staging_env.h"

#define PACK_LOCK_WAIT_MS NJ_STORE_LOCK_WAIT_MS

typedef struct {
    nj_generation_write write;
    nj_shard_check shards;
    nj_origin_marks marks;
    const nj_copied_rows *copied; // NULL: none
    nj_slice key;                 // of the copied row that is next; empty: there is none
    nj_slice value;
    uint64_t copied_count;  // written so far
    uint64_t carried_count; // likewise, by their flags
    uint64_t carried_age;   // of the oldest of them
    nj_digester copied_digest;
} pack_job;

// A night is packed when every user stands in one record, and rows, ledger and caller agree on the number of rows.
static nj_status check_complete(nj_staging *staging, uint64_t row_count, nj_error *err)
{
    nj_staging_tally tally;
    const char *folder = nj_staging_store_dir(staging);
    nj_status status = nj_staging_check_cover(staging, err);
    if (status == NJ_OK) {
        status = nj_staging_count(staging, &tally, err);
    }
    if (status != NJ_OK) {
        return status;
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
                            .rules_digest = night->rules_digest,
                            .eligible_digest = night->eligible_digest,
                            .user_count = night->user_count + night->copied_count,
                            .copied_count = night->copied_count - night->missing_count,
                            .newest_event_ms = night->newest_event_ms,
                            .item_count = night->item_count};
    nj_ulid id;
    nj_staging_tally tally = {0};
    nj_status status = nj_staging_count(staging, &tally, err);
    if (status != NJ_OK) {
        return status;
    }
    out->carried_count = tally.carried + night->missing_count;
    status = nj_store_id_ensure(nj_staging_store_dir(staging), now_ms, &id, err);
    if (status != NJ_OK) {
        return status;
    }
    if (night->valid_for_ms > 0) {
        out->valid_until_ms = now_ms + night->valid_for_ms;
    }
    snprintf(out->store_id, sizeof out->store_id, "%s", id.text);
    snprintf(out->lmdb_version, sizeof out->lmdb_version, "%s", nj_env_lmdb_version());
    snprintf(out->generation, sizeof out->generation, "%s", name->text);
    snprintf(out->nightjar_version, sizeof out->nightjar_version, "%s", NIGHTJAR_VERSION);
    strcpy(out->settings, night->settings); // both have the same limit
    strcpy(out->since, night->since);
    return nj_staging_class(staging, out->numeric_class, err);
}

// ---- copied rows, between the staged ones ----

static void note_carried(pack_job *job, nj_slice row)
{
    nj_row_scan scan;
    if ((nj_row_flags(row) & NJ_ROW_CARRIED) != 0) {
        job->carried_count++;
        if (nj_row_scan_open(row, &scan) && scan.age > job->carried_age) {
            job->carried_age = scan.age;
        }
    }
}

static nj_status find_next_copy(pack_job *job, nj_error *err)
{
    nj_status status = job->copied != NULL
                           ? job->copied->next(job->copied->context, &job->key, &job->value, err)
                           : NJ_END;
    if (status == NJ_END) {
        job->key = (nj_slice){0};
        status = NJ_OK;
    }
    return status;
}

static nj_status begin_copies(pack_job *job, nj_error *err)
{
    nj_digester_init(&job->copied_digest);
    if (job->copied != NULL) {
        job->copied->rewind(job->copied->context);
    }
    return find_next_copy(job, err);
}

// Writes the copies before `key`; all that are left when it is NULL.
static nj_status pack_copies(pack_job *job, const nj_slice *key, nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && job->key.size > 0) {
        const int order = key != NULL ? nj_slice_compare(job->key, *key) : -1;
        if (order > 0) {
            break;
        }
        if (order == 0) {
            return nj_fail(err, NJ_REFUSED, "copied row %" PRIu64 " is of a user who was decoded",
                           job->copied_count);
        }
        nj_digester_update_sized(&job->copied_digest, job->key.bytes, job->key.size);
        nj_digester_update_sized(&job->copied_digest, job->value.bytes, job->value.size);
        job->copied_count++;
        note_carried(job, job->value);
        status = nj_generation_write_row(&job->write, job->key, job->value, err);
        if (status == NJ_OK) {
            status = NJ_FAILPOINT_STEP(PACK_COPIED, err);
        }
        if (status == NJ_OK) {
            status = find_next_copy(job, err);
        }
    }
    return status;
}

static nj_status end_copies(pack_job *job, const nj_staging_facts *night, nj_error *err)
{
    nj_status status = pack_copies(job, NULL, err);
    if (status != NJ_OK || night->copied_count == 0) {
        return status;
    }
    const nj_digest digest = nj_digester_final(&job->copied_digest);
    if (job->copied_count != night->copied_count ||
        !nj_digest_equal(&digest, &night->copied_digest)) {
        return nj_fail(err, NJ_REFUSED,
                       "%s: %" PRIu64 " rows were copied that are not the %" PRIu64
                       " that were chosen when the night began",
                       night->since, job->copied_count, night->copied_count);
    }
    return NJ_OK;
}

static nj_status pack_row(void *context, nj_slice key, nj_slice value, nj_error *err)
{
    pack_job *job = context;
    nj_status status = pack_copies(job, &key, err);
    if (status == NJ_OK) {
        status = nj_generation_write_row(&job->write, key, value, err);
    }
    if (status == NJ_OK && job->shards.begun == 0 &&
        nj_origin_marks_add(&job->marks, key) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %" PRIu64 " records", job->marks.count);
    }
    if (status == NJ_OK) {
        status = nj_shard_check_row(&job->shards, value, err);
        note_carried(job, value);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(PACK_ROW, err) : status;
}

static nj_status copy_rows(nj_staging *staging, const char *folder, uint64_t row_count,
                           uint64_t carried_count, pack_job *job, nj_error *err)
{
    uint64_t staged_bytes = 0;
    nj_status status = nj_shard_check_begin(&job->shards, staging, err);
    if (status == NJ_OK) {
        status = nj_staging_rows_bytes(staging, &staged_bytes, err);
    }
    if (status == NJ_OK) {
        if (job->copied != NULL) {
            staged_bytes += job->copied->bytes;
        }
        status = nj_generation_write_begin(&job->write, folder, staged_bytes, err);
    }
    if (status == NJ_OK) {
        status = begin_copies(job, err);
    }
    if (status == NJ_OK) {
        status = nj_staging_rows_each(staging, pack_row, job, err);
    }
    if (status == NJ_OK) {
        status = nj_shard_check_end(&job->shards, err);
    }
    if (status == NJ_OK) {
        status = end_copies(job, nj_staging_facts_of(staging), err);
    }
    if (status == NJ_OK && job->write.rows - job->copied_count != row_count) {
        status = nj_fail(err, NJ_REFUSED, "%s: %" PRIu64 " rows were read, %" PRIu64 " counted",
                         folder, job->write.rows - job->copied_count, row_count);
    }
    if (status == NJ_OK && job->carried_count != carried_count) {
        status = nj_fail(err, NJ_REFUSED,
                         "%s: %" PRIu64 " rows say that they are carried over, the ledger has "
                         "%" PRIu64 " such users",
                         folder, job->carried_count, carried_count);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(PACK_ROWS, err) : status;
}

static nj_status fill_draft(nj_staging *staging, const char *folder, uint64_t row_count,
                            const nj_copied_rows *copied, const nj_origin_night *night,
                            nj_store_manifest *manifest, nj_error *err)
{
    pack_job job = {.copied = copied};
    nj_origin_marks_init(&job.marks);
    nj_status status =
        copy_rows(staging, folder, row_count, manifest->facts.carried_count, &job, err);
    manifest->facts.carried_age = job.carried_age;
    if (status == NJ_OK) {
        status = nj_generation_write_finish(&job.write, &manifest->facts, err);
    }
    nj_generation_write_abort(&job.write);
    nj_shard_check_fini(&job.shards);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PACK_SYNCED, err);
    }
    if (status == NJ_OK) {
        status = nj_store_quarantine_write(staging, folder, err);
    }
    if (status == NJ_OK && staging->groups != NULL) {
        status = nj_store_groups_write(staging->groups, folder, err);
    }
    if (status == NJ_OK && staging->beside.write != NULL) {
        status = staging->beside.write(staging->beside.context, folder, err);
    }
    if (status == NJ_OK && night != NULL) {
        status = nj_store_origin_write(staging, folder, &manifest->facts, night, &job.marks, err);
    }
    nj_origin_marks_fini(&job.marks);
    if (status == NJ_OK) {
        status = nj_generation_seal(folder, manifest, err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(PACK_SEALED, err) : status;
}

// The name is given under the lock, so that a night that was fenced while it packed leaves no generation. It is noted
// before, so that whoever resumes the night finds what a crash in between has left.
static nj_status name_draft(nj_staging *staging, nj_folder_draft *draft, const nj_store_name *name,
                            nj_error *err)
{
    nj_store_lock lock;
    nj_status status = nj_staging_packed_set(staging, name, err);
    if (status == NJ_OK) {
        status =
            nj_store_lock_take(draft->store.text, "name generation", PACK_LOCK_WAIT_MS, &lock, err);
    }
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

// ---- what an earlier try has left ----

// Looks at the generation that this night was packed into before. One that is current already is the night's result:
// `*out_current`. One that nobody ever read is removed. One that was current and is not any more stays.
static nj_status settle_earlier(nj_staging *staging, const nj_store_name *earlier,
                                bool *out_current, nj_error *err)
{
    nj_store_lock lock;
    nj_store_name current;
    bool is_known = false;
    const char *store_dir = nj_staging_store_dir(staging);
    nj_status status =
        nj_store_lock_take(store_dir, "remove generation", PACK_LOCK_WAIT_MS, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_staging_check_epoch(staging, err);
    if (status == NJ_OK) {
        status = nj_store_channel_knows(store_dir, earlier, &is_known, err);
    }
    if (status == NJ_OK) {
        *out_current = nj_store_current(store_dir, &current, NULL) == NJ_OK &&
                       strcmp(current.text, earlier->text) == 0;
        if (!*out_current && !is_known) {
            status = nj_folder_vanish(store_dir, earlier->text, err);
        }
    }
    nj_store_lock_release(&lock);
    return status;
}

// NJ_END when there is nothing to pack, because CURRENT names this night's generation and it is sound at first sight.
static nj_status look_for_earlier(nj_staging *staging, nj_store_name *out_name,
                                  nj_store_manifest *out_manifest, nj_error *err)
{
    nj_store_name earlier;
    bool is_current = false;
    nj_status status = nj_staging_packed(staging, &earlier, err);
    if (status != NJ_OK || earlier.text[0] == '\0') {
        return status;
    }
    status = settle_earlier(staging, &earlier, &is_current, err);
    if (status == NJ_OK && is_current &&
        nj_store_inspect(nj_staging_store_dir(staging), &earlier, out_manifest, NULL) == NJ_OK) {
        *out_name = earlier;
        status = NJ_END;
    }
    return status;
}

static nj_status pack_anew(nj_staging *staging, uint64_t row_count, const nj_copied_rows *copied,
                           const nj_origin_night *night, const nj_store_name *name,
                           nj_store_manifest *manifest, nj_error *err)
{
    nj_folder_draft draft = {0};
    nj_status status = nj_folder_draft_begin(nj_staging_store_dir(staging), &draft, err);
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PACK_DRAFTED, err);
    }
    if (status == NJ_OK) {
        status = fill_draft(staging, draft.folder.text, row_count, copied, night, manifest, err);
    }
    if (status == NJ_OK) {
        status = name_draft(staging, &draft, name, err);
    }
    nj_folder_draft_abort(&draft);
    return status;
}

nj_status nj_store_pack(nj_staging *staging, uint64_t row_count, const nj_copied_rows *copied,
                        uint64_t now_ms, nj_store_name *out_name, nj_store_manifest *out_manifest,
                        nj_error *err)
{
    return nj_store_pack_with_origin(staging, row_count, copied, NULL, now_ms, out_name,
                                     out_manifest, err);
}

nj_status nj_store_pack_with_origin(nj_staging *staging, uint64_t row_count,
                                    const nj_copied_rows *copied, const nj_origin_night *night,
                                    uint64_t now_ms, nj_store_name *out_name,
                                    nj_store_manifest *out_manifest, nj_error *err)
{
    nj_store_manifest manifest = {0};
    // A clock that was set back makes no name that is older than the staging area: gc would not take it for this night's.
    const uint64_t begun_ms = nj_staging_facts_of(staging)->created_ms;
    nj_store_name name = nj_store_name_make(now_ms > begun_ms ? now_ms : begun_ms);
    nj_status status = NJ_FAILPOINT_STEP(PACK_DUE, err);
    if (status == NJ_OK) {
        status = nj_staging_check_epoch(staging, err);
    }
    if (status == NJ_OK) {
        status = check_complete(staging, row_count, err);
    }
    if (status == NJ_OK) {
        status = look_for_earlier(staging, &name, &manifest, err);
    }
    if (status == NJ_OK) {
        status = gather_facts(staging, &name, now_ms, &manifest.facts, err);
        if (status == NJ_OK) {
            status = pack_anew(staging, row_count, copied, night, &name, &manifest, err);
        }
    } else if (status == NJ_END) {
        status = NJ_OK;
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(PACK_NAMED);
        *out_name = name;
        if (out_manifest != NULL) {
            *out_manifest = manifest;
        }
    }
    return status;
}
