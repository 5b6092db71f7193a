#include "common/sid/trie_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/sid/parts.h"
#include "common/sid/trie_layout.h"
#include "common/sid/trie_sort.h"

// Fewer rows than this a thread are not worth starting it.
#define ROWS_A_PART_MIN 65536u
// SIDs of rows that are out of order are fetched so many rows ahead.
#define ROWS_AHEAD 16

// Where the starts of one level are written.
typedef struct {
    uint32_t *offset;
    uint32_t *bases;
    uint16_t *near;
    uint64_t *blocks;
    uint32_t *hints;
    uint32_t node_count;
    uint32_t child_count;
} starts_writer;

typedef struct {
    uint16_t *words;
    uint8_t *bytes;
    uint64_t *bits;
    uint32_t row_words;
} codes_writer;

typedef struct {
    const nj_sids *sids;
    nj_sorted_rows sorted;
    uint32_t part_count;
    uint32_t nodes[NJ_PARTS_MAX][NJ_LEVELS_MAX + 1]; // [L+1] new in a part; then: before the part
    starts_writer starts[NJ_LEVELS_MAX + 1];         // [L+1], the last of the leaves
    codes_writer codes[NJ_LEVELS_MAX];               // [L]
    uint32_t *items;
} builder;

// A word of bits that one part collects. Two parts may share their neighbouring words, so it is added, not stored.
typedef struct {
    uint64_t *word;
    uint64_t bits;
} pending;

typedef struct {
    pending starts[NJ_LEVELS_MAX + 1];
    pending codes[NJ_LEVELS_MAX];
} part_pending;

// ---- counting ----

// The SID of sorted row i. A later one begins to come near: what is done with a SID hangs on its codes, and so would wait for each.
static const uint16_t *fetch_sid(const builder *b, uint32_t i)
{
    const uint32_t later = i + ROWS_AHEAD < b->sorted.count ? i + ROWS_AHEAD : i;
    __builtin_prefetch(nj_sid_at(b->sids, b->sorted.rows[later]));
    return nj_sid_at(b->sids, b->sorted.rows[i]);
}

// The first level on which sorted row i differs from the one before: 0 for the first row, L for an equal SID.
static uint32_t find_branch(const builder *b, uint32_t i, const uint16_t *sid)
{
    return i == 0 ? 0
                  : nj_sid_branch(nj_sid_at(b->sids, b->sorted.rows[i - 1]), sid,
                                  b->sids->level_count);
}

static void count_part(void *context, uint32_t p)
{
    builder *b = context;
    const nj_part part = nj_part_of(b->sorted.count, b->part_count, p);
    const uint32_t L = b->sids->level_count;
    uint32_t branches[NJ_LEVELS_MAX + 1] = {0}; // rows that branch on a level
    for (uint32_t i = part.first; i < part.end; i++) {
        branches[find_branch(b, i, fetch_sid(b, i))]++;
    }
    uint32_t nodes = 0;
    for (uint32_t l = 0; l < L; l++) {
        nodes += branches[l];
        b->nodes[p][l + 1] = nodes;
    }
}

// Turns the parts' counts into the nodes before each part.
static nj_trie_header make_header(builder *b)
{
    nj_trie_header header = {.version = NJ_TRIE_VERSION,
                             .level_count = b->sids->level_count,
                             .item_count = b->sorted.count,
                             .node_count = {1}};
    memcpy(header.magic, NJ_TRIE_MAGIC, sizeof header.magic);
    for (uint32_t l = 0; l < b->sids->level_count; l++) {
        header.codes_per_level[l] = b->sids->codes_per_level[l];
        for (uint32_t p = 0; p < b->part_count; p++) {
            const uint32_t count = b->nodes[p][l + 1];
            b->nodes[p][l + 1] = header.node_count[l + 1];
            header.node_count[l + 1] += count;
        }
    }
    return header;
}

// ---- arrays ----

// Zeroes what is between `end` and the next array.
static void clear_gap(uint8_t *bytes, size_t end)
{
    memset(bytes + end, 0, nj_round_up(end, NJ_TRIE_ALIGN) - end);
}

