#include "worker/policy/cold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "common/base/checked.h"
#include "worker/policy/cold_parts.h"

// ---- the rule ----

static nj_status check_inputs(const nj_cold_inputs *inputs, nj_error *err)
{
    const nj_policy *policy = inputs->policy;
    const uint32_t L = inputs->catalogue->trie.level_count;
    if (policy->cold_items == NJ_COLD_ITEMS_UNSEEN && inputs->catalogue->counts == NULL) {
        return nj_fail(err, NJ_CONFIG,
                       "policy: cold.items is unseen, and the bundle has counted no histories: "
                       "pack it with --histories");
    }
    if (policy->cold_items == NJ_COLD_ITEMS_ADDED && inputs->trained_item_count == 0) {
        return nj_fail(err, NJ_CONFIG,
                       "policy: cold.items is added, and the model does not say on how many items "
                       "it was trained (key \"nightjar\" of its config.json): say unseen, and pack "
                       "the bundle with --histories");
    }
    if (policy->cold_places > 0 && inputs->vectors == NULL) {
        return nj_fail(err, NJ_CONFIG,
                       "policy: cold.places is %" PRIu32 ", and the bundle has no vectors to find "
                       "cold items by: pack it with --item-vectors",
                       policy->cold_places);
    }
    if (policy->borrow_levels > L) {
        return nj_fail(err, NJ_CONFIG,
                       "policy: cold.borrow.levels is %" PRIu32
                       ", and the catalogue's SIDs have %" PRIu32 " levels",
                       policy->borrow_levels, L);
    }
    return NJ_OK;
}

static bool is_cold(const nj_cold_inputs *inputs, uint32_t row)
{
    return inputs->policy->cold_items == NJ_COLD_ITEMS_UNSEEN ? inputs->catalogue->counts[row] == 0
                                                              : row >= inputs->trained_item_count;
}

static bool is_wanted(const nj_cold_inputs *inputs, uint32_t row)
{
    return is_cold(inputs, row) && (inputs->denied == NULL || !nj_bits_has(inputs->denied, row));
}

static uint32_t row_count(const nj_cold_inputs *inputs)
{
    return inputs->catalogue->sids.row_count;
}

uint32_t nj_cold_count(const nj_cold_inputs *inputs)
{
    const bool is_said = inputs->policy->cold_items == NJ_COLD_ITEMS_UNSEEN
                             ? inputs->catalogue->counts != NULL
                             : inputs->trained_item_count > 0;
    uint32_t count = 0;
    for (uint32_t row = 0; row < row_count(inputs) && is_said; row++) {
        count += is_cold(inputs, row);
    }
    return count;
}

// ---- memory ----

// Floats of all blocks. False where that does not fit.
static bool size_blocks(const nj_cold_inputs *inputs, uint32_t count, size_t *out)
{
    const size_t columns = nj_round_up((size_t)count, NJ_COLD_COLUMN_UNIT);
    *out = 0;
    return inputs->policy->cold_places == 0 || inputs->vectors == NULL ||
           nj_mul_size(columns, inputs->vectors->width, out);
}

size_t nj_cold_bytes(const nj_cold_inputs *inputs, uint32_t count)
{
    const size_t an_item = 3 * sizeof(uint32_t) + sizeof(nj_cold_group);
    const size_t parts = sizeof(nj_cold) + nj_bits_words(row_count(inputs)) * sizeof(uint64_t) +
                         ((size_t)count + 1) * an_item;
    size_t floats;
    size_t bytes;
    return size_blocks(inputs, count, &floats) && nj_mul_size(floats + 1, sizeof(float), &bytes) &&
                   nj_add_size(bytes, parts, &bytes)
               ? bytes
               : SIZE_MAX;
}

void nj_cold_close(nj_cold **cold)
{
    nj_cold *c = *cold;
    if (c == NULL) {
        return;
    }
    free(c->rows);
    free(c->leaves);
    free(c->in_pool);
    free(c->scored);
    free(c->blocks);
    free(c->groups);
    free(c);
    *cold = NULL;
}

static bool take_items(nj_cold *c, uint32_t count)
{
    c->rows = calloc((size_t)count + 1, sizeof *c->rows);
    c->leaves = calloc((size_t)count + 1, sizeof *c->leaves);
    c->scored = calloc((size_t)count + 1, sizeof *c->scored);
    c->groups = calloc((size_t)count + 1, sizeof *c->groups);
    c->in_pool = calloc(nj_bits_words(row_count(&c->inputs)) + 1, sizeof *c->in_pool);
    return c->rows != NULL && c->leaves != NULL && c->scored != NULL && c->groups != NULL &&
           c->in_pool != NULL;
}

// ---- the pool ----

