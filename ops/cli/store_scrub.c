// store_scrub.c - `nightjar store scrub`: users and items out of every generation, feed and log, and a receipt for it.
#include <inttypes.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/duration.h"
#include "common/base/log.h"
#include "common/base/mapped.h"
#include "common/cli/progress.h"
#include "common/codec/json.h"
#include "common/store/id.h"
#include "common/store/lock.h"
#include "common/store/phase.h"
#include "common/store/scrub.h"
#include "common/store/scrub_text.h"
#include "common/store/staging.h"
#include "ops/cli/commands.h"

#define LOGS_MAX 64
#define KEY_OPTION "digest-key"
#define UNKNOWN_SHOWN 20

typedef struct {
    const nj_arguments *arguments;
    const char *store;
    nj_erase_set set;
    nj_scrub_options options;
    nj_scrub_result result;
    char *feeds; // owned; cut at its commas
    char *logs;  // owned; the same
    const char *log_paths[LOGS_MAX];
    uint64_t replaced[LOGS_MAX]; // ids in each
    size_t log_count;
} scrub_job;

static nj_status split(const char *option, const char *text, char **out_copy, const char **out,
                       size_t most, size_t *out_count, nj_error *err)
{
    char *rest = NULL;
    if (text == NULL) {
        return NJ_OK;
    }
    *out_copy = strdup(text);
    if (*out_copy == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for --%s", option);
    }
    for (char *word = strtok_r(*out_copy, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        if (*out_count == most) {
            return nj_fail(err, NJ_USAGE, "--%s has more than %zu paths", option, most);
        }
        out[(*out_count)++] = word;
    }
    return NJ_OK;
}

static nj_status read_lists(scrub_job *job, nj_error *err)
{
    const char *users = nj_argument(job->arguments, "users");
    const char *items = nj_argument(job->arguments, "items");
    if (users == NULL && items == NULL) {
        return nj_fail(err, NJ_USAGE, "nothing to scrub: give --users, --items or both");
    }
    nj_status status = users != NULL ? nj_erase_ids_load(&job->set.users, users, err) : NJ_OK;
    if (status == NJ_OK && items != NULL) {
        status = nj_erase_ids_load(&job->set.items, items, err);
    }
    if (status == NJ_OK && job->set.users.list.count + job->set.items.list.count == 0) {
        status = nj_fail(err, NJ_INPUT, "the lists name nobody and nothing");
    }
    return status;
}

// Nothing without --digest-key.
static nj_status open_key(const scrub_job *job, nj_mapped *out, nj_error *err)
{
    const char *path = nj_argument(job->arguments, KEY_OPTION);
    if (path == NULL) {
        return NJ_OK;
    }
    nj_status status = nj_mapped_open(path, out, err);
    if (status == NJ_OK && (out->size < crypto_generichash_KEYBYTES_MIN ||
                            out->size > crypto_generichash_KEYBYTES_MAX)) {
        status =
            nj_fail(err, NJ_INPUT, "%s: has %zu bytes, a key has %d to %d", path, out->size,
                    (int)crypto_generichash_KEYBYTES_MIN, (int)crypto_generichash_KEYBYTES_MAX);
    }
    return status;
}

// It is wanted when all is done: what is wrong with it is said before.
static nj_status check_key(const scrub_job *job, nj_error *err)
{
    nj_mapped key = {0};
    nj_status status = open_key(job, &key, err);
    nj_mapped_close(&key);
    return status;
}

static nj_status read_options(scrub_job *job, nj_error *err)
{
    uint64_t wait_ms = 0;
    nj_scrub_options *options = &job->options;
    const char *wait = nj_argument(job->arguments, "wait");
    if (!nj_duration_parse(wait, &wait_ms) || wait_ms > UINT32_MAX) {
        return nj_fail(err, NJ_USAGE, "--wait is \"%s\", " NJ_DURATION_RULE, wait);
    }
    *options = (nj_scrub_options){.set = &job->set,
                                  .dry_run = nj_argument_flag(job->arguments, "dry-run"),
                                  .strict = nj_argument_flag(job->arguments, "strict"),
                                  .receipt = true,
                                  .lock_wait_ms = NJ_STORE_LOCK_WAIT_MS,
                                  .readers_wait_ms = (uint32_t)wait_ms};
    nj_status status = split("feed", nj_argument(job->arguments, "feed"), &job->feeds,
                             options->feeds, NJ_SCRUB_FEEDS_MAX, &options->feed_count, err);
    if (status == NJ_OK) {
        status = split("logs", nj_argument(job->arguments, "logs"), &job->logs, job->log_paths,
                       LOGS_MAX, &job->log_count, err);
    }
    for (size_t i = 0; i < options->feed_count && status == NJ_OK; i++) {
        status = nj_folder_check(options->feeds[i], err);
    }
    for (size_t i = 0; i < job->log_count && status == NJ_OK; i++) {
        if (!nj_file_exists(job->log_paths[i])) {
            status = nj_fail(err, NJ_NOT_FOUND, "%s: no such file", job->log_paths[i]);
        }
    }
    if (status == NJ_OK) {
        status = check_key(job, err);
    }
    return status == NJ_OK ? read_lists(job, err) : status;
}

// ---- a night that was left ----

// Fenced first: a coordinator that still runs it writes nothing more.
static nj_status drop_staging(const char *store, nj_error *err)
{
    nj_staging *staging = NULL;
    if (!nj_staging_exists(store)) {
        return NJ_OK;
    }
    nj_status status = nj_staging_open(store, NULL, &staging, err);
    if (status == NJ_OK) {
        status = nj_staging_remove_take(&staging, err);
    }
    nj_staging_close(&staging);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "the night that was staged is given up");
    }
    return status;
}

