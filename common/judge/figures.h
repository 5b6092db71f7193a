// figures.h - every figure of an evaluation, computed once: what the table, the JSON and the page say, each in its own form.
//
//   evaluation ──┬─► bootstrap.h    values and differences with intervals, both maskings, the same draws for all
//                ├─► paired_tests.h p-values of each model beside the first
//                ├─► exposure.h, prefixes.h    what is shown to all users together
//                ├─► slices.h       values and differences of parts of the users
//                └─► contrast.h     users won and lost against each other model
#ifndef NJ_JUDGE_FIGURES_H
#define NJ_JUDGE_FIGURES_H

#include "common/judge/bootstrap.h"
#include "common/judge/contrast.h"
#include "common/judge/evaluation.h"
#include "common/judge/exposure.h"
#include "common/judge/paired_tests.h"
#include "common/judge/prefixes.h"
#include "common/judge/slices.h"

#define NJ_REPORT_CUTOFF                                                                           \
    10u // what has one cut-off only is told at this one, or the last before it that all lists reach

#define NJ_PREFIX_LEVELS_MAX                                                                       \
    8 // levels told of; prefixes longer than that are single items nearly always

typedef struct {
    nj_estimate at[NJ_METRIC_COUNT][NJ_CUTOFF_COUNT];
} nj_estimates;

// One model under one masking.
typedef struct {
    size_t cutoff_count; // that its lists reach; what follows is zero beyond
    nj_estimates metrics;
    nj_exposure exposure[NJ_CUTOFF_COUNT];
    nj_diversity diversity;                         // zero without embeddings
    nj_prefix_level prefixes[NJ_PREFIX_LEVELS_MAX]; // at the report's cut-off
} nj_ranking_figures;

// The first model beside another under one masking.
typedef struct {
    size_t cutoff_count;      // that both reach
    nj_estimates differences; // first less other
    nj_paired_tests tests;
    double overlap[NJ_CUTOFF_COUNT];
} nj_comparison;

// One slice of the users, under the primary masking and at the report's cut-off.
typedef struct {
    nj_estimate values[NJ_MODELS_MAX][NJ_METRIC_COUNT];
    nj_estimate differences[NJ_MODELS_MAX][NJ_METRIC_COUNT]; // first less other
} nj_slice_figures;

// A heap object: nj_figures_free.
typedef struct {
    nj_resampling resampling;
    size_t cutoff_count; // that all models' lists of the primary masking reach
    size_t
        cutoff_index; // of the report's cut-off in NJ_CUTOFFS; meaningless where cutoff_count is 0
    uint32_t cutoff;  // the report's; 0: no list has a place, and there are no slices and contrasts
    nj_ranking_figures rankings[NJ_MODELS_MAX][NJ_MASKING_COUNT];
    nj_comparison comparisons[NJ_MODELS_MAX][NJ_MASKING_COUNT]; // [0] is zero
    nj_slicing slicings[NJ_SLICING_COUNT];
    nj_slice_figures *slices[NJ_SLICING_COUNT]; // owned; [slice_count]
    nj_features features;
    nj_contrast contrasts[NJ_MODELS_MAX]; // primary masking; [0] is zero
    size_t prefix_level_count;            // 0: without codes or popularity
    double target_novelty;     // bits, mean over the held-out items; 0 without popularity
    double target_popularity;  // training events, mean over the held-out items
    double trained_popularity; // training events of the item of an event, mean over the events
} nj_figures;

/// Computes all of them. `evaluation` is complete: every model is judged.
///
/// Cost    about user_count * resample_count draws for all users, and as many again for each slicing
/// Errors  NJ_NO_MEMORY
/// Proof   tests/unit/judge/test_figures.c
NJ_CHECKED nj_status nj_figures_new(const nj_evaluation *evaluation,
                                    const nj_resampling *resampling, nj_figures **out);
/// Accepts NULL in *figures and leaves NULL.
void nj_figures_free(nj_figures **figures);

/// Cut-offs of NJ_CUTOFFS that lists of `depth` places reach.
size_t nj_cutoffs_within(uint32_t depth);

/// The ranking under the masking that the run was asked for.
static inline const nj_ranking *nj_primary_ranking(const nj_evaluation *evaluation, size_t model)
{
    return &evaluation->models[model].rankings[evaluation->primary];
}

#endif
