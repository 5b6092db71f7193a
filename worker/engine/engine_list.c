// engine_list.c - from leaves to items, and exclusions.
#include "worker/engine/engine_internal.h"

#include <string.h>

#include "common/base/numbers.h"

bool nj_list_take(const nj_engine *engine, list_slot *list, uint32_t row, float score,
                  uint32_t source)
{
    if (list->count == engine->settings.top) {
        if (list->reserve_count == engine->settings.reserve) {
            return false;
        }
        list->reserve[list->reserve_count++] = row;
        return true;
    }
    if (list->why != NULL) {
        list->why[list->count] = (nj_why){.source = source, .raw = score};
    }
    list->items[list->count] = row;
    list->scores[list->count++] = score;
    return true;
}

void nj_list_from_leaves(const nj_engine *engine, const nj_beam_result *result,
                         const nj_exclusions *exclusions, list_slot *out)
{
    bool has_room = true;
    out->count = 0;
    out->reserve_count = 0;
    for (uint32_t i = 0; i < result->count && has_room; i++) {
        uint32_t item_count;
        const uint32_t *items =
            nj_beam_result_rows(&engine->catalogue.trie, result, i, &item_count);
        for (uint32_t k = 0; k < item_count && has_room; k++) {
            if (!nj_excluded(exclusions, items[k])) {
                has_room = nj_list_take(engine, out, items[k], result->scores[i], NJ_SOURCE_BEAM);
            }
        }
    }
}

void nj_list_trace(const nj_engine *engine, const nj_beam_result *result, list_slot *out)
{
    out->traced = engine->trace_max > 0;
    out->trace_count = 0;
    if (out->traced) {
        memcpy(out->trace, result->trace, result->trace_count * sizeof *out->trace);
        out->trace_count = nj_numbers_sort(out->trace, result->trace_count);
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
    return (nj_exclusions){.rows = rows, .count = nj_numbers_sort(rows, all)};
}
