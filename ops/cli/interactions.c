#include "ops/cli/interactions.h"

#include <inttypes.h>

#include "common/base/digest.h"
#include "common/base/user_place.h"
#include "common/input/idfile.h"

#define IDS_BYTES_MAX ((size_t)1 << 34)

// ---- items ----

static nj_status index_items(nj_named_items *items, const nj_idlist_builder *ids, const char *path,
                             nj_error *err)
{
    nj_status status = nj_idlist_builder_write(ids, &items->block);
    if (status != NJ_OK) {
        return nj_fail(err, status, "%s: no memory for %zu ids", path, ids->count);
    }
    status = nj_idlist_open(items->block.bytes, items->block.size, path, &items->items, err);
    return status == NJ_OK ? nj_idmap_build(&items->map, &items->items, path, err) : status;
}

nj_status nj_named_items_read(const nj_arguments *arguments, nj_named_items *out, nj_error *err)
{
    const char *path = nj_argument(arguments, "ids");
    nj_named_items items = {0};
    nj_idlist_builder ids;
    nj_idlist_builder_init(&ids);
    nj_buffer_init(&items.block, IDS_BYTES_MAX);
    nj_idmap_init(&items.map);
    nj_status status = nj_idfile_read(path, &ids, err);
    if (status == NJ_OK) {
        status = index_items(&items, &ids, path, err);
    }
    nj_idlist_builder_fini(&ids);
    if (status == NJ_OK) {
        *out = items;
    } else {
        nj_named_items_fini(&items);
    }
    return status;
}

void nj_named_items_fini(nj_named_items *items)
{
    nj_idmap_fini(&items->map);
    nj_buffer_fini(&items->block);
}

// ---- histories ----

typedef struct {
    const nj_split *split;
    double share;
    const nj_named_items *items;
    nj_split_histories histories;
} reading;

static nj_status add_front(const reading *r, const nj_history *history, size_t count,
                           nj_user_table *table, nj_error *err)
{
    nj_history front = *history;
    front.item_count = count;
    return nj_user_table_add(table, &r->items->items, &r->items->map, NULL, &front, err);
}

bool nj_user_is_sampled(nj_slice user, double share)
{
    return nj_user_place_is_sampled(nj_user_place(NJ_SAMPLE_SALT, user), share);
}

static nj_status visit_history(void *context, const nj_history *history, nj_error *err)
{
    reading *r = context;
    nj_split_parts parts;
    nj_status status = nj_split_history(r->split, history, &parts, err);
    if (status == NJ_OK) {
        status = add_front(r, history, parts.training_count, &r->histories.training, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    if (!parts.has_target && r->split->kind != NJ_SPLIT_NONE) {
        r->histories.left_out++;
        return NJ_OK;
    }
    if (!nj_user_is_sampled(history->user, r->share)) {
        r->histories.unsampled++;
        return NJ_OK;
    }
    return add_front(r, history, parts.input_count, &r->histories.inputs, err);
}

nj_status nj_split_histories_read(const nj_histories_source *source, const nj_split *split,
                                  double share, const nj_named_items *items,
                                  nj_split_histories *out, nj_error *err)
{
    nj_histories_source asked = *source;
    reading r = {.split = split, .share = share, .items = items};
    nj_split_ask(split, &asked);
    nj_user_table_init(&r.histories.training);
    nj_user_table_init(&r.histories.inputs);
    nj_status status = nj_histories_read(&asked, visit_history, &r, err);
    if (status == NJ_OK && r.histories.inputs.count == 0) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: no list to make: %" PRIu64
                         " users have no item to hold out, and %" PRIu64 " are outside the sample",
                         source->path, r.histories.left_out, r.histories.unsampled);
    }
    if (status == NJ_OK) {
        *out = r.histories;
    } else {
        nj_split_histories_fini(&r.histories);
    }
    return status;
}

void nj_split_histories_fini(nj_split_histories *histories)
{
    nj_user_table_fini(&histories->training);
    nj_user_table_fini(&histories->inputs);
}

// ---- digests ----

nj_digest nj_named_items_digest(const nj_named_items *items)
{
    return nj_digest_of(items->block.bytes, items->block.size);
}

nj_digest nj_user_table_digest(const nj_user_table *users)
{
    nj_digester digester;
    nj_digester_init(&digester);
    for (size_t u = 0; u < users->count; u++) {
        const nj_request user = nj_user_table_at(users, u);
        nj_digester_update_u64(&digester, user.item_count);
        nj_digester_update(&digester, user.items, user.item_count * sizeof *user.items);
    }
    return nj_digester_final(&digester);
}
