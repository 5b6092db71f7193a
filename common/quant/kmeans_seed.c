// kmeans_seed.c - greedy k-means++, with a pass over the rows for a pool of candidates and not for each seed.
//
//   pool: candidates drawn by the distances of now ──► one product: distances of all rows from all candidates
//   candidate kept? ──► trial 1, 2, .. NJ_KMEANS_TRIALS ──► the best becomes a seed, the distances shrink ──► next candidates
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/quant/kmeans.h"

#define POOL 64
#define BLOCK_ROWS 256
#define LANES 8
// A distance from the product in float32 is good enough while its rounding error is below this share of it.
#define ROUNDING_SHARE (1.0 / 64)

typedef struct {
    const nj_kernels *kernels;
    const float *rows;
    size_t N;
    size_t D;
    double *squares;  // [N] |row|^2
    float *distances; // [N] squared distance from the nearest seed
    double *behind;   // [N] distances added up to this row, when the pool was drawn
    float *from_pool; // [POOL, N] squared distances from each candidate
    float *pool;      // [POOL, D] the candidates
    size_t pool_rows[POOL];
    double pool_chances[POOL]; // distance of the candidate when it was drawn
    uint64_t seed;
    uint64_t stream;
    uint64_t drawn; // numbers used
} seeding;

static double distance_between(const float *a, const float *b, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        double difference = (double)a[d] - (double)b[d];
        sum += difference * difference;
    }
    return sum;
}

static double square_length(const float *row, size_t D)
{
    double sum = 0;
    for (size_t d = 0; d < D; d++) {
        sum += (double)row[d] * (double)row[d];
    }
    return sum;
}

static double draw_unit(seeding *s)
{
    return nj_kmeans_draw_unit(s->seed, s->stream, s->drawn++);
}

// ---- distances ----

// Squared distance of row i from a candidate, of which the product is known. Equal rows have 0.
static float measure_distance(const seeding *s, size_t i, size_t candidate, double square,
                              double product)
{
    double distance = s->squares[i] + square - 2 * product;
    double rounding = (double)(s->D + 2) * (double)FLT_EPSILON * sqrt(s->squares[i] * square);
    if (!isfinite(product) || !(rounding <= ROUNDING_SHARE * distance)) {
        distance = distance_between(s->rows + i * s->D, s->pool + candidate * s->D, s->D);
    }
    return distance < (double)FLT_MAX ? (float)distance : FLT_MAX;
}

// from_pool of the first `count` candidates.
static void look_at_pool(seeding *s, size_t count)
{
    for (size_t first = 0; first < s->N; first += BLOCK_ROWS) {
        size_t rows = nj_min_size(BLOCK_ROWS, s->N - first);
        s->kernels->matmul_nt(count, rows, s->D, s->pool, s->D, s->rows + first * s->D, s->D,
                              s->from_pool + first, s->N);
    }
    for (size_t c = 0; c < count; c++) {
        float *distances = s->from_pool + c * s->N;
        double square = s->squares[s->pool_rows[c]];
        for (size_t i = 0; i < s->N; i++) {
            distances[i] = measure_distance(s, i, c, square, (double)distances[i]);
        }
    }
}

// What the distances add up to if the candidate becomes a seed.
static double try_candidate(const seeding *s, size_t candidate)
{
    const float *distances = s->from_pool + candidate * s->N;
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= s->N; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            float a = distances[i + j];
            float b = s->distances[i + j];
            lanes[j] += (double)(a < b ? a : b);
        }
    }
    for (; i < s->N; i++) {
        float a = distances[i];
        float b = s->distances[i];
        lanes[0] += (double)(a < b ? a : b);
    }
    double sum = 0;
    for (size_t j = 0; j < LANES; j++) {
        sum += lanes[j];
    }
    return sum;
}

static void take_seed(seeding *s, size_t candidate)
{
    const float *distances = s->from_pool + candidate * s->N;
    for (size_t i = 0; i < s->N; i++) {
        s->distances[i] = distances[i] < s->distances[i] ? distances[i] : s->distances[i];
    }
}

// ---- the pool ----

