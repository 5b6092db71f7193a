#include "worker/train/deal.h"

#include <stdlib.h>

static int compare_effort(const void *a, const void *b)
{
    const nj_sized_sample *x = a;
    const nj_sized_sample *y = b;
    const int by_number = (x->number > y->number) - (x->number < y->number);
    return x->effort != y->effort ? (x->effort < y->effort) - (x->effort > y->effort) : by_number;
}

// Shard number `shard` of `shards` gets every so many of the sorted samples, forth and back: 0 1 2 2 1 0 0 1 2 ... Returns how many.
static uint32_t deal_shard(const nj_sized_sample *sized, size_t samples, size_t shard,
                           size_t shards, uint32_t *out)
{
    uint32_t count = 0;
    for (size_t round = 0; round * shards < samples; round++) {
        const size_t at = round * shards + (round % 2 == 0 ? shard : shards - 1 - shard);
        if (at < samples) {
            out[count++] = sized[at].number;
        }
    }
    return count;
}

size_t nj_train_deal(const nj_learner *learner, size_t per_shard, size_t samples, uint32_t *numbers,
                     nj_sized_sample *sized, nj_train_shard *shards)
{
    const size_t shard_count = (samples + per_shard - 1) / per_shard;
    for (size_t i = 0; i < samples; i++) {
        const uint32_t effort =
            learner->effort != NULL ? learner->effort(learner->context, numbers[i]) : 0;
        sized[i] = (nj_sized_sample){numbers[i], effort};
    }
    if (learner->effort != NULL) {
        qsort(sized, samples, sizeof *sized, compare_effort);
    }
    for (size_t i = 0; i < shard_count; i++) {
        shards[i] = (nj_train_shard){.numbers = numbers,
                                     .count = deal_shard(sized, samples, i, shard_count, numbers)};
        numbers += shards[i].count;
    }
    return shard_count;
}
