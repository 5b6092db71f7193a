// delta_apply.c - the older generation and a segment merged into the newer one.
#include "common/store/delta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec/row.h"
#include "common/store/channel.h"
#include "common/store/delta_record.h"
#include "common/store/draft.h"
#include "common/store/generation_write.h"
#include "common/store/id.h"
#include "common/store/lock.h"
#include "common/store/reader.h"
#include "common/store/schema.h"

typedef struct {
    const char *store_dir;
    const nj_delta_segment *segment;
    const nj_delta_watch *watch;
    nj_store_name result;
    nj_store_reader *base; // owned; NULL: the segment has none
    nj_slice key;          // of the base's row that is next; empty: there is none
    nj_slice value;
    nj_generation_write write;
    nj_row *row;    // owned, scratch
    nj_buffer copy; // owned, scratch
    nj_error *err;
} job;

static nj_status fail_resync(const job *at, const char *why)
{
    const nj_delta_head *head = &at->segment->head;
    if (head->base[0] == '\0') {
        return nj_fail(at->err, NJ_REFUSED,
                       "%s: the rows of the delta to %s are not those that its head names: have it "
                       "made again (nightjar store export --to delta --gen %s)",
                       at->store_dir, head->result, head->result);
    }
    return nj_fail(at->err, NJ_REFUSED,
                   "%s: %s %s, on which the delta to %s builds: resync with a segment that has no "
                   "base (nightjar store export --to delta --gen %s)",
                   at->store_dir, why, head->base, head->result, head->result);
}

// ---- may it be applied here ----

// NJ_END: the result is there already.
static nj_status look_for_result(const job *at)
{
    nj_store_manifest manifest;
    nj_status status = nj_store_inspect(at->store_dir, &at->result, &manifest, at->err);
    if (status == NJ_NOT_FOUND) {
        return NJ_OK;
    }
    if (status != NJ_OK) {
        return status;
    }
    return nj_digest_equal(&manifest.facts.content_digest, &at->segment->head.result_digest)
               ? NJ_END
               : nj_fail(at->err, NJ_REFUSED,
                         "%s/%s: has other rows than the delta's generation of that name",
                         at->store_dir, at->result.text);
}

// A store without an id becomes the producer's copy where it is empty, or has the very base.
static nj_status check_store_id(const job *at)
{
    nj_ulid own;
    nj_store_name current;
    const nj_delta_head *head = &at->segment->head;
    nj_status status = nj_store_id_read(at->store_dir, &own, at->err);
    if (status == NJ_OK && strcmp(own.text, head->store_id) != 0) {
        return nj_fail(at->err, NJ_REFUSED, "%s: is store %s, the delta to %s is of store %s",
                       at->store_dir, own.text, head->result, head->store_id);
    }
    if (status != NJ_NOT_FOUND) {
        return status;
    }
    if (head->base[0] == '\0' &&
        nj_store_channel_read(at->store_dir, NULL, &current, NULL) != NJ_NOT_FOUND) {
        return nj_fail(at->err, NJ_REFUSED,
                       "%s: has generations and no id, so it is not known to be store %s: apply "
                       "the delta to an empty folder",
                       at->store_dir, head->store_id);
    }
    return NJ_OK;
}

