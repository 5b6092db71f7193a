// collisions_search.c - the nearest SID that has room, by a beam that never enters a prefix without one.
//
// Which prefixes are full is learned on the way: when none of the codes behind a prefix has room, the prefix is noted, its parent
// counts one child more that is full, and is full itself when all of its children are.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "common/base/checked.h"
#include "common/catalogue/collisions_parts.h"

#define W NJ_COLLISIONS_BEAM
#define TABLE_CAPACITY_LEAST 64u

// ---- the table ----

static size_t find_slot(const nj_entry_table *table, const nj_collision_work *work,
                        const uint16_t *codes)
{
    const size_t bytes = table->depth * sizeof *codes;
    size_t at = XXH3_64bits(codes, bytes) & (table->capacity - 1);
    while (table->slots[at] != 0) {
        const uint32_t entry = (uint32_t)table->slots[at] - 1;
        if (memcmp(nj_collision_entry(work, entry), codes, bytes) == 0) {
            break;
        }
        at = (at + 1) & (table->capacity - 1);
    }
    return at;
}

static uint32_t look_up(const nj_entry_table *table, const nj_collision_work *work,
                        const uint16_t *codes)
{
    return table->count == 0 ? 0 : (uint32_t)(table->slots[find_slot(table, work, codes)] >> 32);
}

static nj_status grow_table(nj_entry_table *table, const nj_collision_work *work, nj_error *err)
{
    nj_entry_table larger = {.capacity = nj_max_size(table->capacity * 2, TABLE_CAPACITY_LEAST),
                             .count = table->count,
                             .depth = table->depth};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a table of %zu SIDs", larger.capacity);
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != 0) {
            const uint32_t entry = (uint32_t)table->slots[i] - 1;
            larger.slots[find_slot(&larger, work, nj_collision_entry(work, entry))] =
                table->slots[i];
        }
    }
    free(table->slots);
    *table = larger;
    return NJ_OK;
}

// Adds to the number under the entry's codes; *out_number is the sum.
static nj_status add_to(nj_entry_table *table, const nj_collision_work *work, uint32_t entry,
                        uint32_t number, uint32_t *out_number, nj_error *err)
{
    if (table->count >= table->capacity / 4 * 3) {
        nj_status status = grow_table(table, work, err);
        if (status != NJ_OK) {
            return status;
        }
    }
    uint64_t *slot = &table->slots[find_slot(table, work, nj_collision_entry(work, entry))];
    if (*slot == 0) {
        *slot = (uint64_t)entry + 1;
        table->count++;
    }
    *slot += (uint64_t)number << 32;
    *out_number = (uint32_t)(*slot >> 32);
    return NJ_OK;
}

// ---- beginning and end ----

nj_status nj_free_search_begin(nj_free_search *search, const nj_collision_work *work,
                               const nj_code_costs *costs, uint32_t sid_room, nj_error *err)
{
    uint32_t widest = 0;
    size_t bytes = 0;
    *search = (nj_free_search){.work = work, .costs = costs, .sid_room = sid_room};
    search->taken.depth = work->level_count;
    for (uint32_t l = 0; l < work->level_count; l++) {
        search->full[l].depth = l;
        widest = work->K[l] > widest ? work->K[l] : widest;
    }
    search->code_costs = malloc(widest * sizeof *search->code_costs);
    bool complete =
        search->code_costs != NULL && nj_mul_size(W * sizeof(double), costs->codebooks->D, &bytes);
    for (size_t i = 0; i < 2; i++) {
        search->residuals[i] = malloc(bytes);
        search->prefixes[i] = malloc(W * sizeof *search->prefixes[i]);
        complete = complete && search->residuals[i] != NULL && search->prefixes[i] != NULL;
    }
    return complete ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory to look for free SIDs");
}

void nj_free_search_end(nj_free_search *search)
{
    free(search->taken.slots);
    for (size_t l = 0; l < NJ_LEVELS_MAX; l++) {
        free(search->full[l].slots);
    }
    for (size_t i = 0; i < 2; i++) {
        free(search->residuals[i]);
        free(search->prefixes[i]);
    }
    free(search->code_costs);
    *search = (nj_free_search){0};
}

nj_status nj_free_search_take(nj_free_search *search, uint32_t entry, nj_error *err)
{
    uint32_t number;
    return add_to(&search->taken, search->work, entry, 1, &number, err);
}

// ---- full prefixes ----

static bool is_full(const nj_free_search *search, uint32_t depth, const uint16_t *codes)
{
    const nj_entry_table *table = &search->full[depth];
    return table->count > 0 && look_up(table, search->work, codes) ==
                                   nj_codebooks_count_codes(search->costs->codebooks, depth, codes);
}

// None of the SIDs behind the prefix [L-1] has room. Some entry has that prefix: its SIDs are taken.
static nj_status note_full(nj_free_search *search, const uint16_t *prefix, nj_error *err)
{
    const nj_collision_work *work = search->work;
    const nj_codebooks *codebooks = search->costs->codebooks;
    const uint32_t last = work->level_count - 1;
    uint16_t sid[NJ_LEVELS_MAX];
    memcpy(sid, prefix, last * sizeof *sid);
    sid[last] = 0;
    const uint64_t slot = search->taken.slots[find_slot(&search->taken, work, sid)];
    uint32_t more = nj_codebooks_count_codes(codebooks, last, prefix);
    for (uint32_t depth = last; depth > 0; depth--) {
        uint32_t number;
        nj_status status =
            add_to(&search->full[depth], work, (uint32_t)slot - 1, more, &number, err);
        if (status != NJ_OK || number < nj_codebooks_count_codes(codebooks, depth, prefix)) {
            return status;
        }
        more = 1;
    }
    search->root_full += more;
    return NJ_OK;
}

