#include "common/judge/figures.h"

#include <stdlib.h>

#include "common/base/checked.h"

#define RANKINGS_MAX (NJ_MODELS_MAX * NJ_MASKING_COUNT)

// What is computed on the way.
typedef struct {
    const nj_evaluation *e;
    nj_figures *f;
    float *inverse;       // owned; [N], NULL without embeddings
    uint32_t *counts;     // owned; [N]
    nj_prefixes prefixes; // owned
} work;

size_t nj_cutoffs_within(uint32_t depth)
{
    size_t count = 0;
    while (count < NJ_CUTOFF_COUNT && NJ_CUTOFFS[count] <= depth) {
        count++;
    }
    return count;
}

// ---- values, differences and tests ----

static void estimate_ranking(const nj_bootstrap *b, size_t ranking, size_t cutoffs,
                             nj_estimates *out)
{
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        for (size_t c = 0; c < cutoffs; c++) {
            out->at[metric][c] = nj_bootstrap_value(b, ranking, metric, c);
        }
    }
}

static void compare_rankings(const nj_bootstrap *b, size_t first, size_t other,
                             const nj_ranking *first_ranking, const nj_ranking *other_ranking,
                             uint64_t seed, nj_comparison *out)
{
    const uint32_t depth =
        first_ranking->depth < other_ranking->depth ? first_ranking->depth : other_ranking->depth;
    out->cutoff_count = nj_cutoffs_within(depth);
    for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
        for (size_t c = 0; c < out->cutoff_count; c++) {
            out->differences.at[metric][c] = nj_bootstrap_difference(b, first, other, metric, c);
        }
    }
    nj_paired_test(first_ranking->judgement.ranks, other_ranking->judgement.ranks,
                   first_ranking->lists.user_count, NJ_RANDOMISATIONS, seed, &out->tests);
    for (size_t c = 0; c < out->cutoff_count; c++) {
        out->overlap[c] =
            nj_lists_overlap(&first_ranking->lists, &other_ranking->lists, NJ_CUTOFFS[c]);
    }
}

// Places of the known rankings among those that are resampled.
typedef struct {
    const uint32_t *ranks[RANKINGS_MAX];
    size_t places[NJ_MODELS_MAX][NJ_MASKING_COUNT];
    size_t count;
} ranking_list;

static ranking_list list_rankings(const nj_evaluation *e)
{
    ranking_list list = {.count = 0};
    for (size_t model = 0; model < e->model_count; model++) {
        for (size_t masking = 0; masking < NJ_MASKING_COUNT; masking++) {
            if (e->models[model].rankings[masking].known) {
                list.places[model][masking] = list.count;
                list.ranks[list.count++] = e->models[model].rankings[masking].judgement.ranks;
            }
        }
    }
    return list;
}

static nj_status estimate_all(const work *w)
{
    const nj_evaluation *e = w->e;
    const ranking_list list = list_rankings(e);
    nj_bootstrap b = {0};
    nj_status status =
        nj_bootstrap_init(list.ranks, list.count, NULL, e->user_count, &w->f->resampling, &b);
    for (size_t model = 0; model < e->model_count && status == NJ_OK; model++) {
        for (size_t masking = 0; masking < NJ_MASKING_COUNT; masking++) {
            const nj_ranking *ranking = &e->models[model].rankings[masking];
            const nj_ranking *first = &e->models[0].rankings[masking];
            nj_ranking_figures *figures = &w->f->rankings[model][masking];
            if (!ranking->known) {
                continue;
            }
            figures->cutoff_count = nj_cutoffs_within(ranking->depth);
            estimate_ranking(&b, list.places[model][masking], figures->cutoff_count,
                             &figures->metrics);
            if (model > 0 && first->known) {
                compare_rankings(&b, list.places[0][masking], list.places[model][masking], first,
                                 ranking, w->f->resampling.seed,
                                 &w->f->comparisons[model][masking]);
            }
        }
    }
    nj_bootstrap_fini(&b);
    return status;
}

