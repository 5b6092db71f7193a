// collisions_move.c - which items of a prefix get which of its free codes, and which of them must leave it.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/catalogue/collisions_parts.h"
#include "common/catalogue/transport.h"

// ---- beginning and end ----

static nj_status check_books(const nj_collision_work *work, nj_error *err)
{
    const nj_codebooks *codebooks = work->codebooks;
    if (work->rows.read == NULL) {
        return nj_fail(err, NJ_INPUT,
                       "%s: items collide, and relocating them needs their embeddings", work->what);
    }
    if (codebooks == NULL || codebooks->level_count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: items collide, and relocating them needs codebooks: there are none",
                       work->what);
    }
    if (codebooks->level_count != work->level_count) {
        return nj_fail(err, NJ_INPUT,
                       "%s: codebooks of %" PRIu32 " levels, the codes have %" PRIu32, work->what,
                       codebooks->level_count, work->level_count);
    }
    for (uint32_t l = 0; l < work->level_count; l++) {
        if (codebooks->K[l] != work->K[l]) {
            return nj_fail(err, NJ_INPUT,
                           "%s: level %" PRIu32 ": the codebook has %" PRIu32
                           " rows, the level %" PRIu32 " codes",
                           work->what, l, codebooks->K[l], work->K[l]);
        }
    }
    return NJ_OK;
}

// Nodes of a hierarchy may have fewer children than the level has codes.
static nj_status check_nodes(const nj_collision_work *work, nj_error *err)
{
    const uint32_t entry_count = work->row_count + work->occupied_count;
    for (uint32_t entry = 0; entry < entry_count; entry++) {
        const uint16_t *codes = nj_collision_entry(work, entry);
        for (uint32_t l = 0; l < work->level_count; l++) {
            const uint32_t count = nj_codebooks_count_codes(work->codebooks, l, codes);
            if (codes[l] >= count) {
                return nj_fail(err, NJ_INPUT,
                               "%s: SID %" PRIu32 ", level %" PRIu32
                               ": code %u, its node in the codebooks has %" PRIu32 " children",
                               work->what, entry, l, codes[l], count);
            }
        }
    }
    return NJ_OK;
}

nj_status nj_relocation_begin(nj_relocation *relocation, const nj_collision_work *work,
                              uint32_t sid_room, nj_collision_outcome *outcome, nj_error *err)
{
    *relocation = (nj_relocation){.work = work, .outcome = outcome, .sid_room = sid_room};
    nj_buffer_init(&relocation->leavers, SIZE_MAX / 2);
    nj_status status = check_books(work, err);
    if (status == NJ_OK && work->codebooks->kind == NJ_QUANT_HIERARCHICAL) {
        status = check_nodes(work, err);
    }
    if (status == NJ_OK) {
        status = nj_code_costs_init(&relocation->costs, work->codebooks, err);
    }
    if (status == NJ_OK) {
        status = nj_free_search_begin(&relocation->search, work, &relocation->costs, sid_room, err);
    }
    if (status == NJ_OK) {
        const size_t D = work->codebooks->D;
        relocation->x = malloc(D * sizeof *relocation->x);
        relocation->residual = malloc(D * sizeof *relocation->residual);
        relocation->code_costs =
            malloc(work->K[work->level_count - 1] * sizeof *relocation->code_costs);
        if (relocation->x == NULL || relocation->residual == NULL ||
            relocation->code_costs == NULL) {
            status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to relocate items", work->what);
        }
    }
    return status;
}

void nj_relocation_end(nj_relocation *relocation)
{
    nj_free_search_end(&relocation->search);
    nj_code_costs_fini(&relocation->costs);
    nj_buffer_fini(&relocation->leavers);
    free(relocation->x);
    free(relocation->residual);
    free(relocation->code_costs);
    *relocation = (nj_relocation){0};
}

// ---- one item ----

static uint16_t *codes_of(const nj_relocation *relocation, uint32_t row)
{
    return relocation->work->codes + (size_t)row * nj_collision_columns(relocation->work);
}

