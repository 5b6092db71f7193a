#include "ops/cli/embed_items.h"

#include <inttypes.h>

#include "common/input/idfile.h"

void nj_embed_items_init(nj_embed_items *items)
{
    *items = (nj_embed_items){0};
    nj_idlist_builder_init(&items->items);
    nj_idmap_init(&items->map);
    nj_buffer_init(&items->rows, SIZE_MAX / 2);
    nj_buffer_init(&items->lines, SIZE_MAX / 2);
}

void nj_embed_items_fini(nj_embed_items *items)
{
    nj_idlist_builder_fini(&items->items);
    nj_idmap_fini(&items->map);
    nj_buffer_fini(&items->rows);
    nj_buffer_fini(&items->lines);
}

static nj_status append_row(nj_embed_items *items)
{
    const size_t none = NJ_IDMAP_NONE;
    return nj_buffer_append(&items->rows, &none, sizeof none);
}

static nj_status fail_memory(const nj_embed_items *items, nj_status status, nj_error *err)
{
    return nj_fail(err, status, "%s: no memory for %zu items", items->path, items->items.count);
}

static nj_status read_ids(nj_embed_items *items, const char *path, nj_error *err)
{
    nj_status status = nj_idfile_read(path, &items->items, err);
    for (size_t i = 0; status == NJ_OK && i < items->items.count; i++) {
        status = nj_idmap_insert(&items->map, nj_idlist_builder_at(&items->items, i), i);
        if (status == NJ_OK) {
            status = append_row(items);
        }
        if (status != NJ_OK) {
            return fail_memory(items, status, err);
        }
    }
    items->is_fixed = true;
    return status;
}

// The item's place in the output; NJ_IDMAP_NONE for one that --ids does not name.
static nj_status find_or_add_item(nj_embed_items *items, nj_slice id, size_t *out)
{
    nj_status status = NJ_OK;
    *out = nj_idmap_find(&items->map, id, nj_idmap_at_builder, &items->items);
    if (*out == NJ_IDMAP_NONE && !items->is_fixed) {
        *out = items->items.count;
        status = nj_idlist_builder_add(&items->items, id);
        if (status == NJ_OK) {
            status = nj_idmap_insert(&items->map, id, *out);
        }
        if (status == NJ_OK) {
            status = append_row(items);
        }
    }
    return status;
}

static nj_status take_text(void *context, const nj_item_text *text, nj_error *err)
{
    nj_embed_items *items = context;
    size_t item;
    nj_status status = find_or_add_item(items, text->id, &item);
    if (status != NJ_OK) {
        return fail_memory(items, status, err);
    }
    if (items->progress != NULL) {
        items->progress(items->context, text->line);
    }
    if (item == NJ_IDMAP_NONE) {
        items->passed_count++;
        return NJ_OK;
    }
    size_t *row = (size_t *)(void *)items->rows.bytes + item;
    if (*row != NJ_IDMAP_NONE) {
        const uint64_t *lines = (const uint64_t *)(const void *)items->lines.bytes;
        const nj_line_place place = nj_lines_place(text->lines, lines[*row]);
        return nj_lines_fail(text->lines, text->line, err, "item \"%.*s\" stands on %s too",
                             NJ_SLICE_ARGS(text->id), place.text);
    }
    *row = items->lines.size / sizeof text->line;
    status = nj_buffer_append(&items->lines, &text->line, sizeof text->line);
    return status == NJ_OK ? items->add(items->to, text, err) : fail_memory(items, status, err);
}

static nj_status check_missing(nj_embed_items *items, const char *ids_path, bool zero_missing,
                               nj_error *err)
{
    size_t first = 0;
    for (size_t i = items->items.count; i-- > 0;) {
        if (nj_embed_items_row(items, i) == NJ_IDMAP_NONE) {
            items->missing_count++;
            first = i;
        }
    }
    if (items->missing_count > 0 && !zero_missing) {
        const nj_slice id = nj_idlist_builder_at(&items->items, first);
        return nj_fail(err, NJ_INPUT,
                       "%s: has no line for %zu of the %zu items of %s, the first \"%.*s\": add "
                       "them, or give --zero-missing for vectors of zeros",
                       items->path, items->missing_count, items->items.count, ids_path,
                       NJ_SLICE_ARGS(id));
    }
    return NJ_OK;
}

nj_status nj_embed_items_read(nj_embed_items *items, const char *ids_path,
                              nj_item_text_reading reading, bool zero_missing, nj_error *err)
{
    items->path = reading.path;
    reading.take = take_text;
    reading.context = items;
    nj_status status = ids_path != NULL ? read_ids(items, ids_path, err) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_item_texts_read(&reading, err);
    }
    return status == NJ_OK ? check_missing(items, ids_path, zero_missing, err) : status;
}
