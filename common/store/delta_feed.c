#include "common/store/delta_feed.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/store/id.h"
#include "common/store/lock.h"

#define SEQ_DIGITS 10
#define FILE_NAME_BYTES (SEQ_DIGITS + sizeof NJ_DELTA_SUFFIX)

// ---- the files of a folder ----

static int is_segment_name(const struct dirent *entry)
{
    return strspn(entry->d_name, "0123456789") == SEQ_DIGITS &&
           strcmp(entry->d_name + SEQ_DIGITS, NJ_DELTA_SUFFIX) == 0;
}

static void free_names(struct dirent **names, int count)
{
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

static nj_status list_all_names(const char *folder, struct dirent ***out_names, int *out_count,
                                nj_error *err)
{
    *out_count = scandir(folder, out_names, is_segment_name, alphasort);
    return *out_count >= 0 ? NJ_OK : nj_fail_open(err, errno, folder);
}

// At most NJ_DELTA_SEGMENTS_MAX, for who reads them.
static nj_status list_names(const char *folder, struct dirent ***out_names, int *out_count,
                            nj_error *err)
{
    const nj_status status = list_all_names(folder, out_names, out_count, err);
    if (status != NJ_OK || *out_count <= NJ_DELTA_SEGMENTS_MAX) {
        return status;
    }
    free_names(*out_names, *out_count);
    return nj_fail(err, NJ_INPUT,
                   "%s: has %d segments, at most %d are read: nightjar store export --feed "
                   "--feed-keep removes old ones",
                   folder, *out_count, NJ_DELTA_SEGMENTS_MAX);
}

// ---- chain ----

static nj_status grow_chain(nj_delta_chain *chain, nj_error *err)
{
    if (chain->count == NJ_DELTA_SEGMENTS_MAX) {
        return nj_fail(err, NJ_INPUT, "has more than %d segments", NJ_DELTA_SEGMENTS_MAX);
    }
    nj_delta_segment *grown =
        realloc(chain->segments, (chain->count + 1) * sizeof *chain->segments);
    if (grown == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu segments", chain->count + 1);
    }
    chain->segments = grown;
    return NJ_OK;
}

// `chain->files` has room for it.
static nj_status add_file(nj_delta_chain *chain, const char *path, nj_error *err)
{
    nj_mapped *file = &chain->files[chain->file_count];
    nj_status status = nj_mapped_open(path, file, err);
    if (status != NJ_OK) {
        return status;
    }
    chain->file_count++;
    nj_slice rest = {(const char *)file->bytes, file->size};
    do { // an empty file is no segment either
        status = grow_chain(chain, err);
        if (status == NJ_OK) {
            status = nj_delta_scan(rest, &chain->segments[chain->count], err);
        }
        if (status == NJ_OK) {
            const size_t size = chain->segments[chain->count].bytes.size;
            rest = (nj_slice){rest.bytes + size, rest.size - size};
            chain->count++;
        }
    } while (status == NJ_OK && rest.size > 0);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", path);
    }
    return status;
}

static nj_status make_room(nj_delta_chain *chain, size_t files, nj_error *err)
{
    chain->files = calloc(files, sizeof *chain->files);
    return chain->files != NULL ? NJ_OK
                                : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu files", files);
}

static nj_status add_folder(nj_delta_chain *chain, const char *folder, nj_error *err)
{
    int count = 0;
    struct dirent **names = NULL;
    nj_status status = list_names(folder, &names, &count, err);
    if (status != NJ_OK) {
        return status;
    }
    status = make_room(chain, count > 0 ? (size_t)count : 1, err);
    for (int i = 0; i < count && status == NJ_OK; i++) {
        nj_path path;
        status = nj_path_join(folder, names[i]->d_name, &path, err);
        if (status == NJ_OK) {
            status = add_file(chain, path.text, err);
        }
        if (status == NJ_NOT_FOUND && chain->count == 0) {
            status = NJ_OK; // removed from the front since the names were read
        }
    }
    free_names(names, count);
    return status == NJ_OK && chain->count == 0
               ? nj_fail(err, NJ_NOT_FOUND, "%s: holds no segments (<10 digits>%s)", folder,
                         NJ_DELTA_SUFFIX)
               : status;
}

