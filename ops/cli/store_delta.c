// store_delta.c - `nightjar store export --since`, its feed, and `nightjar store apply`.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/cli/progress.h"
#include "common/codec/json.h"
#include "common/store/channel.h"
#include "common/store/delta_feed.h"
#include "common/store/history.h"
#include "common/store/lock.h"
#include "common/store/publish.h"
#include "ops/cli/commands.h"
#include "ops/cli/crash_guard.h"
#include "ops/cli/store_delta.h"

static void show_rows(void *context, uint64_t done, uint64_t of)
{
    nj_progress *progress = context;
    progress->total = of;
    nj_progress_update(progress, done, nj_clock_mono_ns());
}

// ---- export ----

static void log_segment(const nj_delta_head *head, const nj_delta_tally *tally)
{
    nj_log(NJ_LOG_INFO,
           "%s to %s: %" PRIu64 " upserts, %" PRIu64 " deletes, %" PRIu64 " rows copied, %.1f MB",
           head->base[0] != '\0' ? head->base : "nothing", head->result, tally->upserts,
           tally->deletes, tally->copied, (double)tally->bytes / 1e6);
}

// Behind the segment, so that a feed is never without its end.
static nj_status trim_feed(const char *feed, uint64_t keep, nj_error *err)
{
    size_t removed = 0;
    const nj_status status = nj_delta_feed_trim(feed, (size_t)keep, &removed, err);
    if (removed > 0) {
        nj_log(NJ_LOG_INFO, "%s: %zu old segments are removed", feed, removed);
    }
    return status;
}

static nj_status read_feed_keep(const nj_arguments *arguments, uint64_t *out, nj_error *err)
{
    *out = 0; // all of them
    if (nj_argument(arguments, "feed-keep") == NULL) {
        return NJ_OK;
    }
    if (nj_argument(arguments, "feed") == NULL) {
        return nj_fail(err, NJ_USAGE, "--feed-keep is of a feed: give --feed too");
    }
    return nj_argument_uint(arguments, "feed-keep", 1, NJ_DELTA_SEGMENTS_MAX, out, err);
}

typedef struct {
    const char *store, *since, *feed, *out; // all but the store may be NULL
    uint64_t keep;                          // segments of the feed; 0: all of them
    nj_store_name base, result;
} delta_export;

static nj_status read_export(const nj_arguments *arguments, delta_export *x, nj_error *err)
{
    *x = (delta_export){.store = nj_argument(arguments, "store"),
                        .since = nj_argument(arguments, "since"),
                        .feed = nj_argument(arguments, "feed"),
                        .out = nj_argument(arguments, "out")};
    if (x->feed != NULL && (x->since != NULL || x->out != NULL)) {
        return nj_fail(
            err, NJ_USAGE,
            "--since and --out exclude --feed: a feed goes on from where it ends, in its "
            "own files");
    }
    const char *to = nj_argument(arguments, "to");
    if (strcmp(to, "delta") != 0 && strcmp(to, "jsonl") != 0) { // jsonl is the default
        return nj_fail(err, NJ_USAGE, "--to %s and --%s exclude each other: that is a delta", to,
                       x->since != NULL ? "since" : "feed");
    }
    nj_status status = read_feed_keep(arguments, &x->keep, err);
    if (status == NJ_OK) {
        status = nj_store_channel_resolve(x->store, nj_argument(arguments, "gen"), &x->result, err);
    }
    return status == NJ_OK && x->since != NULL
               ? nj_store_channel_resolve(x->store, x->since, &x->base, err)
               : status;
}

