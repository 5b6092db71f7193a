// store_change.c - `nightjar store publish|promote|rollback|drop|gc`: which generation a channel names, and which may go.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/codec/json.h"
#include "common/store/channel.h"
#include "common/store/gc.h"
#include "common/store/lock.h"
#include "common/store/schema.h"
#include "ops/cli/commands.h"

static bool is_current(const char *channel)
{
    return strcmp(channel, NJ_STORE_WORDS.CHANNEL_CURRENT) == 0;
}

// As people call it.
static const char *show_channel(const char *channel)
{
    return is_current(channel) ? NJ_STORE_WORDS.CURRENT : channel;
}

// What it names now, or "nothing".
static nj_store_name read_before(const char *store, const char *channel)
{
    nj_store_name name;
    if (nj_store_channel_read(store, channel, &name, NULL) != NJ_OK) {
        strcpy(name.text, "nothing");
    }
    return name;
}

// "current" is there where CURRENT is what changed.
static nj_status print_change(const nj_arguments *arguments, const char *channel, const char *name,
                              const char *before, bool dry_run, nj_error *err)
{
    if (!nj_argument_flag(arguments, "json")) {
        return NJ_OK;
    }
    json_t *object = json_pack("{s:s, s:s, s:s, s:b}", "channel", channel, "generation", name,
                               "before", before, "dry_run", (int)dry_run);
    if (object != NULL && is_current(channel)) {
        json_object_set_new(object, "current", json_string(name));
    }
    return nj_print_json_take(&object, err);
}

nj_status nj_command_store_publish(const nj_arguments *arguments, nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    const char *channel = nj_argument(arguments, "channel");
    const char *name = nj_argument_positional(arguments);
    const nj_store_name before = read_before(store, channel);
    nj_status status =
        nj_store_channel_publish(store, channel, name, NULL, NJ_STORE_LOCK_WAIT_MS, err);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "%s names %s", show_channel(channel), name);
        status = print_change(arguments, channel, name, before.text, false, err);
    }
    return status;
}

nj_status nj_command_store_promote(const nj_arguments *arguments, nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    const nj_store_name before = read_before(store, NULL);
    nj_store_name name;
    nj_status status = nj_store_channel_promote(store, nj_argument_positional(arguments),
                                                NJ_STORE_LOCK_WAIT_MS, &name, err);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "CURRENT names %s, named %s", name.text, before.text);
        status = print_change(arguments, NJ_STORE_WORDS.CHANNEL_CURRENT, name.text, before.text,
                              false, err);
    }
    return status;
}

nj_status nj_command_store_drop(const nj_arguments *arguments, nj_error *err)
{
    const char *store = nj_argument(arguments, "store");
    const char *channel = nj_argument_positional(arguments);
    const nj_store_name before = read_before(store, channel);
    nj_status status = nj_store_channel_remove(store, channel, NJ_STORE_LOCK_WAIT_MS, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_log(NJ_LOG_INFO, "there is no channel %s any more; it named %s", channel, before.text);
    if (!nj_argument_flag(arguments, "json")) {
        return NJ_OK;
    }
    json_t *object = json_pack("{s:s, s:s}", "channel", channel, "before", before.text);
    return nj_print_json_take(&object, err);
}

nj_status nj_command_store_rollback(const nj_arguments *arguments, nj_error *err)
{
    nj_store_name to;
    const char *store = nj_argument(arguments, "store");
    const char *channel = nj_argument(arguments, "channel");
    const char *name = nj_argument(arguments, "to");
    const bool dry_run = nj_argument_flag(arguments, "dry-run");
    const nj_store_look look =
        nj_argument_flag(arguments, "quick") ? NJ_STORE_LOOK_QUICK : NJ_STORE_LOOK_WHOLE;
    nj_status status = name != NULL
                           ? nj_store_channel_resolve(store, name, &to, err)
                           : nj_store_channel_rollback_find(store, channel, look, &to, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_store_name from = read_before(store, channel);
    if (!dry_run) { // what was searched for has been read whole
        status = nj_store_channel_rollback(store, channel, to.text,
                                           name != NULL ? look : NJ_STORE_LOOK_QUICK,
                                           NJ_STORE_LOCK_WAIT_MS, err);
    }
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "%s %s %s, named %s", show_channel(channel),
               dry_run ? "would name" : "names", to.text, from.text);
        status = print_change(arguments, channel, to.text, from.text, dry_run, err);
    }
    return status;
}

// ---- gc ----

#define KEEP_MAX 10000

typedef struct {
    uint64_t removed;
    uint64_t removed_bytes;
} gc_sum;

static gc_sum add_up(const nj_store_gc_result *result)
{
    gc_sum sum = {0};
    for (size_t i = 0; i < result->count; i++) {
        if (result->entries[i].fate == NJ_STORE_GC_REMOVED) {
            sum.removed++;
            sum.removed_bytes += result->entries[i].data_bytes;
        }
    }
    return sum;
}

static nj_status print_gc(const nj_store_gc_result *result, uint64_t keep, bool dry_run,
                          nj_error *err)
{
    const gc_sum sum = add_up(result);
    json_t *list = json_array();
    for (size_t i = 0; i < result->count; i++) {
        const nj_store_gc_entry *entry = &result->entries[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "name", entry->name.text, "fate",
                                              nj_store_gc_fate_word(entry->fate), "data_bytes",
                                              (json_int_t)entry->data_bytes));
    }
    json_t *object = json_pack("{s:I, s:b, s:I, s:I, s:o}", "keep", (json_int_t)keep, "dry_run",
                               (int)dry_run, "removed", (json_int_t)sum.removed, "removed_bytes",
                               (json_int_t)sum.removed_bytes, "generations", list);
    return nj_print_json_take(&object, err);
}

nj_status nj_command_store_gc(const nj_arguments *arguments, nj_error *err)
{
    nj_store_gc_result result;
    uint64_t keep = 0;
    const bool dry_run = nj_argument_flag(arguments, "dry-run");
    nj_status status = nj_argument_uint(arguments, "keep", 1, KEEP_MAX, &keep, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_gc(nj_argument(arguments, "store"), keep, dry_run, NJ_STORE_LOCK_WAIT_MS,
                         &result, err);
    if (status == NJ_OK) {
        const gc_sum sum = add_up(&result);
        nj_log(NJ_LOG_INFO, "%" PRIu64 " of %zu generations %s, %.1f MB", sum.removed, result.count,
               dry_run ? "would be removed" : "removed", (double)sum.removed_bytes / 1e6);
        if (nj_argument_flag(arguments, "json")) {
            status = print_gc(&result, keep, dry_run, err);
        } else {
            for (size_t i = 0; i < result.count; i++) {
                printf("%-8s  %s\n", nj_store_gc_fate_word(result.entries[i].fate),
                       result.entries[i].name.text);
            }
        }
    }
    nj_store_gc_result_fini(&result);
    return status;
}