nj_status nj_delta_chain_open(const char *path, nj_delta_chain *out, nj_error *err)
{
    nj_status status;
    *out = (nj_delta_chain){0};
    if (nj_folder_exists(path)) {
        status = add_folder(out, path, err);
    } else {
        status = make_room(out, 1, err);
        if (status == NJ_OK) {
            status = add_file(out, path, err);
        }
    }
    if (status != NJ_OK) {
        nj_delta_chain_close(out);
    }
    return status;
}

void nj_delta_chain_close(nj_delta_chain *chain)
{
    for (size_t i = 0; i < chain->file_count; i++) {
        nj_mapped_close(&chain->files[i]);
    }
    free(chain->files);
    free(chain->segments);
    *chain = (nj_delta_chain){0};
}

// ---- where a store enters ----

static bool has_generation(const char *store_dir, const char *text, const nj_digest *content)
{
    nj_store_name name;
    nj_store_manifest manifest;
    return nj_store_name_parse(nj_slice_from(text), &name) &&
           nj_store_inspect(store_dir, &name, &manifest, NULL) == NJ_OK &&
           nj_digest_equal(&manifest.facts.content_digest, content);
}

// What stands before a segment makes its base, or is another way to its result.
static bool leads_on(const nj_delta_head *before, const nj_delta_head *head)
{
    return strcmp(before->result, head->base) == 0 || strcmp(before->result, head->result) == 0;
}

nj_status nj_delta_chain_find(const nj_delta_chain *chain, const char *store_dir, size_t *out_first,
                              nj_error *err)
{
    size_t first = chain->count;
    const nj_delta_head *head = &chain->segments[first - 1].head;
    bool is_reached = has_generation(store_dir, head->result, &head->result_digest);
    while (!is_reached) {
        head = &chain->segments[--first].head;
        is_reached =
            head->base[0] == '\0' || has_generation(store_dir, head->base, &head->base_digest);
        if (!is_reached && (first == 0 || !leads_on(&chain->segments[first - 1].head, head))) {
            return nj_fail(err, NJ_REFUSED,
                           "%s: does not have %s, where segment %" PRIu64
                           " begins%s: resync with a segment without a base (nightjar store export "
                           "--to delta at the store that makes the nights)",
                           store_dir, head->base, head->seq,
                           first == 0 && head->seq > 1 ? ", the oldest that is left" : "");
        }
    }
    *out_first = first;
    return NJ_OK;
}

// ---- appending ----

// Where the feed ends; `seq` 0: nowhere yet.
static nj_status find_end(const char *feed_dir, nj_delta_head *out, nj_error *err)
{
    int count = 0;
    nj_path path;
    nj_delta_chain last = {0};
    struct dirent **names = NULL;
    *out = (nj_delta_head){0};
    nj_status status = list_all_names(feed_dir, &names, &count, err);
    if (status != NJ_OK) {
        return status;
    }
    if (count > 0) {
        status = nj_path_join(feed_dir, names[count - 1]->d_name, &path, err);
        if (status == NJ_OK) {
            status = nj_delta_chain_open(path.text, &last, err);
        }
        if (status == NJ_OK) {
            *out = last.segments[last.count - 1].head;
        }
        nj_delta_chain_close(&last);
    }
    free_names(names, count);
    return status;
}

static nj_status check_feed_store(const char *feed_dir, const char *store_dir,
                                  const nj_delta_head *end, nj_error *err)
{
    nj_ulid id;
    nj_status status = end->seq > 0 ? nj_store_id_read(store_dir, &id, err) : NJ_END;
    if (status == NJ_OK && strcmp(id.text, end->store_id) != 0) {
        return nj_fail(err, NJ_REFUSED, "%s: is a feed of store %s, %s is store %s", feed_dir,
                       end->store_id, store_dir, id.text);
    }
    return status == NJ_END ? NJ_OK : status;
}

