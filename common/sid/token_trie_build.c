// token_trie_build.c - from the strings of a catalogue to the bytes of their trie.
//
// Rows are sorted by their strings. Then a row makes the nodes that it does not share with the row before, one a depth, and the next number
// of each depth is counted: so nodes come out in the order of depths and strings without a second sort.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/sid/token_trie_layout.h"

typedef struct {
    const nj_token_strings *strings;
    uint32_t *rows; // [count] that are not retired, by their strings, then as in the catalogue
    uint32_t *node; // [count] where the string of rows[i] ends
    uint32_t count;
    uint32_t first[NJ_STRING_TOKENS_MAX +
                   2]; // number of the first node of each depth; behind the deepest: node_count
    nj_token_trie_header header;
} builder;

static const uint32_t *string_at(const nj_token_strings *strings, uint32_t row, uint32_t *out_count)
{
    *out_count = (uint32_t)(strings->offset[row + 1] - strings->offset[row]);
    return strings->tokens + strings->offset[row];
}

static bool is_kept(const nj_token_strings *strings, uint32_t row)
{
    return strings->retired == NULL || !strings->retired[row];
}

// ---- checks ----

static nj_status check_string(const nj_token_strings *strings, uint32_t row, nj_error *err)
{
    const uint64_t size = strings->offset[row + 1] - strings->offset[row];
    if (size == 0 || size > NJ_STRING_TOKENS_MAX) {
        return nj_fail(
            err, NJ_INPUT,
            "row %u: its string has %llu tokens, must be 1 to %d: give the item a %s text", row,
            (unsigned long long)size, NJ_STRING_TOKENS_MAX, size == 0 ? "longer" : "shorter");
    }
    const uint32_t *tokens = strings->tokens + strings->offset[row];
    for (uint32_t i = 0; i < size; i++) {
        if (tokens[i] >= strings->V) {
            return nj_fail(err, NJ_INPUT,
                           "row %u: token %u of its string is %u, the vocabulary has %u", row, i,
                           tokens[i], strings->V);
        }
    }
    return NJ_OK;
}

static nj_status list_rows(builder *b, nj_error *err)
{
    nj_status status = NJ_OK;
    for (uint32_t row = 0; row < b->strings->row_count && status == NJ_OK; row++) {
        if (is_kept(b->strings, row)) {
            status = check_string(b->strings, row, err);
            b->rows[b->count++] = row;
        }
    }
    if (status == NJ_OK && b->count == 0) {
        return nj_fail(err, NJ_INPUT, "all %u items are retired, no string could be answered",
                       b->strings->row_count);
    }
    return status;
}

// ---- sorting ----

// Tokens that two strings begin with alike.
static uint32_t shared_tokens(const nj_token_strings *strings, uint32_t a, uint32_t b)
{
    uint32_t a_count;
    uint32_t b_count;
    const uint32_t *a_tokens = string_at(strings, a, &a_count);
    const uint32_t *b_tokens = string_at(strings, b, &b_count);
    uint32_t shared = 0;
    while (shared < a_count && shared < b_count && a_tokens[shared] == b_tokens[shared]) {
        shared++;
    }
    return shared;
}

// Strictly: of equal strings neither goes before.
static bool goes_before(const nj_token_strings *strings, uint32_t a, uint32_t b)
{
    uint32_t a_count;
    uint32_t b_count;
    const uint32_t *a_tokens = string_at(strings, a, &a_count);
    const uint32_t *b_tokens = string_at(strings, b, &b_count);
    const uint32_t shared = shared_tokens(strings, a, b);
    if (shared == a_count || shared == b_count) {
        return a_count < b_count;
    }
    return a_tokens[shared] < b_tokens[shared];
}

// Merges from[first, middle) and from[middle, end), which are sorted, into `to`; of equal ones the first part's come first.
static void merge(const nj_token_strings *strings, const uint32_t *from, size_t first,
                  size_t middle, size_t end, uint32_t *to)
{
    size_t a = first;
    size_t b = middle;
    for (size_t at = first; at < end; at++) {
        const bool second = a == middle || (b < end && goes_before(strings, from[b], from[a]));
        to[at] = second ? from[b++] : from[a++];
    }
}

// By merges of twice as many each time; `node` serves as the other half of the memory.
static void sort_rows(builder *b)
{
    for (size_t width = 1; width < b->count; width *= 2) {
        for (size_t first = 0; first < b->count; first += 2 * width) {
            const size_t middle = nj_min_size(first + width, b->count);
            merge(b->strings, b->rows, first, middle, nj_min_size(middle + width, b->count),
                  b->node);
        }
        uint32_t *sorted = b->node;
        b->node = b->rows;
        b->rows = sorted;
    }
}

// ---- numbers ----

// Tokens that row i of the sorted ones shares with the one before.
static uint32_t shared_before(const builder *b, uint32_t i)
{
    return i == 0 ? 0 : shared_tokens(b->strings, b->rows[i - 1], b->rows[i]);
}

