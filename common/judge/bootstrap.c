#include "common/judge/bootstrap.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"

#define CELLS ((size_t)NJ_METRIC_COUNT * NJ_CUTOFF_COUNT)
#define RANKS (NJ_CUTOFF_MAX + 1)
#define NO_ROW UINT32_MAX

typedef struct {
    size_t ranking_count;
    size_t user_count;
    size_t found_count; // users that some ranking has a hit for
    uint32_t *
        row_of; // owned; [user_count] of the others NO_ROW: they add nothing wherever they are drawn
    uint8_t *ranks;                       // owned; [found_count, ranking_count], 0: no hit
    uint32_t *hits;                       // owned; [ranking_count, RANKS] users drawn, by rank
    double gains[NJ_METRIC_COUNT][RANKS]; // of a hit at a rank
} drawing;

// Below a cut-off a metric does not depend on it (metric.h), so its gain at a rank is one number.
static void list_gains(double gains[NJ_METRIC_COUNT][RANKS])
{
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        for (uint32_t rank = 0; rank < RANKS; rank++) {
            gains[metric][rank] = NJ_METRICS[metric].at(rank, NJ_CUTOFF_MAX);
        }
    }
}

static uint8_t clip_rank(uint32_t rank)
{
    return rank <= NJ_CUTOFF_MAX ? (uint8_t)rank : 0;
}

static void list_found(drawing *d, const uint32_t *const *ranks, const uint32_t *members)
{
    for (size_t i = 0; i < d->user_count; i++) {
        const size_t user = members != NULL ? members[i] : i;
        uint8_t *row = d->ranks + d->found_count * d->ranking_count;
        uint8_t any = 0;
        for (size_t m = 0; m < d->ranking_count; m++) {
            row[m] = clip_rank(ranks[m][user]);
            any |= row[m];
        }
        d->row_of[i] = any != 0 ? (uint32_t)d->found_count++ : NO_ROW;
    }
}

// [ranking, metric, cutoff] from users counted by rank.
static void average_hits(const drawing *d, double *means, size_t stride)
{
    for (size_t m = 0; m < d->ranking_count; m++) {
        const uint32_t *hits = d->hits + m * RANKS;
        for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
            double sum = 0;
            uint32_t rank = 1;
            for (size_t c = 0; c < NJ_CUTOFF_COUNT; c++) {
                for (; rank <= NJ_CUTOFFS[c]; rank++) {
                    sum += hits[rank] * d->gains[metric][rank];
                }
                means[((m * NJ_METRIC_COUNT + metric) * NJ_CUTOFF_COUNT + c) * stride] =
                    sum / (double)d->user_count;
            }
        }
    }
}

// A number of SplitMix64 draws two users: of 32 bits each, so that no user is likelier than another by more than user_count / 2^32.
static void draw_resample(drawing *d, uint64_t key, uint64_t resample)
{
    const uint64_t numbers = d->user_count / 2 + 1; // of a resample
    uint64_t state = key + resample * numbers * NJ_RNG_STEP;
    uint64_t bits = 0;
    memset(d->hits, 0, d->ranking_count * RANKS * sizeof *d->hits);
    for (size_t i = 0; i < d->user_count; i++) {
        bits = i % 2 == 0 ? nj_rng_next(&state) : bits >> 32;
        const uint32_t row = d->row_of[(bits & UINT32_MAX) * d->user_count >> 32];
        if (row == NO_ROW) {
            continue;
        }
        const uint8_t *ranks = d->ranks + (size_t)row * d->ranking_count;
        for (size_t m = 0; m < d->ranking_count; m++) {
            d->hits[m * RANKS + ranks[m]]++;
        }
    }
}

// The same sum as nj_metric_mean's: users without a hit add 0.
static void average_users(const drawing *d, double *means)
{
    for (size_t m = 0; m < d->ranking_count; m++) {
        for (size_t cell = 0; cell < CELLS; cell++) {
            const double *gains = d->gains[cell / NJ_CUTOFF_COUNT];
            const uint32_t cutoff = NJ_CUTOFFS[cell % NJ_CUTOFF_COUNT];
            double sum = 0;
            for (size_t user = 0; user < d->found_count; user++) {
                const uint8_t rank = d->ranks[user * d->ranking_count + m];
                sum += rank <= cutoff ? gains[rank] : 0;
            }
            means[m * CELLS + cell] = d->user_count > 0 ? sum / (double)d->user_count : 0;
        }
    }
}

static nj_status allocate(drawing *d, nj_bootstrap *b)
{
    size_t rank_bytes;
    size_t cells = 0;
    size_t values = 0;
    if (!nj_mul_size(d->user_count, d->ranking_count, &rank_bytes) ||
        !nj_mul_size(b->ranking_count, CELLS, &cells) ||
        !nj_mul_size(cells, b->resample_count, &values)) {
        return NJ_NO_MEMORY;
    }
    d->row_of = calloc(nj_max_size(d->user_count, 1), sizeof *d->row_of);
    d->ranks = calloc(rank_bytes + d->ranking_count, 1);
    d->hits = calloc(d->ranking_count * RANKS, sizeof *d->hits);
    b->means = calloc(nj_max_size(cells, 1), sizeof *b->means);
    b->resamples = calloc(nj_max_size(values, 1), sizeof *b->resamples);
    b->scratch = calloc(nj_max_size(b->resample_count, 1), sizeof *b->scratch);
    return d->row_of != NULL && d->ranks != NULL && d->hits != NULL && b->means != NULL &&
                   b->resamples != NULL && b->scratch != NULL
               ? NJ_OK
               : NJ_NO_MEMORY;
}