static nj_status write_file(const char *feed_dir, const char *store_dir, const nj_delta_head *end,
                            const nj_store_name *result, const nj_delta_watch *watch,
                            nj_delta_head *out_head, nj_delta_tally *out_tally, nj_error *err)
{
    nj_path path;
    nj_store_name base;
    char name[FILE_NAME_BYTES + SEQ_DIGITS];
    nj_file_draft draft = {0};
    const bool has_base =
        end->seq > 0 && has_generation(store_dir, end->result, &end->result_digest);
    if (has_base) {
        strcpy(base.text, end->result);
    }
    snprintf(name, sizeof name, "%0*" PRIu64 "%s", SEQ_DIGITS, end->seq + 1, NJ_DELTA_SUFFIX);
    nj_status status = nj_path_join(feed_dir, name, &path, err);
    if (status == NJ_OK) {
        nj_file_sweep(path.text);
        status = nj_file_draft_begin(path.text, &draft, err);
    }
    if (status == NJ_OK) {
        status = nj_delta_write(store_dir, has_base ? &base : NULL, result, end->seq + 1, watch,
                                draft.stream, out_head, out_tally, err);
    }
    if (status == NJ_OK) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}

nj_status nj_delta_feed_append(const char *feed_dir, const char *store_dir,
                               const nj_store_name *result, const nj_delta_watch *watch,
                               nj_delta_head *out_head, nj_delta_tally *out_tally, nj_error *err)
{
    nj_delta_head end;
    nj_store_lock lock;
    nj_status status = nj_folder_make(feed_dir, err);
    if (status == NJ_OK) {
        status = nj_store_lock_take(feed_dir, "append to feed", NJ_STORE_LOCK_WAIT_MS, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = find_end(feed_dir, &end, err);
    if (status == NJ_OK) {
        status = check_feed_store(feed_dir, store_dir, &end, err);
    }
    if (status == NJ_OK && strcmp(end.result, result->text) == 0) {
        *out_head = (nj_delta_head){0};
        *out_tally = (nj_delta_tally){0};
    } else if (status == NJ_OK) {
        status = write_file(feed_dir, store_dir, &end, result, watch, out_head, out_tally, err);
    }
    nj_store_lock_release(&lock);
    return status;
}

// ---- trimming ----

// From the oldest on: what is left is a row without a gap at any time.
static nj_status remove_oldest(const char *feed_dir, struct dirent **names, size_t count,
                               size_t *out_removed, nj_error *err)
{
    nj_path path;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_path_join(feed_dir, names[i]->d_name, &path, err);
        if (status == NJ_OK && unlink(path.text) != 0) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove it", path.text);
        }
        *out_removed += status == NJ_OK;
    }
    return status == NJ_OK && count > 0 ? nj_folder_sync(feed_dir, err) : status;
}

