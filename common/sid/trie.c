#include "common/sid/trie.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/sid/trie_layout.h"

// ---- layout ----

// Puts an array of `count` elements at *at and moves *at behind it, rounded up to where the next one may start.
static bool place_array(size_t *at, size_t count, size_t element_bytes, size_t *out_offset)
{
    size_t bytes;
    size_t end;
    if (!nj_mul_size(count, element_bytes, &bytes) || !nj_add_size(*at, bytes, &end) ||
        !nj_add_size(end, NJ_TRIE_ALIGN, &bytes)) {
        return false;
    }
    *out_offset = *at;
    *at = nj_round_up(end, NJ_TRIE_ALIGN);
    return true;
}

bool nj_trie_layout_of(const nj_trie_header *header, nj_trie_layout *out)
{
    nj_trie_layout layout = {0};
    size_t at = sizeof *header;
    bool fits = true;
    for (uint32_t l = 0; l < header->level_count && fits; l++) {
        fits = place_array(&at, (size_t)header->node_count[l] + 1, sizeof(uint32_t),
                           &layout.child_offset[l]) &&
               place_array(&at, header->node_count[l + 1], sizeof(uint16_t), &layout.codes[l]);
    }
    size_t leaf_count = header->node_count[header->level_count];
    fits = fits && place_array(&at, leaf_count + 1, sizeof(uint32_t), &layout.leaf_offset) &&
           place_array(&at, header->item_count, sizeof(uint32_t), &layout.items);
    layout.end = at;
    if (fits) {
        *out = layout;
    }
    return fits;
}

// ---- opening outside bytes ----

static nj_status check_levels(const nj_trie_header *header, nj_error *err)
{
    for (uint32_t l = 0; l < NJ_LEVELS_MAX; l++) {
        uint32_t K = header->codes_per_level[l];
        uint32_t nodes = header->node_count[l + 1];
        if (l >= header->level_count) {
            if (K != 0 || nodes != 0) {
                return nj_fail(err, NJ_INPUT, "trie: level %u is set, there are %u levels", l,
                               header->level_count);
            }
            continue;
        }
        if (K < NJ_CODES_MIN || K > NJ_CODES_MAX) {
            return nj_fail(err, NJ_INPUT, "trie: level %u has %u codes, must be %d to %d", l, K,
                           NJ_CODES_MIN, NJ_CODES_MAX);
        }
        if (nodes < header->node_count[l] || nodes > NJ_TRIE_NODES_MAX) {
            return nj_fail(err, NJ_INPUT, "trie: level %u has %u nodes below %u, must be %u to %u",
                           l, nodes, header->node_count[l], header->node_count[l],
                           NJ_TRIE_NODES_MAX);
        }
    }
    return NJ_OK;
}

static nj_status check_header(const nj_trie_header *header, uint32_t item_row_count, nj_error *err)
{
    if (memcmp(header->magic, NJ_TRIE_MAGIC, sizeof header->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "trie: the bytes do not begin with \"NJTRIE\"");
    }
    if (header->version != NJ_TRIE_VERSION) {
        return nj_fail(err, NJ_INPUT, "trie: version %u, this program reads %d", header->version,
                       NJ_TRIE_VERSION);
    }
    if (header->level_count < 1 || header->level_count > NJ_LEVELS_MAX) {
        return nj_fail(err, NJ_INPUT, "trie: %u levels, must be 1 to %d", header->level_count,
                       NJ_LEVELS_MAX);
    }
    if (header->reserved_0 != 0 || header->reserved_1 != 0) {
        return nj_fail(err, NJ_INPUT, "trie: reserved bytes of the header are not zero");
    }
    if (header->node_count[0] != 1) {
        return nj_fail(err, NJ_INPUT, "trie: %u roots, must be 1", header->node_count[0]);
    }
    nj_status status = check_levels(header, err);
    uint32_t leaf_count = header->node_count[header->level_count];
    if (status == NJ_OK &&
        (header->item_count < leaf_count || header->item_count > item_row_count)) {
        return nj_fail(err, NJ_INPUT, "trie: %u items, must be %u (leaves) to %u (catalogue rows)",
                       header->item_count, leaf_count, item_row_count);
    }
    return status;
}

