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

static int compare_rows(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

nj_exclusions nj_exclusions_from(const nj_request *request, uint32_t *rows)
{
    if (request->item_count == 0) {
        return (nj_exclusions){0};
    }
    memcpy(rows, request->items, request->item_count * sizeof *rows);
    qsort(rows, request->item_count, sizeof *rows, compare_rows);
    uint32_t count = 1;
    for (uint32_t i = 1; i < request->item_count; i++) {
        if (rows[i] != rows[count - 1]) {
            rows[count++] = rows[i];
        }
    }
    return (nj_exclusions){rows, count};
}

nj_history_digest nj_history_digest_of(const nj_engine *engine, const nj_request *request)
{
    nj_digester digester;
    nj_digester_init(&digester);
    for (uint32_t i = 0; i < request->item_count; i++) {
        nj_slice id = nj_idlist_at(&engine->catalogue.items, request->items[i]);
        nj_digester_update_sized(&digester, id.bytes, id.size);
    }
    nj_digest whole = nj_digester_final(&digester);
    nj_history_digest digest;
    memcpy(digest.bytes, whole.bytes, sizeof digest.bytes);
    return digest;
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

nj_status nj_engine_make_popular(nj_engine *engine, nj_error *err)
{
    if (engine->catalogue.counts == NULL) {
        return NJ_OK;
    }
    uint64_t total;
    uint32_t *rows = malloc(((size_t)engine->catalogue.trie.item_count + 1) * sizeof *rows);
    float *scores = malloc(((size_t)engine->settings.top + 1) * sizeof *scores);
    if (rows == NULL || scores == NULL) {
        free(rows);
        free(scores);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the popular list");
    }
    uint32_t count = list_counted_items(engine, rows, &total);
    qsort_r(rows, count, sizeof *rows, compare_popularity,
            (void *)(uintptr_t)engine->catalogue.counts);
    engine->popular = rows;
    engine->popular_scores = scores;
    engine->popular_count = count < engine->settings.top ? count : engine->settings.top;
    for (uint32_t i = 0; i < engine->popular_count; i++) {
        scores[i] = (float)log((double)engine->catalogue.counts[rows[i]] / (double)total);
    }
    return NJ_OK;
}