// Reads the embedding into x and what every last code behind the item's prefix would cost into code_costs; *out_own: its present one.
static nj_status weigh_row(nj_relocation *relocation, uint32_t row, double *out_own, nj_error *err)
{
    const nj_collision_work *work = relocation->work;
    const uint16_t *codes = codes_of(relocation, row);
    const uint32_t last = work->level_count - 1;
    nj_status status = work->rows.read(work->rows.context, row, relocation->x, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_code_costs_begin(&relocation->costs, relocation->x, relocation->residual);
    for (uint32_t l = 0; l < last; l++) {
        nj_code_costs_step(&relocation->costs, l, codes[l], relocation->residual,
                           relocation->residual);
    }
    nj_code_costs_of(&relocation->costs, last, codes, relocation->residual, relocation->code_costs);
    *out_own = relocation->code_costs[codes[last]];
    return NJ_OK;
}

static void move_row(nj_relocation *relocation, uint32_t row, uint32_t code, double extra)
{
    uint16_t *codes = codes_of(relocation, row);
    const uint32_t last = relocation->work->level_count - 1;
    if (codes[last] != code) {
        codes[last] = (uint16_t)code;
        relocation->outcome->moved_count++;
        relocation->outcome->extra_error += extra;
    }
}

// With the codes of a counter; UINT64_MAX where there are more.
static uint64_t count_sids(const nj_relocation *relocation)
{
    const nj_collision_work *work = relocation->work;
    if (work->codebooks->kind == NJ_QUANT_HIERARCHICAL) {
        return (uint64_t)relocation->sid_room *
               nj_codebooks_rows(work->codebooks, work->level_count - 1);
    }
    size_t count = relocation->sid_room;
    for (uint32_t l = 0; l < work->level_count; l++) {
        if (!nj_mul_size(count, work->K[l], &count)) {
            return UINT64_MAX;
        }
    }
    return count;
}

static nj_status fail_full(const nj_relocation *relocation, nj_error *err)
{
    const nj_collision_work *work = relocation->work;
    if (work->occupied_count > 0) {
        return nj_fail(err, NJ_INPUT,
                       "%s: an item finds no SID that nobody has had: %" PRIu32
                       " new items, %" PRIu32 " older ones (retired ones keep theirs), %" PRIu64
                       " SIDs; a fit with more levels or more codes would do",
                       work->what, work->row_count, work->occupied_count, count_sids(relocation));
    }
    return nj_fail(err, NJ_INPUT,
                   "%s: there are more items than SIDs that they could have: %" PRIu32
                   " items, %" PRIu64 " SIDs; more levels or more codes would do",
                   work->what, work->row_count, count_sids(relocation));
}

// What the item, whose embedding is in x, has to pay at the least outside of its prefix.
static nj_status weigh_leaving(nj_relocation *relocation, uint32_t row, double own, double *out,
                               nj_error *err)
{
    uint16_t sid[NJ_LEVELS_MAX];
    double cost = 0;
    nj_status status = nj_free_search_find(&relocation->search, relocation->x,
                                           codes_of(relocation, row), sid, &cost, err);
    if (status == NJ_NOT_FOUND) {
        return fail_full(relocation, err);
    }
    *out = cost - own;
    return status;
}

static nj_status add_leaver(nj_relocation *relocation, uint32_t row, double cost, nj_error *err)
{
    const nj_row_cost leaver = {cost, row};
    if (nj_buffer_append(&relocation->leavers, &leaver, sizeof leaver) != NJ_OK) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to relocate items",
                       relocation->work->what);
    }
    return NJ_OK;
}

static int compare_row_costs(const void *a, const void *b)
{
    const nj_row_cost *x = a;
    const nj_row_cost *y = b;
    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

// ---- a prefix that is assigned exactly ----

typedef struct {
    uint32_t *codes;     // [count] with room; the last may be NO_CODE: leave
    uint32_t *room;      // [count]
    size_t count;        //
    uint64_t room_sum;   // of the codes
    double *costs;       // [rows, count]: what each would cost more than the item's present code
    uint32_t *column_of; // [rows]
} prefix_problem;

#define NO_CODE UINT32_MAX

static void end_problem(prefix_problem *problem)
{
    free(problem->codes);
    free(problem->room);
    free(problem->costs);
    free(problem->column_of);
}

static nj_status begin_problem(const nj_relocation *relocation, uint32_t K, size_t row_count,
                               const uint32_t *room, prefix_problem *out, nj_error *err)
{
    const nj_collision_work *work = relocation->work;
    prefix_problem problem = {.codes = malloc((K + 1u) * sizeof *problem.codes),
                              .room = malloc((K + 1u) * sizeof *problem.room),
                              .column_of = malloc(row_count * sizeof *problem.column_of)};
    if (problem.codes != NULL && problem.room != NULL) {
        for (uint32_t k = 0; k < K; k++) {
            if (room[k] > 0) {
                problem.codes[problem.count] = k;
                problem.room[problem.count++] = room[k];
                problem.room_sum += room[k];
            }
        }
        if (problem.room_sum < row_count) {
            problem.codes[problem.count] = NO_CODE;
            problem.room[problem.count++] = (uint32_t)(row_count - problem.room_sum);
        }
        problem.costs = malloc(row_count * problem.count * sizeof *problem.costs);
    }
    if (problem.costs == NULL || problem.column_of == NULL) {
        end_problem(&problem);
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to relocate %zu items of a prefix",
                       work->what, row_count);
    }
    *out = problem;
    return NJ_OK;
}

