// eval_lists.c - lists of others into `nightjar eval`.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/judge/metric.h"
#include "ops/cli/eval.h"

#define MASKED_LISTS_MIN 30 // below, that none repeats an item may be chance

typedef struct {
    const char *name; // of the file, for errors
    const nj_eval_inputs *inputs;
    const nj_eval_lists *lists;
    nj_idmap user_map; // owned; user id -> number
    uint32_t depth;
    uint32_t *kept;      // owned; [depth], scratch
    uint32_t *masked;    // owned; [depth], scratch
    uint64_t *seen_on;   // owned; [items] the line whose list had the item last
    uint64_t *barred_on; // owned; [items] the line whose user had the item before
    uint64_t list_count;
    uint64_t silent_count; // lists that do not say what they were made without
    uint64_t other_count;
    uint64_t read_on_count; // lists with an item, of users who had one
    uint64_t repeat_count;  // places that hold an item that the user had
} reading;

static nj_status map_users(reading *r, nj_error *err)
{
    const nj_user_table *users = &r->inputs->held.users;
    for (size_t i = 0; i < users->count; i++) {
        if (nj_idmap_insert(&r->user_map, nj_idlist_builder_at(&users->ids, i), i) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory to look up %zu users", users->count);
        }
    }
    return NJ_OK;
}

static nj_status check_words(reading *r, const nj_history *list, nj_error *err)
{
    const char *words = r->inputs->words.text;
    r->list_count++;
    if (list->held_out.bytes == NULL) {
        r->silent_count++;
        return NJ_OK;
    }
    if (nj_slice_equal(list->held_out, nj_slice_from(words))) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT,
                   "%s: line %" PRIu64 ": the list of user \"%.*s\" was made for \"%.*s\", and "
                   "\"%s\" is judged: give the options that it was made with, or make it anew",
                   r->name, list->line, NJ_SLICE_ARGS(list->user), NJ_SLICE_ARGS(list->held_out),
                   words);
}

// The item's row, or NJ_ITEM_INVALID.
static nj_status find_item(reading *r, const nj_request *user, const nj_history *list, size_t place,
                           uint32_t *out, nj_error *err)
{
    const nj_slice item = list->items[place];
    const size_t row = nj_idmap_find(r->inputs->map, item, nj_idmap_at_list, r->inputs->items);
    if (row != NJ_IDMAP_NONE && r->seen_on[row] == list->line) {
        return nj_fail(err, NJ_INPUT,
                       "%s: line %" PRIu64 ": item \"%.*s\" stands twice in the list", r->name,
                       list->line, NJ_SLICE_ARGS(item));
    }
    if (row != NJ_IDMAP_NONE) {
        r->seen_on[row] = list->line;
    }
    *out = row != NJ_IDMAP_NONE && nj_eval_may_get(r->inputs, user, row) ? (uint32_t)row
                                                                         : NJ_ITEM_INVALID;
    return NJ_OK;
}

// Both lists in one walk; it ends where the masked one, which is the last to be full, is.
static nj_status take_list(reading *r, size_t number, const nj_history *list, nj_error *err)
{
    const nj_request user = nj_user_table_at(&r->inputs->held.users, number);
    uint32_t kept = 0;
    uint32_t masked = 0;
    for (uint32_t i = 0; i < user.item_count; i++) {
        r->barred_on[user.items[i]] = list->line;
    }
    for (size_t i = 0; i < list->item_count && masked < r->depth; i++) {
        uint32_t row = NJ_ITEM_INVALID;
        nj_status status = find_item(r, &user, list, i, &row, err);
        if (status != NJ_OK) {
            return status;
        }
        if (kept < r->depth) {
            r->kept[kept++] = row;
        }
        if (row == NJ_ITEM_INVALID || r->barred_on[row] != list->line) {
            r->masked[masked++] = row;
        } else {
            r->repeat_count++;
        }
    }
    r->read_on_count += user.item_count > 0 && list->item_count > 0;
    nj_lists_set(r->lists->kept, number, r->kept, kept);
    nj_lists_set(r->lists->masked, number, r->masked, masked);
    return NJ_OK;
}

static nj_status visit_list(void *context, const nj_history *list, nj_error *err)
{
    reading *r = context;
    const nj_user_table *users = &r->inputs->held.users;
    const size_t user = nj_idmap_find(&r->user_map, list->user, nj_idmap_at_builder, &users->ids);
    nj_status status = check_words(r, list, err);
    if (status == NJ_OK && user == NJ_IDMAP_NONE) {
        r->other_count++;
        return NJ_OK;
    }
    return status == NJ_OK ? take_list(r, user, list, err) : status;
}

static void warn_of_silence(const reading *r)
{
    if (r->silent_count > 0) {
        nj_log(NJ_LOG_WARNING,
               "%s: %" PRIu64 " of %" PRIu64
               " lists do not say what they were made without (\"held_out\"): they are judged as "
               "made for \"%s\"",
               r->name, r->silent_count, r->list_count, r->inputs->words.text);
    }
}

// Nothing in a list says what it was not allowed to name; lists made without the history cannot be judged with it.
static void warn_of_masking(const reading *r)
{
    if (r->repeat_count == 0 && r->read_on_count >= MASKED_LISTS_MIN) {
        nj_log(NJ_LOG_WARNING,
               "%s: none of %" PRIu64
               " lists names an item that its user had before: they seem made with the history "
               "masked, and its figures with the history kept are of such lists too",
               r->name, r->read_on_count);
    }
}

nj_status nj_eval_read_lists(const char *path, const nj_eval_inputs *inputs,
                             const nj_eval_lists *lists, uint64_t *out_other_count, nj_error *err)
{
    const size_t items = inputs->items->count;
    const uint32_t depth = lists->kept->depth;
    reading r = {.name = strcmp(path, "-") == 0 ? "standard input" : path,
                 .inputs = inputs,
                 .lists = lists,
                 .depth = depth,
                 .kept = calloc(depth, sizeof *r.kept),
                 .masked = calloc(depth, sizeof *r.masked),
                 .seen_on = calloc(items + 1, sizeof *r.seen_on),
                 .barred_on = calloc(items + 1, sizeof *r.barred_on)};
    const nj_histories_source source = {
        .path = path, .format = NJ_HISTORIES_JSONL, .wants_held_out = true};
    nj_idmap_init(&r.user_map);
    nj_status status = NJ_OK;
    if (r.kept == NULL || r.masked == NULL || r.seen_on == NULL || r.barred_on == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to read lists of %zu items", items);
    }
    if (status == NJ_OK) {
        status = map_users(&r, err);
    }
    if (status == NJ_OK) {
        status = nj_histories_read(&source, visit_list, &r, err);
    }
    if (status == NJ_OK) {
        warn_of_silence(&r);
        warn_of_masking(&r);
        *out_other_count = r.other_count;
    }
    nj_idmap_fini(&r.user_map);
    free(r.kept);
    free(r.masked);
    free(r.seen_on);
    free(r.barred_on);
    return status;
}
