#include "common/catalogue/users.h"

#define BYTES_MAX ((size_t)1 << 40)

typedef struct {
    uint64_t first; // into items
    uint32_t count;
    uint32_t unknown_count;
    uint32_t mask;
    uint32_t exclude_count; // behind the items
} span;

typedef struct {
    nj_user_table *table;
    const nj_idlist *items;
    const nj_idmap *map;
    const nj_user_masks *masks;
} reading;

void nj_user_table_init(nj_user_table *table)
{
    *table = (nj_user_table){0};
    nj_idlist_builder_init(&table->ids);
    nj_buffer_init(&table->items, BYTES_MAX);
    nj_buffer_init(&table->spans, BYTES_MAX);
}

// Appends the rows of the known ids.
static nj_status resolve_ids(nj_user_table *table, const nj_idlist *items, const nj_idmap *map,
                             const nj_slice *ids, size_t count, uint32_t *out_known)
{
    *out_known = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = nj_idmap_find(map, ids[i], nj_idmap_at_list, items);
        if (index == NJ_IDMAP_NONE) {
            continue;
        }
        uint32_t row = (uint32_t)index;
        nj_status status = nj_buffer_append(&table->items, &row, sizeof row);
        if (status != NJ_OK) {
            return status;
        }
        ++*out_known;
    }
    return NJ_OK;
}

static nj_status resolve_items(nj_user_table *table, const nj_idlist *items, const nj_idmap *map,
                               const nj_history *history, span *out)
{
    out->first = table->items.size / sizeof(uint32_t);
    nj_status status =
        resolve_ids(table, items, map, history->items, history->item_count, &out->count);
    out->unknown_count = (uint32_t)(history->item_count - out->count);
    return status == NJ_OK ? resolve_ids(table, items, map, history->exclude,
                                         history->exclude_count, &out->exclude_count)
                           : status;
}

// The history names a group, or a file does; not two different ones.
static nj_status resolve_group(nj_user_table *table, const nj_user_masks *masks,
                               const nj_history *history, uint32_t *out_mask, nj_error *err)
{
    *out_mask = NJ_MASK_BASE;
    if (masks == NULL || masks->masks->count == 0) {
        table->group_ignored += history->group.bytes != NULL;
        return NJ_OK;
    }
    const uint32_t filed =
        masks->groups != NULL ? nj_user_groups_find(masks->groups, history->user) : NJ_MASK_NONE;
    uint32_t said = NJ_MASK_NONE;
    if (history->group.bytes != NULL) {
        said = nj_masks_find(masks->masks, history->group);
        if (said == NJ_MASK_NONE || (filed != NJ_MASK_NONE && filed != said)) {
            return nj_history_fail(history, err, "user \"%.*s\" is in the group \"%.*s\", %s",
                                   NJ_SLICE_ARGS(history->user), NJ_SLICE_ARGS(history->group),
                                   said == NJ_MASK_NONE ? "which --groups does not have"
                                                        : "--user-groups has another one for him");
        }
    }
    if (said != NJ_MASK_NONE || filed != NJ_MASK_NONE) {
        *out_mask = said != NJ_MASK_NONE ? said : filed;
        table->group_count++;
    }
    return NJ_OK;
}

static void count_user(nj_user_table *table, const span *user)
{
    const uint32_t both = user->count + user->exclude_count; // each at most NJ_HISTORY_ITEMS_MAX
    if (user->count == 0 && table->cold_count++ == 0) {
        table->first_cold = table->count;
    }
    if (user->count > table->longest) {
        table->longest = user->count;
    }
    if (user->exclude_count > table->exclude_longest) {
        table->exclude_longest = user->exclude_count;
    }
    if (both > table->both_longest) {
        table->both_longest = both;
    }
    table->item_total += user->count;
    table->unknown_total += user->unknown_count;
    table->count++;
}

nj_status nj_user_table_add(nj_user_table *table, const nj_idlist *items, const nj_idmap *map,
                            const nj_user_masks *masks, const nj_history *history, nj_error *err)
{
    span user = {0};
    nj_status status = resolve_group(table, masks, history, &user.mask, err);
    if (status != NJ_OK) {
        return status;
    }
    status = resolve_items(table, items, map, history, &user);
    if (status == NJ_OK) {
        status = nj_buffer_append(&table->spans, &user, sizeof user);
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_add(&table->ids, history->user);
    }
    if (status != NJ_OK) {
        return nj_fail(err, status, "no memory for more than %zu users", table->count);
    }
    count_user(table, &user);
    return NJ_OK;
}

static nj_status add_user(void *context, const nj_history *history, nj_error *err)
{
    reading *r = context;
    return nj_user_table_add(r->table, r->items, r->map, r->masks, history, err);
}

nj_status nj_user_table_read(const nj_histories_source *source, const nj_idlist *items,
                             const nj_idmap *map, const nj_user_masks *masks, nj_user_table *out,
                             nj_error *err)
{
    nj_user_table table;
    nj_user_table_init(&table);
    reading r = {&table, items, map, masks};
    nj_status status = nj_histories_read(source, add_user, &r, err);
    if (status != NJ_OK) {
        nj_user_table_fini(&table);
        return status;
    }
    *out = table;
    return NJ_OK;
}

void nj_user_table_fini(nj_user_table *table)
{
    nj_idlist_builder_fini(&table->ids);
    nj_buffer_fini(&table->items);
    nj_buffer_fini(&table->spans);
    table->count = 0;
}

nj_request nj_user_table_at(const nj_user_table *table, size_t index)
{
    const span *user = (const span *)(const void *)table->spans.bytes + index;
    const uint32_t *items = (const uint32_t *)(const void *)table->items.bytes;
    const uint64_t exclude = user->first + user->count;
    return (nj_request){.user = nj_idlist_builder_at(&table->ids, index),
                        .items = user->count > 0 ? items + user->first : NULL,
                        .item_count = user->count,
                        .unknown_count = user->unknown_count,
                        .mask = user->mask,
                        .exclude = user->exclude_count > 0 ? items + exclude : NULL,
                        .exclude_count = user->exclude_count};
}

nj_status nj_user_table_apply(const nj_user_table *table, nj_settings *settings, nj_error *err)
{
    if (settings->cold_users == NJ_COLD_FAIL && table->cold_count > 0) {
        nj_slice first = nj_user_table_at(table, table->first_cold).user;
        return nj_fail(err, NJ_INPUT,
                       "%zu of %zu users have no item that the catalogue knows, the first is "
                       "\"%.*s\" (--cold-users fail)",
                       table->cold_count, table->count, NJ_SLICE_ARGS(first));
    }
    settings->history_items_max = table->longest;
    settings->exclusions_max =
        settings->keep_history ? table->exclude_longest : table->both_longest;
    return NJ_OK;
}
