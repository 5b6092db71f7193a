// token_trie_open.c - outside bytes become a token trie only after every rule of schemas/token_trie.md has been checked.
#include <assert.h>
#include <string.h>

#include "common/sid/token_trie_layout.h"

static nj_status check_header(const nj_token_trie_header *header, uint32_t row_count, nj_error *err)
{
    if (memcmp(header->magic, NJ_TOKEN_TRIE_MAGIC, sizeof header->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "token trie: the bytes do not begin with \"%s\"",
                       NJ_TOKEN_TRIE_MAGIC);
    }
    if (header->version != NJ_TOKEN_TRIE_VERSION) {
        return nj_fail(
            err, NJ_INPUT,
            "token trie: version %u, this program reads %d: pack the bundle again with it",
            header->version, NJ_TOKEN_TRIE_VERSION);
    }
    if (header->node_count < 2 || header->node_count > NJ_TOKEN_TRIE_NODES_MAX) {
        return nj_fail(err, NJ_INPUT, "token trie: %u nodes, must be 2 to %u", header->node_count,
                       NJ_TOKEN_TRIE_NODES_MAX);
    }
    if (header->row_count != row_count || header->reserved != 0) {
        return nj_fail(err, NJ_INPUT,
                       "token trie: %u rows (reserved: %u), the catalogue has %u (0)",
                       header->row_count, header->reserved, row_count);
    }
    if (header->item_count < 1 || header->item_count > row_count) {
        return nj_fail(err, NJ_INPUT, "token trie: %u items, must be 1 to %u (catalogue rows)",
                       header->item_count, row_count);
    }
    return NJ_OK;
}

static nj_status check_gaps(const uint8_t *bytes, const nj_token_trie_layout *layout, nj_error *err)
{
    for (uint32_t i = 0; i + 1 < NJ_TOKEN_TRIE_ARRAYS; i++) {
        const size_t end = layout->start[i] + layout->count[i] * sizeof(uint32_t);
        for (size_t at = end; at < layout->start[i + 1]; at++) {
            if (bytes[at] != 0) {
                return nj_fail(err, NJ_INPUT,
                               "token trie: byte %zu between two arrays is %u, must be 0", at,
                               bytes[at]);
            }
        }
    }
    return NJ_OK;
}

// ---- nodes ----

// The tokens of children first .. end - 1 of `node` ascend and are below V.
static nj_status check_tokens(const nj_token_trie *trie, uint32_t node,
                              nj_token_trie_range children, nj_error *err)
{
    for (uint32_t child = children.first; child < children.end; child++) {
        const uint32_t token = trie->token[child];
        if (token >= trie->V) {
            return nj_fail(err, NJ_INPUT, "token trie: token %u of node %u, the vocabulary has %u",
                           token, child, trie->V);
        }
        if (child > children.first && trie->token[child - 1] >= token) {
            return nj_fail(err, NJ_INPUT,
                           "token trie: node %u: token %u of a child is followed by %u", node,
                           trie->token[child - 1], token);
        }
    }
    return NJ_OK;
}

// Children begin where those of the node before end, and node n + 1 is the child of a node up to n: so every node is below the root, once.
static nj_status check_node(const nj_token_trie *trie, uint32_t node, nj_error *err)
{
    const nj_token_trie_range children = nj_token_trie_children(trie, node);
    const nj_token_trie_range items = nj_token_trie_items(trie, node);
    const size_t least =
        nj_max_size(children.first, nj_min_size((size_t)node + 2, trie->node_count));
    if (children.end < least || children.end > trie->node_count) {
        return nj_fail(err, NJ_INPUT,
                       "token trie: the children of node %u end at %u, must be %zu to %u", node,
                       children.end, least, trie->node_count);
    }
    if (items.end < items.first || items.end > trie->item_count) {
        return nj_fail(err, NJ_INPUT,
                       "token trie: the items of node %u end at %u, must be %u to %u", node,
                       items.end, items.first, trie->item_count);
    }
    if (node == 0 ? items.end != 0 : items.end == items.first && children.end == children.first) {
        return nj_fail(err, NJ_INPUT,
                       node == 0 ? "token trie: node %u, the root, has items, no string is empty"
                                 : "token trie: node %u has neither children nor items",
                       node);
    }
    return check_tokens(trie, node, children, err);
}

static nj_status check_nodes(const nj_token_trie *trie, nj_error *err)
{
    nj_status status = NJ_OK;
    uint32_t span_max = 0;
    if (trie->token[0] != 0) {
        return nj_fail(err, NJ_INPUT, "token trie: the root has token %u, must be 0",
                       trie->token[0]);
    }
    for (uint32_t node = 0; node < trie->node_count && status == NJ_OK; node++) {
        status = check_node(trie, node, err);
        const nj_token_trie_range children = nj_token_trie_children(trie, node);
        if (status == NJ_OK && children.end - children.first > span_max) {
            span_max = children.end - children.first;
        }
    }
    if (status == NJ_OK && span_max != trie->span_max) {
        return nj_fail(err, NJ_INPUT,
                       "token trie: the header says %u children at most, there are %u",
                       trie->span_max, span_max);
    }
    return status;
}

