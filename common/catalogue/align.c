#include "common/catalogue/align.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/transport.h"

#define NO_NODE UINT32_MAX

// A level's rows stand in groups of siblings: one group of all rows, or those of each parent.
//
// A row's place is its number within the group, which is the code. What is called a row here is one of the codebooks as they were given;
// `order` says where each row goes.
typedef struct {
    const nj_codebooks *old;
    const nj_aligned *fresh;
    const uint16_t *old_codes;
    size_t pair_count;
    uint32_t *parent;     // [row_count] node of each row of codes above the level
    uint32_t *old_parent; // [pair_count] NO_NODE where codes lead nowhere
    uint64_t
        *keys; // [pair_count] parent << 32 | place << 16 | old place, of pairs whose parents match
    size_t key_count;                     //
    uint32_t *place[NJ_QUANT_LEVELS_MAX]; // [rows] code that each row gets; owned
    uint32_t *order[NJ_QUANT_LEVELS_MAX]; // [rows] row at each place of the level afterwards; owned
    uint32_t *match;                      // [rows of the level above] old node; NO_NODE without
    nj_alignment report;
} alignment;

// How often a place of a group is another place of the old one.
typedef struct {
    uint32_t place;
    uint32_t old_place;
    uint32_t count;
} pair_run;

static bool has_groups(const nj_codebooks *codebooks)
{
    return codebooks->kind == NJ_QUANT_HIERARCHICAL;
}

static uint32_t group_first(const nj_codebooks *codebooks, uint32_t level, uint32_t parent)
{
    return has_groups(codebooks) ? codebooks->child_offset[level][parent] : 0;
}

static uint32_t group_count(const nj_codebooks *codebooks, uint32_t level, uint32_t parent)
{
    return has_groups(codebooks)
               ? codebooks->child_offset[level][parent + 1] - codebooks->child_offset[level][parent]
               : codebooks->K[level];
}

// ---- counting ----

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void collect_keys(alignment *a, uint32_t level)
{
    const uint32_t L = a->old->level_count;
    a->key_count = 0;
    for (size_t i = 0; i < a->pair_count; i++) {
        const uint32_t code = a->fresh->codes[i * L + level];
        const uint32_t old_code = a->old_codes[i * L + level];
        a->report.same_before[level] += code == old_code;
        if (a->old_parent[i] != NO_NODE && a->match[a->parent[i]] == a->old_parent[i]) {
            a->keys[a->key_count++] = (uint64_t)a->parent[i] << 32 | code << 16 | old_code;
        }
    }
    qsort(a->keys, a->key_count, sizeof *a->keys, compare_keys);
}

