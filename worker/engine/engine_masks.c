// engine_masks.c - the night's masks, folded up the trie once and shared by all searches. What the policy denies is taken out of each, so
// that no beam is spent on it.
#include "worker/engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

static uint32_t count_masks(const nj_engine *engine)
{
    return engine->catalogue.masks.count > 0 ? engine->catalogue.masks.count : 1;
}

static const uint64_t *find_denied(const nj_engine *engine)
{
    return engine->policies != NULL ? nj_policies_denied(engine->policies) : NULL;
}

// NULL: every row.
static const uint64_t *find_rows(const nj_engine *engine, uint32_t m)
{
    return nj_masks_rows(&engine->catalogue.masks, m);
}

static bool is_narrow(const nj_engine *engine, uint32_t m)
{
    return find_denied(engine) != NULL || find_rows(engine, m) != NULL;
}

// Those that leave something out are folded.
static uint32_t count_narrow(const nj_engine *engine)
{
    uint32_t count = 0;
    for (uint32_t m = 0; m < count_masks(engine); m++) {
        count += is_narrow(engine, m);
    }
    return count;
}

// A set of rows, where it is not the mask's own.
static size_t row_bytes(const nj_engine *engine)
{
    return find_denied(engine) != NULL
               ? nj_bits_words(engine->catalogue.sids.row_count) * sizeof(uint64_t)
               : 0;
}

// A set of nodes of the trie of answers, where there is one.
static size_t open_bytes(const nj_engine *engine)
{
    return nj_bits_words(engine->prompt.answers.node_count) * sizeof(uint64_t);
}

static size_t narrow_bytes(const nj_engine *engine)
{
    size_t bytes;
    return nj_add_size(nj_eligible_bytes(&engine->catalogue.trie), row_bytes(engine), &bytes) &&
                   nj_add_size(bytes, open_bytes(engine), &bytes)
               ? bytes
               : SIZE_MAX;
}

size_t nj_engine_masks_bytes(const nj_engine *engine)
{
    size_t bytes;
    const size_t list = nj_engine_popular_max(engine) * (sizeof(uint32_t) + sizeof(float));
    return nj_mul_size(count_narrow(engine), narrow_bytes(engine), &bytes) &&
                   nj_add_size(bytes,
                               count_masks(engine) *
                                   (sizeof(engine_mask) + sizeof(nj_eligible) + list),
                               &bytes)
               ? bytes
               : SIZE_MAX;
}

// The rows of a mask without those that the policy denies, in the caller's memory.
static const uint64_t *take_out_denied(const nj_engine *engine, uint32_t m, uint64_t *memory)
{
    const uint64_t *rows = find_rows(engine, m);
    const uint64_t *denied = find_denied(engine);
    const size_t words = nj_bits_words(engine->catalogue.sids.row_count);
    for (size_t w = 0; w < words; w++) {
        memory[w] = (rows != NULL ? rows[w] : UINT64_MAX) & ~denied[w];
    }
    return memory;
}

static nj_status check_folded(const nj_engine *engine, uint32_t m, const nj_eligible *eligible,
                              nj_error *err)
{
    const nj_masks *masks = &engine->catalogue.masks;
    if (find_denied(engine) != NULL) {
        return eligible->item_count > 0
                   ? NJ_OK
                   : nj_fail(err, NJ_CONFIG,
                             "the policy denies every item that mask %u of %u lets through: let "
                             "some of them be shown",
                             m, engine->mask_count);
    }
    if (eligible->item_count != masks->masks[m].item_count) {
        return nj_fail(err, NJ_INPUT,
                       "section \"eligible\": mask %u has %u items, %u of them stand in the trie",
                       m, masks->masks[m].item_count, eligible->item_count);
    }
    return NJ_OK;
}

