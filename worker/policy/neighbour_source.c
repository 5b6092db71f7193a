#include "worker/policy/neighbour_source.h"

#include <assert.h>
#include <float.h>
#include <string.h>

#include "common/base/checked.h"

// A row's slot among 2^n: Knuth's multiplicative hashing, the upper bits of the product.
#define SLOT_FACTOR 0x9e3779b1u
#define SLOTS_MAX ((uint32_t)1 << 31)

void nj_neighbour_source_init(const nj_neighbour_table *table, uint32_t most, double fading,
                              uint32_t history_max, nj_neighbour_source *out)
{
    uint32_t widest = 0;
    for (uint32_t row = 0; row < table->row_count; row++) {
        const uint32_t count = nj_neighbour_table_count(table, row);
        widest = count > widest ? count : widest;
    }
    const uint64_t touched = (uint64_t)widest * history_max;
    *out = (nj_neighbour_source){.table = table,
                                 .most = most,
                                 .fading = fading,
                                 .history_max = history_max,
                                 .slot_count = 1};
    out->touched_max = touched < table->row_count ? (uint32_t)touched : table->row_count;
    // At most half of the slots are taken, so a search for one is short.
    while (out->slot_count < SLOTS_MAX && out->slot_count / 2 < out->touched_max) {
        out->slot_count *= 2;
    }
    if (out->slot_count >= table->row_count) {
        out->slot_count = table->row_count;
    }
}

size_t nj_neighbour_sums_bytes(const nj_neighbour_source *source)
{
    const size_t slots = source->slot_count;
    const size_t parts[] = {nj_arena_cost(slots * sizeof(uint32_t)),
                            nj_arena_cost(slots * sizeof(double)),
                            nj_arena_cost(source->touched_max * sizeof(uint32_t)),
                            nj_arena_cost(source->most * sizeof(nj_scored))};
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!nj_add_size(total, parts[i], &total)) {
            return SIZE_MAX;
        }
    }
    return total;
}

void nj_neighbour_sums_begin(const nj_neighbour_source *source, nj_arena *arena,
                             nj_neighbour_sums *out)
{
    const size_t slots = source->slot_count;
    *out = (nj_neighbour_sums){.rows = nj_arena_take(arena, slots * sizeof *out->rows),
                               .values = nj_arena_take(arena, slots * sizeof *out->values),
                               .touched =
                                   nj_arena_take(arena, source->touched_max * sizeof *out->touched),
                               .best = nj_arena_take(arena, source->most * sizeof *out->best)};
    memset(out->rows, 0xff, slots * sizeof *out->rows); // NJ_TRIE_NONE
}

static uint32_t find_slot(const nj_neighbour_source *source, const nj_neighbour_sums *sums,
                          uint32_t row)
{
    if (source->slot_count == source->table->row_count) {
        return row;
    }
    const uint32_t last = source->slot_count - 1;
    uint32_t slot = (uint32_t)((uint64_t)(row * SLOT_FACTOR) * source->slot_count >> 32);
    while (sums->rows[slot] != NJ_TRIE_NONE && sums->rows[slot] != row) {
        slot = (slot + 1) & last;
    }
    return slot;
}

static void add_neighbours(const nj_neighbour_source *source, nj_neighbour_sums *sums, uint32_t row,
                           double factor)
{
    const nj_neighbour_table *table = source->table;
    for (uint64_t at = table->offset[row]; at < table->offset[row + 1]; at++) {
        const uint32_t slot = find_slot(source, sums, table->rows[at]);
        if (sums->rows[slot] == NJ_TRIE_NONE) {
            sums->rows[slot] = table->rows[at];
            sums->values[slot] = 0;
            sums->touched[sums->count++] = slot;
        }
        sums->values[slot] += factor * (double)table->weights[at];
    }
}

// Which may be listed is asked of those alone that are among the best so far.
static void offer(const nj_listable *listable, uint32_t row, double score, nj_top *top)
{
    const nj_scored offered = {score, row};
    if ((top->count < top->most || nj_scored_better(&offered, &top->items[0])) &&
        nj_listable_has(listable, row)) {
        nj_top_offer(top, row, score);
    }
}

static void append_best(const nj_top *top, const nj_listable *listable, nj_candidates *out)
{
    for (uint32_t i = 0; i < top->count && out->count < out->room; i++) {
        const double score = top->items[i].score < FLT_MAX ? top->items[i].score : FLT_MAX;
        out->items[out->count++] =
            (nj_candidate){.row = top->items[i].item,
                           .leaf = nj_listable_leaf(listable, top->items[i].item),
                           .score = (float)score,
                           .source = NJ_SOURCE_NEIGHBOUR,
                           .raw = (float)score};
    }
}

void nj_neighbour_source_find(const nj_neighbour_source *source, nj_neighbour_sums *sums,
                              const uint32_t *history, uint32_t count, const nj_listable *listable,
                              nj_candidates *out)
{
    assert(count <= source->history_max);
    double factor = 1;
    nj_top top = {.items = sums->best, .most = source->most};
    for (uint32_t k = 0; k < count && factor > 0; k++) {
        add_neighbours(source, sums, history[count - 1 - k], factor);
        factor *= source->fading;
    }
    for (uint32_t i = 0; i < sums->count; i++) {
        const uint32_t slot = sums->touched[i];
        offer(listable, sums->rows[slot], sums->values[slot], &top);
        sums->rows[slot] = NJ_TRIE_NONE;
    }
    sums->count = 0;
    nj_top_sort(&top);
    append_best(&top, listable, out);
}
