// engine_popular.c - the list of users without a known item: the most frequent items that they may get.
#include "worker/engine/engine_internal.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"

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
static uint32_t list_counted_items(const nj_engine *engine, uint32_t *rows)
{
    const nj_trie *trie = &engine->catalogue.trie;
    uint32_t count = 0;
    for (uint32_t leaf = 0; leaf < trie->node_count[trie->level_count]; leaf++) {
        uint32_t item_count;
        const uint32_t *items = nj_trie_leaf_items(trie, leaf, &item_count);
        for (uint32_t i = 0; i < item_count; i++) {
            if (engine->catalogue.counts[items[i]] > 0) {
                rows[count++] = items[i];
            }
        }
    }
    return count;
}

size_t nj_engine_popular_max(const nj_engine *engine)
{
    const nj_settings *settings = &engine->settings;
    const size_t most = (size_t)settings->top + settings->reserve + settings->exclusions_max;
    return settings->candidates_max > 0 ? engine->catalogue.trie.item_count : most;
}

// Keeps the first of the sorted rows that the mask lets through: as many as a list and its reserve need whatever the user excludes, or
// all where users have candidates. The share of an item is that among the items of the mask.
static nj_status keep_most_popular(const nj_engine *engine, const uint32_t *rows, uint32_t count,
                                   engine_mask *mask)
{
    const uint32_t room = (uint32_t)nj_min_size(count, nj_engine_popular_max(engine));
    mask->popular_total = 0;
    mask->popular = malloc(((size_t)room + 1) * sizeof *mask->popular);
    mask->popular_scores = malloc(((size_t)room + 1) * sizeof *mask->popular_scores);
    if (mask->popular == NULL || mask->popular_scores == NULL) {
        return NJ_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (mask->eligible != NULL && !nj_bits_has(mask->eligible->items, rows[i])) {
            continue;
        }
        mask->popular_total += engine->catalogue.counts[rows[i]];
        if (mask->popular_count < room) {
            mask->popular[mask->popular_count++] = rows[i];
        }
    }
    for (uint32_t i = 0; i < mask->popular_count; i++) {
        const uint32_t times = engine->catalogue.counts[mask->popular[i]];
        mask->popular_scores[i] = (float)log((double)times / (double)mask->popular_total);
    }
    return NJ_OK;
}

static nj_status make_cold_list(nj_engine *engine)
{
    engine->cold.items = malloc(engine->settings.top * sizeof *engine->cold.items);
    engine->cold.scores = malloc(engine->settings.top * sizeof *engine->cold.scores);
    engine->cold_exclude =
        malloc(((size_t)engine->settings.exclusions_max + 1) * sizeof *engine->cold_exclude);
    const uint32_t reserve = engine->settings.reserve;
    engine->cold.reserve = reserve > 0 ? malloc(reserve * sizeof *engine->cold.reserve) : NULL;
    const uint32_t why_count = engine->why_count;
    engine->cold.why = why_count > 0 ? malloc(why_count * sizeof *engine->cold.why) : NULL;
    return engine->cold.items != NULL && engine->cold.scores != NULL &&
                   engine->cold_exclude != NULL && (engine->cold.why != NULL || why_count == 0) &&
                   (engine->cold.reserve != NULL || reserve == 0)
               ? NJ_OK
               : NJ_NO_MEMORY;
}

nj_status nj_engine_make_popular(nj_engine *engine, nj_error *err)
{
    nj_status status = make_cold_list(engine);
    if (engine->catalogue.counts != NULL && status == NJ_OK) {
        uint32_t *rows = malloc(((size_t)engine->catalogue.trie.item_count + 1) * sizeof *rows);
        status = rows != NULL ? NJ_OK : NJ_NO_MEMORY;
        if (rows != NULL) {
            const uint32_t count = list_counted_items(engine, rows);
            qsort_r(rows, count, sizeof *rows, compare_popularity,
                    (void *)(uintptr_t)engine->catalogue.counts);
            for (uint32_t m = 0; m < engine->mask_count && status == NJ_OK; m++) {
                status = keep_most_popular(engine, rows, count, &engine->masks[m]);
            }
            if (engine->policies != NULL) {
                engine->popular = rows;
                engine->popular_count = count;
                rows = NULL;
            }
            free(rows);
        }
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the popular list");
}

static void list_popular(const nj_engine *engine, const engine_mask *mask,
                         const nj_exclusions *exclusions, list_slot *list)
{
    bool has_room = true;
    for (uint32_t i = 0; i < mask->popular_count && has_room; i++) {
        if (!nj_excluded(exclusions, mask->popular[i])) {
            has_room = nj_list_take(engine, list, mask->popular[i], mask->popular_scores[i],
                                    NJ_SOURCE_POPULAR);
        }
    }
}

// The list of a cold user. Answers in text have none.
static void make_cold(nj_engine *engine, const nj_request *request, list_slot *list)
{
    const engine_mask mask = nj_engine_user_mask(engine, request);
    nj_exclusions exclusions = nj_exclusions_from(request, false, engine->cold_exclude);
    exclusions.eligible = mask.eligible;
    if (engine->policies != NULL) {
        nj_engine_policy_cold_list(engine, request, &mask, &exclusions, list);
    } else {
        list_popular(engine, &mask, &exclusions, list);
    }
}

nj_list nj_engine_cold_list(nj_engine *engine, const nj_request *request)
{
    const bool is_cold = nj_engine_is_cold(engine, request);
    const size_t mark = nj_arena_mark(&engine->batch_arena);
    list_slot *list = &engine->cold;
    list->flags = is_cold ? NJ_ROW_COLD : 0;
    list->count = 0;
    list->reserve_count = 0;
    if (is_cold && engine->prompt.answer != NJ_SAYS_TEXT) {
        make_cold(engine, request, list);
    }
    nj_arena_rewind(&engine->batch_arena, mark);
    return (nj_list){.flags = list->flags,
                     .count = list->count,
                     .items = list->items,
                     .scores = list->scores,
                     .why = list->why,
                     .reserve = list->reserve,
                     .reserve_count = list->reserve_count};
}