// Catalogue and bundle name every item; the next night makes them anew.
static nj_status drop_phases(const char *store, nj_error *err)
{
    nj_path folder;
    nj_store_lock lock;
    nj_status status = nj_phase_folder(store, &folder, err);
    if (status != NJ_OK || !nj_folder_exists(folder.text)) {
        return status;
    }
    status = nj_store_lock_take(folder.text, NJ_PHASE_LOCK, NJ_STORE_LOCK_WAIT_MS, &lock, err);
    if (status == NJ_OK) {
        status = nj_folder_remove(folder.text, err);
        nj_store_lock_release(&lock);
    }
    return status;
}

static nj_status drop_night(const scrub_job *job, nj_error *err)
{
    nj_status status = NJ_OK;
    if (nj_argument_flag(job->arguments, "drop-night") && !job->options.dry_run) {
        status = nj_folder_check(job->store, err);
        if (status == NJ_OK) {
            status = drop_staging(job->store, err);
        }
        if (status == NJ_OK && job->set.items.list.count > 0) {
            status = drop_phases(job->store, err);
        }
    }
    return status;
}

// ---- logs ----

static nj_status scrub_logs(scrub_job *job, nj_error *err)
{
    nj_scrub_text text = {0};
    nj_status status = nj_scrub_text_init(&text, &job->set, err);
    for (size_t i = 0; i < job->log_count && status == NJ_OK; i++) {
        status = nj_scrub_lines_file(&text, job->log_paths[i], &job->replaced[i], err);
    }
    nj_scrub_text_fini(&text);
    return status;
}

// ---- what is said of it ----

static const char *get_id(const scrub_job *job, size_t label, nj_slice *out)
{
    const size_t users = job->set.users.list.count;
    *out = label < users ? nj_erase_ids_at(&job->set.users, label)
                         : nj_erase_ids_at(&job->set.items, label - users);
    return label < users ? "user" : "item";
}

// What an interrupted run has taken out is not to be found any more.
static void warn_unknown(const scrub_job *job)
{
    if (job->result.unknown == 0 || (job->result.count > 0 && job->result.entries[0].earlier)) {
        return;
    }
    const size_t count = job->set.users.list.count + job->set.items.list.count;
    unsigned shown = 0;
    for (size_t i = 0; i < count && shown < UNKNOWN_SHOWN; i++) {
        nj_slice id;
        if (!job->result.found[i]) {
            const char *kind = get_id(job, i, &id);
            nj_log(NJ_LOG_WARNING, "%s \"%.*s\" is in no generation", kind, NJ_SLICE_ARGS(id));
            shown++;
        }
    }
    if (job->result.unknown > shown) {
        nj_log(NJ_LOG_WARNING, "and %" PRIu64 " more of %zu", job->result.unknown - shown, count);
    }
}

// Only with a key: the digest of a short list could be guessed.
static nj_status add_digest(const scrub_job *job, const char *option, json_t *object, nj_error *err)
{
    nj_digest digest;
    nj_mapped list = {0};
    nj_mapped key = {0};
    char hex[NJ_DIGEST_HEX_BYTES];
    const char *path = nj_argument(job->arguments, option);
    if (path == NULL || nj_argument(job->arguments, KEY_OPTION) == NULL) {
        return NJ_OK;
    }
    nj_status status = open_key(job, &key, err);
    if (status == NJ_OK) {
        status = nj_mapped_open(path, &list, err);
    }
    if (status == NJ_OK) {
        crypto_generichash(digest.bytes, sizeof digest.bytes, list.bytes, list.size, key.bytes,
                           key.size);
        nj_digest_hex(&digest, hex);
        json_object_set_new(object, "digest", json_string(hex));
    }
    nj_mapped_close(&list);
    nj_mapped_close(&key);
    return status;
}

