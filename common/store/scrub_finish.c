// scrub_finish.c - an erasure that is decided is done to its end: every step can be done again.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/store/channel.h"
#include "common/store/channel_path.h"
#include "common/store/delta_feed.h"
#include "common/store/draft.h"
#include "common/store/hold.h"
#include "common/store/schema.h"
#include "common/store/scrub_plan.h"

#define READERS_POLL_MS 50
#define LOCKS_BYTES_MAX ((size_t)16 << 20)
#define SCRUBBED_BYTES_MAX ((size_t)NJ_STORE_GENERATIONS_MAX * 4 * (NJ_STORE_NAME_CHARS + 1))

// ---- new generations get their names ----

static nj_status place_one(const char *store_dir, const nj_store_name *name, nj_error *err)
{
    nj_path scrub;
    nj_path from;
    nj_path to;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUB, &scrub, err);
    if (status == NJ_OK) {
        status = nj_path_join(scrub.text, name->text, &from, err);
    }
    if (status == NJ_OK) {
        status = nj_store_path(store_dir, name, NULL, &to, err);
    }
    if (status == NJ_OK && nj_folder_exists(from.text) && rename(from.text, to.text) != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot rename", from.text);
    }
    if (status == NJ_OK) {
        status = nj_folder_sync(store_dir, err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(SCRUB_PLACED, err) : status;
}

static nj_status place_all(const char *store_dir, size_t first, const nj_scrub_result *result,
                           nj_error *err)
{
    nj_store_manifest manifest;
    nj_status status = NJ_OK;
    for (size_t i = first; i < result->count && status == NJ_OK; i++) {
        status = place_one(store_dir, &result->entries[i].new_name, err);
        if (status == NJ_OK) {
            status = nj_store_inspect(store_dir, &result->entries[i].new_name, &manifest, err);
        }
    }
    return status;
}

// ---- SCRUBBED ----

static nj_status note_old(const char *store_dir, size_t first, const nj_scrub_result *result,
                          nj_error *err)
{
    nj_path path;
    nj_buffer text;
    char *is = NULL;
    size_t size = 0;
    nj_buffer_init(&text, SCRUBBED_BYTES_MAX);
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUBBED, &path, err);
    if (status == NJ_OK) {
        status = nj_file_read(path.text, SCRUBBED_BYTES_MAX, &is, &size, err);
        status = status == NJ_NOT_FOUND ? NJ_OK : status;
    }
    if (status == NJ_OK && nj_buffer_append(&text, is, size) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to write it", path.text);
    }
    for (size_t i = first; i < result->count && status == NJ_OK; i++) {
        const char *name = result->entries[i].old_name.text;
        if ((is == NULL || strstr(is, name) == NULL) &&
            nj_buffer_printf(&text, "%s\n", name) != NJ_OK) {
            status = nj_fail(err, NJ_INPUT, "%s: would have more than %zu bytes", path.text,
                             SCRUBBED_BYTES_MAX);
        }
    }
    if (status == NJ_OK) {
        nj_file_sweep(path.text);
        status = nj_file_write(path.text, text.bytes, text.size, err);
    }
    free(is);
    nj_buffer_fini(&text);
    return status == NJ_OK ? NJ_FAILPOINT_STEP(SCRUB_NOTED, err) : status;
}

// ---- channels and their ways back ----

static nj_status point_history(const char *store_dir, const char *channel,
                               const nj_scrub_result *result, nj_error *err)
{
    nj_path path;
    nj_store_history history;
    bool changed = false;
    nj_status status = nj_channel_history_path(store_dir, channel, &path, err);
    if (status == NJ_OK) {
        status = nj_store_history_load(path.text, &history, err);
    }
    for (size_t i = 0; status == NJ_OK && i < history.count; i++) {
        const nj_store_name *next = nj_scrub_successor(result, history.names[i].text);
        if (next != NULL) {
            history.names[i] = *next;
            changed = true;
        }
    }
    return status == NJ_OK && changed ? nj_store_history_save(path.text, &history, err) : status;
}

