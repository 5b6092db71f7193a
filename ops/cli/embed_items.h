// embed_items.h - the items of `nightjar embed`: which rows there will be, and the text of each.
#ifndef NJ_OPS_CLI_EMBED_ITEMS_H
#define NJ_OPS_CLI_EMBED_ITEMS_H

#include <stdbool.h>

#include "common/base/idlist.h"
#include "common/text/item_texts.h"

typedef struct {
    nj_idlist_builder items; // in the order of the output
    nj_idmap map;
    nj_buffer rows;   // size_t an item: the number of its text, in file order, or NJ_IDMAP_NONE
    nj_buffer lines;  // uint64_t a text: where it stood
    const char *path; // of the text, for errors
    bool is_fixed;    // --ids said which items
    uint64_t passed_count;                                // lines of items that --ids does not name
    size_t missing_count;                                 // items that have no line
    void (*progress)(void *context, uint64_t lines_done); // may be NULL
    void *context;
    nj_status (*add)(void *to, const nj_item_text *text, nj_error *err); // gets the texts
    void *to;
} nj_embed_items;

void nj_embed_items_init(nj_embed_items *items);
void nj_embed_items_fini(nj_embed_items *items);

/// Reads the ids, if any, and then the text. `reading` lacks take and context. `add` gets every item's text once, in file order.
/// Errors  NJ_INPUT also: an item twice (both lines); items of --ids without a line, unless `zero_missing`
NJ_CHECKED nj_status nj_embed_items_read(nj_embed_items *items, const char *ids_path,
                                         nj_item_text_reading reading, bool zero_missing,
                                         nj_error *err);

static inline size_t nj_embed_items_row(const nj_embed_items *items, size_t item)
{
    return ((const size_t *)(const void *)items->rows.bytes)[item];
}

#endif
