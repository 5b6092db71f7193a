// trie_open.c - outside bytes become a trie only after every rule of schemas/trie.md has been checked.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/sid/trie_starts.h"

// ---- header ----

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
        return nj_fail(err, NJ_INPUT,
                       "trie: version %u, this program reads %d: pack the bundle again with it",
                       header->version, NJ_TRIE_VERSION);
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
        (header->item_count < leaf_count || header->item_count > item_row_count ||
         header->item_count > NJ_TRIE_NODES_MAX)) {
        return nj_fail(err, NJ_INPUT, "trie: %u items, must be %u (leaves) to %u (catalogue rows)",
                       header->item_count, leaf_count, item_row_count);
    }
    return status;
}

// ---- gaps ----

// Bytes between the end of an array and the start of the next are zero, so that a trie has one form only. `from` 0: there is no array.
static nj_status check_gap(const uint8_t *bytes, size_t from, nj_error *err)
{
    for (size_t at = from; at % NJ_TRIE_ALIGN != 0; at++) {
        if (bytes[at] != 0) {
            return nj_fail(err, NJ_INPUT, "trie: byte %zu between two arrays is %u, must be 0", at,
                           bytes[at]);
        }
    }
    return NJ_OK;
}

static nj_status check_gaps(const uint8_t *bytes, const nj_trie_layout *layout,
                            uint32_t level_count, nj_error *err)
{
    nj_status status = check_gap(bytes, layout->items_end, err);
    for (uint32_t l = 0; l <= level_count && status == NJ_OK; l++) {
        const nj_trie_starts_layout *starts = &layout->starts[l];
        status = check_gap(bytes, starts->first_end, err);
        if (status == NJ_OK) {
            status = check_gap(bytes, starts->second_end, err);
        }
        if (status == NJ_OK && l < level_count) {
            status = check_gap(bytes, layout->codes_end[l], err);
        }
    }
    return status;
}

// ---- starts ----

// Starts rise strictly from 0 to the children's count: every node has a child, every leaf an item.
static nj_status check_rise(const nj_trie_starts *starts, uint32_t level, nj_error *err)
{
    const uint32_t count = starts->node_count;
    const uint32_t end = nj_trie_starts_first(starts, count);
    uint32_t first = nj_trie_starts_first(starts, 0);
    if (first != 0 || end != starts->child_count) {
        return nj_fail(err, NJ_INPUT, "trie: starts of level %u run from %u to %u, must be 0 to %u",
                       level, first, end, starts->child_count);
    }
    for (uint32_t n = 0; n < count; n++) {
        const uint32_t next = nj_trie_starts_first(starts, n + 1);
        if (first >= next) {
            return nj_fail(err, NJ_INPUT, "trie: level %u, node %u: start %u is followed by %u",
                           level, n, first, next);
        }
        first = next;
    }
    return NJ_OK;
}

// A base is the start of its own node, so that starts have one form only.
static nj_status check_bases(const nj_trie_starts *starts, uint32_t level, nj_error *err)
{
    for (uint32_t n = 0; n <= starts->node_count; n += NJ_TRIE_BASE_NODES) {
        if (starts->near[n] != 0) {
            return nj_fail(err, NJ_INPUT,
                           "trie: level %u, node %u starts %u behind its own base, must be 0",
                           level, n, starts->near[n]);
        }
    }
    return NJ_OK;
}

// The hints of nodes whose marks are among marks `first` .. `end` - 1, those of `block`.
static nj_status check_hints(const nj_trie_starts *starts, uint32_t level, uint32_t block,
                             uint32_t first, uint32_t end, nj_error *err)
{
    uint32_t hint = first / NJ_TRIE_HINT_NODES + (first % NJ_TRIE_HINT_NODES != 0);
    for (; hint * NJ_TRIE_HINT_NODES < end; hint++) {
        if (starts->hints[hint] != block) {
            return nj_fail(
                err, NJ_INPUT,
                "trie: level %u, hint %u is block %u, the mark of node %u is in block %u", level,
                hint, starts->hints[hint], hint * NJ_TRIE_HINT_NODES, block);
        }
    }
    return NJ_OK;
}