static nj_status check_store(const job *at)
{
    nj_path staging;
    nj_status status = check_store_id(at);
    if (status == NJ_OK) {
        status = nj_store_scrubbed_check(at->store_dir, &at->result, at->err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(at->store_dir, NJ_STORE_WORDS.STAGING, &staging, at->err);
    }
    if (status == NJ_OK && nj_folder_exists(staging.text)) {
        status = nj_fail(at->err, NJ_AGAIN,
                         "%s: a night is being made here; deltas are for stores that make none",
                         at->store_dir);
    }
    return status;
}

static nj_status open_base(job *at)
{
    const nj_delta_head *head = &at->segment->head;
    if (head->base[0] == '\0') {
        return NJ_OK;
    }
    nj_status status = nj_store_reader_open(at->store_dir, head->base, &at->base, at->err);
    if (status == NJ_NOT_FOUND) {
        return fail_resync(at, "has no");
    }
    if (status == NJ_OK &&
        !nj_digest_equal(&nj_store_reader_manifest(at->base)->facts.content_digest,
                         &head->base_digest)) {
        return fail_resync(at, "has another");
    }
    return status == NJ_OK ? nj_store_rewind(at->base, at->err) : status;
}

// ---- the merge ----

static nj_status advance_base(job *at)
{
    nj_status status =
        at->base != NULL ? nj_store_next(at->base, &at->key, &at->value, at->err) : NJ_END;
    if (status == NJ_END) {
        at->key = (nj_slice){0};
        status = NJ_OK;
    }
    return status;
}

static nj_status write_row(job *at, nj_slice key, nj_slice value)
{
    nj_status status = nj_generation_write_row(&at->write, key, value, at->err);
    if (status == NJ_OK && at->watch->rows != NULL && at->write.rows % NJ_DELTA_WATCH_ROWS == 0) {
        at->watch->rows(at->watch->context, at->write.rows, at->segment->facts.row_count);
    }
    return status;
}

// Copies the base's rows before `key`; all that are left when it is NULL. `*out_met`: the base has the key itself.
static nj_status copy_before(job *at, const nj_slice *key, bool *out_met)
{
    nj_status status = NJ_OK;
    *out_met = false;
    while (status == NJ_OK && at->key.size > 0) {
        const int order = key != NULL ? nj_slice_compare(at->key, *key) : -1;
        if (order >= 0) {
            *out_met = order == 0;
            break;
        }
        status = write_row(at, at->key, at->value);
        if (status == NJ_OK) {
            status = advance_base(at);
        }
    }
    return status;
}

// Writes the run of rows from the base's next one on, a night older, none of them at or behind `limit` (NULL: no entry follows).
static nj_status write_run(job *at, uint32_t rows, const nj_slice *limit)
{
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < rows && status == NJ_OK; i++) {
        if (at->key.size == 0 || (limit != NULL && nj_slice_compare(at->key, *limit) >= 0) ||
            !nj_delta_copy_row(at->value, &at->copy)) {
            return fail_resync(at, "rows that are to be copied are not in");
        }
        status = write_row(at, at->key, nj_buffer_slice(&at->copy));
        if (status == NJ_OK) {
            status = advance_base(at);
        }
    }
    return status;
}

static nj_status apply_block(job *at, const nj_delta_block *block, const nj_slice *limit)
{
    bool is_met = false;
    nj_status status = copy_before(at, &block->key, &is_met);
    if (status == NJ_OK && block->kind == NJ_DELTA_COPIED) {
        return is_met ? write_run(at, nj_delta_run(block), limit)
                      : fail_resync(at, "a user to be copied has no row in");
    }
    if (status == NJ_OK && is_met) {
        status = advance_base(at);
    }
    if (status == NJ_OK && block->kind == NJ_DELTA_DELETE) {
        return is_met ? NJ_OK : fail_resync(at, "a user to be deleted has no row in");
    }
    if (status == NJ_OK) {
        status = nj_row_check(block->value, at->row, at->err);
        if (status != NJ_OK) {
            nj_error_prefix(at->err, "the delta to %s", at->result.text);
        }
    }
    return status == NJ_OK ? write_row(at, block->key, block->value) : status;
}

static nj_status merge(job *at)
{
    bool ignored = false;
    nj_delta_block block;
    nj_delta_block next;
    nj_slice entries = at->segment->entries;
    nj_status status = advance_base(at);
    bool is_there = nj_delta_next(&entries, &block);
    while (status == NJ_OK && is_there) {
        const bool has_next = nj_delta_next(&entries, &next);
        status = apply_block(at, &block, has_next ? &next.key : NULL);
        block = next;
        is_there = has_next;
    }
    if (status == NJ_OK) {
        status = copy_before(at, NULL, &ignored);
    }
    if (status != NJ_OK) {
        return status;
    }
    const nj_digest content = nj_digester_final(&at->write.content);
    if (at->write.rows != at->segment->facts.row_count ||
        !nj_digest_equal(&content, &at->segment->head.result_digest)) {
        return fail_resync(at, "other rows came out (nightjar store verify looks at them) of");
    }
    return NJ_OK;
}

// ---- the folder ----

static nj_status write_file(const job *at, const char *folder, const char *name, nj_slice bytes)
{
    nj_path path;
    nj_status status = nj_path_join(folder, name, &path, at->err);
    return status == NJ_OK ? nj_file_write(path.text, bytes.bytes, bytes.size, at->err) : status;
}