static nj_status point_line(const char *store_dir, const nj_store_channel *channel,
                            const nj_scrub_result *result, nj_error *err)
{
    nj_path path;
    char line[NJ_STORE_NAME_CHARS + 2];
    const nj_store_name *next = nj_scrub_successor(result, channel->generation.text);
    if (channel->status != NJ_OK || next == NULL) {
        return NJ_OK;
    }
    snprintf(line, sizeof line, "%s\n", next->text);
    nj_status status = nj_channel_path(store_dir, channel->name, &path, err);
    if (status == NJ_OK) {
        nj_file_sweep(path.text);
        status = nj_file_write(path.text, line, strlen(line), err);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(SCRUB_POINTED, err) : status;
}

// A way back before its line: in between, it ends with the name that the line is about to get, which readers of it pass over.
static nj_status point_all(const char *store_dir, const nj_scrub_result *result, nj_error *err)
{
    nj_store_channels *channels = calloc(1, sizeof *channels);
    if (channels == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its channels", store_dir);
    }
    nj_status status = nj_store_channel_list(store_dir, channels, err);
    if (status == NJ_OK) { // CURRENT may be gone and its history be there
        status = point_history(store_dir, NULL, result, err);
    }
    for (size_t i = 0; i < channels->count && status == NJ_OK; i++) {
        status = point_history(store_dir, channels->entries[i].name, result, err);
        if (status == NJ_OK) {
            status = point_line(store_dir, &channels->entries[i], result, err);
        }
    }
    free(channels);
    return status;
}

// ---- feeds ----

static const nj_store_name *find_predecessor(const nj_scrub_result *result, const char *name)
{
    for (size_t i = 0; i < result->count; i++) {
        if (strcmp(result->entries[i].new_name.text, name) == 0) {
            return &result->entries[i].old_name;
        }
    }
    return NULL;
}

static nj_status restart_feeds(const char *store_dir, const nj_scrub_options *options,
                               nj_scrub_result *result, nj_error *err)
{
    nj_store_name current;
    nj_status status = options->feed_count > 0 ? nj_store_current(store_dir, &current, err) : NJ_OK;
    for (size_t i = 0; i < options->feed_count && status == NJ_OK; i++) {
        nj_delta_restarted done = {0};
        status = nj_delta_feed_restart(options->feeds[i], store_dir,
                                       find_predecessor(result, current.text), &current,
                                       &options->watch, &done, err);
        result->segments_written += done.written;
        result->segments_removed += done.removed;
        if (status == NJ_OK) {
            status = NJ_FAILPOINT_STEP(SCRUB_FED, err);
        }
    }
    return status;
}

// ---- the old ones go ----

// The process that holds flock on the file, by /proc/locks; 0: not known.
static long find_reader(const char *store_dir, const nj_store_name *name)
{
    nj_path path;
    struct stat about;
    char wanted[64];
    char line[256];
    long found = 0;
    if (nj_store_path(store_dir, name, NJ_STORE_WORDS.MANIFEST, &path, NULL) != NJ_OK ||
        stat(path.text, &about) != 0) {
        return 0;
    }
    snprintf(wanted, sizeof wanted, ":%llu ", (unsigned long long)about.st_ino);
    FILE *locks = fopen("/proc/locks", "re");
    while (locks != NULL && found == 0 && fgets(line, sizeof line, locks) != NULL) {
        long process = 0;
        if (strstr(line, " FLOCK ") != NULL && strstr(line, wanted) != NULL &&
            sscanf(line, "%*s FLOCK %*s %*s %ld", &process) == 1) {
            found = process;
        }
    }
    if (locks != NULL) {
        fclose(locks);
    }
    return found;
}

static nj_status wait_alone(const char *store_dir, const nj_store_name *name, uint64_t until_ns,
                            nj_store_hold *out, nj_error *err)
{
    const struct timespec pause = {.tv_nsec = READERS_POLL_MS * 1000000l};
    nj_status status = nj_store_hold_alone(store_dir, name, out, NULL);
    while (status == NJ_AGAIN && nj_clock_mono_ns() < until_ns) {
        nanosleep(&pause, NULL);
        status = nj_store_hold_alone(store_dir, name, out, NULL);
    }
    if (status == NJ_AGAIN) {
        return nj_fail(err, NJ_AGAIN,
                       "%s: process %ld still reads it. What is published is without them already; "
                       "end that reader and run the scrub again, which removes this one",
                       name->text, find_reader(store_dir, name));
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "%s: cannot lock it", name->text);
}

// Removes all that can be removed, and names the first that cannot.
static nj_status remove_old(const char *store_dir, const nj_scrub_options *options, size_t first,
                            const nj_scrub_result *result, nj_error *err)
{
    nj_status worst = NJ_OK;
    const uint64_t until_ns = nj_clock_mono_ns() + (uint64_t)options->readers_wait_ms * 1000000u;
    for (size_t i = first; i < result->count; i++) {
        nj_store_hold hold;
        nj_error why = {0};
        const nj_store_name *name = &result->entries[i].old_name;
        nj_status status = wait_alone(store_dir, name, until_ns, &hold, &why);
        if (status == NJ_OK) {
            status = nj_folder_vanish(store_dir, name->text, &why);
            nj_store_hold_release(&hold);
        }
        if (status == NJ_OK) {
            status = NJ_FAILPOINT_STEP(SCRUB_REMOVED, &why);
        }
        if (status != NJ_OK && worst == NJ_OK) {
            worst = nj_fail(err, status, "%s", why.text);
        }
    }
    return worst;
}

// A folder that vanished leaves a draft where its files could not be removed; nobody else may come by for a long time.
static nj_status sweep_drafts(const char *store_dir, nj_error *err)
{
    nj_folder_draft draft = {0};
    nj_status status = nj_folder_draft_begin(store_dir, &draft, err);
    nj_folder_draft_abort(&draft);
    return status;
}

nj_status nj_scrub_finish(const char *store_dir, const nj_scrub_options *options,
                          const nj_scrub_text *text, size_t first, nj_scrub_result *out,
                          nj_error *err)
{
    nj_status status = NJ_OK;
    if (out->count > first) {
        status = place_all(store_dir, first, out, err);
        if (status == NJ_OK) {
            status = note_old(store_dir, first, out, err);
        }
        if (status == NJ_OK) {
            status = point_all(store_dir, out, err);
        }
    }
    if (status == NJ_OK) {
        status = nj_scrub_reports(store_dir, text, out, err);
    }
    if (status == NJ_OK) {
        status = restart_feeds(store_dir, options, out, err);
    }
    if (status == NJ_OK) {
        status = remove_old(store_dir, options, first, out, err);
    }
    if (status == NJ_OK && out->count > first && options->receipt) {
        status = nj_scrub_untold_write(store_dir, out, err);
    }
    if (status == NJ_OK && out->count > first) {
        status = nj_folder_vanish(store_dir, NJ_STORE_WORDS.SCRUB, err);
    }
    if (status == NJ_OK) {
        status = sweep_drafts(store_dir, err);
    }
    if (status == NJ_OK && out->count > first) {
        NJ_FAILPOINT_HIT(SCRUB_FINISHED);
    }
    return status;
}