static nj_status check_last_block(const nj_trie_starts *starts, uint32_t level, uint32_t marks,
                                  nj_error *err)
{
    const uint32_t last = nj_trie_block_count(starts->child_count) - 1;
    const uint32_t last_hint = starts->hints[nj_trie_hint_count(starts->node_count) - 1];
    const uint32_t used = starts->child_count - last * NJ_TRIE_BLOCK_CHILDREN;
    if (marks != starts->node_count) {
        return nj_fail(err, NJ_INPUT, "trie: level %u has %u marks, must be %u, one a node", level,
                       marks, starts->node_count);
    }
    if ((uint64_t)nj_trie_block_marks(starts, last) >> used != 0) {
        return nj_fail(err, NJ_INPUT, "trie: level %u has a mark behind child %u, the last", level,
                       starts->child_count - 1);
    }
    if (last_hint != last) {
        return nj_fail(err, NJ_INPUT, "trie: the last hint of level %u is block %u, must be %u",
                       level, last_hint, last);
    }
    return NJ_OK;
}

// One mark a node, the first at child 0; ranks and hints are what the marks say.
static nj_status check_marks(const nj_trie_starts *starts, uint32_t level, nj_error *err)
{
    const uint32_t block_count = nj_trie_block_count(starts->child_count);
    uint32_t marks = 0;
    if ((nj_trie_block_marks(starts, 0) & 1) == 0) {
        return nj_fail(err, NJ_INPUT, "trie: level %u has no mark at child 0", level);
    }
    for (uint32_t block = 0; block < block_count; block++) {
        if (nj_trie_block_rank(starts, block) != marks) {
            return nj_fail(err, NJ_INPUT,
                           "trie: level %u, block %u: rank %u, there are %u marks before it", level,
                           block, nj_trie_block_rank(starts, block), marks);
        }
        const uint32_t first = marks;
        marks += (uint32_t)__builtin_popcount(nj_trie_block_marks(starts, block));
        if (marks > starts->node_count) {
            break; // more hints would be looked for than there are
        }
        nj_status status = check_hints(starts, level, block, first, marks, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    return check_last_block(starts, level, marks, err);
}

static nj_status check_starts(const nj_trie_starts *starts, uint32_t level, nj_error *err)
{
    if (starts->blocks != NULL) {
        return check_marks(starts, level, err);
    }
    nj_status status = starts->bases != NULL ? check_bases(starts, level, err) : NJ_OK;
    return status == NJ_OK ? check_rise(starts, level, err) : status;
}

// ---- codes; the starts have been checked ----

static uint32_t listed_code(const nj_trie_level *level, uint32_t child)
{
    return level->words != NULL ? level->words[child] : level->bytes[child];
}

static nj_status check_list(const nj_trie *trie, uint32_t l, nj_error *err)
{
    const nj_trie_level *level = &trie->levels[l];
    const uint32_t K = trie->codes_per_level[l];
    uint32_t node = 0;
    uint32_t before = listed_code(level, 0);
    for (uint32_t child = 0; child < level->starts.child_count; child++) {
        const uint32_t code = listed_code(level, child);
        const bool first = child > 0 && nj_trie_starts_at(&level->starts, node, child);
        node += first;
        if (code >= K) {
            return nj_fail(err, NJ_INPUT,
                           "trie: level %u, node %u: code %u, the level has %u codes", l, node,
                           code, K);
        }
        if (child > 0 && !first && before >= code) {
            return nj_fail(err, NJ_INPUT, "trie: level %u, node %u: code %u is followed by %u", l,
                           node, before, code);
        }
        before = code;
    }
    return NJ_OK;
}

static nj_status check_bits(const nj_trie *trie, uint32_t l, nj_error *err)
{
    const nj_trie_level *level = &trie->levels[l];
    const uint32_t K = trie->codes_per_level[l];
    const uint32_t used = (K - 1) % 64 + 1; // bits of a row's last word
    const uint64_t *row = level->bits;
    for (uint32_t node = 0; node < trie->node_count[l]; node++, row += level->row_words) {
        uint32_t set = 0;
        for (uint32_t w = 0; w < level->row_words; w++) {
            set += (uint32_t)__builtin_popcountll(row[w]);
        }
        const nj_trie_range range = nj_trie_child_range(trie, l, node);
        if (set != range.end - range.first) {
            return nj_fail(err, NJ_INPUT,
                           "trie: level %u, node %u: %u codes are set, its starts say %u children",
                           l, node, set, range.end - range.first);
        }
        if (used < 64 && row[level->row_words - 1] >> used != 0) {
            return nj_fail(err, NJ_INPUT, "trie: level %u, node %u: a code is set behind code %u",
                           l, node, K - 1);
        }
    }
    return NJ_OK;
}

// ---- items ----

// Marks `row` in `seen`, a bit a row.
static nj_status check_row(const nj_trie *trie, uint32_t leaf, uint32_t at, uint32_t item_row_count,
                           uint8_t *seen, nj_error *err)
{
    const uint32_t row = trie->items[at];
    if (row >= item_row_count) {
        return nj_fail(err, NJ_INPUT, "trie: leaf %u names row %u, the catalogue has %u", leaf, row,
                       item_row_count);
    }
    const uint8_t bit = (uint8_t)(1u << row % 8);
    if ((seen[row / 8] & bit) != 0) {
        return nj_fail(err, NJ_INPUT, "trie: row %u stands in leaf %u and before", row, leaf);
    }
    seen[row / 8] |= bit;
    return NJ_OK;
}

static nj_status check_items(const nj_trie *trie, uint32_t item_row_count, nj_error *err)
{
    uint8_t *seen = calloc((size_t)item_row_count / 8 + 1, 1);
    if (seen == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "trie: no memory to check %u rows", item_row_count);
    }
    nj_status status = NJ_OK;
    uint32_t leaf = 0;
    for (uint32_t i = 0; i < trie->item_count && status == NJ_OK; i++) {
        if (i > 0 && nj_trie_starts_at(&trie->leaves, leaf, i)) {
            leaf++;
        } else if (i > 0 && trie->items[i - 1] >= trie->items[i]) {
            status = nj_fail(err, NJ_INPUT, "trie: leaf %u: row %u is followed by %u", leaf,
                             trie->items[i - 1], trie->items[i]);
        }
        if (status == NJ_OK) {
            status = check_row(trie, leaf, i, item_row_count, seen, err);
        }
    }
    free(seen);
    return status;
}

// ---- the whole ----

static nj_status check_arrays(const nj_trie *trie, uint32_t item_row_count, nj_error *err)
{
    nj_status status = NJ_OK;
    for (uint32_t l = 0; l < trie->level_count && status == NJ_OK; l++) {
        status = check_starts(&trie->levels[l].starts, l, err);
        if (status == NJ_OK) {
            status =
                trie->levels[l].bits != NULL ? check_bits(trie, l, err) : check_list(trie, l, err);
        }
    }
    if (status == NJ_OK) {
        status = check_starts(&trie->leaves, trie->level_count, err);
    }
    return status == NJ_OK ? check_items(trie, item_row_count, err) : status;
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
    const nj_trie trie = nj_trie_view(bytes, header, &layout);
    status = check_gaps(bytes, &layout, trie.level_count, err);
    if (status == NJ_OK) {
        status = check_arrays(&trie, item_row_count, err);
    }
    if (status == NJ_OK) {
        *out = trie;
    }
    return status;
}
