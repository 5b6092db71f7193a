#include "worker/policy/fresh.h"

#include <stdlib.h>
#include <string.h>

size_t nj_fresh_bytes(const nj_policy *policy, const nj_trie *trie)
{
    return policy->fresh_share > 0 ? 2 * (size_t)trie->item_count * sizeof(uint32_t) : 0;
}

bool nj_fresh_has(const nj_fresh *fresh, uint32_t row)
{
    return fresh->day_of != NULL && nj_policy_is_fresh(fresh->policy, fresh->day_of[row]);
}

static int compare_counts(const void *a, const void *b, void *context)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    const uint32_t *counts = context;
    if (counts[x] != counts[y]) {
        return counts[x] > counts[y] ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

// Leaves, and so places in `items`, are in the order of their SIDs.
static void gather_rows(const nj_trie *trie, const uint64_t *listable, const uint32_t *counts,
                        nj_fresh *fresh)
{
    for (uint32_t i = 0; i < trie->item_count; i++) {
        const uint32_t row = trie->items[i];
        if (nj_bits_has(listable, row) && nj_fresh_has(fresh, row)) {
            fresh->rows[fresh->count++] = row;
        }
    }
    fresh->by_count = fresh->rows + fresh->count;
    memcpy(fresh->by_count, fresh->rows, fresh->count * sizeof *fresh->rows);
    if (counts != NULL) {
        qsort_r(fresh->by_count, fresh->count, sizeof *fresh->by_count, compare_counts,
                (void *)(uintptr_t)counts);
    }
}

nj_status nj_fresh_init(const nj_policy *policy, const nj_catalogue_view *catalogue,
                        const nj_attributes *attributes, const uint64_t *listable, uint32_t top,
                        nj_fresh *out, nj_error *err)
{
    const nj_trie *trie = &catalogue->trie;
    nj_fresh fresh = {
        .policy = policy, .sids = &catalogue->sids, .wanted = nj_policy_fresh_places(policy, top)};
    if (policy->fresh_share > 0) {
        fresh.day_of = attributes->columns[policy->fresh_attribute].day_of;
        fresh.rows = malloc(nj_fresh_bytes(policy, trie));
        if (fresh.rows == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for the fresh ones of %u items",
                           trie->item_count);
        }
        gather_rows(trie, listable, catalogue->counts, &fresh);
    }
    *out = fresh;
    return NJ_OK;
}

void nj_fresh_fini(nj_fresh *fresh)
{
    free(fresh->rows);
    *fresh = (nj_fresh){0};
}

static int compare_codes(const uint16_t *a, const uint16_t *b, uint32_t levels)
{
    for (uint32_t l = 0; l < levels; l++) {
        if (a[l] != b[l]) {
            return a[l] < b[l] ? -1 : 1;
        }
    }
    return 0;
}

static const uint16_t *find_codes(const nj_fresh *fresh, uint32_t row)
{
    return fresh->sids->codes + (size_t)row * fresh->sids->level_count;
}

// The first fresh row that begins with the codes or stands behind those that do.
static uint32_t find_first(const nj_fresh *fresh, const uint16_t *codes, uint32_t levels)
{
    uint32_t low = 0;
    uint32_t high = fresh->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (compare_codes(find_codes(fresh, fresh->rows[middle]), codes, levels) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

typedef struct {
    const nj_fresh *fresh;
    const nj_listable *listable;
    nj_constraints *constraints;
    nj_candidates *candidates;
    uint32_t looks; // left
    uint32_t need;  // left
    float score;
} taking;

static void take_row(taking *t, uint32_t row, uint32_t levels)
{
    nj_candidates *candidates = t->candidates;
    t->looks--;
    if (nj_listable_has(t->listable, row) && nj_constraints_reserve(t->constraints, row)) {
        candidates->items[candidates->count++] =
            (nj_candidate){.row = row,
                           .leaf = nj_listable_leaf(t->listable, row),
                           .score = t->score,
                           .source = NJ_SOURCE_NEAR,
                           .raw = (float)levels};
        t->need--;
    }
}

static bool is_done(const taking *t)
{
    return t->need == 0 || t->looks == 0 || t->candidates->count == t->candidates->room;
}

// Those that begin with the first `levels` of the codes.
static void take_below(taking *t, const uint16_t *codes, uint32_t levels)
{
    const nj_fresh *fresh = t->fresh;
    for (uint32_t i = find_first(fresh, codes, levels);
         i < fresh->count && !is_done(t) &&
         compare_codes(find_codes(fresh, fresh->rows[i]), codes, levels) == 0;
         i++) {
        take_row(t, fresh->rows[i], levels);
    }
}

uint32_t nj_fresh_reserve_near(const nj_fresh *fresh, const nj_listable *listable, uint32_t need,
                               nj_constraints *constraints, nj_candidates *candidates)
{
    const uint32_t count = candidates->count;
    taking t = {.fresh = fresh,
                .listable = listable,
                .constraints = constraints,
                .candidates = candidates,
                .looks = NJ_FRESH_LOOKS_MAX,
                .need = need,
                .score = count > 0 ? candidates->items[count - 1].score : 0};
    for (uint32_t levels = fresh->sids->level_count; levels > 0; levels--) {
        for (uint32_t i = 0; i < count && t.need > 0; i++) {
            take_below(&t, find_codes(fresh, candidates->items[i].row), levels);
        }
    }
    for (uint32_t i = 0; i < fresh->count && !is_done(&t); i++) {
        take_row(&t, fresh->by_count[i], 0);
    }
    return need - t.need;
}