nj_status nj_bootstrap_init(const uint32_t *const *ranks, size_t ranking_count,
                            const uint32_t *members, size_t user_count,
                            const nj_resampling *resampling, nj_bootstrap *out)
{
    assert(resampling->resample_count <= NJ_RESAMPLES_MAX && ranking_count > 0 &&
           user_count <= UINT32_MAX);
    drawing d = {.ranking_count = ranking_count, .user_count = user_count};
    nj_bootstrap b = {.ranking_count = ranking_count,
                      .user_count = user_count,
                      .resample_count = user_count > 0 ? resampling->resample_count : 0};
    nj_status status = allocate(&d, &b);
    if (status == NJ_OK) {
        list_gains(d.gains);
        list_found(&d, ranks, members);
        average_users(&d, b.means);
        const uint64_t key = nj_rng_mix(resampling->seed + NJ_RNG_STEP);
        for (uint32_t r = 0; r < b.resample_count; r++) {
            draw_resample(&d, key, r);
            average_hits(&d, b.resamples + r, b.resample_count);
        }
        *out = b;
        b = (nj_bootstrap){0};
    }
    nj_bootstrap_fini(&b);
    free(d.row_of);
    free(d.ranks);
    free(d.hits);
    return status;
}

void nj_bootstrap_fini(nj_bootstrap *bootstrap)
{
    free(bootstrap->means);
    free(bootstrap->resamples);
    free(bootstrap->scratch);
    *bootstrap = (nj_bootstrap){0};
}

static int compare_values(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

void nj_sort_values(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_values);
}

double nj_quantile(const double *sorted, size_t count, double at)
{
    const double place = at * (double)(count - 1);
    const size_t below = (size_t)place;
    const size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

static nj_estimate estimate(const nj_bootstrap *b, double value)
{
    nj_estimate e = {.value = value, .low = value, .high = value};
    if (b->resample_count > 0) {
        nj_sort_values(b->scratch, b->resample_count);
        const double *last = b->scratch + b->resample_count - 1;
        e.has_interval = b->scratch[0] < *last;
        if (e.has_interval) {
            e.low = nj_quantile(b->scratch, b->resample_count, (1 - NJ_CONFIDENCE) / 2);
            e.high = nj_quantile(b->scratch, b->resample_count, (1 + NJ_CONFIDENCE) / 2);
        }
    }
    return e;
}

static size_t cell_of(const nj_bootstrap *b, size_t ranking, size_t metric, size_t cutoff)
{
    assert(ranking < b->ranking_count && metric < NJ_METRIC_COUNT && cutoff < NJ_CUTOFF_COUNT);
    return ranking * CELLS + metric * NJ_CUTOFF_COUNT + cutoff;
}

double nj_no_hit_bound(size_t user_count)
{
    return user_count > 0 ? 1 - pow((1 - NJ_CONFIDENCE) / 2, 1 / (double)user_count) : 1;
}

nj_estimate nj_bootstrap_value(const nj_bootstrap *bootstrap, size_t ranking, size_t metric,
                               size_t cutoff)
{
    const nj_bootstrap *b = bootstrap;
    const size_t cell = cell_of(b, ranking, metric, cutoff);
    if (b->resample_count > 0) {
        memcpy(b->scratch, b->resamples + cell * b->resample_count,
               b->resample_count * sizeof *b->scratch);
    }
    nj_estimate e = estimate(b, b->means[cell]);
    if (b->resample_count > 0 && !(e.value > 0)) {
        e.high = nj_no_hit_bound(b->user_count);
        e.has_interval = true;
    }
    return e;
}

nj_estimate nj_bootstrap_difference(const nj_bootstrap *bootstrap, size_t first, size_t other,
                                    size_t metric, size_t cutoff)
{
    const nj_bootstrap *b = bootstrap;
    const size_t x = cell_of(b, first, metric, cutoff);
    const size_t y = cell_of(b, other, metric, cutoff);
    for (uint32_t r = 0; r < b->resample_count; r++) {
        b->scratch[r] =
            b->resamples[x * b->resample_count + r] - b->resamples[y * b->resample_count + r];
    }
    return estimate(b, b->means[x] - b->means[y]);
}

nj_estimate nj_bootstrap_apart(const nj_bootstrap *first, const nj_bootstrap *other, size_t ranking,
                               size_t metric, size_t cutoff)
{
    assert(first->resample_count == other->resample_count);
    const uint32_t count = first->resample_count;
    const size_t cell = cell_of(first, ranking, metric, cutoff);
    const double mean = first->means[cell];
    const double other_mean = other->means[cell];
    for (uint32_t r = 0; r < count; r++) {
        first->scratch[r] = first->resamples[cell * count + r] - other->resamples[cell * count + r];
    }
    nj_estimate e = estimate(first, mean - other_mean);
    if (count > 0 && !(mean > 0)) {
        e.high += nj_no_hit_bound(first->user_count);
        e.has_interval = true;
    }
    if (count > 0 && !(other_mean > 0)) {
        e.low -= nj_no_hit_bound(other->user_count);
        e.has_interval = true;
    }
    e.low = e.low < -1 ? -1 : e.low;
    e.high = e.high > 1 ? 1 : e.high;
    return e;
}
