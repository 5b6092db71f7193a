#include "worker/baseline/popularity.h"

#include <stdlib.h>
#include <string.h>

#define GROUP 64 // users of a task

void nj_popularity_count(const nj_user_table *users, uint32_t item_count, uint64_t *counts)
{
    memset(counts, 0, item_count * sizeof *counts);
    for (size_t u = 0; u < users->count; u++) {
        const nj_request user = nj_user_table_at(users, u);
        for (uint32_t i = 0; i < user.item_count; i++) {
            counts[user.items[i]]++;
        }
    }
}

nj_status nj_popularity_order(const uint64_t *counts, uint32_t item_count, uint32_t *order,
                              nj_error *err)
{
    nj_top top = {.items = calloc(item_count, sizeof(nj_scored)), .most = item_count};
    if (top.items == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to sort %u items", item_count);
    }
    for (uint32_t i = 0; i < item_count; i++) {
        nj_top_offer(&top, i, (double)counts[i]);
    }
    nj_top_sort(&top);
    for (uint32_t i = 0; i < item_count; i++) {
        order[i] = top.items[i].item;
    }
    free(top.items);
    return NJ_OK;
}

static nj_status make_nothing(const void *context, void **out, nj_error *err)
{
    (void)context;
    (void)err;
    *out = NULL;
    return NJ_OK;
}

static void free_nothing(void **scratch)
{
    *scratch = NULL;
}

static void begin_nothing(const void *context, void *scratch, const nj_request *users,
                          uint32_t count)
{
    (void)context;
    (void)scratch;
    (void)users;
    (void)count;
}

static void offer_nothing(const void *context, void *scratch, uint32_t number,
                          void (*visit)(void *to, uint32_t item, double score), void *to)
{
    (void)context;
    (void)scratch;
    (void)number;
    (void)visit;
    (void)to;
}

nj_recommender nj_popularity_recommender(uint32_t item_count)
{
    return (nj_recommender){.item_count = item_count,
                            .group = GROUP,
                            .scratch_new = make_nothing,
                            .scratch_free = free_nothing,
                            .begin = begin_nothing,
                            .offer = offer_nothing};
}
