// engine_list.c - from leaves to items, exclusions, the popular list, digests of histories.
#include "worker/engine/engine_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
                out->items[out->count] = items[k];
                out->scores[out->count++] = result->scores[i];
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

nj_exclusions nj_exclusions_from(const nj_request *request, uint32_t *rows)
{
    if (request->item_count == 0) {
        return (nj_exclusions){0};
    }
    memcpy(rows, request->items, request->item_count * sizeof *rows);
    sort_rows(rows, request->item_count);
    uint32_t count = 1;
    for (uint32_t i = 1; i < request->item_count; i++) {
        if (rows[i] != rows[count - 1]) {
            rows[count++] = rows[i];
        }
    }
    return (nj_exclusions){rows, count};
}

// ---- the popular list ----

static int compare_popularity(const void *a, const void *b, void *counts)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    const uint32_t *count = counts;
    if (count[x] != count[y]) {
        return count[x] > count[y] ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

// Only items that may be recommended (they stand in a leaf) and that somebody had.
static uint32_t list_counted_items(const nj_engine *engine, uint32_t *rows, uint64_t *out_total)
{
    const nj_trie *trie = &engine->catalogue.trie;
    uint32_t count = 0;
    *out_total = 0;
    for (uint32_t i = 0; i < trie->item_count; i++) {
        uint32_t row = trie->items[i];
        if (engine->catalogue.counts[row] > 0) {
            rows[count++] = row;
            *out_total += engine->catalogue.counts[row];
        }
    }
    return count;
}

// Keeps the first `top` of the sorted rows: the others were only needed for sorting.
static nj_status keep_most_popular(nj_engine *engine, const uint32_t *rows, uint32_t count,
                                   uint64_t total)
{
    const uint32_t kept = count < engine->settings.top ? count : engine->settings.top;
    engine->popular = malloc(((size_t)kept + 1) * sizeof *engine->popular);
    engine->popular_scores = malloc(((size_t)kept + 1) * sizeof *engine->popular_scores);
    if (engine->popular == NULL || engine->popular_scores == NULL) {
        return NJ_NO_MEMORY;
    }
    for (uint32_t i = 0; i < kept; i++) {
        engine->popular[i] = rows[i];
        engine->popular_scores[i] =
            (float)log((double)engine->catalogue.counts[rows[i]] / (double)total);
    }
    engine->popular_count = kept;
    return NJ_OK;
}

nj_status nj_engine_make_popular(nj_engine *engine, nj_error *err)
{
    if (engine->catalogue.counts == NULL) {
        return NJ_OK;
    }
    uint64_t total;
    nj_status status = NJ_NO_MEMORY;
    uint32_t *rows = malloc(((size_t)engine->catalogue.trie.item_count + 1) * sizeof *rows);
    if (rows != NULL) {
        uint32_t count = list_counted_items(engine, rows, &total);
        qsort_r(rows, count, sizeof *rows, compare_popularity,
                (void *)(uintptr_t)engine->catalogue.counts);
        status = keep_most_popular(engine, rows, count, total);
        free(rows);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the popular list");
}
