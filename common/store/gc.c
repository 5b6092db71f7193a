#include "common/store/gc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/store/channel.h"
#include "common/store/channel_path.h"
#include "common/store/draft.h"
#include "common/store/hold.h"
#include "common/store/lock.h"
#include "common/store/schema.h"
#include "common/store/scrub.h"
#include "common/store/staging.h"

static const char *const FATE_WORDS[NJ_STORE_GC_FATES] = {
    "removed", "current", "channel", "rollback", "night", "newest", "in use"};

const char *nj_store_gc_fate_word(nj_store_gc_fate fate)
{
    return FATE_WORDS[fate];
}

void nj_store_gc_result_fini(nj_store_gc_result *result)
{
    free(result->entries);
    *result = (nj_store_gc_result){0};
}

// What was looked at before the lock is taken, because it may take long.
typedef struct {
    nj_store_name sound[NJ_STORE_CHANNELS_MAX]; // where each channel's rollback goes, read whole
    size_t sound_count;
    bool has_night;
    nj_staging_facts night;
} gc_needs;

static nj_status add_way_back(const char *store_dir, const char *channel, nj_store_look look,
                              gc_needs *needs, nj_error *err)
{
    nj_error why = {0};
    nj_store_name name;
    nj_status status = nj_store_channel_rollback_find(store_dir, channel, look, &name, &why);
    if (status == NJ_OK) {
        needs->sound[needs->sound_count++] = name;
    }
    return status == NJ_OK || status == NJ_NOT_FOUND ? NJ_OK : nj_fail(err, status, "%s", why.text);
}

static nj_status refuse_unknown(const char *channel, const nj_error *why, nj_error *err)
{
    return nj_fail(err, NJ_REFUSED,
                   "%s; what channel %s named may be removed only when that is known: publish, "
                   "roll back or drop it first",
                   why->text, channel);
}

// A line that cannot be read hides a generation that readers may have.
static nj_status check_lines(const char *store_dir, const nj_store_channels *channels,
                             nj_error *err)
{
    nj_error why = {0};
    nj_store_name name;
    nj_store_history history;
    nj_status status = nj_store_history_read(store_dir, &history, err);
    if (status == NJ_OK && history.count > 0 &&
        nj_store_current(store_dir, &name, &why) == NJ_NOT_FOUND) {
        return refuse_unknown(NJ_STORE_WORDS.CHANNEL_CURRENT, &why, err);
    }
    for (size_t i = 0; i < channels->count && status == NJ_OK; i++) {
        const char *channel = channels->entries[i].name;
        if (channels->entries[i].status != NJ_OK &&
            nj_store_channel_read(store_dir, channel, &name, &why) != NJ_OK) {
            status = refuse_unknown(channel, &why, err);
        }
    }
    return status;
}

static nj_status find_needs(const char *store_dir, const nj_store_channels *channels,
                            nj_store_look look, gc_needs *needs, nj_error *err)
{
    nj_status status = check_lines(store_dir, channels, err);
    needs->sound_count = 0;
    for (size_t i = 0; i < channels->count && status == NJ_OK; i++) {
        status = add_way_back(store_dir, channels->entries[i].name, look, needs, err);
    }
    return status;
}

static nj_status look_at_night(const char *store_dir, gc_needs *needs, nj_error *err)
{
    char numeric_class[NJ_STAGING_CLASS_BYTES_MAX + 1];
    needs->has_night = nj_staging_exists(store_dir);
    nj_status status =
        needs->has_night ? nj_staging_peek(store_dir, &needs->night, numeric_class, err) : NJ_OK;
    if (status != NJ_OK && !nj_staging_exists(store_dir)) { // it ended meanwhile
        needs->has_night = false;
        status = NJ_OK;
    }
    return status;
}

// ---- marking ----

static void mark(nj_store_gc_result *result, const char *name, nj_store_gc_fate fate)
{
    for (size_t i = 0; i < result->count; i++) {
        nj_store_gc_entry *entry = &result->entries[i];
        if (entry->fate == NJ_STORE_GC_REMOVED && strcmp(entry->name.text, name) == 0) {
            entry->fate = fate;
        }
    }
}

static void mark_needs(nj_store_gc_result *result, const gc_needs *needs)
{
    for (size_t i = 0; i < needs->sound_count; i++) {
        mark(result, needs->sound[i].text, NJ_STORE_GC_ROLLBACK);
    }
}

static uint64_t read_age(const nj_store_name *name)
{
    nj_ulid ulid;
    memcpy(ulid.text, name->text + strlen(NJ_STORE_WORDS.PREFIX), sizeof ulid.text);
    return nj_ulid_ms(&ulid);
}

static void mark_night(nj_store_gc_result *result, const nj_staging_facts *night)
{
    mark(result, night->since, NJ_STORE_GC_NIGHT);
    for (size_t i = 0; i < result->count; i++) {
        if (read_age(&result->entries[i].name) >= night->created_ms) {
            mark(result, result->entries[i].name.text, NJ_STORE_GC_NIGHT);
        }
    }
}

static nj_status list_all(const char *store_dir, nj_store_gc_result *out, nj_error *err)
{
    nj_store_listing listing;
    nj_status status = nj_store_list(store_dir, &listing, err);
    if (status != NJ_OK) {
        return status;
    }
    out->entries = calloc(listing.count + 1, sizeof *out->entries);
    if (out->entries == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu generations", store_dir,
                         listing.count);
    }
    for (size_t i = 0; i < listing.count && status == NJ_OK; i++) {
        out->entries[out->count++] = (nj_store_gc_entry){
            .name = listing.entries[i].name, .data_bytes = listing.entries[i].manifest.data_bytes};
    }
    nj_store_listing_fini(&listing);
    return status;
}

