#include "common/catalogue/held_out.h"

#define BYTES_MAX ((size_t)1 << 40)

typedef struct {
    const char *path;
    nj_held_out *held;
    size_t place;
    const nj_idlist *items;
    const nj_idmap *map;
    const nj_user_masks *masks;
    const nj_live_rows *live;
} reading;

static bool has_item(const nj_request *user, uint32_t row)
{
    for (uint32_t i = 0; i < user->item_count; i++) {
        if (user->items[i] == row) {
            return true;
        }
    }
    return false;
}

static nj_status split_history(void *context, const nj_history *history, nj_error *err)
{
    reading *r = context;
    nj_held_out *held = r->held;
    held->read_count++;
    if (history->item_count < r->place) {
        held->short_count++;
        return NJ_OK;
    }
    nj_history input = *history;
    input.item_count -= r->place;
    size_t index =
        nj_idmap_find(r->map, history->items[input.item_count], nj_idmap_at_list, r->items);
    if (index == NJ_IDMAP_NONE) {
        held->unknown_count++;
        return NJ_OK;
    }
    if (!nj_live_rows_has(r->live, index)) {
        held->retired_count++;
        return NJ_OK;
    }
    uint32_t row = (uint32_t)index;
    if (nj_buffer_append(&held->targets, &row, sizeof row) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for more than %zu users", held->users.count);
    }
    nj_status status = nj_user_table_add(&held->users, r->items, r->map, r->masks, &input, err);
    if (status == NJ_INPUT) {
        nj_error_prefix(err, "%s", r->path);
    }
    if (status == NJ_OK) {
        nj_request user = nj_user_table_at(&held->users, held->users.count - 1);
        held->repeated_count += has_item(&user, row);
    }
    return status;
}

nj_status nj_held_out_read(const char *path, nj_histories_format format, nj_held_out_place place,
                           const nj_idlist *items, const nj_idmap *map, const nj_user_masks *masks,
                           const nj_live_rows *live, nj_held_out *out, nj_error *err)
{
    nj_held_out held = {0};
    nj_user_table_init(&held.users);
    nj_buffer_init(&held.targets, BYTES_MAX);
    reading r = {path, &held, (size_t)place, items, map, masks, live};
    nj_status status = nj_histories_read(path, format, split_history, &r, err);
    if (status != NJ_OK) {
        nj_held_out_fini(&held);
        return status;
    }
    *out = held;
    return NJ_OK;
}

void nj_held_out_fini(nj_held_out *held)
{
    nj_user_table_fini(&held->users);
    nj_buffer_fini(&held->targets);
}