static nj_status number_nodes(builder *b, nj_error *err)
{
    uint64_t nodes_of[NJ_STRING_TOKENS_MAX + 1] = {1};
    uint64_t node_count = 0;
    b->header.depth = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t size;
        string_at(b->strings, b->rows[i], &size);
        for (uint32_t d = shared_before(b, i); d < size; d++) {
            nodes_of[d + 1]++;
        }
        b->header.depth = size > b->header.depth ? size : b->header.depth;
    }
    for (uint32_t d = 0; d <= b->header.depth; d++) {
        b->first[d] = (uint32_t)node_count;
        node_count += nodes_of[d];
        if (node_count > NJ_TOKEN_TRIE_NODES_MAX) {
            return nj_fail(err, NJ_INPUT,
                           "the strings of %u items have more than %u beginnings: shorten them",
                           b->count, NJ_TOKEN_TRIE_NODES_MAX);
        }
    }
    b->header.node_count = (uint32_t)node_count;
    return NJ_OK;
}

// Tokens and the ends of children; nodes without children get theirs from finish_ends.
static void fill_nodes(builder *b, uint32_t *child_end, uint32_t *token)
{
    uint32_t at[NJ_STRING_TOKENS_MAX + 1] = {0}; // the node of each depth on the row's path
    uint32_t next[NJ_STRING_TOKENS_MAX + 1];     // the next number of each depth
    memcpy(next, b->first, sizeof next);
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t size;
        const uint32_t *tokens = string_at(b->strings, b->rows[i], &size);
        for (uint32_t d = shared_before(b, i); d < size; d++) {
            at[d + 1] = next[d + 1]++;
            token[at[d + 1]] = tokens[d];
            child_end[at[d]] = at[d + 1] + 1;
        }
        b->node[i] = at[size];
    }
}

static void finish_ends(builder *b, uint32_t *child_end)
{
    uint32_t before = 1;
    for (uint32_t node = 0; node < b->header.node_count; node++) {
        if (child_end[node] == 0) {
            child_end[node] = before;
        }
        const uint32_t span = child_end[node] - before;
        b->header.span_max = span > b->header.span_max ? span : b->header.span_max;
        before = child_end[node];
    }
}

// Counts, then where each node's items begin; each item put moves that on, and what is left is where they end.
static void fill_items(const builder *b, uint32_t *item_end, uint32_t *items, uint32_t *row_node)
{
    memset(row_node, 0xff, b->header.row_count * sizeof *row_node); // NJ_TOKEN_TRIE_NONE
    for (uint32_t i = 0; i < b->count; i++) {
        item_end[b->node[i]]++;
    }
    uint32_t start = 0;
    for (uint32_t node = 0; node < b->header.node_count; node++) {
        const uint32_t count = item_end[node];
        item_end[node] = start;
        start += count;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        items[item_end[b->node[i]]++] = b->rows[i];
        row_node[b->rows[i]] = b->node[i];
    }
}

// ---- the whole ----

static nj_status write_trie(builder *b, nj_buffer *out, nj_error *err)
{
    memcpy(b->header.magic, NJ_TOKEN_TRIE_MAGIC, sizeof b->header.magic);
    b->header.version = NJ_TOKEN_TRIE_VERSION;
    b->header.item_count = b->count;
    b->header.V = b->strings->V;
    b->header.row_count = b->strings->row_count;
    const nj_token_trie_layout layout = nj_token_trie_layout_of(&b->header);
    if (nj_buffer_reserve(out, layout.size) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a token trie of %zu bytes", layout.size);
    }
    memset(out->bytes, 0, layout.size);
    uint32_t *array[NJ_TOKEN_TRIE_ARRAYS];
    for (uint32_t i = 0; i < NJ_TOKEN_TRIE_ARRAYS; i++) {
        array[i] = (uint32_t *)(void *)(out->bytes + layout.start[i]);
    }
    fill_nodes(b, array[NJ_TOKEN_TRIE_CHILD_END], array[NJ_TOKEN_TRIE_TOKEN]);
    finish_ends(b, array[NJ_TOKEN_TRIE_CHILD_END]);
    fill_items(b, array[NJ_TOKEN_TRIE_ITEM_END], array[NJ_TOKEN_TRIE_ITEMS],
               array[NJ_TOKEN_TRIE_ROW_NODE]);
    memcpy(out->bytes, &b->header, sizeof b->header);
    out->size = layout.size;
    return NJ_OK;
}

nj_status nj_token_trie_build(const nj_token_strings *strings, nj_buffer *out, nj_error *err)
{
    assert(out->size == 0);
    builder b = {.strings = strings};
    nj_status status = NJ_OK;
    b.rows = malloc(((size_t)strings->row_count + 1) * sizeof *b.rows);
    b.node = malloc(((size_t)strings->row_count + 1) * sizeof *b.node);
    if (b.rows == NULL || b.node == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to sort the strings of %u items",
                         strings->row_count);
        goto done;
    }
    status = list_rows(&b, err);
    if (status != NJ_OK) {
        goto done;
    }
    sort_rows(&b);
    status = number_nodes(&b, err);
    if (status == NJ_OK) {
        status = write_trie(&b, out, err);
    }
done:
    free(b.rows);
    free(b.node);
    return status;
}
