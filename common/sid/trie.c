#include "common/sid/trie.h"

#include <string.h>

#include "common/base/bits.h"
#include "common/sid/trie_starts.h"

#define WORD_BITS 64
#define CODES_AT_ONCE 8 // scratch has at least so many

// ---- ranges ----

uint32_t nj_trie_span_max(const nj_trie *trie)
{
    uint32_t widest = CODES_AT_ONCE;
    for (uint32_t l = 0; l < trie->level_count; l++) {
        widest = trie->codes_per_level[l] > widest ? trie->codes_per_level[l] : widest;
    }
    return widest;
}

uint32_t nj_trie_width(const nj_trie *trie)
{
    // Every node has a child, so no level is wider than the leaves.
    return trie->node_count[trie->level_count];
}

nj_trie_range nj_trie_child_range(const nj_trie *trie, uint32_t level, uint32_t node)
{
    return nj_trie_starts_range(&trie->levels[level].starts, node);
}

nj_trie_range nj_trie_leaf_range(const nj_trie *trie, uint32_t leaf)
{
    return nj_trie_starts_range(&trie->leaves, leaf);
}

nj_trie_range nj_trie_node_range(const nj_trie *trie, uint32_t level, uint32_t node)
{
    nj_trie_range range = {node, node + 1};
    for (uint32_t l = level; l < trie->level_count; l++) {
        range.first = nj_trie_child_range(trie, l, range.first).first;
        range.end = nj_trie_child_range(trie, l, range.end - 1).end;
    }
    return range;
}

// ---- children ----

// The codes of a row of bits, ascending. Words whose bits are all set, as upper levels have many, need no search.
static void list_bits(const uint64_t *row, uint32_t row_words, uint16_t *codes)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < row_words; w++) {
        uint64_t bits = row[w];
        if (bits == UINT64_MAX) {
            for (uint32_t i = 0; i < WORD_BITS; i++) {
                codes[count++] = (uint16_t)(w * WORD_BITS + i);
            }
            continue;
        }
        for (; bits != 0; bits &= bits - 1) {
            codes[count++] = (uint16_t)(w * WORD_BITS + (uint32_t)__builtin_ctzll(bits));
        }
    }
}

// Most nodes of deep levels have few children: a fixed number of codes is copied first, which needs no branch on the count.
static void widen_codes(const nj_trie_level *level, nj_trie_range range, uint16_t *codes)
{
    const uint8_t *bytes = level->bytes + range.first;
    const uint32_t count = range.end - range.first;
    uint32_t i = 0;
    if (range.first + CODES_AT_ONCE <= level->starts.child_count) {
        for (; i < CODES_AT_ONCE; i++) {
            codes[i] = bytes[i];
        }
    }
    for (; i < count; i++) {
        codes[i] = bytes[i];
    }
}

nj_trie_children_span nj_trie_children(const nj_trie *trie, uint32_t level, uint32_t node,
                                       uint16_t *scratch)
{
    const nj_trie_level *at = &trie->levels[level];
    const nj_trie_range range = nj_trie_starts_range(&at->starts, node);
    nj_trie_children_span span = {scratch, range.first, range.end - range.first};
    if (at->words != NULL) {
        span.codes = at->words + range.first;
    } else if (at->bytes != NULL) {
        widen_codes(at, range, scratch);
    } else {
        list_bits(at->bits + (size_t)node * at->row_words, at->row_words, scratch);
    }
    return span;
}

void nj_trie_prefetch(const nj_trie *trie, uint32_t level, uint32_t node)
{
    const nj_trie_level *at = &trie->levels[level];
    if (at->bits != NULL) {
        __builtin_prefetch(at->bits + (size_t)node * at->row_words);
        return;
    }
    const uint32_t first = nj_trie_starts_first(&at->starts, node);
    if (at->words != NULL) {
        __builtin_prefetch(at->words + first);
    } else {
        __builtin_prefetch(at->bytes + first);
    }
}

// ---- single codes ----

// The code of `child`, a child of `node`.
static uint16_t code_of(const nj_trie_level *level, uint32_t node, uint32_t child)
{
    if (level->words != NULL) {
        return level->words[child];
    }
    if (level->bytes != NULL) {
        return level->bytes[child];
    }
    const uint64_t *row = level->bits + (size_t)node * level->row_words;
    uint32_t before = child - nj_trie_starts_first(&level->starts, node); // set bits to pass
    uint32_t w = 0;
    for (uint32_t set; (set = (uint32_t)__builtin_popcountll(row[w])) <= before; w++) {
        before -= set;
    }
    uint64_t bits = row[w];
    for (; before > 0; before--) {
        bits &= bits - 1;
    }
    return (uint16_t)(w * WORD_BITS + (uint32_t)__builtin_ctzll(bits));
}