static void set_candidate(seeding *s, size_t candidate, size_t row)
{
    s->pool_rows[candidate] = row;
    s->pool_chances[candidate] = (double)s->distances[row];
    memcpy(s->pool + candidate * s->D, s->rows + row * s->D, s->D * sizeof *s->pool);
}

// The first row whose sum goes beyond the target.
static size_t find_row(const seeding *s, double target)
{
    size_t low = 0;
    size_t high = s->N - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->behind[middle] > target) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

// Draws candidates by the distances of now. False: every row equals a seed.
static bool draw_pool(seeding *s)
{
    double total = 0;
    for (size_t i = 0; i < s->N; i++) {
        total += (double)s->distances[i];
        s->behind[i] = total;
    }
    if (!(total > 0)) {
        return false;
    }
    for (size_t c = 0; c < POOL; c++) {
        set_candidate(s, c, find_row(s, draw_unit(s) * total));
    }
    return true;
}

// Whether a candidate is kept: with the probability by which the seeds since the draw have shrunk its distance.
static bool keep_candidate(seeding *s, size_t candidate)
{
    double distance = (double)s->distances[s->pool_rows[candidate]];
    return distance > 0 && draw_unit(s) * s->pool_chances[candidate] < distance;
}

// Chooses seeds until the pool is empty or there are K; returns how many there are.
static size_t empty_pool(seeding *s, size_t count, size_t K, float *centroids)
{
    size_t c = 0;
    while (c < POOL && count < K) {
        size_t best = POOL;
        double lowest = INFINITY;
        for (size_t trials = 0; trials < NJ_KMEANS_TRIALS && c < POOL; c++) {
            if (!keep_candidate(s, c)) {
                continue;
            }
            trials++;
            double sum = try_candidate(s, c);
            if (sum < lowest) {
                best = c;
                lowest = sum;
            }
        }
        if (best < POOL) {
            take_seed(s, best);
            memcpy(centroids + count * s->D, s->pool + best * s->D, s->D * sizeof *centroids);
            count++;
        }
    }
    return count;
}

// ---- the whole ----

static nj_status begin_seeding(seeding *s, nj_error *err)
{
    size_t distances;
    bool fits = nj_mul_size(s->N, POOL * sizeof *s->from_pool, &distances);
    s->squares = malloc(s->N * sizeof *s->squares);
    s->distances = malloc(s->N * sizeof *s->distances);
    s->behind = malloc(s->N * sizeof *s->behind);
    s->from_pool = fits ? malloc(distances) : NULL;
    s->pool = malloc(POOL * s->D * sizeof *s->pool);
    if (s->squares == NULL || s->distances == NULL || s->behind == NULL || s->from_pool == NULL ||
        s->pool == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to choose seeds among %zu rows", s->N);
    }
    for (size_t i = 0; i < s->N; i++) {
        s->squares[i] = square_length(s->rows + i * s->D, s->D);
        s->distances[i] = FLT_MAX;
    }
    return NJ_OK;
}

static void free_seeding(seeding *s)
{
    free(s->squares);
    free(s->distances);
    free(s->behind);
    free(s->from_pool);
    free(s->pool);
}

static size_t seed_centroids(seeding *s, size_t K, float *centroids)
{
    set_candidate(s, 0, (size_t)(nj_kmeans_draw(s->seed, s->stream, s->drawn++) % s->N));
    look_at_pool(s, 1);
    take_seed(s, 0);
    memcpy(centroids, s->pool, s->D * sizeof *centroids);
    size_t count = 1;
    while (count < K && draw_pool(s)) {
        look_at_pool(s, POOL);
        count = empty_pool(s, count, K, centroids);
    }
    for (size_t k = count; k < K; k++) {
        memcpy(centroids + k * s->D, centroids, s->D * sizeof *centroids);
    }
    return count;
}

nj_status nj_kmeans_seed(const nj_kernels *kernels, const float *rows, size_t N, size_t D, size_t K,
                         uint64_t seed, uint64_t stream, float *centroids, size_t *out_count,
                         nj_error *err)
{
    seeding s = {.kernels = kernels, .rows = rows, .N = N, .D = D, .seed = seed, .stream = stream};
    nj_status status = begin_seeding(&s, err);
    if (status == NJ_OK) {
        *out_count = seed_centroids(&s, K, centroids);
    }
    free_seeding(&s);
    return status;
}
