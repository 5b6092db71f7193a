#include "common/sid/trie_layout.h"

#include <string.h>

#include "common/base/checked.h"

// ---- forms ----

nj_trie_starts_form nj_trie_leaves_form_of(uint32_t leaves, uint32_t items)
{
    if (items == leaves) {
        return NJ_TRIE_STARTS_NONE;
    }
    const uint64_t offsets = ((uint64_t)leaves + 1) * sizeof(uint32_t);
    const uint64_t marks = (uint64_t)nj_trie_block_count(items) * sizeof(uint64_t) +
                           (uint64_t)nj_trie_hint_count(leaves) * sizeof(uint32_t);
    return offsets <= marks ? NJ_TRIE_STARTS_OFFSETS : NJ_TRIE_STARTS_MARKS;
}

nj_trie_form nj_trie_form_of(uint32_t level, uint32_t nodes, uint32_t children, uint32_t K)
{
    const bool direct = level < NJ_TRIE_DIRECT_LEVELS && children <= NJ_TRIE_DIRECT_CHILDREN_MAX;
    const uint64_t list = (uint64_t)children * (K <= 256 ? sizeof(uint8_t) : sizeof(uint16_t));
    const uint64_t bits = (uint64_t)nodes * nj_trie_row_words(K) * sizeof(uint64_t);
    nj_trie_form form = {NJ_TRIE_STARTS_NEAR, K <= 256 ? NJ_TRIE_CODES_BYTES : NJ_TRIE_CODES_WORDS};
    if (children == nodes) {
        form.starts = NJ_TRIE_STARTS_NONE;
    } else if (direct || K > NJ_TRIE_NEAR_CODES_MAX) {
        form.starts = NJ_TRIE_STARTS_OFFSETS;
    }
    if (direct) {
        form.codes = NJ_TRIE_CODES_WORDS;
    } else if (bits <= list / NJ_TRIE_BITS_GAIN) {
        form.codes = NJ_TRIE_CODES_BITS;
    }
    return form;
}

// ---- places ----

// Puts an array of `count` elements at *at and moves *at behind it, rounded up to where the next one may start.
static bool place_array(size_t *at, size_t count, size_t element_bytes, size_t *out_first,
                        size_t *out_end)
{
    size_t bytes;
    size_t end;
    size_t rounded;
    if (!nj_mul_size(count, element_bytes, &bytes) || !nj_add_size(*at, bytes, &end) ||
        !nj_add_size(end, NJ_TRIE_ALIGN, &rounded)) {
        return false;
    }
    *out_first = *at;
    *out_end = end;
    *at = nj_round_up(end, NJ_TRIE_ALIGN);
    return true;
}

static bool place_starts(size_t *at, nj_trie_starts_form form, uint32_t nodes, uint32_t children,
                         nj_trie_starts_layout *out)
{
    out->form = form;
    switch (form) {
    case NJ_TRIE_STARTS_OFFSETS:
        return place_array(at, (size_t)nodes + 1, sizeof(uint32_t), &out->first, &out->first_end);
    case NJ_TRIE_STARTS_NEAR:
        return place_array(at, nj_trie_base_count(nodes), sizeof(uint32_t), &out->first,
                           &out->first_end) &&
               place_array(at, (size_t)nodes + 1, sizeof(uint16_t), &out->second, &out->second_end);
    case NJ_TRIE_STARTS_MARKS:
        return place_array(at, nj_trie_block_count(children), sizeof(uint64_t), &out->first,
                           &out->first_end) &&
               place_array(at, nj_trie_hint_count(nodes), sizeof(uint32_t), &out->second,
                           &out->second_end);
    case NJ_TRIE_STARTS_NONE:
        break;
    }
    return true;
}

