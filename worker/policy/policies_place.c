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
    nj_candidate item;
    if (!nj_listable_has(&work->listable, pin->row) ||
        !nj_constraints_reserve(&work->constraints, pin->row)) {
        return;
    }
    if (!take_out(&work->pool, pin->row, &item) || item.source != NJ_SOURCE_BEAM) {
        item = (nj_candidate){.row = pin->row};
    }
    item.leaf = nj_listable_leaf(&work->listable, pin->row);
    item.source = NJ_SOURCE_PIN;
    work->places[work->placed_count] = pin->place;
    work->placed[work->placed_count++] = item;
}

// A cold item that stands so far in front that it needs no place keeps its own. Candidates are counted before any is taken out.
static bool may_place(const nj_policies *policies, const nj_candidate *item, uint32_t taken)
{
    const nj_candidates *pool = &policies->work.pool;
    const uint32_t first = policies->policy.cold_first;
    const uint32_t at = find_row(pool, pool->count, item->row);
    const nj_candidate *displaced =
        first + taken < pool->count ? &pool->items[first + taken] : NULL;
    return (at == pool->count || at >= first) &&
           nj_cold_displaces(policies->cold, &policies->cold_items[policies->work.user], item,
                             displaced);
}

static void place_cold(nj_policies *policies)
{
    list_work *work = &policies->work;
    const nj_candidates *cold = &policies->cold_items[work->user].best;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < cold->count && taken < policies->policy.cold_places; i++) {
        if (may_place(policies, &cold->items[i], taken) &&
            nj_constraints_reserve(&work->constraints, cold->items[i].row)) {
            work->placed[work->placed_count++] = cold->items[i];
            taken++;
        }
    }
    for (uint32_t i = work->pin_count; i < work->placed_count; i++) {
        nj_candidate twice;
        (void)take_out(&work->pool, work->placed[i].row, &twice);
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
    return left && place >= policies->policy.cold_first ? PLACE_COLD : PLACE_PICK;
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
