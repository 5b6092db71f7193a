#include "common/judge/metric.h"

#include <math.h>

const uint32_t NJ_CUTOFFS[NJ_CUTOFF_COUNT] = {1, 5, 10, NJ_CUTOFF_MAX};

const nj_metric NJ_METRICS[NJ_METRIC_COUNT] = {
    {"recall", nj_recall_at},
    {"ndcg", nj_ndcg_at},
    {"mrr", nj_reciprocal_rank_at},
};

uint32_t nj_rank_of(const uint32_t *items, uint32_t count, uint32_t target)
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i] == target) {
            return i + 1;
        }
    }
    return NJ_RANK_NONE;
}

static int is_hit(uint32_t rank, uint32_t cutoff)
{
    return rank != NJ_RANK_NONE && rank <= cutoff;
}

double nj_recall_at(uint32_t rank, uint32_t cutoff)
{
    return is_hit(rank, cutoff) ? 1.0 : 0.0;
}

double nj_ndcg_at(uint32_t rank, uint32_t cutoff)
{
    return is_hit(rank, cutoff) ? 1.0 / log2((double)rank + 1.0) : 0.0;
}

double nj_reciprocal_rank_at(uint32_t rank, uint32_t cutoff)
{
    return is_hit(rank, cutoff) ? 1.0 / (double)rank : 0.0;
}

double nj_overlap_at(const uint32_t *a, uint32_t a_count, const uint32_t *b, uint32_t b_count,
                     uint32_t cutoff)
{
    const uint32_t a_places = a_count < cutoff ? a_count : cutoff;
    const uint32_t b_places = b_count < cutoff ? b_count : cutoff;
    const uint32_t places = a_places > b_places ? a_places : b_places;
    uint32_t common = 0;
    for (uint32_t i = 0; i < a_places; i++) {
        common += a[i] != NJ_ITEM_INVALID && nj_rank_of(b, b_places, a[i]) != NJ_RANK_NONE;
    }
    return places > 0 ? (double)common / (double)places : 1.0;
}

double nj_metric_mean(const nj_metric *metric, uint32_t cutoff, const uint32_t *ranks, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += metric->at(ranks[i], cutoff);
    }
    return count > 0 ? sum / (double)count : 0.0;
}