static json_t *pack_generations(const nj_scrub_result *result)
{
    json_t *list = json_array();
    for (size_t i = 0; i < result->count; i++) {
        const nj_scrub_entry *entry = &result->entries[i];
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "old", entry->old_name.text, "rows",
                      (json_int_t)entry->rows, "rows_removed", (json_int_t)entry->rows_removed,
                      "lists_changed", (json_int_t)entry->lists_changed, "items_removed",
                      (json_int_t)entry->items_removed, "quarantined_removed",
                      (json_int_t)entry->quarantined_removed, "earlier", (int)entry->earlier);
        if (object != NULL && entry->new_name.text[0] != '\0') {
            json_object_set_new(object, "new", json_string(entry->new_name.text));
        }
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *pack_search(const nj_scrub_result *result)
{
    json_t *where = json_array();
    for (size_t i = 0; i < result->find_count && i < NJ_SCRUB_FINDS_MAX; i++) {
        json_t *object = json_pack("{s:s}", "file", result->finds[i].file.text);
        if (object != NULL && result->finds[i].offset != UINT64_MAX) {
            json_object_set_new(object, "offset",
                                json_integer((json_int_t)result->finds[i].offset));
        }
        json_array_append_new(where, object);
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "bytes", (json_int_t)result->bytes_searched,
                     "ids_by_bytes", (json_int_t)result->searched, "ids_by_structure_alone",
                     (json_int_t)result->unsearched, "found", (json_int_t)result->find_count,
                     "where", where);
}

static json_t *pack_logs(const scrub_job *job)
{
    json_t *list = json_array();
    for (size_t i = 0; i < job->log_count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:I}", "file", job->log_paths[i], "replaced",
                                              (json_int_t)job->replaced[i]));
    }
    return list;
}

static nj_status pack_receipt(const scrub_job *job, json_t **out, nj_error *err)
{
    nj_ulid id = {{0}};
    const nj_scrub_result *result = &job->result;
    if (nj_store_id_read(job->store, &id, NULL) != NJ_OK) {
        id.text[0] = '\0';
    }
    json_t *users = json_pack("{s:I}", "count", (json_int_t)job->set.users.list.count);
    json_t *items = json_pack("{s:I}", "count", (json_int_t)job->set.items.list.count);
    nj_status status = add_digest(job, "users", users, err);
    if (status == NJ_OK) {
        status = add_digest(job, "items", items, err);
    }
    json_t *object = json_pack(
        "{s:i, s:s, s:s, s:I, s:b, s:o, s:o, s:I, s:o, s:I, s:{s:I, s:I}, s:{s:I, s:I}, s:o}",
        "version", NJ_JSON_OUTPUT_VERSION, "store", job->store, "store_id", id.text, "finished_ms",
        (json_int_t)nj_clock_wall_ms(), "dry_run", (int)job->options.dry_run, "users", users,
        "items", items, "unknown", (json_int_t)result->unknown, "generations",
        pack_generations(result), "untouched", (json_int_t)result->untouched, "reports", "changed",
        (json_int_t)result->reports_changed, "pages_removed", (json_int_t)result->reports_removed,
        "feeds", "segments_written", (json_int_t)result->segments_written, "segments_removed",
        (json_int_t)result->segments_removed, "logs", pack_logs(job));
    if (object == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the receipt");
    }
    if (!job->options.dry_run) {
        json_object_set_new(object, "search", pack_search(result));
    }
    *out = object;
    return status;
}

static nj_status write_receipt(const char *path, const json_t *object, nj_error *err)
{
    char *text = json_dumps(object, JSON_INDENT(2));
    if (text == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to write it", path);
    }
    nj_status status = nj_file_write(path, text, strlen(text), err);
    free(text);
    return status;
}

static bool has_done_nothing(const scrub_job *job)
{
    const nj_scrub_result *result = &job->result;
    uint64_t replaced = 0;
    for (size_t i = 0; i < job->log_count; i++) {
        replaced += job->replaced[i];
    }
    return result->count == 0 && result->reports_changed == 0 && result->reports_removed == 0 &&
           result->segments_written == 0 && result->segments_removed == 0 && replaced == 0;
}