// Offsets rise strictly from 0 to `end`: every node has a child, every leaf an item.
static nj_status check_offsets(const uint32_t *offset, uint32_t count, uint32_t end, uint32_t level,
                               nj_error *err)
{
    if (offset[0] != 0 || offset[count] != end) {
        return nj_fail(err, NJ_INPUT,
                       "trie: offsets of level %u run from %u to %u, must be 0 to %u", level,
                       offset[0], offset[count], end);
    }
    for (uint32_t n = 0; n < count; n++) {
        if (offset[n] >= offset[n + 1]) {
            return nj_fail(err, NJ_INPUT, "trie: level %u, node %u: offset %u is followed by %u",
                           level, n, offset[n], offset[n + 1]);
        }
    }
    return NJ_OK;
}

// The offsets have been checked.
static nj_status check_codes(const nj_trie *trie, uint32_t level, nj_error *err)
{
    for (uint32_t n = 0; n < trie->node_count[level]; n++) {
        nj_trie_children_span span = nj_trie_children(trie, level, n, NULL);
        for (uint32_t i = 1; i < span.count; i++) {
            if (span.codes[i - 1] >= span.codes[i]) {
                return nj_fail(err, NJ_INPUT, "trie: level %u, node %u: code %u is followed by %u",
                               level, n, span.codes[i - 1], span.codes[i]);
            }
        }
        if (span.codes[span.count - 1] >= trie->codes_per_level[level]) {
            return nj_fail(err, NJ_INPUT,
                           "trie: level %u, node %u: code %u, the level has %u codes", level, n,
                           span.codes[span.count - 1], trie->codes_per_level[level]);
        }
    }
    return NJ_OK;
}

// Marks the rows of one leaf in `seen`, a bit a row.
static nj_status check_leaf(const nj_trie *trie, uint32_t leaf, uint32_t item_row_count,
                            uint8_t *seen, nj_error *err)
{
    uint32_t count;
    const uint32_t *items = nj_trie_leaf_items(trie, leaf, &count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = items[i];
        if (row >= item_row_count) {
            return nj_fail(err, NJ_INPUT, "trie: leaf %u names row %u, the catalogue has %u", leaf,
                           row, item_row_count);
        }
        if (i > 0 && items[i - 1] >= row) {
            return nj_fail(err, NJ_INPUT, "trie: leaf %u: row %u is followed by %u", leaf,
                           items[i - 1], row);
        }
        uint8_t bit = (uint8_t)(1u << row % 8);
        if ((seen[row / 8] & bit) != 0) {
            return nj_fail(err, NJ_INPUT, "trie: row %u stands in leaf %u and in an earlier one",
                           row, leaf);
        }
        seen[row / 8] |= bit;
    }
    return NJ_OK;
}

static nj_status check_items(const nj_trie *trie, uint32_t item_row_count, nj_error *err)
{
    uint8_t *seen = calloc((size_t)item_row_count / 8 + 1, 1);
    if (seen == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "trie: no memory to check %u rows", item_row_count);
    }
    nj_status status = NJ_OK;
    uint32_t leaf_count = trie->node_count[trie->level_count];
    for (uint32_t leaf = 0; leaf < leaf_count && status == NJ_OK; leaf++) {
        status = check_leaf(trie, leaf, item_row_count, seen, err);
    }
    free(seen);
    return status;
}

// Bytes between the end of an array and the start of the next are zero, so that a trie has one form only.
static nj_status check_gap(const uint8_t *bytes, size_t from, size_t to, nj_error *err)
{
    for (size_t at = from; at < to; at++) {
        if (bytes[at] != 0) {
            return nj_fail(err, NJ_INPUT, "trie: byte %zu between two arrays is %u, must be 0", at,
                           bytes[at]);
        }
    }
    return NJ_OK;
}