// ---- the beam ----

typedef struct {
    double *residuals;
    uint16_t (*prefixes)[NJ_LEVELS_MAX];
    uint32_t count;
} beam;

static beam begin_beam(const nj_free_search *search, const float *x)
{
    beam root = {search->residuals[0], search->prefixes[0], 1};
    nj_code_costs_begin(search->costs, x, root.residuals);
    return root;
}

// Keeps the W cheapest in order; an equal cost stands behind what came before.
static void keep_candidate(nj_free_candidate *kept, uint32_t *count, nj_free_candidate candidate)
{
    uint32_t at = *count < W ? (*count)++ : W - 1;
    while (at > 0 && candidate.cost < kept[at - 1].cost) {
        kept[at] = kept[at - 1];
        at--;
    }
    kept[at] = candidate;
}

static uint32_t expand_beam(nj_free_search *search, const beam *from, uint32_t level,
                            const uint16_t *avoid, nj_free_candidate kept[W])
{
    const size_t D = search->costs->codebooks->D;
    const bool last_prefix = level + 2 == search->work->level_count;
    uint32_t count = 0;
    for (uint32_t parent = 0; parent < from->count; parent++) {
        uint16_t *prefix = from->prefixes[parent];
        const uint32_t code_count = nj_code_costs_of(
            search->costs, level, prefix, from->residuals + parent * D, search->code_costs);
        for (uint32_t k = 0; k < code_count; k++) {
            const double cost = search->code_costs[k];
            if (count == W && cost >= kept[W - 1].cost) {
                continue;
            }
            prefix[level] = (uint16_t)k;
            if (is_full(search, level + 1, prefix) ||
                (last_prefix && avoid != NULL &&
                 memcmp(prefix, avoid, (level + 1u) * sizeof *prefix) == 0)) {
                continue;
            }
            keep_candidate(kept, &count, (nj_free_candidate){cost, parent, (uint16_t)k});
        }
    }
    return count;
}

static beam advance_beam(nj_free_search *search, const beam *from, uint32_t level,
                         const nj_free_candidate *kept, uint32_t count)
{
    const size_t D = search->costs->codebooks->D;
    const size_t other = from->residuals == search->residuals[0] ? 1 : 0;
    beam to = {search->residuals[other], search->prefixes[other], count};
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t parent = kept[i].parent;
        nj_code_costs_step(search->costs, level, kept[i].code, from->residuals + parent * D,
                           to.residuals + i * D);
        memcpy(to.prefixes[i], from->prefixes[parent], sizeof to.prefixes[i]);
        to.prefixes[i][level] = kept[i].code;
    }
    return to;
}

// ---- the last level ----

// The cheapest of K codes with room that costs less than `best`; K when there is none. *out_full: no code has room.
static uint32_t find_free_code(nj_free_search *search, uint32_t K, uint16_t *sid, double best,
                               bool *out_full)
{
    const uint32_t last = search->work->level_count - 1;
    double *costs = search->code_costs;
    *out_full = false;
    for (uint32_t tries = 0; tries < K; tries++) {
        uint32_t cheapest = 0;
        for (uint32_t k = 1; k < K; k++) {
            cheapest = costs[k] < costs[cheapest] ? k : cheapest;
        }
        if (costs[cheapest] >= best) {
            return K;
        }
        sid[last] = (uint16_t)cheapest;
        if (look_up(&search->taken, search->work, sid) < search->sid_room) {
            return cheapest;
        }
        costs[cheapest] = INFINITY;
    }
    *out_full = true;
    return K;
}

// NJ_NOT_FOUND where no prefix of the beam has room; they are noted as full then.
static nj_status finish_beam(nj_free_search *search, const beam *beams, uint16_t *out_sid,
                             double *out_cost, nj_error *err)
{
    const size_t D = search->costs->codebooks->D;
    const uint32_t last = search->work->level_count - 1;
    nj_status status = NJ_OK;
    double best = INFINITY;
    for (uint32_t i = 0; i < beams->count && status == NJ_OK; i++) {
        uint16_t *sid = beams->prefixes[i];
        bool full;
        const uint32_t K = nj_code_costs_of(search->costs, last, sid, beams->residuals + i * D,
                                            search->code_costs);
        const uint32_t code = find_free_code(search, K, sid, best, &full);
        if (code < K) {
            best = search->code_costs[code];
            memcpy(out_sid, sid, search->work->level_count * sizeof *sid);
        } else if (full) {
            status = note_full(search, sid, err);
        }
    }
    if (status == NJ_OK) {
        *out_cost = best;
        status = best < INFINITY ? NJ_OK : NJ_NOT_FOUND;
    }
    return status;
}

nj_status nj_free_search_find(nj_free_search *search, const float *x, const uint16_t *avoid,
                              uint16_t *out_sid, double *out_cost, nj_error *err)
{
    const nj_collision_work *work = search->work;
    const uint32_t root_count = nj_codebooks_count_codes(search->costs->codebooks, 0, NULL);
    while (search->root_full < root_count) { // each turn without a find notes a prefix as full
        nj_free_candidate kept[W];
        beam beams = begin_beam(search, x);
        for (uint32_t level = 0; level + 1 < work->level_count; level++) {
            const uint32_t count = expand_beam(search, &beams, level, avoid, kept);
            beams = advance_beam(search, &beams, level, kept, count);
        }
        if (beams.count == 0) {
            break;
        }
        nj_status status = finish_beam(search, &beams, out_sid, out_cost, err);
        if (status != NJ_NOT_FOUND) {
            return status;
        }
    }
    return NJ_NOT_FOUND;
}