static nj_status write_segment(const delta_export *x, const nj_delta_watch *watch,
                               nj_delta_head *out_head, nj_delta_tally *out_tally, nj_error *err)
{
    nj_file_draft draft = {0};
    nj_status status = x->out != NULL ? nj_file_draft_begin(x->out, &draft, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_delta_write(x->store, x->since != NULL ? &x->base : NULL, &x->result, 1, watch,
                                x->out != NULL ? draft.stream : stdout, out_head, out_tally, err);
    }
    if (status == NJ_OK && x->out != NULL) {
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}

nj_status nj_store_export_delta(const nj_arguments *arguments, nj_error *err)
{
    delta_export x;
    nj_progress progress;
    nj_delta_head head;
    nj_delta_tally tally;
    const nj_delta_watch watch = {&progress, show_rows};
    nj_status status = read_export(arguments, &x, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_crash_guard_begin();
    nj_progress_start(&progress, "rows", 0, 0, false, nj_clock_mono_ns());
    status = x.feed != NULL
                 ? nj_delta_feed_append(x.feed, x.store, &x.result, &watch, &head, &tally, err)
                 : write_segment(&x, &watch, &head, &tally, err);
    nj_progress_finish(&progress);
    nj_crash_guard_end();
    if (status == NJ_OK && head.seq == 0) {
        nj_log(NJ_LOG_INFO, "%s: ends with %s already", x.feed, x.result.text);
    } else if (status == NJ_OK) {
        log_segment(&head, &tally);
    }
    return status == NJ_OK && x.keep > 0 ? trim_feed(x.feed, x.keep, err) : status;
}

// ---- apply ----

static nj_status add_applied(json_t *list, const nj_delta_segment *segment,
                             const nj_delta_applied *applied)
{
    const nj_delta_head *head = &segment->head;
    json_t *object = json_pack(
        "{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "seq", (json_int_t)head->seq, "base",
        head->base, "result", head->result, "upserts", (json_int_t)segment->tally.upserts,
        "deletes", (json_int_t)segment->tally.deletes, "copied", (json_int_t)segment->tally.copied,
        "rows", (json_int_t)applied->rows, "same_bytes", (int)applied->same_bytes);
    return json_array_append_new(list, object) == 0 ? NJ_OK : NJ_NO_MEMORY;
}

static nj_status apply_chain(const nj_delta_chain *chain, const char *store, bool dry_run,
                             json_t *list, nj_error *err)
{
    size_t first = 0;
    nj_progress progress;
    const nj_delta_watch watch = {&progress, show_rows};
    nj_status status = nj_delta_chain_find(chain, store, &first, err);
    for (size_t i = first; i < chain->count && status == NJ_OK; i++) {
        const nj_delta_segment *segment = &chain->segments[i];
        nj_delta_applied applied = {.rows = segment->facts.row_count};
        if (!dry_run) {
            nj_progress_start(&progress, "rows", 0, 0, false, nj_clock_mono_ns());
            status = nj_delta_apply(store, segment, &watch, &applied, err);
            nj_progress_finish(&progress);
        }
        if (status == NJ_OK) {
            log_segment(&segment->head, &segment->tally);
            status = add_applied(list, segment, &applied);
        }
    }
    return status;
}

static bool chain_names(const nj_delta_chain *chain, const nj_store_name *name)
{
    for (size_t i = 0; i < chain->count; i++) {
        const nj_delta_head *head = &chain->segments[i].head;
        if (strcmp(head->result, name->text) == 0 || strcmp(head->base, name->text) == 0) {
            return true;
        }
    }
    return false;
}

static bool was_current(const char *store, const char *name)
{
    nj_store_history history;
    bool found = false;
    if (nj_store_history_read(store, &history, NULL) == NJ_OK) {
        for (size_t i = 0; i < history.count && !found; i++) {
            found = strcmp(history.names[i].text, name) == 0;
        }
    }
    return found;
}

// A delta of some time ago must not take CURRENT back: its result was current here before, and what is current now it does not
// know. A producer's rollback is another thing: it is a segment that begins at what is current.
static nj_status publish_last(const nj_delta_chain *chain, const char *store, bool *out_published,
                              nj_error *err)
{
    nj_store_name current;
    const char *name = chain->segments[chain->count - 1].head.result;
    const bool has_current = nj_store_current(store, &current, NULL) == NJ_OK;
    *out_published = true;
    if (has_current && strcmp(current.text, name) == 0) {
        return NJ_OK;
    }
    if (has_current && !chain_names(chain, &current) && was_current(store, name)) {
        nj_log(NJ_LOG_WARNING,
               "CURRENT stays at %s: %s was current before it (nightjar store rollback --to "
               "goes back)",
               current.text, name);
        *out_published = false;
        return NJ_OK;
    }
    nj_status status = nj_store_publish(store, name, NULL, NJ_STORE_LOCK_WAIT_MS, err);
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "CURRENT names %s", name);
    }
    return status;
}

static nj_status print_applied(const nj_delta_chain *chain, json_t *list, bool dry_run,
                               bool is_published, nj_error *err)
{
    json_t *object = json_pack("{s:O, s:s, s:b, s:b}", "applied", list, "result",
                               chain->segments[chain->count - 1].head.result, "published",
                               (int)is_published, "dry_run", (int)dry_run);
    return nj_print_json_take(&object, err);
}

nj_status nj_command_store_apply(const nj_arguments *arguments, nj_error *err)
{
    nj_delta_chain chain;
    const char *store = nj_argument(arguments, "store");
    const bool dry_run = nj_argument_flag(arguments, "dry-run");
    bool publishes = !dry_run && !nj_argument_flag(arguments, "no-publish");
    nj_crash_guard_begin();
    nj_status status = nj_delta_chain_open(nj_argument_positional(arguments), &chain, err);
    if (status != NJ_OK) {
        nj_crash_guard_end();
        return status;
    }
    json_t *list = json_array();
    status = apply_chain(&chain, store, dry_run, list, err);
    if (status == NJ_OK && publishes) {
        status = publish_last(&chain, store, &publishes, err);
    }
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_applied(&chain, list, dry_run, publishes, err);
    }
    json_decref(list);
    nj_delta_chain_close(&chain);
    nj_crash_guard_end();
    return status;
}
