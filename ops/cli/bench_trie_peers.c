#include "ops/cli/bench_trie_peers.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_HEADER_BYTES 8 // what malloc keeps beside each piece

static const uint16_t *sid_at(const nj_sids *sids, uint32_t row)
{
    return sids->codes + (size_t)row * sids->level_count;
}

static uint32_t *number_rows(uint32_t count)
{
    uint32_t *rows = malloc(count * sizeof *rows);
    for (uint32_t i = 0; rows != NULL && i < count; i++) {
        rows[i] = i;
    }
    return rows;
}

// ---- sorted array ----

nj_status nj_bench_array_init(const nj_sids *sorted, nj_bench_array *out, nj_error *err)
{
    const size_t code_bytes = (size_t)sorted->row_count * sorted->level_count * sizeof(uint16_t);
    *out = (nj_bench_array){.codes = malloc(code_bytes),
                            .rows = number_rows(sorted->row_count),
                            .row_count = sorted->row_count,
                            .level_count = sorted->level_count,
                            .bytes = code_bytes + sorted->row_count * sizeof(uint32_t)};
    if (out->codes == NULL || out->rows == NULL) {
        nj_bench_array_fini(out);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for an array of %u items", sorted->row_count);
    }
    memcpy(out->codes, sorted->codes, code_bytes);
    return NJ_OK;
}

void nj_bench_array_fini(nj_bench_array *array)
{
    free(array->codes);
    free(array->rows);
    *array = (nj_bench_array){0};
}

// -1, 0, 1: the first `count` codes of an item stand before those of `prefix`, are equal, stand behind.
static int compare_codes(const uint16_t *sid, const uint16_t *prefix, uint32_t count)
{
    for (uint32_t l = 0; l < count; l++) {
        if (sid[l] != prefix[l]) {
            return sid[l] < prefix[l] ? -1 : 1;
        }
    }
    return 0;
}

// The first place of low..high whose first `count` codes stand behind `prefix`, or with it where `with` is set.
static uint32_t find_bound(const nj_bench_array *a, const uint16_t *prefix, uint32_t count,
                           bool with, uint32_t low, uint32_t high)
{
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int order = compare_codes(a->codes + (size_t)middle * a->level_count, prefix, count);
        if (order < 0 || (order == 0 && !with)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t nj_bench_array_children(const nj_bench_array *array, uint32_t level,
                                 const uint16_t *prefix, uint16_t *codes)
{
    uint32_t low = find_bound(array, prefix, level, true, 0, array->row_count);
    const uint32_t end = find_bound(array, prefix, level, false, low, array->row_count);
    uint32_t count = 0;
    while (low < end) {
        const uint16_t *sid = array->codes + (size_t)low * array->level_count;
        codes[count++] = sid[level];
        low = find_bound(array, sid, level + 1, false, low, end);
    }
    return count;
}

// ---- nodes with pointers ----

// Gives `node` its children: the runs of equal codes of `level` among its items.
static bool grow_node(const nj_sids *sids, uint32_t level, nj_bench_node *node, size_t *bytes)
{
    uint32_t count = 1;
    for (uint32_t i = node->first + 1; i < node->end; i++) {
        count += sid_at(sids, i)[level] != sid_at(sids, i - 1)[level];
    }
    node->children = malloc(count * sizeof *node->children);
    if (node->children == NULL) {
        return false;
    }
    *bytes += malloc_usable_size(node->children) + CHUNK_HEADER_BYTES;
    node->count = count;
    nj_bench_node *child = node->children;
    for (uint32_t i = node->first; i < node->end;) {
        *child = (nj_bench_node){.first = i, .code = sid_at(sids, i)[level]};
        while (i < node->end && sid_at(sids, i)[level] == child->code) {
            i++;
        }
        child++->end = i;
    }
    return true;
}

static bool grow_level(const nj_sids *sids, uint32_t level, nj_bench_pointers *p)
{
    uint32_t grown = 0;
    for (uint32_t n = 0; n < p->node_count[level]; n++) {
        if (!grow_node(sids, level, p->levels[level][n], &p->bytes)) {
            return false;
        }
        grown += p->levels[level][n]->count;
    }
    p->node_count[level + 1] = grown;
    if (level + 1 == p->level_count) {
        return true;
    }
    p->levels[level + 1] = malloc(grown * sizeof *p->levels[level + 1]);
    if (p->levels[level + 1] == NULL) {
        p->node_count[level + 1] = 0;
        return false;
    }
    nj_bench_node **at = p->levels[level + 1];
    for (uint32_t n = 0; n < p->node_count[level]; n++) {
        for (uint32_t c = 0; c < p->levels[level][n]->count; c++) {
            *at++ = &p->levels[level][n]->children[c];
        }
    }
    return true;
}

nj_status nj_bench_pointers_init(const nj_sids *sorted, nj_bench_pointers *out, nj_error *err)
{
    *out = (nj_bench_pointers){.root = {.end = sorted->row_count},
                               .rows = number_rows(sorted->row_count),
                               .level_count = sorted->level_count,
                               .bytes = sorted->row_count * sizeof(uint32_t)};
    out->levels[0] = malloc(sizeof *out->levels[0]);
    bool grown = out->rows != NULL && out->levels[0] != NULL;
    if (grown) {
        out->levels[0][0] = &out->root;
        out->node_count[0] = 1;
    }
    for (uint32_t l = 0; grown && l < sorted->level_count; l++) {
        grown = grow_level(sorted, l, out);
    }
    return grown ? NJ_OK
                 : nj_fail(err, NJ_NO_MEMORY, "no memory for nodes of %u items", sorted->row_count);
}

void nj_bench_pointers_fini(nj_bench_pointers *pointers)
{
    for (uint32_t l = pointers->level_count; l-- > 0;) {
        for (uint32_t n = 0; n < pointers->node_count[l] && pointers->levels[l] != NULL; n++) {
            free(pointers->levels[l][n]->children);
        }
        free(pointers->levels[l]);
    }
    free(pointers->rows);
    *pointers = (nj_bench_pointers){0};
}

uint32_t nj_bench_node_children(const nj_bench_node *node, uint16_t *codes)
{
    for (uint32_t i = 0; i < node->count; i++) {
        codes[i] = node->children[i].code;
    }
    return node->count;
}
