#include "common/judge/lift.h"

#include <assert.h>
#include <math.h>

#define NORMAL_QUANTILE 1.959963984540054 // of (1 + NJ_CONFIDENCE) / 2

double nj_mean_log_events(const uint32_t *items, uint32_t count, uint32_t cutoff,
                          const uint32_t *popularity)
{
    double sum = 0;
    uint32_t held = 0;
    for (uint32_t i = 0; i < count && i < cutoff; i++) {
        if (items[i] != NJ_ITEM_INVALID) {
            sum += log((double)popularity[items[i]] + 1);
            held++;
        }
    }
    return held > 0 ? sum / held : (double)NAN;
}

void nj_lift_judge(const nj_evaluation *evaluation, const nj_lists *lists, uint32_t cutoff,
                   double *out)
{
    const nj_evaluation *e = evaluation;
    assert(e->popularity != NULL && e->history_at != NULL);
    for (size_t user = 0; user < e->user_count; user++) {
        uint32_t count = 1;
        const uint32_t *items =
            lists != NULL ? nj_lists_at(lists, user, &count) : &e->targets[user];
        const double shown = nj_mean_log_events(items, count, cutoff, e->popularity);
        const uint32_t *history = e->history_at(e->history, user, &count);
        out[user] = shown - nj_mean_log_events(history, count, count, e->popularity);
    }
}

// Of values or, where `other` is there, of differences.
static double value_at(const double *values, const double *other, size_t i)
{
    return other != NULL ? values[i] - other[i] : values[i];
}

static nj_estimate estimate_mean(const double *values, const double *other, size_t count)
{
    double sum = 0;
    double squares = 0;
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = value_at(values, other, i);
        if (!isnan(value)) {
            sum += value;
            known++;
        }
    }
    const double mean = known > 0 ? sum / (double)known : 0;
    for (size_t i = 0; i < count; i++) {
        const double off = value_at(values, other, i) - mean;
        squares += isnan(off) ? 0 : off * off;
    }
    nj_estimate e = {.value = mean, .low = mean, .high = mean};
    if (known > 1 && squares > 0) {
        const double half = NORMAL_QUANTILE * sqrt(squares / (double)(known - 1) / (double)known);
        e = (nj_estimate){mean, mean - half, mean + half, true};
    }
    return e;
}

nj_estimate nj_mean_estimate(const double *values, size_t count)
{
    return estimate_mean(values, NULL, count);
}

nj_estimate nj_mean_difference(const double *first, const double *other, size_t count)
{
    return estimate_mean(first, other, count);
}
