// contrast.c - outcomes of users, and how those of one outcome differ from those of another.
#include "common/judge/contrast.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/judge/bootstrap.h"
#include "common/judge/metric.h"

#define NORMAL_95 1.959963984540054

nj_outcome nj_outcome_of(uint32_t first_rank, uint32_t other_rank, uint32_t cutoff)
{
    const bool first = nj_recall_at(first_rank, cutoff) > 0;
    const bool other = nj_recall_at(other_rank, cutoff) > 0;
    if (first && other) {
        return NJ_OUTCOME_BOTH;
    }
    return first ? NJ_OUTCOME_WIN : other ? NJ_OUTCOME_LOSS : NJ_OUTCOME_NEITHER;
}

// ---- Cliff's delta ----

// How many of sorted y [count] lie below x, those equal to it for a half; `*below` and `*upto` only grow while x does.
static double place_among(double x, const double *y, size_t count, size_t *below, size_t *upto)
{
    while (*below < count && y[*below] < x) {
        (*below)++;
    }
    while (*upto < count && y[*upto] <= x) {
        (*upto)++;
    }
    return ((double)*below + (double)*upto) / 2;
}

// Mean and variance of the shares of y that lie below each x; both sorted.
static void list_placements(const double *x, size_t x_count, const double *y, size_t y_count,
                            double *mean, double *variance)
{
    size_t below = 0;
    size_t upto = 0;
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < x_count; i++) {
        const double share = place_among(x[i], y, y_count, &below, &upto) / (double)y_count;
        sum += share;
        squares += share * share;
    }
    *mean = sum / (double)x_count;
    *variance = x_count > 1 ? fmax(squares - sum * *mean, 0) / ((double)x_count - 1) : 0;
}

nj_effect nj_cliffs_delta(double *x, size_t x_count, double *y, size_t y_count)
{
    if (x_count == 0 || y_count == 0) {
        return (nj_effect){0};
    }
    double area;
    double area_of_y;
    double x_variance;
    double y_variance;
    nj_sort_values(x, x_count);
    nj_sort_values(y, y_count);
    list_placements(x, x_count, y, y_count, &area, &x_variance);
    list_placements(y, y_count, x, x_count, &area_of_y, &y_variance);
    const double error =
        2 * sqrt(x_variance / (double)x_count + y_variance / (double)y_count); // of delta
    nj_effect effect = {.delta = 2 * area - 1};
    effect.has_interval = x_count > 1 && y_count > 1 && error > 0;
    effect.low = fmax(effect.delta - NORMAL_95 * error, -1);
    effect.high = fmin(effect.delta + NORMAL_95 * error, 1);
    return effect;
}

// ---- one feature over the outcomes ----

typedef struct {
    uint8_t *outcome_of; // owned; [user_count]
    double *values;      // owned; [2 * user_count] scratch: one side, then the other
    size_t user_count;
} sorting;

// The feature's numbers of the users whose outcome is in the set of bits.
static size_t gather(const sorting *s, const float *values, unsigned outcomes, double *to)
{
    size_t count = 0;
    for (size_t user = 0; user < s->user_count; user++) {
        if ((outcomes >> s->outcome_of[user] & 1) != 0 && !isnan(values[user])) {
            to[count++] = values[user];
        }
    }
    return count;
}

static nj_effect contrast_sides(const sorting *s, const float *values, unsigned left,
                                unsigned right)
{
    double *x = s->values;
    double *y = s->values + s->user_count;
    const size_t x_count = gather(s, values, left, x);
    const size_t y_count = gather(s, values, right, y);
    return nj_cliffs_delta(x, x_count, y, y_count);
}

static double typical_of(double *values, size_t count, bool is_question)
{
    if (count == 0) {
        return 0;
    }
    if (!is_question) {
        nj_sort_values(values, count);
        return nj_quantile(values, count, 0.5);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double)count;
}

static void contrast_feature(const sorting *s, const float *values, bool is_question,
                             nj_feature_contrast *out)
{
    const unsigned win = 1u << NJ_OUTCOME_WIN;
    const unsigned loss = 1u << NJ_OUTCOME_LOSS;
    const unsigned rest = 1u << NJ_OUTCOME_NEITHER | 1u << NJ_OUTCOME_BOTH;
    for (unsigned outcome = 0; outcome < NJ_OUTCOME_COUNT; outcome++) {
        out->counts[outcome] = gather(s, values, 1u << outcome, s->values);
        out->typical[outcome] = typical_of(s->values, out->counts[outcome], is_question);
    }
    out->wins_losses = contrast_sides(s, values, win, loss);
    out->wins_rest = contrast_sides(s, values, win, rest);
    out->losses_rest = contrast_sides(s, values, loss, rest);
}

static void count_outcomes(const sorting *s, const uint32_t *first, const uint32_t *other,
                           nj_contrast *out)
{
    for (size_t user = 0; user < s->user_count; user++) {
        const nj_outcome outcome = nj_outcome_of(first[user], other[user], out->cutoff);
        s->outcome_of[user] = (uint8_t)outcome;
        out->counts[outcome]++;
        out->both_first += outcome == NJ_OUTCOME_BOTH && first[user] < other[user];
        out->both_other += outcome == NJ_OUTCOME_BOTH && other[user] < first[user];
    }
}

nj_status nj_contrast_init(const nj_features *features, const uint32_t *first_ranks,
                           const uint32_t *other_ranks, uint32_t cutoff, nj_contrast *out)
{
    sorting s = {.user_count = features->user_count};
    const size_t users = nj_max_size(s.user_count, 1);
    s.outcome_of = malloc(users);
    s.values = malloc(2 * users * sizeof *s.values);
    if (s.outcome_of == NULL || s.values == NULL) {
        free(s.outcome_of);
        free(s.values);
        return NJ_NO_MEMORY;
    }
    *out = (nj_contrast){.cutoff = cutoff};
    count_outcomes(&s, first_ranks, other_ranks, out);
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        out->known[i] = features->values[i] != NULL;
        if (out->known[i]) {
            contrast_feature(&s, features->values[i], NJ_FEATURES[i].is_question,
                             &out->features[i]);
        }
    }
    free(s.outcome_of);
    free(s.values);
    return NJ_OK;
}

size_t nj_contrast_examples(const uint32_t *first_ranks, const uint32_t *other_ranks,
                            size_t user_count, uint32_t cutoff, nj_outcome outcome, uint32_t *users,
                            size_t most)
{
    size_t total = 0;
    for (size_t user = 0; user < user_count; user++) {
        total += nj_outcome_of(first_ranks[user], other_ranks[user], cutoff) == outcome;
    }
    const size_t wanted = nj_min_size(total, most);
    size_t count = 0;
    size_t seen = 0;
    for (size_t user = 0; user < user_count && count < wanted; user++) {
        if (nj_outcome_of(first_ranks[user], other_ranks[user], cutoff) != outcome) {
            continue;
        }
        if (seen++ == count * total / wanted) {
            users[count++] = (uint32_t)user;
        }
    }
    return count;
}
