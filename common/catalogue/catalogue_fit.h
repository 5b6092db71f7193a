// catalogue_fit.h - codebooks learned from item embeddings: k-means, level by level.
//
//   moments ──► transform ──► level 0: sample ─► seeds ─► [ Lloyd step over all rows ─► update ] * iterations ─► codes of the level
//   (standardise, PCA)        level 1: the same on what level 0 leaves ...
//
//   residual      level l sees the residual behind the levels before it (TIGER, RQ-KMeans)
//   product       level l sees its part of the columns (VQ-Rec)
//   hierarchical  level l parts each node of the level before it (P5-CID)
//
// Passes over the rows are rounds of an nj_item_executor (item_round.h): centroids out, sums back, added up in shard order. So the
// codebooks depend on the embeddings and the options alone: not on threads, workers, interruptions, or the set of kernels.
//
// What is fitted has no SIDs yet: nj_catalogue_assign makes them, here and for the items of later days alike.
#ifndef NJ_CATALOGUE_CATALOGUE_FIT_H
#define NJ_CATALOGUE_CATALOGUE_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/catalogue/item_round.h"
#include "common/catalogue/quant_model.h"
#include "common/quant/quant.h"

#define NJ_FIT_DIMS_MAX 4096 // of an embedding
#define NJ_FIT_ITERATIONS_MAX 10000
#define NJ_FIT_NO_CODE UINT32_MAX
#define NJ_FIT_CODES_BYTES_MAX ((size_t)4 << 30) // all codebooks together
// Seeds are chosen among max(NJ_FIT_SAMPLE_ROWS, NJ_FIT_SAMPLE_CODES * K) rows, one of each stratum of so many; among all where there
// are not more.
#define NJ_FIT_SAMPLE_ROWS 16384
#define NJ_FIT_SAMPLE_CODES 2
// A code of a balanced level is meant to have at most this many times its even share of the rows.
#define NJ_FIT_BALANCE 1.25

// Where a fit stands; for people.
typedef struct {
    const char *phase; // "moments", "seeds", "lloyd", "codes"
    uint32_t level;
    uint32_t level_count;
    uint32_t iteration; // updates of this level that are done
    uint32_t iterations_max;
    double error;        // mean squared error of the last update
    uint64_t rows_done;  // over all passes
    uint64_t rows_total; // where no level ends early
} nj_fit_progress;

typedef struct {
    const char *embeddings_path; // .npy [N, D_in] float16, float32 or float64; mapped
    nj_quant_kind method;
    uint32_t level_count;
    uint32_t K[NJ_QUANT_LEVELS_MAX]; // [L]
    uint32_t iterations_max;         // updates of a level's centroids, 1 to NJ_FIT_ITERATIONS_MAX
    double
        tolerance; // a level ends when an update lowers the error by less than this share of it; 0: never early
    uint64_t seed;
    bool standardise;   // each column has mean 0 and variance 1 (constant columns: 0)
    uint32_t pca_width; // the first so many principal components; 0 = no PCA
    bool balanced;      // codes with more than their share of rows repel others
    // [N, L] the code that each row begins with, NJ_FIT_NO_CODE where none: a level's seeds are the means of the rows that begin
    // with each code, of codes without rows as ever. So a refit finds the old clusters again, in whatever space. Nullable; of
    // hierarchical levels only the first is seeded so.
    const uint32_t *start_codes;
    const nj_item_executor *executor; // where passes over the rows are computed; changes no bit
    const char *state_path;  // what an interrupted fit goes on from; NULL = nothing is kept
    bool resume;             // go on from state_path where it is there
    uint64_t state_every_ms; // how often it is written; 0 = after every update
    void (*progress)(void *context, const nj_fit_progress *progress); // NULL = nobody looks
    void *progress_context;
} nj_fit_config;

typedef struct {
    double error;        // mean squared error of the rows that the last update was made from
    uint32_t iterations; // updates
    bool converged;      // ended by the tolerance
    uint32_t revived;    // codes that were given a new place, over all updates
    uint32_t empty;      // codes without rows, in the last update
    uint64_t largest;    // rows of the code that has most, in the last update
    uint32_t node_count; // hierarchical: rows of the level; else K
} nj_fit_level;

typedef struct {
    uint64_t row_count;
    double total_square; // mean squared length of a row, behind the transform
    double
        total_variance; // mean squared distance of a row from the mean of all, behind the transform
    uint32_t level_count;
    nj_fit_level levels[NJ_QUANT_LEVELS_MAX];
    bool resumed; // a state file was there
} nj_fit_report;

// What is learned: codebooks, and mean, scale and matrix of the transform. Owned: nj_fitted_fini, which accepts one that is all zero.
typedef nj_quant_model nj_fitted;

void nj_fitted_fini(nj_fitted *fitted);

/// Learns codebooks.
///
/// Errors  NJ_USAGE: an option out of its bounds (names both numbers); NJ_INPUT with file and both numbers: shapes, fewer rows or
///         distinct rows than codes of the first level, embeddings that are all equal, NaN or infinity (row and column);
///         NJ_AGAIN: a state file is there and `resume` is not given; NJ_CONFIG: it is of other embeddings or options;
///         NJ_IO; NJ_NO_MEMORY
/// Memory  codebooks twice, a sample of rows, 2 bytes a row and level, and the sums of one shard a thread; never the embeddings
/// Proof   tests/unit/catalogue/test_fit.c
NJ_CHECKED nj_status nj_fit(const nj_fit_config *config, nj_fitted *out, nj_fit_report *report,
                            nj_error *err);

/// Removes the state file of a fit whose catalogue is written; a missing one is fine.
NJ_CHECKED nj_status nj_fit_forget(const char *state_path, nj_error *err);

#endif
