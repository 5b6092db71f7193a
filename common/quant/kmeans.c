#include "common/quant/kmeans.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/rng.h"

#define SQUARE_LANES 8
// How far the two halves of a code that is parted stand from its mean, in root mean square distances of its rows.
#define PART_DISTANCE 0.1
// A code whose rows keep less than this of their squared length around the mean has equal rows: the rest is rounding.
#define EQUAL_ROWS 1e-12

// ---- what is random ----

uint64_t nj_kmeans_draw(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t z = nj_rng_mix(seed + NJ_RNG_STEP);
    z = nj_rng_mix(z + (stream + 1) * NJ_RNG_STEP);
    return nj_rng_mix(z + (index + 1) * NJ_RNG_STEP);
}

double nj_kmeans_draw_unit(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (double)(nj_kmeans_draw(seed, stream, index) >> 11) * 0x1p-53;
}

uint64_t nj_kmeans_sample_row(uint64_t seed, uint64_t stream, uint64_t N, uint64_t sample_max,
                              uint64_t i)
{
    if (N <= sample_max) {
        return i;
    }
    assert(N <= UINT32_MAX && sample_max <= UINT32_MAX);
    uint64_t first = i * N / sample_max;
    uint64_t width = (i + 1) * N / sample_max - first;
    return first + nj_kmeans_draw(seed, stream, i) % width;
}

// ---- sums ----

nj_status nj_kmeans_sums_init(nj_kmeans_sums *sums, size_t K, size_t D, nj_error *err)
{
    *sums = (nj_kmeans_sums){.K = K, .D = D};
    size_t values;
    if (nj_mul_size(K, D, &values) && values <= SIZE_MAX / sizeof(double)) {
        sums->counts = calloc(K, sizeof *sums->counts);
        sums->squares = calloc(K, sizeof *sums->squares);
        sums->sums = calloc(values, sizeof *sums->sums);
    }
    if (sums->counts == NULL || sums->squares == NULL || sums->sums == NULL) {
        nj_kmeans_sums_fini(sums);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the sums of %zu codes of width %zu", K, D);
    }
    return NJ_OK;
}

void nj_kmeans_sums_fini(nj_kmeans_sums *sums)
{
    free(sums->counts);
    free(sums->squares);
    free(sums->sums);
    *sums = (nj_kmeans_sums){0};
}

void nj_kmeans_sums_clear(nj_kmeans_sums *sums)
{
    memset(sums->counts, 0, sums->K * sizeof *sums->counts);
    memset(sums->squares, 0, sums->K * sizeof *sums->squares);
    memset(sums->sums, 0, sums->K * sums->D * sizeof *sums->sums);
}

// sum += row; returns |row|^2.
static double add_row(double *sum, const float *row, size_t D)
{
    double lanes[SQUARE_LANES] = {0};
    size_t d = 0;
    for (; d + SQUARE_LANES <= D; d += SQUARE_LANES) {
        for (size_t j = 0; j < SQUARE_LANES; j++) {
            double value = (double)row[d + j];
            sum[d + j] += value;
            lanes[j] += value * value;
        }
    }
    for (size_t j = 0; d + j < D; j++) {
        double value = (double)row[d + j];
        sum[d + j] += value;
        lanes[j] += value * value;
    }
    for (size_t half = SQUARE_LANES / 2; half > 0; half /= 2) {
        for (size_t j = 0; j < half; j++) {
            lanes[j] += lanes[j + half];
        }
    }
    return lanes[0];
}

void nj_kmeans_add(nj_kmeans_sums *sums, const float *rows, size_t N, const uint16_t *codes,
                   size_t codes_stride)
{
    for (size_t i = 0; i < N; i++) {
        size_t k = codes[i * codes_stride];
        assert(k < sums->K);
        sums->counts[k]++;
        sums->squares[k] += add_row(sums->sums + k * sums->D, rows + i * sums->D, sums->D);
    }
}

void nj_kmeans_merge(nj_kmeans_sums *sums, const nj_kmeans_sums *more)
{
    assert(sums->K == more->K && sums->D == more->D);
    for (size_t k = 0; k < sums->K; k++) {
        sums->counts[k] += more->counts[k];
        sums->squares[k] += more->squares[k];
    }
    for (size_t i = 0; i < sums->K * sums->D; i++) {
        sums->sums[i] += more->sums[i];
    }
}

