#include "common/sid/trie_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/sid/trie_layout.h"

// Rows that get a leaf, in the order of their SIDs, equal SIDs in row order.
typedef struct {
    uint32_t *rows; // [count] owned
    uint32_t count;
} sorted_rows;

static const uint16_t *sid_at(const nj_sids *sids, uint32_t row)
{
    return sids->codes + (size_t)row * sids->level_count;
}

// ---- checks ----

static nj_status check_shape(const nj_sids *sids, nj_error *err)
{
    if (sids->level_count < 1 || sids->level_count > NJ_LEVELS_MAX) {
        return nj_fail(err, NJ_INPUT, "SIDs have %u levels, must be 1 to %d", sids->level_count,
                       NJ_LEVELS_MAX);
    }
    if (sids->row_count < 1 || sids->row_count > NJ_TRIE_NODES_MAX) {
        return nj_fail(err, NJ_INPUT, "there are %u SIDs, must be 1 to %u", sids->row_count,
                       NJ_TRIE_NODES_MAX);
    }
    for (uint32_t l = 0; l < sids->level_count; l++) {
        if (sids->codes_per_level[l] < NJ_CODES_MIN || sids->codes_per_level[l] > NJ_CODES_MAX) {
            return nj_fail(err, NJ_INPUT, "level %u has %u codes, must be %d to %d", l,
                           sids->codes_per_level[l], NJ_CODES_MIN, NJ_CODES_MAX);
        }
    }
    return NJ_OK;
}

nj_status nj_sids_check(const nj_sids *sids, nj_error *err)
{
    nj_status status = check_shape(sids, err);
    if (status != NJ_OK) {
        return status;
    }
    for (uint32_t row = 0; row < sids->row_count; row++) {
        const uint16_t *sid = sid_at(sids, row);
        for (uint32_t l = 0; l < sids->level_count; l++) {
            if (sid[l] >= sids->codes_per_level[l]) {
                return nj_fail(err, NJ_INPUT, "row %u, level %u: code %u, the level has %u codes",
                               row, l, sid[l], sids->codes_per_level[l]);
            }
        }
    }
    return NJ_OK;
}

// ---- sorting ----

static uint32_t list_rows(const nj_sids *sids, uint32_t *rows)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < sids->row_count; row++) {
        if (sids->retired == NULL || !sids->retired[row]) {
            rows[count++] = row;
        }
    }
    return count;
}

// One stable counting sort by the codes of `level`. `starts` holds a counter for each code.
static void sort_level(const nj_sids *sids, uint32_t level, const uint32_t *from, uint32_t count,
                       uint32_t *starts, uint32_t *to)
{
    uint32_t K = sids->codes_per_level[level];
    memset(starts, 0, K * sizeof *starts);
    for (uint32_t i = 0; i < count; i++) {
        starts[sid_at(sids, from[i])[level]]++;
    }
    uint32_t start = 0;
    for (uint32_t code = 0; code < K; code++) {
        uint32_t rows_of_code = starts[code];
        starts[code] = start;
        start += rows_of_code;
    }
    for (uint32_t i = 0; i < count; i++) {
        to[starts[sid_at(sids, from[i])[level]]++] = from[i];
    }
}

// Least significant level first; each pass is stable, so rows with equal SIDs stay in row order.
static nj_status sort_rows(const nj_sids *sids, sorted_rows *out, nj_error *err)
{
    uint32_t *rows = malloc((size_t)sids->row_count * sizeof *rows);
    uint32_t *other = malloc((size_t)sids->row_count * sizeof *other);
    uint32_t *starts = malloc(NJ_CODES_MAX * sizeof *starts);
    nj_status status = NJ_OK;
    uint32_t count = 0;
    if (rows == NULL || other == NULL || starts == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to sort %u SIDs", sids->row_count);
        goto done;
    }
    count = list_rows(sids, rows);
    if (count == 0) {
        status = nj_fail(err, NJ_INPUT, "all %u items are retired, the trie would be empty",
                         sids->row_count);
        goto done;
    }
    for (uint32_t l = sids->level_count; l-- > 0;) {
        sort_level(sids, l, rows, count, starts, other);
        uint32_t *sorted = other;
        other = rows;
        rows = sorted;
    }
    *out = (sorted_rows){rows, count};
    rows = NULL;
done:
    free(rows);
    free(other);
    free(starts);
    return status;
}

