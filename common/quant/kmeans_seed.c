// kmeans_seed.c - k-means++, with a pass over the rows for each round of candidates and not for each seed.
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/quant/kmeans.h"

#define CANDIDATES_MAX 64
// A distance from the product in float32 is good enough while its rounding error is below this share of it.
#define ROUNDING_SHARE (1.0 / 64)

typedef struct {
    const nj_kernels *kernels;
    const float *rows;
    size_t N;
    size_t D;
    double *squares;   // [N] |row|^2
    double *distances; // [N] squared distance from the nearest seed
    double *behind;    // [N] distances added up to this row
    float *products;   // [NJ_KMEANS_SEED_BLOCK_ROWS, CANDIDATES_MAX]
    float *chosen;     // [CANDIDATES_MAX, D] the seeds of this round, in the caller's centroids
    size_t chosen_count;
    double chosen_squares[CANDIDATES_MAX];
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

// The distance of row i is now at most that from this round's seed j.
static void lower_distance(seeding *s, size_t i, size_t j, double product)
{
    double square = s->squares[i] + s->chosen_squares[j];
    double distance = square - 2 * product;
    double rounding =
        (double)(s->D + 2) * (double)FLT_EPSILON * sqrt(s->squares[i] * s->chosen_squares[j]);
    if (isfinite(product) && distance - rounding >= s->distances[i]) {
        return;
    }
    if (!isfinite(product) || !(rounding <= ROUNDING_SHARE * distance)) {
        distance = distance_between(s->rows + i * s->D, s->chosen + j * s->D, s->D);
    }
    if (distance < s->distances[i]) {
        s->distances[i] = distance;
    }
}

// All rows look at the seeds of this round; distances are added up for the next draws. Returns their sum.
static double look_at_seeds(seeding *s)
{
    for (size_t j = 0; j < s->chosen_count; j++) {
        s->chosen_squares[j] = square_length(s->chosen + j * s->D, s->D);
    }
    for (size_t first = 0; first < s->N; first += NJ_KMEANS_SEED_BLOCK_ROWS) {
        size_t count = nj_min_size(NJ_KMEANS_SEED_BLOCK_ROWS, s->N - first);
        s->kernels->matmul_nt(count, s->chosen_count, s->D, s->rows + first * s->D, s->D, s->chosen,
                              s->D, s->products, CANDIDATES_MAX);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < s->chosen_count; j++) {
                lower_distance(s, first + i, j, (double)s->products[i * CANDIDATES_MAX + j]);
            }
        }
    }
    double total = 0;
    for (size_t i = 0; i < s->N; i++) {
        total += s->distances[i];
        s->behind[i] = total;
    }
    return total;
}

// A row, by the distances of the last round: the first whose sum goes beyond the number drawn.
static size_t draw_row(seeding *s, double total)
{
    double target = draw_unit(s) * total;
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

// Whether a candidate is kept: with the probability by which this round's seeds have shrunk its distance.
static bool keep_candidate(seeding *s, size_t row)
{
    double distance = s->distances[row];
    for (size_t j = 0; j < s->chosen_count; j++) {
        double other = distance_between(s->rows + row * s->D, s->chosen + j * s->D, s->D);
        distance = other < distance ? other : distance;
    }
    return distance > 0 && draw_unit(s) * s->distances[row] < distance;
}

// Draws `candidates` rows and keeps some; the first is always kept, so every round gets on.
static void choose_seeds(seeding *s, size_t candidates, double total)
{
    s->chosen_count = 0;
    for (size_t c = 0; c < candidates; c++) {
        size_t row = draw_row(s, total);
        if (keep_candidate(s, row)) {
            memcpy(s->chosen + s->chosen_count * s->D, s->rows + row * s->D,
                   s->D * sizeof *s->chosen);
            s->chosen_count++;
        }
    }
}

static nj_status begin_seeding(seeding *s, nj_error *err)
{
    s->squares = malloc(s->N * sizeof *s->squares);
    s->distances = malloc(s->N * sizeof *s->distances);
    s->behind = malloc(s->N * sizeof *s->behind);
    s->products = malloc((size_t)NJ_KMEANS_SEED_BLOCK_ROWS * CANDIDATES_MAX * sizeof *s->products);
    if (s->squares == NULL || s->distances == NULL || s->behind == NULL || s->products == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to choose seeds among %zu rows", s->N);
    }
    for (size_t i = 0; i < s->N; i++) {
        s->squares[i] = square_length(s->rows + i * s->D, s->D);
        s->distances[i] = INFINITY;
    }
    return NJ_OK;
}

static void free_seeding(seeding *s)
{
    free(s->squares);
    free(s->distances);
    free(s->behind);
    free(s->products);
}

static size_t seed_centroids(seeding *s, size_t K, float *centroids)
{
    size_t first = (size_t)(nj_kmeans_draw(s->seed, s->stream, s->drawn++) % s->N);
    memcpy(centroids, s->rows + first * s->D, s->D * sizeof *centroids);
    s->chosen = centroids;
    s->chosen_count = 1;
    size_t count = 1;
    double total = look_at_seeds(s);
    while (count < K && total > 0) {
        s->chosen = centroids + count * s->D;
        choose_seeds(s, nj_min_size(nj_min_size(count, CANDIDATES_MAX), K - count), total);
        count += s->chosen_count;
        total = s->chosen_count > 0 ? look_at_seeds(s) : total;
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
