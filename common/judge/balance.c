#include "common/judge/balance.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/judge/lift.h"
#include "common/judge/paired_tests.h"

// Of each user's list; a mean over users that goes with nj_diversity_judge's.
static nj_status measure_diversity(const nj_evaluation *e, const float *inverse,
                                   const nj_lists *lists, size_t cutoff, double *out)
{
    float *sum = malloc(nj_max_size(e->embedding_width, 1) * sizeof *sum);
    if (sum == NULL) {
        return NJ_NO_MEMORY;
    }
    for (size_t user = 0; user < e->user_count; user++) {
        double found[NJ_CUTOFF_COUNT];
        uint32_t count;
        const uint32_t *items = nj_lists_at(lists, user, &count);
        if (inverse != NULL) {
            nj_diversity_of_list(items, count, e->embeddings, inverse, e->embedding_width, sum,
                                 found);
        }
        out[user] = inverse != NULL ? found[cutoff] : (double)NAN;
    }
    free(sum);
    return NJ_OK;
}

static nj_status expose(const nj_evaluation *e, const nj_lists *lists, uint32_t cutoff,
                        nj_exposure *out)
{
    uint32_t *counts = malloc(nj_max_size(e->item_count, 1) * sizeof *counts);
    if (counts == NULL) {
        return NJ_NO_MEMORY;
    }
    nj_exposure_count(lists, cutoff, counts, e->item_count, out);
    nj_status status = nj_exposure_judge(counts, e->item_count, e->live_count, e->popularity, out);
    free(counts);
    return status;
}

static void count_lists(const nj_lists *lists, uint32_t cutoff, nj_balance_sample *s)
{
    for (size_t user = 0; user < lists->user_count; user++) {
        const uint32_t count = lists->counts[user];
        s->absent_count += count == NJ_LIST_ABSENT;
        s->short_count += count != NJ_LIST_ABSENT && count < cutoff;
    }
}

nj_status nj_balance_sample_init(const nj_evaluation *evaluation, const float *inverse,
                                 const nj_lists *lists, size_t cutoff, nj_balance_sample *out)
{
    const nj_evaluation *e = evaluation;
    assert(cutoff < NJ_CUTOFF_COUNT && lists->user_count == e->user_count);
    const size_t users = nj_max_size(e->user_count, 1);
    nj_judgement judgement = {0};
    nj_balance_sample s = {.user_count = e->user_count,
                           .diversity = calloc(users, sizeof *s.diversity),
                           .lift = calloc(users, sizeof *s.lift)};
    nj_status status = s.diversity != NULL && s.lift != NULL ? NJ_OK : NJ_NO_MEMORY;
    if (status == NJ_OK) {
        status = nj_lists_judge(lists, e->targets, &judgement);
        s.ranks = judgement.ranks;
    }
    if (status == NJ_OK) {
        status = measure_diversity(e, inverse, lists, cutoff, s.diversity);
    }
    if (status == NJ_OK) {
        status = expose(e, lists, NJ_CUTOFFS[cutoff], &s.exposure);
    }
    if (status != NJ_OK) {
        nj_balance_sample_fini(&s);
        return status;
    }
    nj_lift_judge(e, lists, NJ_CUTOFFS[cutoff], s.lift);
    count_lists(lists, NJ_CUTOFFS[cutoff], &s);
    *out = s;
    return NJ_OK;
}

void nj_balance_sample_fini(nj_balance_sample *sample)
{
    free(sample->ranks);
    free(sample->diversity);
    free(sample->lift);
    *sample = (nj_balance_sample){0};
}

static void test_hits(const nj_balance_sample *sample, const nj_balance_sample *other,
                      uint32_t cutoff, nj_balance *out)
{
    for (size_t user = 0; user < sample->user_count; user++) {
        const bool first = nj_recall_at(sample->ranks[user], cutoff) > 0;
        const bool second = nj_recall_at(other->ranks[user], cutoff) > 0;
        out->first_only += first && !second;
        out->other_only += second && !first;
    }
    out->p = nj_sign_test(out->first_only, out->other_only);
}

nj_status nj_balance_compare(const nj_balance_sample *sample, const nj_balance_sample *other,
                             size_t cutoff, const nj_resampling *resampling, nj_balance *out)
{
    assert(sample->user_count == other->user_count);
    const size_t users = sample->user_count;
    const uint32_t *const ranks[] = {sample->ranks, other->ranks};
    nj_bootstrap b = {0};
    nj_status status = nj_bootstrap_init(ranks, 2, NULL, users, resampling, &b);
    if (status != NJ_OK) {
        return status;
    }
    nj_balance found = {.diversity = nj_mean_estimate(sample->diversity, users),
                        .diversity_difference =
                            nj_mean_difference(sample->diversity, other->diversity, users),
                        .lift = nj_mean_estimate(sample->lift, users),
                        .lift_difference = nj_mean_difference(sample->lift, other->lift, users),
                        .exposure = sample->exposure,
                        .absent_count = sample->absent_count,
                        .short_count = sample->short_count};
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        found.metrics[metric] = nj_bootstrap_value(&b, 0, metric, cutoff);
        found.differences[metric] = nj_bootstrap_difference(&b, 0, 1, metric, cutoff);
    }
    test_hits(sample, other, NJ_CUTOFFS[cutoff], &found);
    nj_bootstrap_fini(&b);
    *out = found;
    return NJ_OK;
}
