// engine_masks.c - the night's masks, folded up the trie once and shared by all searches.
#include "worker/engine/engine_internal.h"

#include <stdlib.h>

#include "common/base/checked.h"

static uint32_t count_masks(const nj_engine *engine)
{
    return engine->catalogue.masks.count > 0 ? engine->catalogue.masks.count : 1;
}

// Those that leave something out are folded.
static uint32_t count_narrow(const nj_engine *engine)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < engine->catalogue.masks.count; m++) {
        count += nj_masks_rows(&engine->catalogue.masks, m) != NULL;
    }
    return count;
}

size_t nj_engine_masks_bytes(const nj_engine *engine)
{
    size_t bytes;
    const size_t list = (engine->settings.top + engine->settings.exclusions_max) *
                        (sizeof(uint32_t) + sizeof(float));
    return nj_mul_size(count_narrow(engine), nj_eligible_bytes(&engine->catalogue.trie), &bytes) &&
                   nj_add_size(bytes,
                               count_masks(engine) *
                                   (sizeof(engine_mask) + sizeof(nj_eligible) + list),
                               &bytes)
               ? bytes
               : SIZE_MAX;
}

static nj_status fold_mask(nj_engine *engine, uint32_t m, void *memory, nj_error *err)
{
    const nj_masks *masks = &engine->catalogue.masks;
    nj_eligible *eligible = &engine->eligible[m];
    nj_eligible_fold(&engine->catalogue.trie, nj_masks_rows(masks, m), memory, eligible);
    if (eligible->item_count != masks->masks[m].item_count) {
        return nj_fail(err, NJ_INPUT,
                       "section \"eligible\": mask %u has %u items, %u of them stand in the trie",
                       m, masks->masks[m].item_count, eligible->item_count);
    }
    engine->masks[m].eligible = eligible;
    return NJ_OK;
}

// As plan_wide_search would end for a trie of these items alone.
static uint32_t find_wide(const nj_engine *engine, const nj_eligible *eligible)
{
    const uint32_t *nodes =
        eligible != NULL ? eligible->node_count : engine->catalogue.trie.node_count;
    uint32_t W = engine->plan.W;
    while (W < engine->plan.W_wide && !nj_engine_covers(engine, nodes, W)) {
        W *= 2;
    }
    return W;
}

nj_status nj_engine_open_masks(nj_engine *engine, nj_error *err)
{
    const size_t bytes = nj_eligible_bytes(&engine->catalogue.trie);
    const uint32_t narrow = count_narrow(engine);
    engine->mask_count = count_masks(engine);
    engine->masks = calloc(engine->mask_count, sizeof *engine->masks);
    engine->eligible = calloc(engine->mask_count, sizeof *engine->eligible);
    engine->eligible_bits = narrow > 0 ? malloc(narrow * bytes) : NULL;
    if (engine->masks == NULL || engine->eligible == NULL ||
        (narrow > 0 && engine->eligible_bits == NULL)) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %u masks", engine->mask_count);
    }
    nj_status status = NJ_OK;
    uint8_t *at = engine->eligible_bits;
    for (uint32_t m = 0; m < engine->mask_count && status == NJ_OK; m++) {
        if (nj_masks_rows(&engine->catalogue.masks, m) != NULL) {
            status = fold_mask(engine, m, at, err);
            at += bytes;
        }
        engine->masks[m].W_wide = find_wide(engine, engine->masks[m].eligible);
    }
    return status;
}

void nj_engine_close_masks(nj_engine *engine)
{
    for (uint32_t m = 0; engine->masks != NULL && m < engine->mask_count; m++) {
        free(engine->masks[m].popular);
        free(engine->masks[m].popular_scores);
    }
    free(engine->masks);
    free(engine->eligible);
    free(engine->eligible_bits);
    free(engine->cold.items);
    free(engine->cold.scores);
    free(engine->cold_exclude);
}