static nj_status check_gaps(const uint8_t *bytes, const nj_trie_header *header,
                            const nj_trie_layout *layout, nj_error *err)
{
    nj_status status = NJ_OK;
    uint32_t L = header->level_count;
    for (uint32_t l = 0; l < L && status == NJ_OK; l++) {
        size_t offsets_end = layout->child_offset[l] + 4 * ((size_t)header->node_count[l] + 1);
        size_t codes_end = layout->codes[l] + 2 * (size_t)header->node_count[l + 1];
        size_t next = l + 1 < L ? layout->child_offset[l + 1] : layout->leaf_offset;
        status = check_gap(bytes, offsets_end, layout->codes[l], err);
        if (status == NJ_OK) {
            status = check_gap(bytes, codes_end, next, err);
        }
    }
    size_t leaves_end = layout->leaf_offset + 4 * ((size_t)header->node_count[L] + 1);
    size_t items_end = layout->items + 4 * (size_t)header->item_count;
    if (status == NJ_OK) {
        status = check_gap(bytes, leaves_end, layout->items, err);
    }
    return status == NJ_OK ? check_gap(bytes, items_end, layout->end, err) : status;
}

static nj_trie view_bytes(const uint8_t *bytes, const nj_trie_header *header,
                          const nj_trie_layout *layout)
{
    nj_trie trie = {.level_count = header->level_count, .item_count = header->item_count};
    memcpy(trie.node_count, header->node_count, sizeof trie.node_count);
    memcpy(trie.codes_per_level, header->codes_per_level, sizeof trie.codes_per_level);
    for (uint32_t l = 0; l < header->level_count; l++) {
        trie.child_offset[l] = (const uint32_t *)(const void *)(bytes + layout->child_offset[l]);
        trie.codes[l] = (const uint16_t *)(const void *)(bytes + layout->codes[l]);
    }
    trie.leaf_offset = (const uint32_t *)(const void *)(bytes + layout->leaf_offset);
    trie.items = (const uint32_t *)(const void *)(bytes + layout->items);
    return trie;
}

nj_status nj_trie_open(const void *bytes, size_t size, uint32_t item_row_count, nj_trie *out,
                       nj_error *err)
{
    assert((uintptr_t)bytes % NJ_TRIE_ALIGN == 0);
    const nj_trie_header *header = bytes;
    nj_trie_layout layout;
    if (size < sizeof *header) {
        return nj_fail(err, NJ_INPUT, "trie: %zu bytes, the header alone has %zu", size,
                       sizeof *header);
    }
    nj_status status = check_header(header, item_row_count, err);
    if (status != NJ_OK) {
        return status;
    }
    if (!nj_trie_layout_of(header, &layout)) {
        return nj_fail(err, NJ_INPUT, "trie: the announced arrays fit in no memory");
    }
    if (layout.end != size) {
        return nj_fail(err, NJ_INPUT,
                       "trie: the announced arrays end at byte %zu, the section at %zu", layout.end,
                       size);
    }
    nj_trie trie = view_bytes(bytes, header, &layout);
    uint32_t L = trie.level_count;
    status = check_gaps(bytes, header, &layout, err);
    for (uint32_t l = 0; l < L && status == NJ_OK; l++) {
        status =
            check_offsets(trie.child_offset[l], trie.node_count[l], trie.node_count[l + 1], l, err);
        if (status == NJ_OK) {
            status = check_codes(&trie, l, err);
        }
    }
    if (status == NJ_OK) {
        status = check_offsets(trie.leaf_offset, trie.node_count[L], trie.item_count, L, err);
    }
    if (status == NJ_OK) {
        status = check_items(&trie, item_row_count, err);
    }
    if (status == NJ_OK) {
        *out = trie;
    }
    return status;
}

