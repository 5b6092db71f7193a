// kmeans.h - the steps of k-means: sums over rows in memory, seeds, new centroids. No file, no thread, no clock.
//
//   rows of a shard ──► nj_kmeans_add ──► sums, counts, squares (float64) ──► nj_kmeans_merge, shard by shard in order
//                                                                                      │
//   centroids [K, D] ◄── nj_kmeans_update (means; codes without rows are revived) ◄────┘
//
// Everything here is a pure function of its arguments: which code a row gets does not depend on the kernels (quant.h), sums run
// row after row, and what is random comes from nj_kmeans_draw. Shards are cut by the input alone, so neither processes nor
// threads nor the size of a block change a bit of the centroids.
#ifndef NJ_QUANT_KMEANS_H
#define NJ_QUANT_KMEANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/math/kernels.h"
#include "common/quant/quant.h"

#define NJ_KMEANS_TRIALS 4 // candidates of which the best becomes a seed

// What one shard, or several, say about one set of centroids.
typedef struct {
    size_t K;
    size_t D;
    uint64_t *counts; // [K] rows of each code; owned
    double *squares;  // [K] of |row|^2 over them; owned
    double *sums;     // [K, D] of row over them; owned
} nj_kmeans_sums;

/// All zero. NJ_NO_MEMORY. Owns K * (D + 2) * 8 bytes until nj_kmeans_sums_fini, which accepts a struct that is all zero.
NJ_CHECKED nj_status nj_kmeans_sums_init(nj_kmeans_sums *sums, size_t K, size_t D, nj_error *err);
void nj_kmeans_sums_fini(nj_kmeans_sums *sums);
void nj_kmeans_sums_clear(nj_kmeans_sums *sums);

/// Adds rows to the sums of the codes they have.
///
///   rows    [N, D]      in   row-major, finite
///   codes   [N, stride] in   the first of every row is its code, below K
///
/// Order   row after row; |row|^2 in 8 lanes, lane j takes elements j, j+8, ..., folded as a tree
void nj_kmeans_add(nj_kmeans_sums *sums, const float *rows, size_t N, const uint16_t *codes,
                   size_t codes_stride);
/// sums += more, element by element: called shard by shard, in shard order.
void nj_kmeans_merge(nj_kmeans_sums *sums, const nj_kmeans_sums *more);

/// Number `index` of the stream `stream` of `seed`: 64 bits that look random (splitmix64).
uint64_t nj_kmeans_draw(uint64_t seed, uint64_t stream, uint64_t index);
/// The same as a float64 in [0, 1).
double nj_kmeans_draw_unit(uint64_t seed, uint64_t stream, uint64_t index);

/// Rows of a sample of at most `sample_max` of N rows, one of each stratum of N / sample_max rows; all rows where N is not larger.
/// Sampled row number i, ascending in i.
uint64_t nj_kmeans_sample_row(uint64_t seed, uint64_t stream, uint64_t N, uint64_t sample_max,
                              uint64_t i);

/// Chooses K of N rows as first centroids: greedy k-means++. Candidates are drawn with a probability in proportion to their squared
/// distance from the seeds so far; of NJ_KMEANS_TRIALS that one becomes a seed that leaves the least sum of distances.
///
///   rows       [N, D] in   row-major, finite
///   centroids  [K, D] out  rows that were chosen, in the order chosen
///   out_count  out  how many there are: fewer than K where the rows have fewer distinct values; the rest of centroids is
///                   copies of the first
///
/// How       candidates are drawn in pools by the distances of that moment, and kept with the probability by which seeds have shrunk
///           theirs since (rejection): a pass over the rows serves a whole pool
/// Kernels   of class "exact", else other seeds are drawn
/// Memory    about N * 280 bytes
/// Errors    NJ_NO_MEMORY
/// Source    Arthur, Vassilvitskii 2007, "k-means++: the advantages of careful seeding", section 2.2; trials: the same authors'
///           implementation, as in scikit-learn's kmeans_plusplus
/// Proof     tests/unit/quant/test_kmeans.c
NJ_CHECKED nj_status nj_kmeans_seed(const nj_kernels *kernels, const float *rows, size_t N,
                                    size_t D, size_t K, uint64_t seed, uint64_t stream,
                                    float *centroids, size_t *out_count, nj_error *err);

typedef struct {
    double error;  // sum over rows of |row - its centroid|^2, with the centroids before the update
    uint64_t rows; // that were added
    uint64_t largest; // rows of the code that has most
    uint32_t empty;   // codes without a row
    uint32_t revived; // of them, those that have a new place
} nj_kmeans_change;

/// Means of the rows of each code. A code without rows (none was nearest, or it equals a lower code) is revived: such codes, in
/// ascending order, are paired with the codes whose rows have the largest squared error around their new mean (ties: the lower
/// code; each gives once an update), and the two stand on either side of that mean, a tenth of the root mean square distance away
/// in a direction drawn from (seed, stream). A code whose rows are all equal gives nothing; where none is left the code stays.
///
///   centroids  [K, D] in/out  those that the rows of `sums` were assigned with
NJ_CHECKED nj_status nj_kmeans_update(const nj_kmeans_sums *sums, uint64_t seed, uint64_t stream,
                                      float *centroids, nj_kmeans_change *out, nj_error *err);

/// Whether training ends behind an update whose error is `error` and that revived so many codes, where the update before had
/// `previous` (infinite: there was none): nothing is left to gain, or the gain is below tolerance * previous.
static inline bool nj_kmeans_has_settled(double previous, double error, uint32_t revived,
                                         double tolerance)
{
    return error == 0 || (tolerance > 0 && revived == 0 && previous - error < tolerance * previous);
}

typedef struct {
    size_t K;
    uint32_t iterations_max;
    double tolerance; // 0: never early
    uint64_t seed;
    uint64_t stream; // seeds are drawn from it; update i draws from stream + 1 + i
} nj_kmeans_options;

typedef struct {
    size_t count; // centroids: K, or the distinct rows where these are fewer
    uint32_t iterations;
    nj_kmeans_change last;
    uint32_t revived; // over all updates
} nj_kmeans_result;

/// All of k-means over rows in memory: seeds, then updates until they settle. Centroids [K, D] out; those behind result->count are
/// copies of the first.
///
/// Errors  NJ_NO_MEMORY; those of nj_encoder_new
NJ_CHECKED nj_status nj_kmeans_train(const nj_kernels *kernels, const float *rows, size_t N,
                                     size_t D, const nj_kmeans_options *options, float *centroids,
                                     nj_kmeans_result *out, nj_error *err);

#endif