nj_status nj_delta_feed_trim(const char *feed_dir, size_t keep, size_t *out_removed, nj_error *err)
{
    int count = 0;
    nj_store_lock lock;
    struct dirent **names = NULL;
    assert(keep > 0);
    *out_removed = 0;
    nj_status status = nj_folder_check(feed_dir, err);
    if (status == NJ_OK) {
        status = nj_store_lock_take(feed_dir, "trim feed", NJ_STORE_LOCK_WAIT_MS, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = list_all_names(feed_dir, &names, &count, err);
    if (status == NJ_OK) {
        const size_t have = (size_t)count;
        status = remove_oldest(feed_dir, names, have > keep ? have - keep : 0, out_removed, err);
        free_names(names, count);
    }
    nj_store_lock_release(&lock);
    return status;
}

// ---- beginning anew ----

typedef struct {
    const char *feed_dir;
    const nj_store_name *base; // NULL: none
    const nj_store_name *result;
    nj_delta_head last;  // by which seq goes on
    nj_delta_head reach; // the segment that led to `base`; seq 0: none did
    bool has_whole;
    bool has_step;
    nj_error *err;
} restart;

// A segment that the feed keeps.
static bool is_kept(const restart *at, const nj_delta_head *head)
{
    return strcmp(head->result, at->result->text) == 0 &&
           (head->base[0] == '\0' || (at->base != NULL && strcmp(head->base, at->base->text) == 0));
}

static nj_status look_at_file(restart *at, const char *name, bool *out_kept)
{
    nj_path path;
    nj_delta_chain chain = {0};
    nj_status status = nj_path_join(at->feed_dir, name, &path, at->err);
    if (status == NJ_OK) {
        status = nj_delta_chain_open(path.text, &chain, at->err);
    }
    *out_kept = status == NJ_OK && chain.count == 1 && is_kept(at, &chain.segments[0].head);
    for (size_t i = 0; i < chain.count; i++) {
        const nj_delta_head *head = &chain.segments[i].head;
        at->last = *head;
        if (at->base != NULL && strcmp(head->result, at->base->text) == 0) {
            at->reach = *head;
        }
    }
    if (*out_kept) {
        at->has_whole |= at->last.base[0] == '\0';
        at->has_step |= at->last.base[0] != '\0';
    }
    nj_delta_chain_close(&chain);
    return status;
}

static nj_status write_missing(restart *at, const char *store_dir, const nj_delta_watch *watch,
                               nj_delta_restarted *out)
{
    nj_delta_head head;
    nj_delta_tally tally;
    nj_delta_head end = {.seq = at->last.seq}; // of no generation: the segment has no base
    nj_status status = NJ_OK;
    if (!at->has_whole) {
        status =
            write_file(at->feed_dir, store_dir, &end, at->result, watch, &head, &tally, at->err);
        out->written += status == NJ_OK;
        end.seq++;
    }
    const nj_delta_head *reach = &at->reach;
    if (status == NJ_OK && !at->has_step && reach->seq > 0 &&
        has_generation(store_dir, reach->result, &reach->result_digest)) {
        strcpy(end.result, reach->result);
        end.result_digest = reach->result_digest;
        status =
            write_file(at->feed_dir, store_dir, &end, at->result, watch, &head, &tally, at->err);
        out->written += status == NJ_OK;
    }
    return status;
}

static nj_status remove_rest(restart *at, struct dirent **names, const bool *kept, int count,
                             nj_delta_restarted *out)
{
    for (int i = 0; i < count; i++) {
        nj_path path;
        nj_status status =
            kept[i] ? NJ_OK : nj_path_join(at->feed_dir, names[i]->d_name, &path, at->err);
        if (status != NJ_OK) {
            return status;
        }
        if (!kept[i]) {
            nj_file_sweep(path.text);
            if (unlink(path.text) != 0) {
                return nj_fail_errno(at->err, NJ_IO, errno, "%s: cannot remove", path.text);
            }
            out->removed++;
        }
    }
    return nj_folder_sync(at->feed_dir, at->err);
}

static nj_status restart_locked(restart *at, const char *store_dir, const nj_delta_watch *watch,
                                nj_delta_restarted *out)
{
    int count = 0;
    struct dirent **names = NULL;
    bool kept[NJ_DELTA_SEGMENTS_MAX];
    nj_status status = list_names(at->feed_dir, &names, &count, at->err);
    if (status != NJ_OK) {
        return status;
    }
    for (int i = 0; i < count && status == NJ_OK; i++) {
        status = look_at_file(at, names[i]->d_name, &kept[i]);
    }
    if (status == NJ_OK) {
        status = check_feed_store(at->feed_dir, store_dir, &at->last, at->err);
    }
    if (status == NJ_OK && count > 0) {
        status = write_missing(at, store_dir, watch, out);
    }
    if (status == NJ_OK) {
        status = remove_rest(at, names, kept, count, out);
    }
    free_names(names, count);
    return status;
}

nj_status nj_delta_feed_restart(const char *feed_dir, const char *store_dir,
                                const nj_store_name *base, const nj_store_name *result,
                                const nj_delta_watch *watch, nj_delta_restarted *out, nj_error *err)
{
    nj_store_lock lock;
    restart at = {.feed_dir = feed_dir, .base = base, .result = result, .err = err};
    *out = (nj_delta_restarted){0};
    nj_status status = nj_folder_check(feed_dir, err);
    if (status == NJ_OK) {
        status = nj_store_lock_take(feed_dir, "restart feed", NJ_STORE_LOCK_WAIT_MS, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = restart_locked(&at, store_dir, watch, out);
    nj_store_lock_release(&lock);
    return status;
}
