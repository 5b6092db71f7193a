// engine_list.c - from leaves to items, and exclusions.
#include "worker/engine/engine_internal.h"

#include <string.h>

void nj_list_add(list_slot *list, uint32_t row, float score, uint32_t source)
{
    if (list->why != NULL) {
        list->why[list->count] = (nj_why){.source = source, .raw = score};
    }
    list->items[list->count] = row;
    list->scores[list->count++] = score;
}

void nj_list_from_leaves(const nj_engine *engine, const nj_beam_result *result,
                         const nj_exclusions *exclusions, list_slot *out)
{
    const uint32_t top = engine->settings.top;
    out->count = 0;
    for (uint32_t i = 0; i < result->count && out->count < top; i++) {
        uint32_t item_count;
        const uint32_t *items =
            nj_trie_leaf_items(&engine->catalogue.trie, result->leaves[i], &item_count);
        for (uint32_t k = 0; k < item_count && out->count < top; k++) {
            if (!nj_excluded(exclusions, items[k])) {
                nj_list_add(out, items[k], result->scores[i], NJ_SOURCE_BEAM);
            }
        }
    }
}

// Heap sort: the largest stands on top of what is not yet sorted.
static void sift_down(uint32_t *rows, uint32_t count, uint32_t at)
{
    uint32_t moved = rows[at];
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && rows[child + 1] > rows[child]) {
            child++;
        }
        if (rows[child] <= moved) {
            break;
        }
        rows[at] = rows[child];
        at = child;
    }
    rows[at] = moved;
}

static void sort_rows(uint32_t *rows, uint32_t count)
{
    for (uint32_t at = count / 2; at-- > 0;) {
        sift_down(rows, count, at);
    }
    for (uint32_t end = count; end-- > 1;) {
        uint32_t largest = rows[0];
        rows[0] = rows[end];
        rows[end] = largest;
        sift_down(rows, end, 0);
    }
}

// Sorts and drops what is there twice; returns how many are left.
static uint32_t sort_unique(uint32_t *rows, uint32_t all)
{
    uint32_t count = all < 1 ? all : 1;
    sort_rows(rows, all);
    for (uint32_t i = 1; i < all; i++) {
        if (rows[i] != rows[count - 1]) {
            rows[count++] = rows[i];
        }
    }
    return count;
}

void nj_list_trace(const nj_engine *engine, const nj_beam_result *result, list_slot *out)
{
    out->traced = engine->trace_max > 0;
    out->trace_count = 0;
    if (out->traced) {
        memcpy(out->trace, result->trace, result->trace_count * sizeof *out->trace);
        out->trace_count = sort_unique(out->trace, result->trace_count);
    }
}

nj_exclusions nj_exclusions_from(const nj_request *request, bool with_history, uint32_t *rows)
{
    uint32_t all = 0;
    if (with_history && request->item_count > 0) {
        memcpy(rows, request->items, request->item_count * sizeof *rows);
        all = request->item_count;
    }
    if (request->exclude_count > 0) {
        memcpy(rows + all, request->exclude, request->exclude_count * sizeof *rows);
        all += request->exclude_count;
    }
    if (all == 0) {
        return (nj_exclusions){0};
    }
    return (nj_exclusions){.rows = rows, .count = sort_unique(rows, all)};
}
