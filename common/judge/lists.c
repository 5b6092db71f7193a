#include "common/judge/lists.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/checked.h"
#include "common/judge/metric.h"

nj_status nj_lists_init(size_t user_count, uint32_t depth, nj_lists *out)
{
    assert(depth > 0);
    nj_lists lists = {.user_count = user_count, .depth = depth};
    if (!nj_mul_size(user_count, ((size_t)depth + 1) * sizeof(uint32_t), &lists.bytes)) {
        return NJ_NO_MEMORY;
    }
    lists.bytes = nj_max_size(lists.bytes, 1);
    void *memory =
        mmap(NULL, lists.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NJ_NO_MEMORY;
    }
    lists.counts = memory;
    lists.items = lists.counts + user_count;
    for (size_t user = 0; user < user_count; user++) {
        lists.counts[user] = NJ_LIST_ABSENT;
    }
    *out = lists;
    return NJ_OK;
}

void nj_lists_fini(nj_lists *lists)
{
    if (lists->counts != NULL) {
        munmap(lists->counts, lists->bytes);
    }
    *lists = (nj_lists){0};
}

void nj_lists_set(nj_lists *lists, size_t user, const uint32_t *items, uint32_t count)
{
    assert(user < lists->user_count);
    const uint32_t kept = count < lists->depth ? count : lists->depth;
    if (kept > 0) {
        memcpy(lists->items + user * lists->depth, items, kept * sizeof *items);
    }
    lists->counts[user] = kept;
}

const uint32_t *nj_lists_at(const nj_lists *lists, size_t user, uint32_t *out_count)
{
    assert(user < lists->user_count);
    *out_count = lists->counts[user] == NJ_LIST_ABSENT ? 0 : lists->counts[user];
    return lists->items + user * lists->depth;
}

static void count_items(nj_judgement *judgement, const uint32_t *items, uint32_t count)
{
    judgement->item_total += count;
    for (uint32_t i = 0; i < count; i++) {
        judgement->invalid_total += items[i] == NJ_ITEM_INVALID;
    }
    if (count > judgement->longest) {
        judgement->longest = count;
    }
}

nj_status nj_lists_judge(const nj_lists *lists, const uint32_t *targets, nj_judgement *out)
{
    nj_judgement judgement = {.ranks = calloc(nj_max_size(lists->user_count, 1), sizeof(uint32_t))};
    if (judgement.ranks == NULL) {
        return NJ_NO_MEMORY;
    }
    for (size_t user = 0; user < lists->user_count; user++) {
        uint32_t count;
        const uint32_t *items = nj_lists_at(lists, user, &count);
        judgement.ranks[user] = nj_rank_of(items, count, targets[user]);
        judgement.absent_count += lists->counts[user] == NJ_LIST_ABSENT;
        count_items(&judgement, items, count);
    }
    *out = judgement;
    return NJ_OK;
}

void nj_judgement_fini(nj_judgement *judgement)
{
    free(judgement->ranks);
    *judgement = (nj_judgement){0};
}

double nj_lists_overlap(const nj_lists *a, const nj_lists *b, uint32_t cutoff)
{
    assert(a->user_count == b->user_count);
    double sum = 0.0;
    for (size_t user = 0; user < a->user_count; user++) {
        uint32_t a_count;
        uint32_t b_count;
        const uint32_t *a_items = nj_lists_at(a, user, &a_count);
        const uint32_t *b_items = nj_lists_at(b, user, &b_count);
        sum += nj_overlap_at(a_items, a_count, b_items, b_count, cutoff);
    }
    return a->user_count > 0 ? sum / (double)a->user_count : 1.0;
}
