// store_diff.c - `nightjar store diff`: what is different between two generations.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cli/progress.h"
#include "common/codec/json.h"
#include "common/codec/row.h"
#include "common/store/channel.h"
#include "common/store/diff.h"
#include "common/store/schema.h"
#include "ops/cli/commands.h"

#define ITEMS_MAX 1000

typedef struct {
    const char *store;
    nj_store_name from;
    nj_store_name to;
    uint64_t cutoff;
    uint64_t items; // shown of either kind
} diff_options;

// Without --from: what a rollback of CURRENT would go to.
static nj_status read_options(const nj_arguments *arguments, diff_options *out, nj_error *err)
{
    const char *from = nj_argument(arguments, "from");
    out->store = nj_argument(arguments, "store");
    nj_status status = nj_argument_uint(arguments, "k", 1, NJ_ROW_ITEMS_MAX, &out->cutoff, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "items", 0, ITEMS_MAX, &out->items, err);
    }
    if (status == NJ_OK) {
        status = nj_store_channel_resolve(out->store, nj_argument(arguments, "to"), &out->to, err);
    }
    if (status == NJ_OK) {
        status = from != NULL ? nj_store_channel_resolve(out->store, from, &out->from, err)
                              : nj_store_channel_rollback_find(
                                    out->store, NULL, NJ_STORE_LOOK_QUICK, &out->from, err);
    }
    return status;
}

static void show_progress(void *context, uint64_t rows_read)
{
    nj_progress_update(context, rows_read, nj_clock_mono_ns());
}

static nj_status compare(const diff_options *options, nj_store_diff *out, nj_error *err)
{
    nj_store_reader *from = NULL;
    nj_store_reader *to = NULL;
    nj_progress progress;
    nj_status status = nj_store_reader_open(options->store, options->from.text, &from, err);
    if (status == NJ_OK) {
        status = nj_store_reader_open(options->store, options->to.text, &to, err);
    }
    if (status == NJ_OK) {
        nj_progress_start(&progress, "rows",
                          nj_store_reader_manifest(from)->facts.row_count +
                              nj_store_reader_manifest(to)->facts.row_count,
                          0, false, nj_clock_mono_ns());
        status = nj_store_diff_make(from, to, (uint32_t)options->cutoff, show_progress, &progress,
                                    out, err);
        nj_progress_finish(&progress);
    }
    nj_store_reader_close(&from);
    nj_store_reader_close(&to);
    return status;
}

// ---- output ----

static void print_movers(const nj_store_diff *diff, bool gained, uint32_t *indexes, size_t most)
{
    const size_t count = nj_store_diff_movers(diff, gained, indexes, most);
    for (size_t i = 0; i < count; i++) {
        const nj_store_diff_lists lists = nj_store_diff_lists_of(diff, indexes[i]);
        printf("%s  %.*s  %" PRIu64 " to %" PRIu64 " lists\n", gained ? "more" : "less",
               NJ_SLICE_ARGS(nj_store_diff_id(diff, indexes[i])), lists.from, lists.to);
    }
}

static void print_text(const diff_options *options, const nj_store_diff *diff, uint32_t *indexes)
{
    printf("from           %s\n", options->from.text);
    printf("to             %s\n", options->to.text);
    printf("users          %" PRIu64 " added, %" PRIu64 " removed\n", diff->added, diff->removed);
    printf("lists          %" PRIu64 " changed, %" PRIu64 " rescored, %" PRIu64 " identical\n",
           diff->changed, diff->rescored, diff->identical);
    char label[32];
    snprintf(label, sizeof label, "overlap@%" PRIu64, options->cutoff);
    printf("%-14s %.4f\n", label, diff->overlap);
    printf("items          %" PRIu64 " gained, %" PRIu64 " lost, of %zu in any list\n",
           diff->items_gained, diff->items_lost, diff->ids.count);
    print_movers(diff, true, indexes, options->items);
    print_movers(diff, false, indexes, options->items);
}

static json_t *movers_as_json(const nj_store_diff *diff, bool gained, uint32_t *indexes,
                              size_t most)
{
    json_t *list = json_array();
    const size_t count = nj_store_diff_movers(diff, gained, indexes, most);
    for (size_t i = 0; i < count; i++) {
        const nj_slice id = nj_store_diff_id(diff, indexes[i]);
        const nj_store_diff_lists lists = nj_store_diff_lists_of(diff, indexes[i]);
        json_array_append_new(list, json_pack("{s:s%, s:I, s:I}", "item", id.bytes, id.size, "from",
                                              (json_int_t)lists.from, "to", (json_int_t)lists.to));
    }
    return list;
}

static nj_status print_json(const diff_options *options, const nj_store_diff *diff,
                            uint32_t *indexes, nj_error *err)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:{s:I, s:I}, s:{s:I, s:I, s:I}, s:I, s:f, s:{s:I, s:I, s:I, s:o, s:o}}",
        "from", options->from.text, "to", options->to.text, "users", "added",
        (json_int_t)diff->added, "removed", (json_int_t)diff->removed, "lists", "changed",
        (json_int_t)diff->changed, "rescored", (json_int_t)diff->rescored, "identical",
        (json_int_t)diff->identical, "k", (json_int_t)options->cutoff, "overlap", diff->overlap,
        "items", "count", (json_int_t)diff->ids.count, "gained", (json_int_t)diff->items_gained,
        "lost", (json_int_t)diff->items_lost, "more",
        movers_as_json(diff, true, indexes, options->items), "less",
        movers_as_json(diff, false, indexes, options->items));
    return nj_print_json_take(&object, err);
}

nj_status nj_command_store_diff(const nj_arguments *arguments, nj_error *err)
{
    diff_options options;
    nj_store_diff diff;
    nj_status status = read_options(arguments, &options, err);
    if (status != NJ_OK) {
        return status;
    }
    uint32_t *indexes = calloc(options.items + 1, sizeof *indexes);
    if (indexes == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %" PRIu64 " items", options.items);
    }
    nj_store_diff_init(&diff);
    status = compare(&options, &diff, err);
    if (status == NJ_OK && nj_argument_flag(arguments, "json")) {
        status = print_json(&options, &diff, indexes, err);
    } else if (status == NJ_OK) {
        print_text(&options, &diff, indexes);
    }
    nj_store_diff_fini(&diff);
    free(indexes);
    return status;
}