// ---- new centroids ----

// A code with rows, and the squared error that they keep around their mean.
typedef struct {
    size_t code;
    double error;
} donor;

static int compare_donors(const void *a, const void *b)
{
    const donor *x = a;
    const donor *y = b;
    if (x->error != y->error) {
        return x->error > y->error ? -1 : 1;
    }
    return x->code < y->code ? -1 : 1;
}

// sum over the rows of a code of |row - centroid|^2, from its sums.
static double add_up_error(const nj_kmeans_sums *sums, size_t k, const float *centroid)
{
    const double *sum = sums->sums + k * sums->D;
    double dot = 0;
    double square = 0;
    for (size_t d = 0; d < sums->D; d++) {
        double value = (double)centroid[d];
        dot += value * sum[d];
        square += value * value;
    }
    double error = sums->squares[k] - 2 * dot + (double)sums->counts[k] * square;
    return error > 0 ? error : 0;
}

// centroid becomes the mean; returns the squared error around it.
static double move_to_mean(const nj_kmeans_sums *sums, size_t k, float *centroid)
{
    const double *sum = sums->sums + k * sums->D;
    double count = (double)sums->counts[k];
    double square = 0;
    for (size_t d = 0; d < sums->D; d++) {
        square += sum[d] * sum[d];
        centroid[d] = (float)(sum[d] / count);
    }
    double error = sums->squares[k] - square / count;
    return error > EQUAL_ROWS * sums->squares[k] ? error : 0;
}

// `empty` and the donor part the donor's rows between them.
static void part_code(const nj_kmeans_sums *sums, const donor *from, size_t empty, uint64_t seed,
                      uint64_t stream, float *centroids)
{
    size_t D = sums->D;
    float *kept = centroids + from->code * D;
    float *made = centroids + empty * D;
    double square = from->error / ((double)sums->counts[from->code] * (double)D);
    double offset = PART_DISTANCE * sqrt(square);
    uint64_t signs = 0;
    for (size_t d = 0; d < D; d++) {
        if (d % 64 == 0) {
            signs = nj_kmeans_draw(seed, stream, empty * ((D + 63) / 64) + d / 64);
        }
        double mean = (double)kept[d];
        double step = (signs >> (d % 64) & 1) != 0 ? offset : -offset;
        kept[d] = (float)(mean - step);
        made[d] = (float)(mean + step);
    }
}

static uint32_t revive_codes(const nj_kmeans_sums *sums, const donor *donors, size_t donor_count,
                             uint64_t seed, uint64_t stream, float *centroids)
{
    size_t used = 0;
    for (size_t k = 0; k < sums->K && used < donor_count; k++) {
        if (sums->counts[k] == 0) {
            part_code(sums, &donors[used], k, seed, stream, centroids);
            used++;
        }
    }
    return (uint32_t)used;
}

nj_status nj_kmeans_update(const nj_kmeans_sums *sums, uint64_t seed, uint64_t stream,
                           float *centroids, nj_kmeans_change *out, nj_error *err)
{
    donor *donors = malloc(sums->K * sizeof *donors);
    if (donors == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to update %zu codes", sums->K);
    }
    nj_kmeans_change change = {0};
    size_t donor_count = 0;
    for (size_t k = 0; k < sums->K; k++) {
        uint64_t count = sums->counts[k];
        if (count == 0) {
            change.empty++;
            continue;
        }
        float *centroid = centroids + k * sums->D;
        change.rows += count;
        change.largest = count > change.largest ? count : change.largest;
        change.error += add_up_error(sums, k, centroid);
        double left = move_to_mean(sums, k, centroid);
        if (left > 0) {
            donors[donor_count++] = (donor){k, left};
        }
    }
    if (change.empty > 0) {
        qsort(donors, donor_count, sizeof *donors, compare_donors);
        change.revived = revive_codes(sums, donors, donor_count, seed, stream, centroids);
    }
    free(donors);
    *out = change;
    return NJ_OK;
}