static nj_status fill_costs(nj_relocation *relocation, const uint32_t *rows, size_t row_count,
                            prefix_problem *problem, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < row_count && status == NJ_OK; i++) {
        double *costs = problem->costs + i * problem->count;
        double own = 0;
        status = weigh_row(relocation, rows[i], &own, err);
        for (size_t j = 0; j < problem->count && status == NJ_OK; j++) {
            if (problem->codes[j] == NO_CODE) {
                status = weigh_leaving(relocation, rows[i], own, &costs[j], err);
            } else {
                costs[j] = relocation->code_costs[problem->codes[j]] - own;
            }
        }
    }
    return status;
}

static nj_status assign_exactly(nj_relocation *relocation, uint32_t K, const uint32_t *rows,
                                size_t row_count, const uint32_t *room, nj_error *err)
{
    prefix_problem problem = {0};
    nj_status status = begin_problem(relocation, K, row_count, room, &problem, err);
    if (status != NJ_OK) {
        return status;
    }
    status = fill_costs(relocation, rows, row_count, &problem, err);
    if (status == NJ_OK) {
        status = nj_transport_solve(problem.costs, row_count, problem.count, problem.room,
                                    problem.column_of, err);
    }
    for (size_t i = 0; i < row_count && status == NJ_OK; i++) {
        const uint32_t column = problem.column_of[i];
        const double extra = problem.costs[i * problem.count + column];
        if (problem.codes[column] == NO_CODE) {
            status = add_leaver(relocation, rows[i], extra, err);
        } else {
            move_row(relocation, rows[i], problem.codes[column], extra);
        }
    }
    end_problem(&problem);
    return status;
}

// ---- a prefix that is filled greedily ----

static nj_status sort_by_own_cost(nj_relocation *relocation, const uint32_t *rows, size_t row_count,
                                  nj_row_cost *out, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < row_count && status == NJ_OK; i++) {
        out[i].row = rows[i];
        status = weigh_row(relocation, rows[i], &out[i].cost, err);
    }
    if (status == NJ_OK) {
        qsort(out, row_count, sizeof *out, compare_row_costs);
    }
    return status;
}

// Gives the item the nearest code with room, or notes that it leaves.
static nj_status place_greedily(nj_relocation *relocation, uint32_t K, uint32_t row, uint32_t *room,
                                uint64_t *room_sum, nj_error *err)
{
    double own = 0;
    nj_status status = weigh_row(relocation, row, &own, err);
    if (status != NJ_OK) {
        return status;
    }
    if (*room_sum == 0) {
        double extra = 0;
        status = weigh_leaving(relocation, row, own, &extra, err);
        return status == NJ_OK ? add_leaver(relocation, row, extra, err) : status;
    }
    uint32_t nearest = K;
    for (uint32_t k = 0; k < K; k++) {
        if (room[k] > 0 &&
            (nearest == K || relocation->code_costs[k] < relocation->code_costs[nearest])) {
            nearest = k;
        }
    }
    room[nearest]--;
    (*room_sum)--;
    move_row(relocation, row, nearest, relocation->code_costs[nearest] - own);
    return NJ_OK;
}

