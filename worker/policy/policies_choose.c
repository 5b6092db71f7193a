// policies_choose.c - the candidates that a list takes, place by place, as re-ranking values them and the constraints allow; and once
// more where it lacks fresh items.
//
// The rule of freshness: a list that has its share without being asked is left as it is. One that has not is chosen again, with places
// reserved for the best fresh candidates that the constraints allow, and where those are too few for fresh items next to them in the trie.
#include <string.h>

#include "worker/policy/policies_internal.h"

static bool allow(void *context, const nj_candidate *candidate)
{
    return nj_constraints_allow(context, candidate->row);
}

// Placed items stand behind the candidates while the picks are chosen: re-ranking counts them in what the list has.
static nj_rerank *begin_rerank(nj_policies *policies)
{
    list_work *work = &policies->work;
    const nj_policy_user *user = &policies->users[work->user];
    memcpy(work->pool.items + work->pool.count, work->placed,
           work->placed_count * sizeof *work->placed);
    return nj_rerank_begin(&policies->rerank, user->history, user->history_count, work->pool.items,
                           work->pool.count + work->placed_count, work->pool.count,
                           policies->arena);
}

static void pick(nj_policies *policies)
{
    list_work *work = &policies->work;
    const size_t mark = nj_arena_mark(policies->arena);
    nj_rerank *rerank = begin_rerank(policies);
    uint32_t pins = 0;
    uint32_t cold = 0;
    work->pick_count = 0;
    for (uint32_t place = 0; place < policies->inputs.top; place++) {
        const place_kind kind = nj_policies_place_kind(policies, place, pins, cold);
        if (kind == PLACE_PIN) {
            nj_rerank_take(rerank, work->pool.count + pins++);
        } else if (kind == PLACE_COLD) {
            nj_rerank_take(rerank, work->pool.count + work->pin_count + cold++);
        } else {
            const uint32_t best = nj_rerank_best(rerank, allow, &work->constraints);
            if (best == NJ_POLICY_NONE) {
                break;
            }
            nj_rerank_take(rerank, best);
            nj_constraints_take(&work->constraints, work->pool.items[best].row);
            work->picks[work->pick_count++] = work->pool.items[best];
        }
    }
    nj_arena_rewind(policies->arena, mark);
}

static uint32_t count_fresh(const nj_fresh *fresh, const nj_candidate *items, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        found += nj_fresh_has(fresh, items[i].row);
    }
    return found;
}

// Reserves what is placed again, then fresh items until the list has its share.
static void reserve_fresh(nj_policies *policies)
{
    list_work *work = &policies->work;
    const nj_fresh *fresh = &policies->fresh;
    const uint32_t placed = count_fresh(fresh, work->placed, work->placed_count);
    uint32_t need = fresh->wanted > placed ? fresh->wanted - placed : 0;
    nj_constraints_clear(&work->constraints);
    for (uint32_t i = 0; i < work->placed_count; i++) {
        (void)nj_constraints_reserve(&work->constraints, work->placed[i].row);
    }
    for (uint32_t i = 0; i < work->pool.count && need > 0; i++) {
        const uint32_t row = work->pool.items[i].row;
        if (nj_fresh_has(fresh, row) && nj_constraints_reserve(&work->constraints, row)) {
            need--;
        }
    }
    if (need > 0) {
        nj_fresh_reserve_near(fresh, &work->listable, need, &work->constraints, &work->pool);
    }
}

static bool was_picked(const list_work *work, uint32_t count, uint32_t row)
{
    bool was = false;
    for (uint32_t i = 0; i < count && !was; i++) {
        was = work->before[i] == row;
    }
    return was;
}

static void pick_fresh(nj_policies *policies)
{
    list_work *work = &policies->work;
    const uint32_t before_count = work->pick_count;
    for (uint32_t i = 0; i < before_count; i++) {
        work->before[i] = work->picks[i].row;
    }
    memcpy(work->pool.items, work->kept, work->pool.count * sizeof *work->kept);
    reserve_fresh(policies);
    pick(policies);
    for (uint32_t i = 0; i < work->pick_count; i++) {
        nj_candidate *item = &work->picks[i];
        if (nj_fresh_has(&policies->fresh, item->row) &&
            !was_picked(work, before_count, item->row)) {
            item->adjust[NJ_ADJUST_FRESH] = 1;
        }
    }
}

void nj_policies_choose(nj_policies *policies)
{
    list_work *work = &policies->work;
    const nj_fresh *fresh = &policies->fresh;
    nj_constraints_clear(&work->constraints);
    nj_policies_place(policies);
    memcpy(work->kept, work->pool.items, work->pool.count * sizeof *work->kept);
    pick(policies);
    if (count_fresh(fresh, work->placed, work->placed_count) +
            count_fresh(fresh, work->picks, work->pick_count) <
        fresh->wanted) {
        pick_fresh(policies);
    }
}