// The first key of a parent, by bisection.
static size_t find_keys(const alignment *a, uint32_t parent)
{
    size_t low = 0;
    size_t high = a->key_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (a->keys[middle] >> 32 < parent) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Runs of equal keys of one parent, into `runs` when it is not NULL. Old places that the group does not have are left out.
static size_t list_runs(const alignment *a, uint32_t parent, uint32_t count, pair_run *runs)
{
    size_t run_count = 0;
    for (size_t i = find_keys(a, parent); i < a->key_count && a->keys[i] >> 32 == parent;) {
        const uint64_t key = a->keys[i];
        const size_t first = i;
        while (i < a->key_count && a->keys[i] == key) {
            i++;
        }
        if ((key & 0xffff) >= count) {
            continue;
        }
        if (runs != NULL) {
            runs[run_count] = (pair_run){(uint32_t)(key >> 16 & 0xffff), (uint32_t)(key & 0xffff),
                                         (uint32_t)(i - first)};
        }
        run_count++;
    }
    return run_count;
}

// ---- matching ----

static nj_status match_exactly(const pair_run *runs, size_t run_count, uint32_t count,
                               uint32_t *place, nj_error *err)
{
    double *costs = calloc((size_t)count * count, sizeof *costs);
    uint32_t *room = malloc(count * sizeof *room);
    nj_status status = NJ_OK;
    if (costs == NULL || room == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to match %" PRIu32 " codes", count);
    }
    if (status == NJ_OK) {
        for (uint32_t c = 0; c < count; c++) {
            room[c] = 1;
            // All of them weigh less than one item: among equals, a code keeps its number.
            costs[(size_t)c * count + c] = -0.5 / count;
        }
        for (size_t i = 0; i < run_count; i++) {
            costs[(size_t)runs[i].place * count + runs[i].old_place] -= runs[i].count;
        }
        status = nj_transport_solve(costs, count, count, room, place, err);
    }
    free(costs);
    free(room);
    return status;
}

static int compare_runs(const void *a, const void *b)
{
    const pair_run *x = a;
    const pair_run *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return x->place != y->place ? (x->place < y->place ? -1 : 1)
                                : (x->old_place < y->old_place ? -1 : x->old_place > y->old_place);
}

static void match_greedily(pair_run *runs, size_t run_count, uint32_t count, uint32_t *place,
                           uint8_t *taken)
{
    memset(taken, 0, count);
    for (uint32_t c = 0; c < count; c++) {
        place[c] = NO_NODE;
    }
    qsort(runs, run_count, sizeof *runs, compare_runs);
    for (size_t i = 0; i < run_count; i++) {
        if (place[runs[i].place] == NO_NODE && taken[runs[i].old_place] == 0) {
            place[runs[i].place] = runs[i].old_place;
            taken[runs[i].old_place] = 1;
        }
    }
    uint32_t free_place = 0;
    for (uint32_t c = 0; c < count; c++) {
        if (place[c] == NO_NODE && taken[c] == 0) {
            place[c] = c;
            taken[c] = 1;
        }
    }
    for (uint32_t c = 0; c < count; c++) {
        while (place[c] == NO_NODE && taken[free_place] != 0) {
            free_place++;
        }
        if (place[c] == NO_NODE) {
            place[c] = free_place;
            taken[free_place] = 1;
        }
    }
}

static nj_status match_group(alignment *a, uint32_t level, uint32_t parent, nj_error *err)
{
    const uint32_t count = group_count(a->fresh->codebooks, level, parent);
    uint32_t *place = a->place[level] + group_first(a->fresh->codebooks, level, parent);
    const size_t run_count = list_runs(a, parent, count, NULL);
    pair_run *runs = malloc((run_count + 1) * sizeof *runs);
    uint8_t *taken = malloc(count);
    nj_status status = NJ_OK;
    if (runs == NULL || taken == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory to match %" PRIu32 " codes", count);
    } else {
        list_runs(a, parent, count, runs);
        if (run_count == 0 || count > NJ_ALIGN_EXACT_CODES) {
            match_greedily(runs, run_count, count, place, taken);
            a->report.greedy_count += count > NJ_ALIGN_EXACT_CODES;
        } else {
            status = match_exactly(runs, run_count, count, place, err);
        }
    }
    free(runs);
    free(taken);
    return status;
}

// ---- a level ----

static uint32_t group_total(const alignment *a, uint32_t level)
{
    return level == 0 || !has_groups(a->old)
               ? 1
               : (uint32_t)nj_codebooks_rows(a->fresh->codebooks, level - 1);
}

static void order_rows(alignment *a, uint32_t level)
{
    uint32_t *order = a->order[level];
    for (uint32_t g = 0; g < group_total(a, level); g++) {
        const uint32_t parent = has_groups(a->old) && level > 0 ? a->order[level - 1][g] : 0;
        const uint32_t first = group_first(a->fresh->codebooks, level, parent);
        const uint32_t count = group_count(a->fresh->codebooks, level, parent);
        for (uint32_t c = 0; c < count; c++) {
            order[a->place[level][first + c]] = first + c;
        }
        order += count;
    }
}

// Which old node each row of this level stands for, for the level below.
static nj_status match_rows(alignment *a, uint32_t level, nj_error *err)
{
    const size_t rows = nj_codebooks_rows(a->fresh->codebooks, level);
    uint32_t *match = malloc(rows * sizeof *match);
    if (match == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to match %zu nodes", rows);
    }
    for (uint32_t parent = 0; parent < group_total(a, level); parent++) {
        const uint32_t first = group_first(a->fresh->codebooks, level, parent);
        const uint32_t old_parent = a->match[parent];
        for (uint32_t c = 0; c < group_count(a->fresh->codebooks, level, parent); c++) {
            const uint32_t place = a->place[level][first + c];
            const bool has_old =
                old_parent != NO_NODE && place < group_count(a->old, level, old_parent);
            match[first + c] = has_old ? group_first(a->old, level, old_parent) + place : NO_NODE;
        }
    }
    free(a->match);
    a->match = match;
    return NJ_OK;
}

// Follows every item down to this level's nodes, where levels hang together.
static void descend(alignment *a, uint32_t level)
{
    const uint32_t L = a->old->level_count;
    for (size_t i = 0; i < a->fresh->row_count; i++) {
        a->parent[i] =
            group_first(a->fresh->codebooks, level, a->parent[i]) + a->fresh->codes[i * L + level];
    }
    for (size_t i = 0; i < a->pair_count; i++) {
        const uint32_t code = a->old_codes[i * L + level];
        const uint32_t node = a->old_parent[i];
        a->old_parent[i] = node == NO_NODE || code >= group_count(a->old, level, node)
                               ? NO_NODE
                               : group_first(a->old, level, node) + code;
    }
}

static nj_status align_level(alignment *a, uint32_t level, nj_error *err)
{
    const size_t rows = nj_codebooks_rows(a->fresh->codebooks, level);
    a->place[level] = malloc(rows * sizeof *a->place[level]);
    a->order[level] = malloc(rows * sizeof *a->order[level]);
    if (a->place[level] == NULL || a->order[level] == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to align %zu codes", rows);
    }
    collect_keys(a, level);
    nj_status status = NJ_OK;
    for (uint32_t parent = 0; parent < group_total(a, level) && status == NJ_OK; parent++) {
        status = match_group(a, level, parent, err);
    }
    if (status == NJ_OK) {
        order_rows(a, level);
    }
    if (status == NJ_OK && has_groups(a->old)) {
        status = match_rows(a, level, err);
        descend(a, level);
    }
    return status;
}

// ---- the whole ----

nj_status nj_codebooks_check_alike(const nj_codebooks *old, const nj_codebooks *fresh,
                                   nj_error *err)
{
    if (old->kind != fresh->kind || old->level_count != fresh->level_count) {
        return nj_fail(err, NJ_INPUT,
                       "the new codebooks are %s of %" PRIu32 " levels, the old ones %s of %" PRIu32
                       ": codes of different forms are not aligned",
                       nj_quant_kind_name(fresh->kind), fresh->level_count,
                       nj_quant_kind_name(old->kind), old->level_count);
    }
    for (uint32_t l = 0; l < old->level_count; l++) {
        if (old->K[l] != fresh->K[l]) {
            return nj_fail(err, NJ_INPUT,
                           "level %" PRIu32 " has %" PRIu32 " codes, in the old codebooks %" PRIu32,
                           l, fresh->K[l], old->K[l]);
        }
    }
    return NJ_OK;
}

// A level's vectors in their new order, by way of a copy of them all.
static void move_rows(const alignment *a, uint32_t level, const float *from, float *to)
{
    const size_t width = nj_codebooks_width(a->fresh->codebooks, level);
    const size_t rows = nj_codebooks_rows(a->fresh->codebooks, level);
    for (size_t i = 0; i < rows; i++) {
        memcpy(to + i * width, from + a->order[level][i] * width, width * sizeof *to);
    }
}

// Behind the vectors, since both read the offsets as they were.
static void move_offsets(const alignment *a, uint32_t level, const uint32_t *from, uint32_t *to)
{
    to[0] = 0;
    for (uint32_t g = 0; g < group_total(a, level); g++) {
        const uint32_t parent = level > 0 ? a->order[level - 1][g] : 0;
        to[g + 1] = to[g] + from[parent + 1] - from[parent];
    }
}

static void translate_codes(alignment *a)
{
    const uint32_t L = a->old->level_count;
    for (size_t i = 0; i < a->fresh->row_count; i++) {
        uint32_t parent = 0;
        for (uint32_t l = 0; l < L; l++) {
            uint16_t *code = &a->fresh->codes[i * L + l];
            const uint32_t row = group_first(a->fresh->codebooks, l, parent) + *code;
            *code = (uint16_t)a->place[l][row];
            parent = has_groups(a->old) ? row : 0;
            a->report.same_after[l] += i < a->pair_count && *code == a->old_codes[i * L + l];
        }
    }
}

static size_t count_values(const nj_codebooks *codebooks)
{
    size_t count = 0;
    for (uint32_t l = 0; l < codebooks->level_count; l++) {
        count += nj_codebooks_rows(codebooks, l) * nj_codebooks_width(codebooks, l);
    }
    return count;
}

static size_t count_offsets(const alignment *a)
{
    size_t count = 0;
    for (uint32_t l = 0; l < a->old->level_count && has_groups(a->old); l++) {
        count += (size_t)group_total(a, l) + 1;
    }
    return count;
}

// Copies first, so that memory that cannot be had changes nothing.
static nj_status change_codebooks(alignment *a, nj_error *err)
{
    const nj_aligned *fresh = a->fresh;
    const size_t value_count = count_values(fresh->codebooks);
    const size_t offset_count = count_offsets(a);
    float *values = malloc(value_count * sizeof *values);
    uint32_t *offsets = malloc((offset_count + 1) * sizeof *offsets);
    if (values == NULL || offsets == NULL) {
        free(values);
        free(offsets);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to align codebooks of %zu numbers",
                       value_count);
    }
    memcpy(values, fresh->values, value_count * sizeof *values);
    if (offset_count > 0) {
        memcpy(offsets, fresh->child_offsets, offset_count * sizeof *offsets);
    }
    translate_codes(a);
    const uint32_t L = a->old->level_count;
    for (uint32_t l = 0; l < L; l++) {
        const size_t at = (size_t)(fresh->codebooks->vectors[l] - fresh->values);
        move_rows(a, l, values + at, fresh->values + at);
    }
    for (uint32_t l = L; l-- > 0 && offset_count > 0;) {
        const size_t at = (size_t)(fresh->codebooks->child_offset[l] - fresh->child_offsets);
        move_offsets(a, l, offsets + at, fresh->child_offsets + at);
    }
    free(values);
    free(offsets);
    return NJ_OK;
}

