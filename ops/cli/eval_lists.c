// eval_lists.c - lists of others into `nightjar eval`, and each user's outcome out of it.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/input/histories.h"
#include "common/judge/metric.h"
#include "ops/cli/eval.h"

#define LINE_BYTES_MAX (16u << 20)

// ---- reading ----

typedef struct {
    const char *name; // of the file, for errors
    const nj_idlist *items;
    const nj_idmap *map;
    const nj_live_rows *live;
    const nj_user_table *users;
    nj_idmap user_map; // owned; user id -> number
    nj_lists *lists;
    uint32_t *rows;    // owned; [depth], scratch
    uint64_t *seen_on; // owned; [items] the line whose list had the item last
    uint64_t other_count;
} reading;

static nj_status map_users(reading *r, nj_error *err)
{
    for (size_t i = 0; i < r->users->count; i++) {
        nj_slice id = nj_idlist_builder_at(&r->users->ids, i);
        if (nj_idmap_insert(&r->user_map, id, i) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory to look up %zu users", r->users->count);
        }
    }
    return NJ_OK;
}

static nj_status visit_list(void *context, const nj_history *list, nj_error *err)
{
    reading *r = context;
    size_t user = nj_idmap_find(&r->user_map, list->user, nj_idmap_at_builder, &r->users->ids);
    if (user == NJ_IDMAP_NONE) {
        r->other_count++;
        return NJ_OK;
    }
    uint32_t count = 0;
    for (; count < list->item_count && count < r->lists->depth; count++) {
        nj_slice item = list->items[count];
        size_t index = nj_idmap_find(r->map, item, nj_idmap_at_list, r->items);
        if (index == NJ_IDMAP_NONE || !nj_live_rows_has(r->live, index)) {
            r->rows[count] = NJ_ITEM_INVALID;
            continue;
        }
        if (r->seen_on[index] == list->line) {
            return nj_fail(err, NJ_INPUT,
                           "%s: line %" PRIu64 ": item \"%.*s\" stands twice in the list", r->name,
                           list->line, NJ_SLICE_ARGS(item));
        }
        r->seen_on[index] = list->line;
        r->rows[count] = (uint32_t)index;
    }
    nj_lists_set(r->lists, user, r->rows, count);
    return NJ_OK;
}

nj_status nj_eval_read_lists(const char *path, const nj_idlist *items, const nj_idmap *map,
                             const nj_live_rows *live, const nj_user_table *users, nj_lists *lists,
                             uint64_t *out_other_count, nj_error *err)
{
    reading r = {.name = strcmp(path, "-") == 0 ? "standard input" : path,
                 .items = items,
                 .map = map,
                 .live = live,
                 .users = users,
                 .lists = lists,
                 .rows = calloc(lists->depth, sizeof *r.rows),
                 .seen_on = calloc(items->count + 1, sizeof *r.seen_on)};
    nj_idmap_init(&r.user_map);
    nj_status status = NJ_OK;
    if (r.rows == NULL || r.seen_on == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to read lists of %zu items", items->count);
    }
    if (status == NJ_OK) {
        status = map_users(&r, err);
    }
    if (status == NJ_OK) {
        status =
            nj_histories_read(&(nj_histories_source){.path = path, .format = NJ_HISTORIES_JSONL},
                              visit_list, &r, err);
    }
    if (status == NJ_OK) {
        *out_other_count = r.other_count;
    }
    nj_idmap_fini(&r.user_map);
    free(r.rows);
    free(r.seen_on);
    return status;
}

// ---- writing ----

static nj_status append_items(nj_buffer *line, const nj_idlist *items, const nj_lists *lists,
                              size_t user)
{
    uint32_t count;
    const uint32_t *rows = nj_lists_at(lists, user, &count);
    nj_status status = nj_buffer_printf(line, ", \"items\": [");
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_printf(line, "%s", i > 0 ? ", " : "");
        if (status == NJ_OK) {
            status = nj_buffer_json_string(line, nj_idlist_at(items, rows[i]));
        }
    }
    return status == NJ_OK ? nj_buffer_printf(line, "]") : status;
}

static nj_status append_user(nj_buffer *line, const nj_idlist *items, const nj_held_out *held,
                             const uint32_t *ranks, const nj_lists *lists, size_t user)
{
    const uint32_t target = nj_held_out_targets(held)[user];
    nj_status status = nj_buffer_printf(line, "{\"user\": ");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(line, nj_idlist_builder_at(&held->users.ids, user));
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(line, ", \"target\": ");
    }
    if (status == NJ_OK) {
        status = nj_buffer_json_string(line, nj_idlist_at(items, target));
    }
    if (status == NJ_OK) {
        status = ranks[user] == NJ_RANK_NONE
                     ? nj_buffer_printf(line, ", \"rank\": null")
                     : nj_buffer_printf(line, ", \"rank\": %u", ranks[user]);
    }
    if (status == NJ_OK && lists != NULL) {
        status = append_items(line, items, lists, user);
    }
    return status == NJ_OK ? nj_buffer_printf(line, "}\n") : status;
}

nj_status nj_eval_write_users(nj_file_draft *draft, const nj_idlist *items, const nj_held_out *held,
                              const uint32_t *ranks, const nj_lists *lists, nj_error *err)
{
    nj_status status = NJ_OK;
    nj_buffer line;
    nj_buffer_init(&line, LINE_BYTES_MAX);
    for (size_t user = 0; user < held->users.count && status == NJ_OK; user++) {
        nj_buffer_clear(&line);
        status = append_user(&line, items, held, ranks, lists, user);
        if (status != NJ_OK) {
            status = nj_fail(err, status, "%s: no memory for a line", draft->path.text);
        } else if (fwrite(line.bytes, 1, line.size, draft->stream) != line.size) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s", draft->path.text);
        }
    }
    nj_buffer_fini(&line);
    return status == NJ_OK ? nj_file_draft_commit(draft, err) : status;
}