static bool place_codes(size_t *at, nj_trie_codes_form form, uint32_t nodes, uint32_t children,
                        uint32_t K, size_t *out_first, size_t *out_end)
{
    size_t words;
    switch (form) {
    case NJ_TRIE_CODES_WORDS:
        return place_array(at, children, sizeof(uint16_t), out_first, out_end);
    case NJ_TRIE_CODES_BYTES:
        return place_array(at, children, sizeof(uint8_t), out_first, out_end);
    case NJ_TRIE_CODES_BITS:
        break;
    }
    return nj_mul_size(nodes, nj_trie_row_words(K), &words) &&
           place_array(at, words, sizeof(uint64_t), out_first, out_end);
}

bool nj_trie_layout_of(const nj_trie_header *header, nj_trie_layout *out)
{
    nj_trie_layout layout = {0};
    const uint32_t L = header->level_count;
    const uint32_t leaf_count = header->node_count[L];
    size_t at = sizeof *header;
    bool fits = true;
    for (uint32_t l = 0; l < L && fits; l++) {
        const uint32_t nodes = header->node_count[l];
        const uint32_t children = header->node_count[l + 1];
        const uint32_t K = header->codes_per_level[l];
        const nj_trie_form form = nj_trie_form_of(l, nodes, children, K);
        layout.codes_form[l] = form.codes;
        fits = place_starts(&at, form.starts, nodes, children, &layout.starts[l]) &&
               place_codes(&at, form.codes, nodes, children, K, &layout.codes[l],
                           &layout.codes_end[l]);
    }
    fits = fits &&
           place_starts(&at, nj_trie_leaves_form_of(leaf_count, header->item_count), leaf_count,
                        header->item_count, &layout.starts[L]) &&
           place_array(&at, header->item_count, sizeof(uint32_t), &layout.items, &layout.items_end);
    layout.end = at;
    if (fits) {
        *out = layout;
    }
    return fits;
}

// ---- view ----

static nj_trie_starts view_starts(const uint8_t *bytes, const nj_trie_starts_layout *layout,
                                  uint32_t nodes, uint32_t children)
{
    nj_trie_starts starts = {.node_count = nodes, .child_count = children};
    const void *first = bytes + layout->first;
    const void *second = bytes + layout->second;
    switch (layout->form) {
    case NJ_TRIE_STARTS_OFFSETS:
        starts.offset = first;
        break;
    case NJ_TRIE_STARTS_NEAR:
        starts.bases = first;
        starts.near = second;
        break;
    case NJ_TRIE_STARTS_MARKS:
        starts.blocks = first;
        starts.hints = second;
        break;
    case NJ_TRIE_STARTS_NONE:
        break;
    }
    return starts;
}

static nj_trie_level view_level(const uint8_t *bytes, const nj_trie_header *header,
                                const nj_trie_layout *layout, uint32_t l)
{
    nj_trie_level level = {.starts = view_starts(bytes, &layout->starts[l], header->node_count[l],
                                                 header->node_count[l + 1]),
                           .row_words = nj_trie_row_words(header->codes_per_level[l])};
    const void *codes = bytes + layout->codes[l];
    switch (layout->codes_form[l]) {
    case NJ_TRIE_CODES_WORDS:
        level.words = codes;
        break;
    case NJ_TRIE_CODES_BYTES:
        level.bytes = codes;
        break;
    case NJ_TRIE_CODES_BITS:
        level.bits = codes;
        break;
    }
    return level;
}

nj_trie nj_trie_view(const void *bytes, const nj_trie_header *header, const nj_trie_layout *layout)
{
    const uint32_t L = header->level_count;
    nj_trie trie = {.level_count = L, .item_count = header->item_count};
    memcpy(trie.node_count, header->node_count, sizeof trie.node_count);
    memcpy(trie.codes_per_level, header->codes_per_level, sizeof trie.codes_per_level);
    for (uint32_t l = 0; l < L; l++) {
        trie.levels[l] = view_level(bytes, header, layout, l);
    }
    trie.leaves = view_starts(bytes, &layout->starts[L], header->node_count[L], header->item_count);
    trie.items = (const uint32_t *)(const void *)((const uint8_t *)bytes + layout->items);
    return trie;
}