static nj_status begin(alignment *a, nj_error *err)
{
    a->parent = calloc(a->fresh->row_count + 1, sizeof *a->parent);
    a->old_parent = calloc(a->pair_count + 1, sizeof *a->old_parent);
    a->keys = malloc((a->pair_count + 1) * sizeof *a->keys);
    a->match = calloc(1, sizeof *a->match); // the root is the root
    if (a->parent == NULL || a->old_parent == NULL || a->keys == NULL || a->match == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to align the codes of %zu items",
                       a->fresh->row_count);
    }
    return NJ_OK;
}

static void end(alignment *a)
{
    free(a->parent);
    free(a->old_parent);
    free(a->keys);
    free(a->match);
    for (uint32_t l = 0; l < NJ_QUANT_LEVELS_MAX; l++) {
        free(a->place[l]);
        free(a->order[l]);
    }
}

nj_status nj_codebooks_align(const nj_codebooks *old, const uint16_t *old_codes, size_t pair_count,
                             const nj_aligned *fresh, nj_alignment *out, nj_error *err)
{
    alignment a = {.old = old,
                   .fresh = fresh,
                   .old_codes = old_codes,
                   .pair_count = pair_count,
                   .report = {.item_count = pair_count}};
    nj_status status = nj_codebooks_check_alike(old, fresh->codebooks, err);
    if (status == NJ_OK) {
        status = begin(&a, err);
    }
    for (uint32_t l = 0; l < old->level_count && status == NJ_OK; l++) {
        status = align_level(&a, l, err);
    }
    if (status == NJ_OK) {
        status = change_codebooks(&a, err);
    }
    if (status == NJ_OK) {
        *out = a.report;
    }
    end(&a);
    return status;
}
