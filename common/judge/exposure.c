#include "common/judge/exposure.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

void nj_exposure_count(const nj_lists *lists, uint32_t cutoff, uint32_t *counts, size_t item_count,
                       nj_exposure *out)
{
    *out = (nj_exposure){0};
    if (item_count > 0) {
        memset(counts, 0, item_count * sizeof *counts);
    }
    for (size_t user = 0; user < lists->user_count; user++) {
        uint32_t count;
        const uint32_t *items = nj_lists_at(lists, user, &count);
        for (uint32_t i = 0; i < count && i < cutoff; i++) {
            if (items[i] == NJ_ITEM_INVALID) {
                out->invalid++;
                continue;
            }
            assert(items[i] < item_count);
            out->distinct += counts[items[i]]++ == 0;
            out->recommended++;
        }
    }
}

static int compare_counts(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// Over live_count items of which `sorted` [count] have some and the rest none: sum of (2i - n - 1) x_i over n sum of x, i from 1.
static double gini_of(const uint32_t *sorted, size_t count, size_t live_count)
{
    const double n = (double)live_count;
    double weighted = 0;
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        const double place = (double)(live_count - count + i + 1);
        weighted += (2 * place - n - 1) * sorted[i];
        total += sorted[i];
    }
    return total > 0 ? weighted / (n * total) : 0;
}

double nj_novelty_bits(uint32_t events, uint64_t event_total, size_t item_count)
{
    return -log2(((double)events + 1) / ((double)event_total + (double)item_count));
}

static void weigh_popularity(const uint32_t *counts, size_t item_count, const uint32_t *popularity,
                             nj_exposure *out)
{
    uint64_t event_total = 0;
    for (size_t i = 0; i < item_count; i++) {
        event_total += popularity[i];
    }
    for (size_t i = 0; i < item_count; i++) {
        if (counts[i] > 0) {
            out->novelty += counts[i] * nj_novelty_bits(popularity[i], event_total, item_count);
            out->popularity += (double)counts[i] * popularity[i];
        }
    }
    const double places = out->recommended > 0 ? (double)out->recommended : 1;
    out->novelty /= places;
    out->popularity /= places;
}

nj_status nj_exposure_judge(const uint32_t *counts, size_t item_count, size_t live_count,
                            const uint32_t *popularity, nj_exposure *out)
{
    uint32_t *sorted = malloc(nj_max_size(item_count, 1) * sizeof *sorted);
    if (sorted == NULL) {
        return NJ_NO_MEMORY;
    }
    size_t count = 0;
    for (size_t i = 0; i < item_count; i++) {
        if (counts[i] > 0) {
            sorted[count++] = counts[i];
        }
    }
    assert(count <= live_count);
    qsort(sorted, count, sizeof *sorted, compare_counts);
    out->coverage = live_count > 0 ? (double)count / (double)live_count : 0;
    out->gini = gini_of(sorted, count, live_count);
    if (popularity != NULL) {
        weigh_popularity(counts, item_count, popularity, out);
    }
    free(sorted);
    return NJ_OK;
}

nj_status nj_inverse_lengths(const float *embeddings, size_t N, size_t D, float **out)
{
    float *inverse = malloc(nj_max_size(N, 1) * sizeof *inverse);
    if (inverse == NULL) {
        return NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t d = 0; d < D; d++) {
            sum += (double)embeddings[i * D + d] * embeddings[i * D + d];
        }
        const double length = sqrt(sum);
        inverse[i] = length >= (double)FLT_MIN ? (float)(1 / length) : 0;
    }
    *out = inverse;
    return NJ_OK;
}

double nj_cosine(const float *embeddings, const float *inverse, size_t D, uint32_t a, uint32_t b)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        sum += (double)embeddings[a * D + d] * embeddings[b * D + d];
    }
    return sum * inverse[a] * inverse[b];
}

// The mean over the pairs of `count` rows whose unit vectors sum up to `sum`; `units` of them are no zeros.
static double mean_distance(const float *sum, size_t D, uint32_t count, double units)
{
    double square = 0;
    for (size_t d = 0; d < D; d++) {
        square += (double)sum[d] * sum[d];
    }
    return 1 - (square - units) / ((double)count * (count - 1.0));
}

void nj_diversity_of_list(const uint32_t *items, uint32_t count, const float *embeddings,
                          const float *inverse, size_t D, float *sum, double out[NJ_CUTOFF_COUNT])
{
    uint32_t held = 0;
    double units = 0;
    uint32_t place = 0;
    memset(sum, 0, D * sizeof *sum);
    for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
        for (; place < count && place < NJ_CUTOFFS[c]; place++) {
            const uint32_t item = items[place];
            if (item == NJ_ITEM_INVALID) {
                continue;
            }
            const float *row = embeddings + (size_t)item * D;
            for (size_t d = 0; d < D; d++) {
                sum[d] += inverse[item] * row[d];
            }
            held++;
            units += inverse[item] > 0;
        }
        out[c] = held > 1 ? mean_distance(sum, D, held, units) : NAN;
    }
}

nj_status nj_diversity_judge(const nj_lists *lists, const float *embeddings, const float *inverse,
                             size_t D, nj_diversity *out)
{
    float *sum = malloc(nj_max_size(D, 1) * sizeof *sum);
    if (sum == NULL) {
        return NJ_NO_MEMORY;
    }
    *out = (nj_diversity){0};
    for (size_t user = 0; user < lists->user_count; user++) {
        uint32_t count;
        const uint32_t *items = nj_lists_at(lists, user, &count);
        double found[NJ_CUTOFF_COUNT];
        nj_diversity_of_list(items, count, embeddings, inverse, D, sum, found);
        for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
            if (!isnan(found[c])) {
                out->mean[c] += found[c];
                out->users[c]++;
            }
        }
    }
    for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
        out->mean[c] = out->users[c] > 0 ? out->mean[c] / (double)out->users[c] : 0;
    }
    free(sum);
    return NJ_OK;
}