static nj_status assign_greedily(nj_relocation *relocation, uint32_t K, const uint32_t *rows,
                                 size_t row_count, const uint32_t *room, nj_error *err)
{
    nj_row_cost *sorted = malloc(row_count * sizeof *sorted);
    uint32_t *left = malloc(K * sizeof *left);
    nj_status status = NJ_OK;
    uint64_t room_sum = 0;
    if (sorted == NULL || left == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to relocate %zu items of a prefix",
                         relocation->work->what, row_count);
        goto done;
    }
    for (uint32_t k = 0; k < K; k++) {
        left[k] = room[k];
        room_sum += room[k];
    }
    status = sort_by_own_cost(relocation, rows, row_count, sorted, err);
    for (size_t i = 0; i < row_count && status == NJ_OK; i++) {
        status = place_greedily(relocation, K, sorted[i].row, left, &room_sum, err);
    }
    relocation->outcome->greedy_prefix_count++;
done:
    free(sorted);
    free(left);
    return status;
}

nj_status nj_relocation_prefix(nj_relocation *relocation, const uint32_t *rows, size_t row_count,
                               const uint32_t *room, nj_error *err)
{
    const nj_collision_work *work = relocation->work;
    const uint32_t K = nj_codebooks_count_codes(work->codebooks, work->level_count - 1,
                                                codes_of(relocation, rows[0]));
    const size_t row_bytes = (K + 1u) * sizeof(double);
    const bool exact =
        row_count <= NJ_COLLISIONS_EXACT_ROWS && row_count <= NJ_COLLISIONS_EXACT_BYTES / row_bytes;
    return (exact ? assign_exactly : assign_greedily)(relocation, K, rows, row_count, room, err);
}

// ---- items that left their prefix ----

static bool test_bit(const uint8_t *bits, uint32_t at)
{
    return bits[at / 8] >> at % 8 & 1;
}

// All SIDs but those of the leavers are taken.
static nj_status take_sids(nj_relocation *relocation, const nj_row_cost *leavers, size_t count,
                           nj_error *err)
{
    const nj_collision_work *work = relocation->work;
    uint8_t *leaves = calloc(work->row_count / 8 + 1, 1);
    if (leaves == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to relocate items", work->what);
    }
    for (size_t i = 0; i < count; i++) {
        leaves[leavers[i].row / 8] |= (uint8_t)(1u << leavers[i].row % 8);
    }
    nj_status status = NJ_OK;
    for (uint32_t row = 0; row < work->row_count && status == NJ_OK; row++) {
        if (!test_bit(leaves, row)) {
            status = nj_free_search_take(&relocation->search, row, err);
        }
    }
    for (uint32_t i = 0; i < work->occupied_count && status == NJ_OK; i++) {
        status = nj_free_search_take(&relocation->search, work->row_count + i, err);
    }
    free(leaves);
    return status;
}

static nj_status place_leaver(nj_relocation *relocation, uint32_t row, nj_error *err)
{
    const uint32_t L = relocation->work->level_count;
    uint16_t *codes = codes_of(relocation, row);
    uint16_t sid[NJ_LEVELS_MAX];
    double own = 0;
    double cost = 0;
    nj_status status = weigh_row(relocation, row, &own, err);
    if (status == NJ_OK) {
        status = nj_free_search_find(&relocation->search, relocation->x, NULL, sid, &cost, err);
    }
    if (status == NJ_NOT_FOUND) {
        return fail_full(relocation, err);
    }
    if (status == NJ_OK) {
        relocation->outcome->moved_prefix_count += memcmp(sid, codes, (L - 1) * sizeof *sid) != 0;
        relocation->outcome->moved_count += memcmp(sid, codes, L * sizeof *sid) != 0;
        relocation->outcome->extra_error += cost - own;
        memcpy(codes, sid, L * sizeof *sid);
        status = nj_free_search_take(&relocation->search, row, err);
    }
    return status;
}

nj_status nj_relocation_finish(nj_relocation *relocation, nj_error *err)
{
    const size_t count = relocation->leavers.size / sizeof(nj_row_cost);
    nj_row_cost *leavers = (nj_row_cost *)(void *)relocation->leavers.bytes;
    if (count == 0) {
        return NJ_OK;
    }
    qsort(leavers, count, sizeof *leavers, compare_row_costs);
    nj_status status = take_sids(relocation, leavers, count, err);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = place_leaver(relocation, leavers[i].row, err);
        nj_collision_tell(relocation->work, "moves", i + 1, count);
    }
    return status;
}