// `memory`: the rows, where they are not the mask's own, open nodes of the trie of answers, and what the rows are folded to.
static nj_status fold_mask(nj_engine *engine, uint32_t m, uint8_t *memory, nj_error *err)
{
    nj_eligible *eligible = &engine->eligible[m];
    const uint64_t *rows = find_denied(engine) != NULL
                               ? take_out_denied(engine, m, (uint64_t *)(void *)memory)
                               : find_rows(engine, m);
    memory += row_bytes(engine);
    if (engine->prompt.answers.node_count > 0) {
        uint64_t *nodes = (uint64_t *)(void *)memory;
        nj_token_trie_fold(&engine->prompt.answers, rows, nodes);
        engine->masks[m].open_nodes = nodes;
        memory += open_bytes(engine);
    }
    nj_eligible_fold(&engine->catalogue.trie, rows, memory, eligible);
    engine->masks[m].eligible = eligible;
    return check_folded(engine, m, eligible, err);
}

// As plan_wide_search would end for a trie of these items alone.
static uint32_t find_wide(const nj_engine *engine, const nj_eligible *eligible)
{
    uint32_t W = engine->plan.W;
    while (W < engine->plan.W_wide && !nj_engine_covers(engine, eligible, W)) {
        W *= 2;
    }
    return W;
}

nj_status nj_engine_open_masks(nj_engine *engine, nj_error *err)
{
    const size_t bytes = narrow_bytes(engine);
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
        if (is_narrow(engine, m)) {
            status = fold_mask(engine, m, at, err);
            at += bytes;
        }
        engine->masks[m].W_wide = find_wide(engine, engine->masks[m].eligible);
    }
    return status;
}

// ---- candidates of a user ----

// Where answers are SIDs the candidates are folded up their trie.
static size_t folded_bytes(const nj_engine *engine)
{
    return nj_engine_says_strings(engine)
               ? 0
               : nj_arena_cost(nj_eligible_bytes(&engine->catalogue.trie));
}

size_t nj_engine_candidates_bytes(const nj_engine *engine)
{
    const size_t words = nj_bits_words(engine->catalogue.sids.row_count);
    return engine->settings.candidates_max == 0
               ? 0
               : nj_arena_cost(words * sizeof(uint64_t)) + nj_arena_cost(sizeof(nj_eligible)) +
                     folded_bytes(engine);
}

// Whether the row is in the mask, and no retired one where answers are strings.
static bool is_open(const nj_engine *engine, const engine_mask *mask, uint32_t row)
{
    return (mask->eligible == NULL || nj_bits_has(mask->eligible->items, row)) &&
           (!nj_engine_says_strings(engine) ||
            engine->prompt.answers.row_node[row] != NJ_TOKEN_TRIE_NONE);
}

// The bits of the open ones, and how many they are.
static const uint64_t *list_candidates(nj_engine *engine, const engine_mask *mask,
                                       const nj_request *request, uint32_t *out_count)
{
    const size_t bytes = nj_bits_words(engine->catalogue.sids.row_count) * sizeof(uint64_t);
    uint64_t *rows = nj_arena_take(&engine->batch_arena, bytes);
    memset(rows, 0, bytes);
    *out_count = 0;
    for (uint32_t i = 0; i < request->candidate_count; i++) {
        const uint32_t row = request->candidates[i];
        if (is_open(engine, mask, row) && !nj_bits_has(rows, row)) {
            nj_bits_add(rows, row);
            (*out_count)++;
        }
    }
    return rows;
}

engine_mask nj_engine_user_mask(nj_engine *engine, const nj_request *request)
{
    engine_mask mask = engine->masks[request->mask];
    if (request->candidates == NULL || engine->prompt.answer == NJ_SAYS_TEXT) {
        return mask;
    }
    uint32_t count;
    nj_arena *arena = &engine->batch_arena;
    const nj_trie *trie = &engine->catalogue.trie;
    const uint64_t *rows = list_candidates(engine, &mask, request, &count);
    nj_eligible *own = nj_arena_take(arena, sizeof *own);
    if (nj_engine_says_strings(engine)) {
        *own = (nj_eligible){.items = rows, .item_count = count};
    } else {
        nj_eligible_fold(trie, rows, nj_arena_take(arena, nj_eligible_bytes(trie)), own);
    }
    mask.eligible = own;
    mask.candidates = request->candidates;
    mask.candidate_count = request->candidate_count;
    mask.W_wide = find_wide(engine, own);
    return mask;
}

// ---- closing ----

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
    free(engine->cold.why);
    free(engine->cold.reserve);
    free(engine->cold_exclude);
}