static void gather_items(nj_cold *c)
{
    const nj_trie *trie = &c->inputs.catalogue->trie;
    for (uint32_t leaf = 0; leaf < trie->node_count[trie->level_count]; leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(trie, leaf, &count);
        for (uint32_t i = 0; i < count; i++) {
            if (is_wanted(&c->inputs, rows[i])) {
                c->rows[c->count] = rows[i];
                c->leaves[c->count++] = leaf;
                nj_bits_add(c->in_pool, rows[i]);
            }
        }
    }
}

// All leaves that begin with the first `levels` codes of this one.
static nj_trie_range find_relatives(const nj_trie *trie, uint32_t leaf, uint32_t levels)
{
    uint16_t codes[NJ_LEVELS_MAX];
    uint32_t node = 0;
    nj_trie_leaf_codes(trie, leaf, codes);
    for (uint32_t level = 0; level < levels; level++) {
        node = nj_trie_step(trie, level, node, codes[level]);
    }
    return nj_trie_node_range(trie, levels, node);
}

static void gather_groups(nj_cold *c)
{
    const uint32_t levels = c->inputs.policy->borrow_levels;
    uint32_t end = 0;
    for (uint32_t i = 0; i < c->count && levels > 0; i++) {
        if (c->group_count > 0 && c->leaves[i] < end) {
            continue;
        }
        const nj_trie_range leaves =
            find_relatives(&c->inputs.catalogue->trie, c->leaves[i], levels);
        c->groups[c->group_count++] = (nj_cold_group){leaves, i};
        end = leaves.end;
    }
    c->groups[c->group_count] = (nj_cold_group){.first = c->count};
}

static void gather_scored(nj_cold *c)
{
    for (uint32_t i = 0; i < c->count && c->inputs.policy->cold_places > 0; i++) {
        if (!nj_item_vectors_is_zero(c->inputs.vectors, c->rows[i])) {
            c->scored[c->scored_count++] = i;
        }
    }
}

// Transposes the vectors, a block at a time. `row` is scratch [D].
static void fill_blocks(nj_cold *c, float *row)
{
    const uint32_t D = c->inputs.vectors->width;
    float *block = c->blocks;
    for (uint32_t b = 0; b < nj_cold_block_count(c->scored_count); b++) {
        const uint32_t columns = nj_cold_block_columns(c->scored_count, b);
        for (uint32_t k = 0; k < columns && b * NJ_COLD_BLOCK + k < c->scored_count; k++) {
            const uint32_t item = c->scored[b * NJ_COLD_BLOCK + k];
            nj_item_vectors_row(c->inputs.vectors, c->rows[item], row);
            for (uint32_t d = 0; d < D; d++) {
                block[(size_t)d * columns + k] = row[d];
            }
        }
        block += (size_t)D * columns;
    }
}

static nj_status make_blocks(nj_cold *c, nj_error *err)
{
    size_t floats = 0;
    if (c->scored_count == 0) {
        return NJ_OK;
    }
    float *row = calloc(c->inputs.vectors->width, sizeof *row);
    if (row != NULL && size_blocks(&c->inputs, c->scored_count, &floats)) {
        c->blocks = calloc(floats + 1, sizeof *c->blocks);
    }
    if (c->blocks != NULL) {
        fill_blocks(c, row);
    }
    free(row);
    return c->blocks != NULL
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "no memory for the vectors of %" PRIu32 " cold items",
                         c->scored_count);
}

nj_status nj_cold_open(const nj_cold_inputs *inputs, nj_cold **out, nj_error *err)
{
    nj_cold *c = NULL;
    nj_status status = check_inputs(inputs, err);
    if (status == NJ_OK) {
        c = calloc(1, sizeof *c);
        status =
            c == NULL ? nj_fail(err, NJ_NO_MEMORY, "no memory for a pool of cold items") : NJ_OK;
    }
    if (status == NJ_OK) {
        c->inputs = *inputs;
        const uint32_t count = nj_cold_count(inputs);
        status = take_items(c, count)
                     ? NJ_OK
                     : nj_fail(err, NJ_NO_MEMORY, "no memory for %" PRIu32 " cold items", count);
    }
    if (status == NJ_OK) {
        gather_items(c);
        gather_groups(c);
        gather_scored(c);
        status = make_blocks(c, err);
    }
    if (status == NJ_OK) {
        c->inputs.denied = NULL;
        *out = c;
        c = NULL;
    }
    nj_cold_close(&c);
    return status;
}

uint32_t nj_cold_pool_count(const nj_cold *cold)
{
    return cold->count;
}

bool nj_cold_has(const nj_cold *cold, uint32_t row)
{
    return nj_bits_has(cold->in_pool, row);
}