static starts_writer open_starts(uint8_t *bytes, const nj_trie_starts_layout *layout,
                                 uint32_t nodes, uint32_t children)
{
    starts_writer writer = {.node_count = nodes, .child_count = children};
    void *first = bytes + layout->first;
    void *second = bytes + layout->second;
    switch (layout->form) {
    case NJ_TRIE_STARTS_NONE:
        return writer;
    case NJ_TRIE_STARTS_OFFSETS:
        writer.offset = first;
        break;
    case NJ_TRIE_STARTS_NEAR:
        writer.bases = first;
        writer.near = second;
        clear_gap(bytes, layout->second_end);
        break;
    case NJ_TRIE_STARTS_MARKS:
        writer.blocks = first;
        writer.hints = second;
        memset(first, 0, layout->first_end - layout->first);
        clear_gap(bytes, layout->second_end);
        break;
    }
    clear_gap(bytes, layout->first_end);
    return writer;
}

static codes_writer open_codes(uint8_t *bytes, const nj_trie_layout *layout, uint32_t l, uint32_t K)
{
    codes_writer writer = {.row_words = nj_trie_row_words(K)};
    void *codes = bytes + layout->codes[l];
    switch (layout->codes_form[l]) {
    case NJ_TRIE_CODES_WORDS:
        writer.words = codes;
        break;
    case NJ_TRIE_CODES_BYTES:
        writer.bytes = codes;
        break;
    case NJ_TRIE_CODES_BITS:
        writer.bits = codes;
        memset(codes, 0, layout->codes_end[l] - layout->codes[l]);
        break;
    }
    clear_gap(bytes, layout->codes_end[l]);
    return writer;
}

static void open_arrays(builder *b, const nj_trie_header *header, const nj_trie_layout *layout,
                        uint8_t *bytes)
{
    const uint32_t L = header->level_count;
    memcpy(bytes, header, sizeof *header);
    for (uint32_t l = 0; l < L; l++) {
        b->starts[l] = open_starts(bytes, &layout->starts[l], header->node_count[l],
                                   header->node_count[l + 1]);
        b->codes[l] = open_codes(bytes, layout, l, header->codes_per_level[l]);
    }
    b->starts[L] =
        open_starts(bytes, &layout->starts[L], header->node_count[L], header->item_count);
    b->items = (uint32_t *)(void *)(bytes + layout->items);
    clear_gap(bytes, layout->items_end);
}

// ---- filling ----

static void flush(pending *p)
{
    if (p->bits != 0) {
        __atomic_fetch_or(p->word, p->bits, __ATOMIC_RELAXED);
    }
    p->bits = 0;
}

static void set_bit(pending *p, uint64_t *word, uint32_t bit)
{
    if (p->word != word) {
        flush(p);
        p->word = word;
    }
    p->bits |= (uint64_t)1 << bit;
}

// The start of `node`, 0 .. node_count.
static void put_start(const starts_writer *starts, pending *p, uint32_t node, uint32_t child)
{
    if (starts->bases != NULL) {
        starts->near[node] =
            (uint16_t)child; // finish_near takes the base off: what is left has 16 bits
        if (node % NJ_TRIE_BASE_NODES == 0) {
            starts->bases[node / NJ_TRIE_BASE_NODES] = child;
        }
    } else if (starts->offset != NULL) {
        starts->offset[node] = child;
    } else if (starts->blocks != NULL && node < starts->node_count) {
        set_bit(p, starts->blocks + child / NJ_TRIE_BLOCK_CHILDREN,
                32 + child % NJ_TRIE_BLOCK_CHILDREN);
    }
}

static void put_code(const codes_writer *codes, pending *p, uint32_t node, uint32_t child,
                     uint16_t code)
{
    if (codes->bytes != NULL) {
        codes->bytes[child] = (uint8_t)code;
    } else if (codes->words != NULL) {
        codes->words[child] = code;
    } else {
        set_bit(p, codes->bits + (size_t)node * codes->row_words + code / 64, code % 64);
    }
}