// ---- what is shown to all together ----

static nj_status expose_ranking(work *w, const nj_ranking *ranking, nj_ranking_figures *out)
{
    const nj_evaluation *e = w->e;
    nj_status status = NJ_OK;
    for (size_t c = 0; c < out->cutoff_count && status == NJ_OK; c++) {
        nj_exposure_count(&ranking->lists, NJ_CUTOFFS[c], w->counts, e->item_count,
                          &out->exposure[c]);
        status = nj_exposure_judge(w->counts, e->item_count, e->live_count, e->popularity,
                                   &out->exposure[c]);
        for (size_t level = 0; level < w->f->prefix_level_count && NJ_CUTOFFS[c] == w->f->cutoff;
             level++) {
            nj_prefixes_judge(&w->prefixes, level, w->counts, e->popularity, &out->prefixes[level]);
        }
    }
    if (status == NJ_OK && w->inverse != NULL) {
        status = nj_diversity_judge(&ranking->lists, e->embeddings, w->inverse, e->embedding_width,
                                    &out->diversity);
    }
    return status;
}

static void judge_targets(const work *w)
{
    const nj_evaluation *e = w->e;
    uint64_t total = 0;
    double squares = 0;
    for (size_t i = 0; i < e->item_count; i++) {
        total += e->popularity[i];
        squares += (double)e->popularity[i] * e->popularity[i];
    }
    for (size_t user = 0; user < e->user_count; user++) {
        const uint32_t events = e->popularity[e->targets[user]];
        w->f->target_novelty += nj_novelty_bits(events, total, e->item_count);
        w->f->target_popularity += events;
    }
    const double users = (double)nj_max_size(e->user_count, 1);
    w->f->target_novelty /= users;
    w->f->target_popularity /= users;
    w->f->trained_popularity = total > 0 ? squares / (double)total : 0;
}

static nj_status prepare_items(work *w)
{
    const nj_evaluation *e = w->e;
    const size_t levels =
        nj_min_size(e->has_suffix ? e->level_count - 1 : e->level_count, NJ_PREFIX_LEVELS_MAX);
    nj_status status = NJ_OK;
    w->counts = malloc(nj_max_size(e->item_count, 1) * sizeof *w->counts);
    if (w->counts == NULL) {
        return NJ_NO_MEMORY;
    }
    if (e->embeddings != NULL) {
        status = nj_inverse_lengths(e->embeddings, e->item_count, e->embedding_width, &w->inverse);
    }
    if (status == NJ_OK && e->popularity != NULL) {
        judge_targets(w);
    }
    if (status == NJ_OK && e->popularity != NULL && levels > 0) {
        status = nj_prefixes_init(e->codes, e->item_count, e->level_count, levels, &w->prefixes);
        w->f->prefix_level_count = w->prefixes.level_count;
    }
    return status;
}

static nj_status expose_all(work *w)
{
    nj_status status = NJ_OK;
    for (size_t model = 0; model < w->e->model_count; model++) {
        for (size_t masking = 0; masking < NJ_MASKING_COUNT && status == NJ_OK; masking++) {
            if (w->e->models[model].rankings[masking].known) {
                status = expose_ranking(w, &w->e->models[model].rankings[masking],
                                        &w->f->rankings[model][masking]);
            }
        }
    }
    return status;
}

// ---- parts of the users ----

static void estimate_slice(const nj_bootstrap *b, size_t model_count, size_t cutoff,
                           nj_slice_figures *out)
{
    for (size_t model = 0; model < model_count; model++) {
        for (size_t metric = 0; metric < NJ_METRIC_COUNT; metric++) {
            out->values[model][metric] = nj_bootstrap_value(b, model, metric, cutoff);
            if (model > 0) {
                out->differences[model][metric] =
                    nj_bootstrap_difference(b, 0, model, metric, cutoff);
            }
        }
    }
}

