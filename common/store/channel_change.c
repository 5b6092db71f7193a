// channel_change.c - publish, promote, roll back: a channel's line changes by a rename, under the store's lock.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/store/channel.h"
#include "common/store/channel_path.h"
#include "common/store/lock.h"
#include "common/store/publish.h"
#include "common/store/schema.h"

#define LINE_BYTES (NJ_STORE_NAME_CHARS + 1)

static bool is_same(const nj_store_name *a, const nj_store_name *b)
{
    return strcmp(a->text, b->text) == 0;
}

// CHANNELS is there after it, synced.
static nj_status make_folder(const char *store_dir, const char *channel, nj_error *err)
{
    nj_path folder;
    if (nj_channel_is_current(channel)) {
        return NJ_OK;
    }
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.CHANNELS, &folder, err);
    if (status != NJ_OK || nj_folder_exists(folder.text)) {
        return status;
    }
    status = nj_folder_make(folder.text, err);
    return status != NJ_OK ? status : nj_folder_sync(store_dir, err);
}

static nj_status write_line(const char *store_dir, const char *channel, const nj_store_name *name,
                            nj_error *err)
{
    nj_path path;
    char line[LINE_BYTES + 1];
    snprintf(line, sizeof line, "%s\n", name->text);
    nj_status status = nj_channel_path(store_dir, channel, &path, err);
    if (status == NJ_OK) {
        nj_file_sweep(path.text);
        status = nj_file_write(path.text, line, LINE_BYTES, err);
    }
    return status;
}

// A line that is missing or garbled names nothing that one could come back to: "". One that cannot be read may.
static nj_status read_line(const char *store_dir, const char *channel, nj_store_name *out,
                           nj_error *err)
{
    const nj_status status = nj_store_channel_read(store_dir, channel, out, err);
    if (status != NJ_NOT_FOUND && status != NJ_REFUSED) {
        return status;
    }
    *out = (nj_store_name){{0}};
    return NJ_OK;
}

static nj_status load_history(const char *store_dir, const char *channel, nj_path *out_path,
                              nj_store_history *out, nj_error *err)
{
    nj_status status = nj_channel_history_path(store_dir, channel, out_path, err);
    return status != NJ_OK ? status : nj_store_history_load(out_path->text, out, err);
}

// The outgoing name is noted before the line changes: in between, the history ends with the current name, and whoever
// reads it knows to pass over that.
static nj_status note_outgoing(const char *store_dir, const char *channel,
                               const nj_store_name *next, nj_error *err)
{
    nj_path path;
    nj_store_history history;
    nj_store_name now;
    nj_status status = read_line(store_dir, channel, &now, err);
    if (status != NJ_OK || now.text[0] == '\0' || is_same(&now, next)) {
        return status;
    }
    status = load_history(store_dir, channel, &path, &history, err);
    if (status == NJ_OK) {
        nj_store_history_push(&history, &now);
        status = nj_store_history_save(path.text, &history, err);
    }
    return status;
}

// The history of a channel that was dropped, where dropping it was cut short: a new one has nothing before it.
static nj_status forget_dropped(const char *store_dir, const char *channel, nj_error *err)
{
    nj_path line;
    nj_path history;
    nj_status status = nj_channel_path(store_dir, channel, &line, err);
    if (status == NJ_OK) {
        status = nj_channel_history_path(store_dir, channel, &history, err);
    }
    if (status != NJ_OK || nj_channel_is_current(channel) || nj_file_exists(line.text) ||
        unlink(history.text) == 0 || errno == ENOENT) {
        return status;
    }
    return nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", history.text);
}

// ---- publish ----