static void fill_part(void *context, uint32_t p)
{
    builder *b = context;
    const nj_part part = nj_part_of(b->sorted.count, b->part_count, p);
    const uint32_t L = b->sids->level_count;
    part_pending waiting = {0};
    uint32_t used[NJ_LEVELS_MAX + 1]; // nodes numbered so far
    memcpy(used, b->nodes[p], sizeof used);
    used[0] = 1;
    for (uint32_t i = part.first; i < part.end; i++) {
        const uint16_t *sid = fetch_sid(b, i);
        const uint32_t branch = find_branch(b, i, sid);
        for (uint32_t l = branch; l < L; l++) {
            const uint32_t node = used[l] - 1;
            const uint32_t child = used[l + 1]++;
            put_code(&b->codes[l], &waiting.codes[l], node, child, sid[l]);
            if (l > branch || i == 0) {
                put_start(&b->starts[l], &waiting.starts[l], node, child);
            }
        }
        if (branch < L) {
            put_start(&b->starts[L], &waiting.starts[L], used[L] - 1, i);
        }
        b->items[i] = b->sorted.rows[i];
    }
    for (uint32_t l = 0; l < L; l++) {
        flush(&waiting.starts[l]);
        flush(&waiting.codes[l]);
    }
    flush(&waiting.starts[L]);
}

static void finish_near(const starts_writer *starts)
{
    for (uint32_t node = 0; node <= starts->node_count; node++) {
        starts->near[node] =
            (uint16_t)(starts->near[node] - starts->bases[node / NJ_TRIE_BASE_NODES]);
    }
}

// Ranks and hints where the marks are set.
static void finish_marks(const starts_writer *starts)
{
    const uint32_t block_count = nj_trie_block_count(starts->child_count);
    uint32_t marks = 0;
    uint32_t hint = 0;
    for (uint32_t block = 0; block < block_count; block++) {
        const uint32_t set = (uint32_t)__builtin_popcountll(starts->blocks[block]);
        starts->blocks[block] |= marks;
        marks += set;
        for (; hint * NJ_TRIE_HINT_NODES < marks; hint++) {
            starts->hints[hint] = block;
        }
    }
    starts->hints[hint] = block_count - 1;
}

static void finish_starts(const starts_writer *starts)
{
    put_start(starts, NULL, starts->node_count, starts->child_count);
    if (starts->bases != NULL) {
        finish_near(starts);
    } else if (starts->blocks != NULL) {
        finish_marks(starts);
    }
}

// ---- the whole ----

static uint32_t parts_for(const nj_sids *sids, uint32_t thread_count)
{
    if (thread_count == 0) {
        const uint32_t useful = sids->row_count / ROWS_A_PART_MIN + 1;
        thread_count = nj_parts_default();
        return thread_count < useful ? thread_count : useful;
    }
    return thread_count < NJ_PARTS_MAX ? thread_count : NJ_PARTS_MAX;
}

nj_status nj_trie_build_on(const nj_sids *sids, uint32_t thread_count, nj_buffer *out,
                           nj_error *err)
{
    assert(out->size == 0);
    nj_trie_header header;
    nj_trie_layout layout;
    nj_status status = NJ_OK;
    builder *b = calloc(1, sizeof *b);
    if (b == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to build a trie");
    }
    b->sids = sids;
    b->part_count = parts_for(sids, thread_count);
    status = nj_trie_sort(sids, b->part_count, &b->sorted, err);
    if (status != NJ_OK) {
        goto done;
    }
    nj_parts_run(b->part_count, count_part, b);
    header = make_header(b);
    if (!nj_trie_layout_of(&header, &layout) || nj_buffer_reserve(out, layout.end) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the trie of %u items", b->sorted.count);
        goto done;
    }
    open_arrays(b, &header, &layout, out->bytes);
    nj_parts_run(b->part_count, fill_part, b);
    for (uint32_t l = 0; l <= header.level_count; l++) {
        finish_starts(&b->starts[l]);
    }
    out->size = layout.end;
done:
    free(b->sorted.rows);
    free(b);
    return status;
}

nj_status nj_trie_build(const nj_sids *sids, nj_buffer *out, nj_error *err)
{
    return nj_trie_build_on(sids, 0, out, err);
}
