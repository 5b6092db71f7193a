#include "worker/policy/fill.h"

#include "common/math/vecmath.h"

// A list that is being filled.
typedef struct {
    const nj_fill *fill;
    const nj_fill_taker *taker;
    uint32_t taken;
} filling;

static bool is_done(const filling *f)
{
    return f->taken >= f->taker->wanted;
}

static void offer(filling *f, uint32_t source, uint32_t row, uint32_t leaf, float raw, float score)
{
    const nj_candidate item = {
        .row = row, .leaf = leaf, .score = score, .source = source, .raw = raw};
    f->taken += f->taker->take(f->taker->context, &item);
}

static void offer_leaves(filling *f, uint32_t first, uint32_t end, uint32_t levels, float score)
{
    for (uint32_t leaf = first; leaf < end && !is_done(f); leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(f->fill->trie, leaf, &count);
        for (uint32_t i = 0; i < count && !is_done(f); i++) {
            offer(f, NJ_SOURCE_NEAR, rows[i], leaf, (float)levels, score);
        }
    }
}

// The leaves below the first `levels` codes of an item; none, {0, 0}, where it is retired and no other has them.
static nj_trie_range find_range(const nj_fill *fill, uint32_t row, uint32_t levels)
{
    const uint16_t *codes = fill->sids->codes + (size_t)row * fill->sids->level_count;
    uint32_t node = 0;
    for (uint32_t l = 0; l < levels; l++) {
        node = nj_trie_step(fill->trie, l, node, codes[l]);
        if (node == NJ_TRIE_NONE) {
            return (nj_trie_range){0, 0};
        }
    }
    return nj_trie_node_range(fill->trie, levels, node);
}

uint32_t nj_fill_near(const nj_fill *fill, const nj_candidate *items, uint32_t count,
                      const nj_fill_taker *taker)
{
    const uint32_t L = fill->trie->level_count;
    filling f = {.fill = fill, .taker = taker};
    for (uint32_t levels = L; levels > 0 && !is_done(&f); levels--) {
        for (uint32_t i = 0; i < count && !is_done(&f); i++) {
            const nj_trie_range range = find_range(fill, items[i].row, levels);
            // What shares a code more has been offered.
            const nj_trie_range inner =
                levels < L ? find_range(fill, items[i].row, levels + 1) : (nj_trie_range){0, 0};
            const bool all = inner.end == 0;
            offer_leaves(&f, range.first, all ? range.end : inner.first, levels, items[i].score);
            offer_leaves(&f, all ? range.end : inner.end, range.end, levels, items[i].score);
        }
    }
    return f.taken;
}

uint32_t nj_fill_popular(const nj_fill *fill, uint64_t total, const nj_fill_taker *taker)
{
    filling f = {.fill = fill, .taker = taker};
    for (uint32_t i = 0; i < fill->popular_count && total > 0 && !is_done(&f); i++) {
        const uint32_t row = fill->popular[i];
        const uint16_t *codes = fill->sids->codes + (size_t)row * fill->sids->level_count;
        const float share = nj_log((float)((double)fill->counts[row] / (double)total));
        offer(&f, NJ_SOURCE_POPULAR, row, nj_trie_find(fill->trie, codes), share, share);
    }
    return f.taken;
}

uint32_t nj_fill_any(const nj_fill *fill, const nj_fill_taker *taker)
{
    const nj_trie *trie = fill->trie;
    const uint32_t leaf_count = trie->node_count[trie->level_count];
    filling f = {.fill = fill, .taker = taker};
    for (uint32_t leaf = 0; leaf < leaf_count && !is_done(&f); leaf++) {
        uint32_t count;
        const uint32_t *rows = nj_trie_leaf_items(trie, leaf, &count);
        for (uint32_t i = 0; i < count && !is_done(&f); i++) {
            offer(&f, NJ_SOURCE_POPULAR, rows[i], leaf, 0.0f, 0.0f);
        }
    }
    return f.taken;
}