// The same command again must not leave an empty receipt where the full one stands.
static nj_status keep_or_write_receipt(const scrub_job *job, const char *path, const json_t *object,
                                       nj_error *err)
{
    if (has_done_nothing(job) && nj_file_exists(path)) {
        nj_log(NJ_LOG_INFO, "%s: stays as it is, there was nothing left to do", path);
        return NJ_OK;
    }
    return write_receipt(path, object, err);
}

static void print_lines(const scrub_job *job)
{
    for (size_t i = 0; i < job->result.count; i++) {
        const nj_scrub_entry *entry = &job->result.entries[i];
        printf("%s  %s  %" PRIu64 " users gone, %" PRIu64 " lists shorter, %" PRIu64 " rows stay\n",
               entry->old_name.text,
               entry->new_name.text[0] != '\0' ? entry->new_name.text : "would be written anew",
               entry->rows_removed, entry->lists_changed, entry->rows);
    }
}

static nj_status say_result(const scrub_job *job, nj_error *err)
{
    json_t *object = NULL;
    const nj_scrub_result *result = &job->result;
    const char *path = nj_argument(job->arguments, "receipt");
    nj_log(NJ_LOG_INFO, "%zu generations %s, %" PRIu64 " hold none of them", result->count,
           job->options.dry_run ? "would be written anew" : "written anew", result->untouched);
    nj_status status = pack_receipt(job, &object, err);
    if (status == NJ_OK && path != NULL && !job->options.dry_run) {
        status = keep_or_write_receipt(job, path, object, err);
    }
    if (status == NJ_OK && nj_argument_flag(job->arguments, "json")) {
        return nj_print_json_take(&object, err);
    }
    json_decref(object);
    if (status == NJ_OK) {
        print_lines(job);
    }
    return status;
}

// The receipt says it too.
static nj_status judge_search(const scrub_job *job, nj_error *err)
{
    const nj_scrub_result *result = &job->result;
    nj_slice id;
    if (result->find_count == 0) {
        return NJ_OK;
    }
    const nj_scrub_find *find = &result->finds[0];
    const char *kind = get_id(job, find->label, &id);
    char offset[48] = "in a row";
    if (find->offset != UINT64_MAX) {
        snprintf(offset, sizeof offset, "byte %" PRIu64, find->offset);
    }
    return nj_fail(err, NJ_REFUSED,
                   "%s: %s: %s \"%.*s\" still stands there, and in %" PRIu64 " more places; "
                   "see ops/handbook/erasure.md",
                   find->file.text, offset, kind, NJ_SLICE_ARGS(id), result->find_count - 1);
}

// ---- the command ----

static void show_rows(void *context, uint64_t done, uint64_t of)
{
    nj_progress *progress = context;
    progress->total = of;
    nj_progress_update(progress, done, nj_clock_mono_ns());
}

static nj_status scrub(scrub_job *job, nj_error *err)
{
    nj_progress progress;
    nj_status status = drop_night(job, err);
    if (status != NJ_OK) {
        return status;
    }
    job->options.watch = (nj_delta_watch){&progress, show_rows};
    nj_progress_start(&progress, "rows", 0, 0, false, nj_clock_mono_ns());
    status = nj_store_scrub(job->store, &job->options, &job->result, err);
    nj_progress_finish(&progress);
    if (status == NJ_OK) {
        warn_unknown(job);
    }
    if (status == NJ_OK && !job->options.dry_run) {
        status = scrub_logs(job, err);
        if (status == NJ_OK) {
            status = nj_store_scrub_search(job->store, job->log_paths, job->log_count, &job->set,
                                           &job->result, err);
        }
    }
    if (status == NJ_OK) {
        status = say_result(job, err);
    }
    if (status == NJ_OK && !job->options.dry_run) {
        status = nj_store_scrub_told(job->store, err);
    }
    return status == NJ_OK ? judge_search(job, err) : status;
}

nj_status nj_command_store_scrub(const nj_arguments *arguments, nj_error *err)
{
    scrub_job job = {.arguments = arguments, .store = nj_argument(arguments, "store")};
    nj_erase_set_init(&job.set);
    nj_status status = read_options(&job, err);
    if (status == NJ_OK) {
        status = scrub(&job, err);
    }
    nj_scrub_result_fini(&job.result);
    nj_erase_set_fini(&job.set);
    free(job.feeds);
    free(job.logs);
    return status;
}