// The producer's manifest where it speaks of these bytes, else one of our own.
static nj_status seal(const job *at, const char *folder, nj_delta_applied *out)
{
    nj_path path;
    nj_store_manifest own = {.facts = at->segment->facts};
    nj_store_manifest theirs;
    nj_status status = write_file(at, folder, NJ_STORE_WORDS.MANIFEST, at->segment->manifest);
    if (status == NJ_OK) {
        status = nj_path_join(folder, NJ_STORE_WORDS.MANIFEST, &path, at->err);
    }
    if (status == NJ_OK) {
        status = nj_store_manifest_read(path.text, &theirs, at->err);
    }
    if (status == NJ_OK) {
        status = nj_generation_seal(folder, &own, at->err);
    }
    if (status != NJ_OK) {
        return status;
    }
    out->same_bytes = theirs.data_bytes == own.data_bytes &&
                      nj_digest_equal(&theirs.head_digest, &own.head_digest) &&
                      nj_digest_equal(&theirs.data_digest, &own.data_digest) &&
                      nj_store_facts_difference(&theirs.facts, &at->segment->facts) == NULL;
    return out->same_bytes ? write_file(at, folder, NJ_STORE_WORDS.MANIFEST, at->segment->manifest)
                           : NJ_OK;
}

static nj_status fill_draft(job *at, const char *folder, nj_delta_applied *out)
{
    nj_status status =
        nj_generation_write_begin_map(&at->write, folder, at->segment->head.map_bytes, at->err);
    if (status == NJ_OK) {
        status = merge(at);
    }
    if (status == NJ_OK) {
        status = nj_generation_write_close(&at->write, at->segment->meta, at->err);
    }
    out->rows = at->write.rows;
    nj_generation_write_abort(&at->write);
    if (status == NJ_OK && at->segment->quarantined.size > 0) {
        status = write_file(at, folder, NJ_STORE_WORDS.QUARANTINED, at->segment->quarantined);
    }
    return status == NJ_OK ? seal(at, folder, out) : status;
}

static nj_status make_result(job *at, nj_delta_applied *out)
{
    nj_ulid id;
    nj_folder_draft draft = {0};
    nj_status status = nj_folder_draft_begin(at->store_dir, &draft, at->err);
    if (status == NJ_OK) {
        status = fill_draft(at, draft.folder.text, out);
    }
    if (status == NJ_OK) {
        strcpy(id.text, at->segment->head.store_id);
        status = nj_store_id_adopt(at->store_dir, &id, at->err);
    }
    if (status == NJ_OK) {
        status = nj_folder_draft_commit(&draft, at->result.text, at->err);
    }
    nj_folder_draft_abort(&draft);
    return status;
}

static nj_status apply_locked(job *at, nj_delta_applied *out)
{
    nj_status status = look_for_result(at);
    if (status == NJ_OK) {
        status = check_store(at);
    }
    if (status == NJ_OK) {
        status = open_base(at);
    }
    if (status == NJ_OK) {
        nj_buffer_init(&at->copy, NJ_ROW_BYTES_MAX);
        at->row = malloc(sizeof *at->row);
        status = at->row != NULL ? make_result(at, out)
                                 : nj_fail(at->err, NJ_NO_MEMORY, "no memory to read rows");
    }
    free(at->row);
    nj_buffer_fini(&at->copy);
    nj_store_reader_close(&at->base);
    if (status == NJ_END) {
        out->was_there = true;
        out->rows = at->segment->facts.row_count;
        status = NJ_OK;
    }
    return status;
}

nj_status nj_delta_apply(const char *store_dir, const nj_delta_segment *segment,
                         const nj_delta_watch *watch, nj_delta_applied *out, nj_error *err)
{
    nj_store_lock lock;
    nj_delta_applied applied = {0};
    job at = {.store_dir = store_dir, .segment = segment, .watch = watch, .err = err};
    strcpy(at.result.text, segment->head.result);
    nj_status status = nj_delta_check(segment, err);
    if (status == NJ_OK) {
        status = segment->head.base[0] == '\0' ? nj_folder_make(store_dir, err)
                                               : nj_folder_check(store_dir, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "apply delta", NJ_STORE_LOCK_WAIT_MS, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = apply_locked(&at, &applied);
    nj_store_lock_release(&lock);
    if (status == NJ_OK) {
        *out = applied;
    }
    return status;
}