// ---- building ----

// The first level on which sorted row i differs from the one before: 0 for the first row, L for an equal SID.
static uint32_t find_branch(const nj_sids *sids, const sorted_rows *sorted, uint32_t i)
{
    if (i == 0) {
        return 0;
    }
    const uint16_t *before = sid_at(sids, sorted->rows[i - 1]);
    const uint16_t *here = sid_at(sids, sorted->rows[i]);
    uint32_t level = 0;
    while (level < sids->level_count && before[level] == here[level]) {
        level++;
    }
    return level;
}

static nj_trie_header make_header(const nj_sids *sids, const sorted_rows *sorted)
{
    nj_trie_header header = {.version = NJ_TRIE_VERSION,
                             .level_count = sids->level_count,
                             .item_count = sorted->count,
                             .node_count = {1}};
    memcpy(header.magic, NJ_TRIE_MAGIC, sizeof header.magic);
    for (uint32_t l = 0; l < sids->level_count; l++) {
        header.codes_per_level[l] = sids->codes_per_level[l];
    }
    for (uint32_t i = 0; i < sorted->count; i++) {
        for (uint32_t l = find_branch(sids, sorted, i); l < sids->level_count; l++) {
            header.node_count[l + 1]++;
        }
    }
    return header;
}

static void fill_arrays(const nj_sids *sids, const sorted_rows *sorted,
                        const nj_trie_header *header, const nj_trie_layout *layout, uint8_t *bytes)
{
    uint32_t L = sids->level_count;
    // where the children of a level's nodes start; for leaves, their items
    uint32_t *offsets[NJ_LEVELS_MAX + 1];
    uint16_t *codes[NJ_LEVELS_MAX];
    uint32_t used[NJ_LEVELS_MAX + 1] = {1}; // nodes numbered so far
    for (uint32_t l = 0; l < L; l++) {
        offsets[l] = (uint32_t *)(void *)(bytes + layout->child_offset[l]);
        codes[l] = (uint16_t *)(void *)(bytes + layout->codes[l]);
    }
    offsets[L] = (uint32_t *)(void *)(bytes + layout->leaf_offset);
    for (uint32_t i = 0; i < sorted->count; i++) {
        const uint16_t *sid = sid_at(sids, sorted->rows[i]);
        for (uint32_t l = find_branch(sids, sorted, i); l < L; l++) {
            uint32_t node = used[l + 1]++;
            codes[l][node] = sid[l];
            offsets[l + 1][node] = l + 1 < L ? used[l + 2] : i;
        }
    }
    for (uint32_t l = 0; l < L; l++) {
        offsets[l][header->node_count[l]] = header->node_count[l + 1];
    }
    offsets[L][header->node_count[L]] = sorted->count;
    memcpy(bytes + layout->items, sorted->rows, (size_t)sorted->count * sizeof *sorted->rows);
}

nj_status nj_trie_build(const nj_sids *sids, nj_buffer *out, nj_error *err)
{
    assert(out->size == 0);
    sorted_rows sorted = {0};
    nj_trie_layout layout;
    nj_status status = nj_sids_check(sids, err);
    if (status == NJ_OK) {
        status = sort_rows(sids, &sorted, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_trie_header header = make_header(sids, &sorted);
    if (!nj_trie_layout_of(&header, &layout) || nj_buffer_reserve(out, layout.end) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for the trie of %u items", sorted.count);
        goto done;
    }
    memset(out->bytes, 0, layout.end);
    memcpy(out->bytes, &header, sizeof header);
    fill_arrays(sids, &sorted, &header, &layout, out->bytes);
    out->size = layout.end;
done:
    free(sorted.rows);
    return status;
}