// ---- walking ----

uint32_t nj_trie_span_max(const nj_trie *trie)
{
    uint32_t widest = 0;
    for (uint32_t l = 0; l < trie->level_count; l++) {
        widest = trie->codes_per_level[l] > widest ? trie->codes_per_level[l] : widest;
    }
    return widest;
}

nj_trie_range nj_trie_child_range(const nj_trie *trie, uint32_t level, uint32_t node)
{
    const uint32_t *offset = trie->child_offset[level] + node;
    return (nj_trie_range){offset[0], offset[1]};
}

nj_trie_children_span nj_trie_children(const nj_trie *trie, uint32_t level, uint32_t node,
                                       uint16_t *scratch)
{
    nj_trie_range range = nj_trie_child_range(trie, level, node);
    (void)scratch;
    return (nj_trie_children_span){trie->codes[level] + range.first, range.first,
                                   range.end - range.first};
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

nj_trie_range nj_trie_leaf_range(const nj_trie *trie, uint32_t leaf)
{
    return (nj_trie_range){trie->leaf_offset[leaf], trie->leaf_offset[leaf + 1]};
}

uint32_t nj_trie_step(const nj_trie *trie, uint32_t level, uint32_t node, uint16_t code)
{
    nj_trie_range range = nj_trie_child_range(trie, level, node);
    uint32_t low = range.first;
    uint32_t high = range.end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (trie->codes[level][middle] < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < range.end && trie->codes[level][low] == code ? low : NJ_TRIE_NONE;
}

uint32_t nj_trie_find(const nj_trie *trie, const uint16_t *codes)
{
    uint32_t node = 0;
    for (uint32_t l = 0; l < trie->level_count && node != NJ_TRIE_NONE; l++) {
        node = nj_trie_step(trie, l, node, codes[l]);
    }
    return node;
}

// The node of `level` that has `child` among its children.
static uint32_t find_parent(const nj_trie *trie, uint32_t level, uint32_t child)
{
    uint32_t low = 0;
    uint32_t high = trie->node_count[level] - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (trie->child_offset[level][middle] <= child) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

void nj_trie_leaf_codes(const nj_trie *trie, uint32_t leaf, uint16_t *codes)
{
    uint32_t node = leaf;
    for (uint32_t l = trie->level_count; l-- > 0;) {
        codes[l] = trie->codes[l][node];
        node = find_parent(trie, l, node);
    }
}

static bool bit_at(const uint64_t *bits, uint32_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

void nj_trie_fold(const nj_trie *trie, uint32_t level, const uint64_t *below, uint64_t *above)
{
    memset(above, 0, ((size_t)trie->node_count[level] + 63) / 64 * sizeof *above);
    for (uint32_t node = 0; node < trie->node_count[level]; node++) {
        nj_trie_range range = nj_trie_child_range(trie, level, node);
        for (uint32_t child = range.first; child < range.end; child++) {
            above[node / 64] |= (uint64_t)bit_at(below, child) << node % 64;
        }
    }
}

void nj_trie_fold_rows(const nj_trie *trie, const uint64_t *rows, uint64_t *leaves)
{
    uint32_t leaf_count = trie->node_count[trie->level_count];
    memset(leaves, 0, ((size_t)leaf_count + 63) / 64 * sizeof *leaves);
    for (uint32_t leaf = 0; leaf < leaf_count; leaf++) {
        nj_trie_range range = nj_trie_leaf_range(trie, leaf);
        for (uint32_t i = range.first; i < range.end; i++) {
            leaves[leaf / 64] |= (uint64_t)bit_at(rows, trie->items[i]) << leaf % 64;
        }
    }
}

uint32_t nj_trie_width(const nj_trie *trie)
{
    // Every node has a child, so no level is wider than the leaves.
    return trie->node_count[trie->level_count];
}