// What a channel names that cannot be read is not known, and so it must not go.
static nj_status check_read(const char *store_dir, const nj_store_channels *channels, nj_error *err)
{
    for (size_t i = 0; i < channels->count; i++) {
        const nj_store_channel *channel = &channels->entries[i];
        if (channel->status != NJ_OK) {
            return nj_fail(
                err, channel->status,
                "%s: which generation the channel %s names cannot be read (%s), so none is "
                "removed",
                store_dir, channel->name, nj_status_name(channel->status));
        }
    }
    return NJ_OK;
}

// Under the lock: what channels say now, besides what was found before it.
static nj_status mark_all(const char *store_dir, uint64_t keep, const gc_needs *before,
                          nj_store_gc_result *result, nj_error *err)
{
    nj_store_channels channels;
    gc_needs now;
    nj_status status = nj_store_channel_list(store_dir, &channels, err);
    if (status == NJ_OK) {
        status = check_read(store_dir, &channels, err);
    }
    if (status == NJ_OK) {
        status = find_needs(store_dir, &channels, NJ_STORE_LOOK_QUICK, &now, err);
    }
    if (status == NJ_OK) {
        status = list_all(store_dir, result, err);
    }
    for (size_t i = 0; i < channels.count && status == NJ_OK; i++) {
        const nj_store_channel *channel = &channels.entries[i];
        mark(result, channel->generation.text,
             strcmp(channel->name, NJ_STORE_WORDS.CHANNEL_CURRENT) == 0 ? NJ_STORE_GC_CURRENT
                                                                        : NJ_STORE_GC_CHANNEL);
    }
    if (status == NJ_OK) {
        mark_needs(result, before);
        mark_needs(result, &now);
        if (before->has_night) {
            mark_night(result, &before->night);
        }
        for (size_t i = 0; i < result->count && i < keep; i++) {
            mark(result, result->entries[i].name.text, NJ_STORE_GC_NEWEST);
        }
    }
    return status;
}

// ---- removing ----

static nj_status remove_one(const char *store_dir, nj_store_gc_entry *entry, bool dry_run,
                            nj_error *err)
{
    nj_store_hold hold;
    nj_status status = nj_store_hold_alone(store_dir, &entry->name, &hold, err);
    if (status == NJ_AGAIN) {
        entry->fate = NJ_STORE_GC_IN_USE;
        return NJ_OK;
    }
    if (status == NJ_OK && !dry_run) {
        status = nj_folder_vanish(store_dir, entry->name.text, err);
    }
    nj_store_hold_release(&hold);
    return status;
}

static nj_status remove_marked(const char *store_dir, bool dry_run, nj_store_gc_result *result,
                               nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = result->count; i-- > 0 && status == NJ_OK;) {
        if (result->entries[i].fate == NJ_STORE_GC_REMOVED) {
            status = remove_one(store_dir, &result->entries[i], dry_run, err);
            if (status == NJ_OK) {
                status = NJ_FAILPOINT_STEP(GC_REMOVED, err);
            }
        }
    }
    return status;
}

// A history that names what is gone would make each rollback look at it. Where this fails it is only longer than it need be.
static void prune_history(const char *store_dir, const char *channel)
{
    nj_path path;
    nj_path folder;
    nj_store_history history;
    size_t kept = 0;
    nj_status status = nj_channel_history_path(store_dir, channel, &path, NULL);
    if (status == NJ_OK) {
        status = nj_store_history_load(path.text, &history, NULL);
    }
    for (size_t i = 0; status == NJ_OK && i < history.count; i++) {
        status = nj_store_path(store_dir, &history.names[i], NULL, &folder, NULL);
        if (status == NJ_OK && nj_folder_exists(folder.text)) {
            history.names[kept++] = history.names[i];
        }
    }
    if (status == NJ_OK && kept < history.count) {
        history.count = kept;
        status = nj_store_history_save(path.text, &history, NULL);
    }
    (void)status;
}

static void prune_histories(const char *store_dir)
{
    nj_store_channels channels;
    if (nj_store_channel_list(store_dir, &channels, NULL) == NJ_OK) {
        for (size_t i = 0; i < channels.count; i++) {
            prune_history(store_dir, channels.entries[i].name);
        }
    }
}

nj_status nj_store_gc(const char *store_dir, uint64_t keep, bool dry_run, uint32_t lock_wait_ms,
                      nj_store_gc_result *out, nj_error *err)
{
    nj_store_lock lock;
    nj_store_channels channels;
    gc_needs needs;
    *out = (nj_store_gc_result){0};
    nj_status status = nj_store_channel_list(store_dir, &channels, err);
    if (status == NJ_OK) {
        status = look_at_night(store_dir, &needs, err);
    }
    if (status == NJ_OK) {
        status = find_needs(store_dir, &channels, NJ_STORE_LOOK_WHOLE, &needs, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(store_dir, "gc", lock_wait_ms, &lock, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_scrub_check(store_dir, err); // it may place what nobody names yet
    if (status == NJ_OK) {
        status = mark_all(store_dir, keep, &needs, out, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(GC_MARKED, err);
    }
    if (status == NJ_OK) {
        status = remove_marked(store_dir, dry_run, out, err);
    }
    if (status == NJ_OK && !dry_run) {
        NJ_FAILPOINT_HIT(GC_DONE);
        prune_histories(store_dir);
    }
    nj_store_lock_release(&lock);
    return status;
}