// Depth by depth: the children of the last node of one end where the next depth ends.
static nj_status check_depth(const nj_token_trie *trie, nj_error *err)
{
    uint32_t depth = 0;
    for (uint32_t end = 1; end < trie->node_count; end = trie->child_end[end - 1]) {
        depth++;
    }
    if (depth != trie->depth || depth > NJ_STRING_TOKENS_MAX) {
        return nj_fail(
            err, NJ_INPUT,
            "token trie: %u tokens of the longest string, the header says %u, at most %d", depth,
            trie->depth, NJ_STRING_TOKENS_MAX);
    }
    return NJ_OK;
}

// ---- items ----

// A row names its node, so it stands nowhere else.
static nj_status check_rows(const nj_token_trie *trie, uint32_t node, uint32_t row_count,
                            nj_error *err)
{
    const nj_token_trie_range items = nj_token_trie_items(trie, node);
    for (uint32_t i = items.first; i < items.end; i++) {
        const uint32_t row = trie->items[i];
        if (row >= row_count) {
            return nj_fail(err, NJ_INPUT, "token trie: node %u names row %u, the catalogue has %u",
                           node, row, row_count);
        }
        if (i > items.first && trie->items[i - 1] >= row) {
            return nj_fail(err, NJ_INPUT, "token trie: node %u: row %u is followed by %u", node,
                           trie->items[i - 1], row);
        }
        if (trie->row_node[row] != node) {
            return nj_fail(err, NJ_INPUT, "token trie: node %u names row %u, which names node %u",
                           node, row, trie->row_node[row]);
        }
    }
    return NJ_OK;
}

static nj_status check_items(const nj_token_trie *trie, uint32_t row_count, nj_error *err)
{
    const uint32_t listed = trie->item_end[trie->node_count - 1];
    nj_status status = NJ_OK;
    uint32_t named = 0;
    for (uint32_t row = 0; row < row_count; row++) {
        named += trie->row_node[row] != NJ_TOKEN_TRIE_NONE;
    }
    if (listed != trie->item_count || named != trie->item_count) {
        return nj_fail(err, NJ_INPUT,
                       "token trie: %u items, the nodes have %u and the rows name %u",
                       trie->item_count, listed, named);
    }
    for (uint32_t node = 0; node < trie->node_count && status == NJ_OK; node++) {
        status = check_rows(trie, node, row_count, err);
    }
    return status;
}

// ---- the whole ----

static nj_token_trie view(const uint8_t *bytes, const nj_token_trie_header *header,
                          const nj_token_trie_layout *layout)
{
    const uint32_t *array[NJ_TOKEN_TRIE_ARRAYS];
    for (uint32_t i = 0; i < NJ_TOKEN_TRIE_ARRAYS; i++) {
        array[i] = (const uint32_t *)(const void *)(bytes + layout->start[i]);
    }
    return (nj_token_trie){.node_count = header->node_count,
                           .item_count = header->item_count,
                           .depth = header->depth,
                           .V = header->V,
                           .span_max = header->span_max,
                           .child_end = array[NJ_TOKEN_TRIE_CHILD_END],
                           .token = array[NJ_TOKEN_TRIE_TOKEN],
                           .item_end = array[NJ_TOKEN_TRIE_ITEM_END],
                           .items = array[NJ_TOKEN_TRIE_ITEMS],
                           .row_node = array[NJ_TOKEN_TRIE_ROW_NODE]};
}

nj_status nj_token_trie_open(const void *bytes, size_t size, uint32_t row_count, nj_token_trie *out,
                             nj_error *err)
{
    assert((uintptr_t)bytes % NJ_TOKEN_TRIE_ALIGN == 0);
    const nj_token_trie_header *header = bytes;
    if (size < sizeof *header) {
        return nj_fail(err, NJ_INPUT, "token trie: %zu bytes, the header alone has %zu", size,
                       sizeof *header);
    }
    nj_status status = check_header(header, row_count, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_token_trie_layout layout = nj_token_trie_layout_of(header);
    if (layout.size != size) {
        return nj_fail(err, NJ_INPUT,
                       "token trie: the announced arrays end at byte %zu, the section at %zu",
                       layout.size, size);
    }
    const nj_token_trie trie = view(bytes, header, &layout);
    status = check_gaps(bytes, &layout, err);
    if (status == NJ_OK) {
        status = check_nodes(&trie, err);
    }
    if (status == NJ_OK) {
        status = check_depth(&trie, err);
    }
    if (status == NJ_OK) {
        status = check_items(&trie, row_count, err);
    }
    if (status == NJ_OK) {
        *out = trie;
    }
    return status;
}