static nj_status slice_users(const work *w, nj_slicing_kind kind)
{
    const nj_evaluation *e = w->e;
    nj_slicing *slicing = &w->f->slicings[kind];
    const uint32_t *ranks[NJ_MODELS_MAX];
    for (size_t model = 0; model < e->model_count; model++) {
        ranks[model] = nj_primary_ranking(e, model)->judgement.ranks;
    }
    nj_status status = nj_slicing_init(e, kind, slicing);
    if (status == NJ_OK) {
        w->f->slices[kind] =
            calloc(nj_max_size(slicing->slice_count, 1), sizeof *w->f->slices[kind]);
        status = w->f->slices[kind] != NULL ? NJ_OK : NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < slicing->slice_count && status == NJ_OK; i++) {
        nj_bootstrap b = {0};
        status =
            nj_bootstrap_init(ranks, e->model_count, slicing->members + slicing->slices[i].first,
                              slicing->slices[i].user_count, &w->f->resampling, &b);
        if (status == NJ_OK) {
            estimate_slice(&b, e->model_count, w->f->cutoff_index, &w->f->slices[kind][i]);
        }
        nj_bootstrap_fini(&b);
    }
    return status;
}

static nj_status part_users(const work *w)
{
    const nj_evaluation *e = w->e;
    nj_status status = NJ_OK;
    for (size_t kind = 0; kind < NJ_SLICING_COUNT && status == NJ_OK; kind++) {
        status = slice_users(w, (nj_slicing_kind)kind);
    }
    if (status == NJ_OK && e->model_count > 1) {
        status = nj_features_init(e, w->inverse, &w->f->features);
    }
    for (size_t model = 1; model < e->model_count && status == NJ_OK; model++) {
        status = nj_contrast_init(&w->f->features, nj_primary_ranking(e, 0)->judgement.ranks,
                                  nj_primary_ranking(e, model)->judgement.ranks, w->f->cutoff,
                                  &w->f->contrasts[model]);
    }
    return status;
}

static void choose_cutoff(const nj_evaluation *e, nj_figures *f)
{
    uint32_t depth = UINT32_MAX;
    for (size_t model = 0; model < e->model_count; model++) {
        const uint32_t of_model = nj_primary_ranking(e, model)->depth;
        depth = of_model < depth ? of_model : depth;
    }
    f->cutoff_count = nj_cutoffs_within(depth);
    for (size_t c = 0; c < f->cutoff_count && NJ_CUTOFFS[c] <= NJ_REPORT_CUTOFF; c++) {
        f->cutoff_index = c;
        f->cutoff = NJ_CUTOFFS[c];
    }
}

nj_status nj_figures_new(const nj_evaluation *evaluation, const nj_resampling *resampling,
                         nj_figures **out)
{
    work w = {.e = evaluation, .f = calloc(1, sizeof *w.f)};
    if (w.f == NULL) {
        return NJ_NO_MEMORY;
    }
    w.f->resampling = *resampling;
    choose_cutoff(evaluation, w.f);
    nj_status status = prepare_items(&w);
    if (status == NJ_OK) {
        status = estimate_all(&w);
    }
    if (status == NJ_OK) {
        status = expose_all(&w);
    }
    if (status == NJ_OK && w.f->cutoff > 0) {
        status = part_users(&w);
    }
    if (status == NJ_OK) {
        *out = w.f;
        w.f = NULL;
    }
    nj_figures_free(&w.f);
    nj_prefixes_fini(&w.prefixes);
    free(w.inverse);
    free(w.counts);
    return status;
}

void nj_figures_free(nj_figures **figures)
{
    if (*figures != NULL) {
        for (size_t kind = 0; kind < NJ_SLICING_COUNT; kind++) {
            nj_slicing_fini(&(*figures)->slicings[kind]);
            free((*figures)->slices[kind]);
        }
        nj_features_fini(&(*figures)->features);
    }
    free(*figures);
    *figures = NULL;
}
