#include "common/catalogue/held_out.h"

#include <stdlib.h>

#define BYTES_MAX ((size_t)1 << 40)

typedef struct {
    const char *path;
    const nj_split *split;
    nj_held_out *held;
    const nj_idlist *items;
    const nj_idmap *map;
    const nj_user_rules *rules;
    const nj_live_rows *live;
} reading;

// ---- popularity ----

typedef struct {
    const nj_idlist *items;
    const nj_idmap *map;
    uint32_t *counts; // [items]
    uint64_t sum;
} counting;

static nj_status count_history(void *context, const nj_history *history, nj_error *err)
{
    counting *c = context;
    (void)err;
    for (size_t i = 0; i < history->item_count; i++) {
        size_t row = nj_idmap_find(c->map, history->items[i], nj_idmap_at_list, c->items);
        if (row != NJ_IDMAP_NONE && c->counts[row] < UINT32_MAX) {
            c->counts[row]++;
            c->sum++;
        }
    }
    return NJ_OK;
}

static nj_status begin_counting(const nj_idlist *items, const nj_idmap *map, counting *out,
                                nj_error *err)
{
    *out = (counting){items, map, calloc(items->count + 1, sizeof(uint32_t)), 0};
    return out->counts != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory to count %zu items", items->count);
}

static nj_status count_training(const reading *r, const nj_history *history, size_t count,
                                nj_error *err)
{
    nj_history training = *history;
    counting c = {r->items, r->map, r->held->popularity, r->held->popularity_sum};
    training.item_count = count;
    nj_status status = count_history(&c, &training, err);
    r->held->popularity_sum = c.sum;
    return status;
}

nj_status nj_held_out_count(nj_held_out *held, const nj_histories_source *training,
                            const nj_idlist *items, const nj_idmap *map, nj_error *err)
{
    counting c;
    nj_status status = begin_counting(items, map, &c, err);
    if (status == NJ_OK) {
        status = nj_histories_read(training, count_history, &c, err);
    }
    if (status != NJ_OK) {
        free(c.counts);
        return status;
    }
    free(held->popularity);
    held->popularity = c.counts;
    held->popularity_sum = c.sum;
    return NJ_OK;
}

// ---- splitting ----

static bool has_item(const nj_request *user, uint32_t row)
{
    for (uint32_t i = 0; i < user->item_count; i++) {
        if (user->items[i] == row) {
            return true;
        }
    }
    return false;
}

// The place of a group's name, which may be new.
static nj_status find_group(nj_held_out *held, nj_slice name, uint32_t *out)
{
    const size_t found = nj_idmap_find(&held->group_map, name, nj_idmap_at_builder, &held->groups);
    *out = (uint32_t)(found != NJ_IDMAP_NONE ? found : held->groups.count);
    if (found != NJ_IDMAP_NONE) {
        return NJ_OK;
    }
    nj_status status = nj_idlist_builder_add(&held->groups, name);
    return status == NJ_OK ? nj_idmap_insert(&held->group_map, name, *out) : status;
}

// Notes the target and the group of the user who was added last.
static nj_status note_user(reading *r, const nj_history *input, uint32_t target)
{
    nj_held_out *held = r->held;
    const nj_request user = nj_user_table_at(&held->users, held->users.count - 1);
    uint32_t group = NJ_GROUP_NONE;
    nj_status status = NJ_OK;
    if (user.mask != NJ_MASK_BASE) {
        status = find_group(held, nj_slice_from(r->rules->masks->masks[user.mask].name), &group);
    } else if (input->group.bytes != NULL && nj_group_problem(input->group) == NULL) {
        status = find_group(held, input->group, &group);
    }
    held->repeated_count += has_item(&user, target);
    if (status == NJ_OK) {
        status = nj_buffer_append(&held->group_of, &group, sizeof group);
    }
    return status == NJ_OK ? nj_buffer_append(&held->targets, &target, sizeof target) : status;
}

static nj_status add_user(reading *r, const nj_history *input, uint32_t target, nj_error *err)
{
    nj_held_out *held = r->held;
    nj_status status = nj_user_table_add(&held->users, r->items, r->map, r->rules, input, err);
    if (status == NJ_INPUT) {
        nj_error_prefix(err, "%s", r->path);
    }
    if (status == NJ_OK && note_user(r, input, target) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for more than %zu users", held->users.count);
    }
    return status;
}

static nj_status split_history(void *context, const nj_history *history, nj_error *err)
{
    reading *r = context;
    nj_held_out *held = r->held;
    nj_split_parts parts;
    nj_status status = nj_split_history(r->split, history, &parts, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "%s", r->path);
        return status;
    }
    held->read_count++;
    status = count_training(r, history, parts.training_count, err);
    if (status != NJ_OK || !parts.has_target) {
        held->short_count += !parts.has_target;
        return status;
    }
    nj_history input = *history;
    input.item_count = parts.input_count;
    size_t index =
        nj_idmap_find(r->map, history->items[parts.input_count], nj_idmap_at_list, r->items);
    if (index == NJ_IDMAP_NONE) {
        held->unknown_count++;
        return NJ_OK;
    }
    if (!nj_live_rows_has(r->live, index)) {
        held->retired_count++;
        return NJ_OK;
    }
    return add_user(r, &input, (uint32_t)index, err);
}

nj_status nj_held_out_read(const nj_histories_source *source, const nj_split *split,
                           const nj_idlist *items, const nj_idmap *map, const nj_user_rules *rules,
                           const nj_live_rows *live, nj_held_out *out, nj_error *err)
{
    nj_held_out held = {0};
    counting counts;
    nj_histories_source asked = *source;
    nj_split_ask(split, &asked);
    nj_user_table_init(&held.users);
    nj_buffer_init(&held.targets, BYTES_MAX);
    nj_buffer_init(&held.group_of, BYTES_MAX);
    nj_idlist_builder_init(&held.groups);
    nj_idmap_init(&held.group_map);
    reading r = {source->path, split, &held, items, map, rules, live};
    nj_status status = begin_counting(items, map, &counts, err);
    held.popularity = counts.counts;
    if (status == NJ_OK) {
        status = nj_histories_read(&asked, split_history, &r, err);
    }
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
    nj_buffer_fini(&held->group_of);
    nj_idmap_fini(&held->group_map);
    nj_idlist_builder_fini(&held->groups);
    free(held->popularity);
    held->popularity = NULL;
}