static nj_status publish_locked(const char *store_dir, const char *channel,
                                const nj_store_name *name, nj_staging *fence, nj_error *err)
{
    nj_store_manifest manifest;
    nj_status status = fence != NULL ? nj_staging_check_epoch(fence, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_store_inspect(store_dir, name, &manifest, err);
    }
    if (status == NJ_OK) {
        status = nj_store_scrubbed_check(store_dir, name, err);
    }
    if (status == NJ_OK) {
        status = make_folder(store_dir, channel, err);
    }
    if (status == NJ_OK) {
        status = forget_dropped(store_dir, channel, err);
    }
    if (status == NJ_OK) {
        status = note_outgoing(store_dir, channel, name, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(PUBLISH_DUE, err);
    }
    if (status == NJ_OK) {
        status = write_line(store_dir, channel, name, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(PUBLISH_DONE);
    }
    return status;
}

// The count is looked at before a channel is made: one more than the list can hold would hide the rest.
static nj_status check_room(const char *store_dir, const char *channel, nj_error *err)
{
    nj_store_channels list;
    nj_path path;
    nj_status status = nj_channel_path(store_dir, channel, &path, err);
    if (status != NJ_OK || nj_channel_is_current(channel) || nj_file_exists(path.text)) {
        return status;
    }
    status = nj_store_channel_list(store_dir, &list, err);
    if (status == NJ_OK && list.count + 1 >= NJ_STORE_CHANNELS_MAX) {
        status = nj_fail(err, NJ_REFUSED, "%s: %zu channels of at most %d: remove one", store_dir,
                         list.count, NJ_STORE_CHANNELS_MAX);
    }
    return status;
}

nj_status nj_store_channel_publish(const char *store_dir, const char *channel, const char *name,
                                   nj_staging *fence, uint32_t lock_wait_ms, nj_error *err)
{
    nj_store_lock lock;
    nj_store_name checked;
    nj_status status = nj_channel_check(channel, err);
    if (status == NJ_OK) {
        status = nj_store_resolve(store_dir, name, &checked, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_check(store_dir, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "publish", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = check_room(store_dir, channel, err);
    if (status == NJ_OK) {
        status = publish_locked(store_dir, channel, &checked, fence, err);
    }
    nj_store_lock_release(&lock);
    return status;
}

static nj_status check_beside(const char *channel, const char *verb, nj_error *err)
{
    return nj_channel_is_current(channel)
               ? nj_fail(err, NJ_INPUT, "\"%s\" cannot be %s: name a channel beside it",
                         NJ_STORE_WORDS.CHANNEL_CURRENT, verb)
               : nj_channel_check(channel, err);
}

nj_status nj_store_channel_promote(const char *store_dir, const char *channel,
                                   uint32_t lock_wait_ms, nj_store_name *out_name, nj_error *err)
{
    nj_store_lock lock;
    nj_store_name name;
    nj_status status = check_beside(channel, "promoted", err);
    if (status == NJ_OK) { // also so that no lock file is made where there is no store
        status = nj_store_channel_read(store_dir, channel, &name, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "promote", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_channel_read(store_dir, channel, &name, err);
    if (status == NJ_OK) {
        status = publish_locked(store_dir, NULL, &name, NULL, err);
    }
    nj_store_lock_release(&lock);
    if (status == NJ_OK) {
        *out_name = name;
    }
    return status;
}

// The line goes first. A history that stays behind goes when a channel of its name is made again (forget_dropped).
static nj_status remove_locked(const char *store_dir, const char *channel, nj_error *err)
{
    nj_path line;
    nj_path history;
    nj_path folder;
    nj_status status = nj_channel_path(store_dir, channel, &line, err);
    if (status == NJ_OK) {
        status = nj_channel_history_path(store_dir, channel, &history, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(store_dir, NJ_STORE_WORDS.CHANNELS, &folder, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = NJ_FAILPOINT_STEP(DROP_DUE, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_file_sweep(line.text);
    nj_file_sweep(history.text);
    if (unlink(line.text) != 0) {
        if (errno == ENOENT) { // another command was faster
            return nj_fail(err, NJ_NOT_FOUND, "%s: has no channel \"%s\"", store_dir, channel);
        }
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", line.text);
    }
    NJ_FAILPOINT_HIT(DROP_LINE);
    if (unlink(history.text) != 0 && errno != ENOENT) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", history.text);
    }
    NJ_FAILPOINT_HIT(DROP_HISTORY);
    return nj_folder_sync(folder.text, err);
}

nj_status nj_store_channel_remove(const char *store_dir, const char *channel, uint32_t lock_wait_ms,
                                  nj_error *err)
{
    nj_store_lock lock;
    nj_path path;
    nj_status status = check_beside(channel, "removed", err);
    if (status == NJ_OK) {
        status = nj_channel_path(store_dir, channel, &path, err);
    }
    if (status == NJ_OK && !nj_file_exists(path.text)) {
        status = nj_fail(err, NJ_NOT_FOUND, "%s: has no channel \"%s\"", store_dir, channel);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "remove channel", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = remove_locked(store_dir, channel, err);
    nj_store_lock_release(&lock);
    return status;
}

// ---- rollback ----

static nj_status check_sound(const char *store_dir, const nj_store_name *name, nj_store_look look,
                             nj_error *err)
{
    nj_store_manifest manifest;
    nj_status status = nj_store_scrubbed_check(store_dir, name, err);
    if (status == NJ_OK) {
        status = nj_store_inspect(store_dir, name, &manifest, err);
    }
    return status != NJ_OK || look == NJ_STORE_LOOK_QUICK
               ? status
               : nj_store_check_data(store_dir, name, &manifest, err);
}

nj_status nj_store_channel_rollback_find(const char *store_dir, const char *channel,
                                         nj_store_look look, nj_store_name *out_name, nj_error *err)
{
    nj_store_history history;
    nj_store_name now;
    nj_path path;
    nj_error why = {0};
    nj_status status = nj_folder_check(store_dir, err);
    if (status == NJ_OK && !nj_channel_is_current(channel)) {
        nj_store_name unused; // a channel that is not there has no way back
        status = nj_store_channel_read(store_dir, channel, &unused, err);
        status = status == NJ_REFUSED ? NJ_OK : status;
    }
    if (status == NJ_OK) {
        status = load_history(store_dir, channel, &path, &history, err);
    }
    if (status == NJ_OK) {
        status = read_line(store_dir, channel, &now, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    for (size_t i = history.count; i-- > 0;) {
        const nj_store_name *name = &history.names[i];
        if (is_same(name, &now)) {
            continue;
        }
        status = check_sound(store_dir, name, look, &why);
        if (status == NJ_OK) {
            *out_name = *name;
            return NJ_OK;
        }
        if (status == NJ_IO || status == NJ_NO_MEMORY) { // it may be sound
            return nj_fail(err, status, "%s: cannot tell whether it is sound: %s", name->text,
                           why.text);
        }
        nj_log(NJ_LOG_WARNING, "passed over: %s", why.text);
    }
    return nj_fail(err, NJ_NOT_FOUND,
                   "%s: names no earlier generation that is sound (%zu looked at): choose one of "
                   "`store list` with --to",
                   path.text, history.count);
}

// What stood behind the generation we went back to is no longer before anything. Where this fails the history is only longer
// than it need be.
static void cut_history(const char *store_dir, const char *channel, const nj_store_name *name)
{
    nj_store_history history;
    nj_path path;
    nj_status status = load_history(store_dir, channel, &path, &history, NULL);
    for (size_t i = status == NJ_OK ? history.count : 0; i-- > 0;) {
        if (is_same(&history.names[i], name)) {
            history.count = i;
            status = nj_store_history_save(path.text, &history, NULL);
            break;
        }
    }
    (void)status;
}

nj_status nj_store_channel_rollback(const char *store_dir, const char *channel, const char *name,
                                    nj_store_look look, uint32_t lock_wait_ms, nj_error *err)
{
    nj_store_lock lock;
    nj_store_name checked;
    nj_path path;
    nj_status status = nj_channel_path(store_dir, channel, &path, err);
    if (status == NJ_OK && !nj_channel_is_current(channel) && !nj_file_exists(path.text)) {
        status = nj_fail(err, NJ_NOT_FOUND, "%s: has no channel \"%s\"", store_dir, channel);
    }
    if (status == NJ_OK) {
        status = nj_store_resolve(store_dir, name, &checked, err);
    }
    if (status == NJ_OK) {
        status = check_sound(store_dir, &checked, look, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "rollback", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = check_sound(store_dir, &checked, NJ_STORE_LOOK_QUICK, err);
    if (status == NJ_OK) {
        status = write_line(store_dir, channel, &checked, err);
    }
    if (status == NJ_OK) {
        cut_history(store_dir, channel, &checked);
    }
    nj_store_lock_release(&lock);
    return status;
}
