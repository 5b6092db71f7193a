// policies_place.c - items whose place is decided before the others are chosen: pins, then cold items.
//
//   place     0        1        2        3        4
//             pick     pin      pick     cold     pick         a pin at 1, cold_first 2, and a pick that was there before it
//
// Both count in every constraint from the beginning. Where picks are too few, what is placed moves up behind them.
#include "worker/policy/policies_internal.h"

#include <string.h>

static uint32_t find_row(const nj_candidates *pool, uint32_t count, uint32_t row)
{
    uint32_t at = 0;
    while (at < count && pool->items[at].row != row) {
        at++;
    }
    return at;
}

static void remove_at(nj_candidates *pool, uint32_t at)
{
    pool->count--;
    memmove(&pool->items[at], &pool->items[at + 1], (pool->count - at) * sizeof *pool->items);
}

static bool take_out(nj_candidates *pool, uint32_t row, nj_candidate *out)
{
    const uint32_t at = find_row(pool, pool->count, row);
    if (at == pool->count) {
        return false;
    }
    *out = pool->items[at];
    remove_at(pool, at);
    return true;
}

static void place_pin(nj_policies *policies, const nj_policy_pin *pin)
{
    list_work *work = &policies->work;
    nj_candidate item = {.row = pin->row};
    if (!nj_listable_has(&work->listable, pin->row) ||
        !nj_constraints_reserve(&work->constraints, pin->row)) {
        return;
    }
    if (take_out(&work->pool, pin->row, &item) && item.source != NJ_SOURCE_BEAM) {
        item.raw = 0;
    }
    item.leaf = nj_listable_leaf(&work->listable, pin->row);
    item.source = NJ_SOURCE_PIN;
    work->places[work->placed_count] = pin->place;
    work->placed[work->placed_count++] = item;
}

// One that stands so far in front that it needs no place keeps its own.
static void place_cold(nj_policies *policies)
{
    list_work *work = &policies->work;
    const nj_policy *policy = &policies->policy;
    const nj_candidates *cold = &policies->cold_items[work->user];
    for (uint32_t i = 0; i < cold->count; i++) {
        const uint32_t row = cold->items[i].row;
        const uint32_t at = find_row(&work->pool, work->pool.count, row);
        const bool stands = at < work->pool.count && at < policy->cold_first;
        if (!stands && work->placed_count - work->pin_count < policy->cold_places &&
            nj_constraints_reserve(&work->constraints, row)) {
            if (at < work->pool.count) {
                remove_at(&work->pool, at);
            }
            work->placed[work->placed_count++] = cold->items[i];
        }
    }
}

void nj_policies_place(nj_policies *policies)
{
    list_work *work = &policies->work;
    for (uint32_t i = 0; i < policies->policy.pin_count; i++) {
        place_pin(policies, &policies->policy.pins[i]);
    }
    work->pin_count = work->placed_count;
    if (policies->cold_items != NULL) {
        place_cold(policies);
    }
}

place_kind nj_policies_place_kind(const nj_policies *policies, uint32_t place, uint32_t pins,
                                  uint32_t cold)
{
    const list_work *work = &policies->work;
    if (pins < work->pin_count && work->places[pins] <= place) {
        return PLACE_PIN;
    }
    const bool left = cold < work->placed_count - work->pin_count;
    return left && nj_cold_takes_place(&policies->policy, place, cold) ? PLACE_COLD : PLACE_PICK;
}

void nj_policies_lay_out(nj_policies *policies, nj_policy_list *out)
{
    list_work *work = &policies->work;
    const uint32_t count = work->pick_count + work->placed_count;
    const uint32_t cold_count = work->placed_count - work->pin_count;
    uint32_t pins = 0;
    uint32_t cold = 0;
    uint32_t picks = 0;
    *out = (nj_policy_list){.items = work->items, .count = count};
    for (uint32_t place = 0; place < count; place++) {
        place_kind kind = nj_policies_place_kind(policies, place, pins, cold);
        if (kind == PLACE_PICK && picks == work->pick_count) {
            kind = cold < cold_count ? PLACE_COLD : PLACE_PIN;
        }
        work->items[place] = kind == PLACE_PIN    ? work->placed[pins++]
                             : kind == PLACE_COLD ? work->placed[work->pin_count + cold++]
                                                  : work->picks[picks++];
        out->sources |= 1u << work->items[place].source;
    }
}