// The code behind `code` in a row of bits that has one.
static uint16_t next_bit(const nj_trie_level *level, uint32_t node, uint32_t from)
{
    const uint64_t *row = level->bits + (size_t)node * level->row_words;
    uint32_t w = from / WORD_BITS;
    uint64_t bits = row[w] & (UINT64_MAX << from % WORD_BITS);
    while (bits == 0) {
        bits = row[++w];
    }
    return (uint16_t)(w * WORD_BITS + (uint32_t)__builtin_ctzll(bits));
}

static uint32_t step_bits(const nj_trie_level *level, uint32_t node, uint16_t code)
{
    const uint64_t *row = level->bits + (size_t)node * level->row_words;
    const uint32_t last = code / WORD_BITS;
    if (last >= level->row_words || (row[last] >> code % WORD_BITS & 1) == 0) {
        return NJ_TRIE_NONE;
    }
    uint32_t child = nj_trie_starts_first(&level->starts, node);
    for (uint32_t w = 0; w < last; w++) {
        child += (uint32_t)__builtin_popcountll(row[w]);
    }
    const uint64_t below = ((uint64_t)1 << code % WORD_BITS) - 1;
    return child + (uint32_t)__builtin_popcountll(row[last] & below);
}

uint32_t nj_trie_step(const nj_trie *trie, uint32_t level, uint32_t node, uint16_t code)
{
    const nj_trie_level *at = &trie->levels[level];
    if (at->bits != NULL) {
        return step_bits(at, node, code);
    }
    const nj_trie_range range = nj_trie_starts_range(&at->starts, node);
    uint32_t low = range.first;
    uint32_t high = range.end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (code_of(at, node, middle) < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < range.end && code_of(at, node, low) == code ? low : NJ_TRIE_NONE;
}

uint32_t nj_trie_find(const nj_trie *trie, const uint16_t *codes)
{
    uint32_t node = 0;
    for (uint32_t l = 0; l < trie->level_count && node != NJ_TRIE_NONE; l++) {
        node = nj_trie_step(trie, l, node, codes[l]);
    }
    return node;
}

static uint32_t parent_of(const nj_trie_starts *starts, uint32_t child)
{
    uint32_t low = 0;
    uint32_t high = starts->node_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (nj_trie_starts_first(starts, middle) <= child) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

void nj_trie_leaf_codes(const nj_trie *trie, uint32_t leaf, uint16_t *codes)
{
    uint32_t child = leaf;
    for (uint32_t l = trie->level_count; l-- > 0;) {
        const uint32_t node = parent_of(&trie->levels[l].starts, child);
        codes[l] = code_of(&trie->levels[l], node, child);
        child = node;
    }
}

// ---- walking over all leaves ----

void nj_trie_walk_begin(const nj_trie *trie, nj_trie_walk *out)
{
    *out = (nj_trie_walk){.trie = trie};
    for (uint32_t l = 0; l < trie->level_count; l++) {
        out->codes[l] = code_of(&trie->levels[l], 0, 0);
    }
}

bool nj_trie_walk_next(nj_trie_walk *walk)
{
    const nj_trie *trie = walk->trie;
    uint32_t l = trie->level_count;
    if (walk->node[l] + 1 == trie->node_count[l]) {
        return false;
    }
    // Upwards as long as the next child is the first of another node; that other node is next, too.
    bool first;
    do {
        l--;
        first = nj_trie_starts_at(&trie->levels[l].starts, walk->node[l], ++walk->node[l + 1]);
    } while (first && l > 0);
    for (; l < trie->level_count; l++, first = true) {
        const nj_trie_level *level = &trie->levels[l];
        const uint32_t node = walk->node[l];
        walk->codes[l] = level->bits == NULL
                             ? code_of(level, node, walk->node[l + 1])
                             : next_bit(level, node, first ? 0 : walk->codes[l] + 1u);
    }
    return true;
}

// ---- folding sets ----

void nj_trie_fold(const nj_trie *trie, uint32_t level, const uint64_t *below, uint64_t *above)
{
    const nj_trie_starts *starts = &trie->levels[level].starts;
    nj_trie_range range = {0, 0};
    memset(above, 0, nj_bits_words(starts->node_count) * sizeof *above);
    for (uint32_t node = 0; node < starts->node_count; node++) {
        range = (nj_trie_range){range.end, nj_trie_starts_first(starts, node + 1)};
        if (nj_bits_any(below, range.first, range.end)) {
            nj_bits_add(above, node);
        }
    }
}

void nj_trie_fold_rows(const nj_trie *trie, const uint64_t *rows, uint64_t *leaves)
{
    const nj_trie_starts *starts = &trie->leaves;
    uint32_t leaf = 0;
    memset(leaves, 0, nj_bits_words(starts->node_count) * sizeof *leaves);
    for (uint32_t i = 0; i < trie->item_count; i++) {
        leaf += i > 0 && nj_trie_starts_at(starts, leaf, i);
        if (nj_bits_has(rows, trie->items[i])) {
            nj_bits_add(leaves, leaf);
        }
    }
}
