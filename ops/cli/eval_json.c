// eval_json.c - the report of `nightjar eval` as JSON: schemas/eval.md.
#include <stdio.h>

#include "ops/cli/eval_report.h"

#define KEY_BYTES 32 // "recall_loss@20"

static const char *const OUTCOMES[NJ_OUTCOME_COUNT] = {
    [NJ_OUTCOME_NEITHER] = "neither",
    [NJ_OUTCOME_BOTH] = "both",
    [NJ_OUTCOME_WIN] = "wins",
    [NJ_OUTCOME_LOSS] = "losses",
};

static void set_value(json_t *object, const char *name, const char *suffix, uint32_t cutoff,
                      json_t *value)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s%s@%u", name, suffix, cutoff);
    json_object_set_new(object, key, value);
}

static json_t *size_to_json(size_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *counts_to_json(const nj_evaluation *e)
{
    json_t *object = json_object();
    for (size_t i = 0; i < e->count_count; i++) {
        json_object_set_new(object, e->counts[i].key, json_integer((json_int_t)e->counts[i].count));
    }
    return object;
}

// {"value", "low", "high"}; the last two null where there is no interval.
static json_t *estimate_to_json(const nj_estimate *estimate)
{
    json_t *object = json_pack("{s:f}", "value", estimate->value);
    const bool known = estimate->has_interval;
    json_object_set_new(object, "low", known ? json_real(estimate->low) : json_null());
    json_object_set_new(object, "high", known ? json_real(estimate->high) : json_null());
    return object;
}

// ---- one model ----

static json_t *share_to_json(const nj_evaluation *e, const nj_prefix_share *share, size_t level)
{
    const nj_slice id = nj_idlist_at(e->item_ids, share->row);
    const uint16_t *row = e->codes + share->row * e->level_count;
    json_t *codes = json_array();
    for (size_t i = 0; i <= level; i++) {
        json_array_append_new(codes, json_integer(row[i]));
    }
    return json_pack(
        "{s:o, s:s%, s:I, s:f, s:f, s:o}", "codes", codes, "item", id.bytes, id.size, "items",
        (json_int_t)share->item_count, "recommended", share->recommended, "trained", share->trained,
        "lift", share->trained > 0 ? json_real(share->recommended / share->trained) : json_null());
}

static json_t *prefixes_to_json(const nj_eval_told *told, const nj_ranking_figures *figures)
{
    json_t *levels = json_array();
    for (size_t level = 0; level < told->f->prefix_level_count; level++) {
        const nj_prefix_level *p = &figures->prefixes[level];
        json_t *most = json_array();
        json_t *least = json_array();
        for (size_t i = 0; i < p->most_count; i++) {
            json_array_append_new(most, share_to_json(told->e, &p->most[i], level));
        }
        for (size_t i = 0; i < p->least_count; i++) {
            json_array_append_new(least, share_to_json(told->e, &p->least[i], level));
        }
        json_array_append_new(levels, json_pack("{s:I, s:f, s:o, s:o}", "prefixes",
                                                (json_int_t)p->prefix_count, "moved", p->moved,
                                                "most", most, "least", least));
    }
    return levels;
}

static void set_exposure(json_t *object, const nj_eval_told *told,
                         const nj_ranking_figures *figures, size_t c)
{
    const nj_exposure *x = &figures->exposure[c];
    const uint32_t cutoff = NJ_CUTOFFS[c];
    set_value(object, "coverage", "", cutoff, json_real(x->coverage));
    set_value(object, "gini", "", cutoff, json_real(x->gini));
    set_value(object, "items", "", cutoff, size_to_json(x->distinct));
    set_value(object, "invalid", "", cutoff, json_integer((json_int_t)x->invalid));
    if (told->e->popularity != NULL) {
        set_value(object, "novelty", "", cutoff, json_real(x->novelty));
        set_value(object, "popularity", "", cutoff, json_real(x->popularity));
    }
    if (figures->diversity.users[c] > 0) {
        set_value(object, "distance", "", cutoff, json_real(figures->diversity.mean[c]));
    }
}

static json_t *ranking_to_json(const nj_eval_told *told, size_t model, nj_masking masking)
{
    const nj_ranking *ranking = &told->e->models[model].rankings[masking];
    const nj_ranking_figures *figures = &told->f->rankings[model][masking];
    const nj_judgement *j = &ranking->judgement;
    if (!ranking->known) {
        return json_null();
    }
    json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I}", "depth", (json_int_t)ranking->depth,
                               "without_list", (json_int_t)j->absent_count, "short_lists",
                               (json_int_t)ranking->short_count, "recommended",
                               (json_int_t)j->item_total, "invalid", (json_int_t)j->invalid_total);
    for (size_t c = 0; c < figures->cutoff_count; c++) {
        for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
            set_value(object, NJ_METRICS[i].name, "", NJ_CUTOFFS[c],
                      estimate_to_json(&figures->metrics.at[i][c]));
        }
        set_exposure(object, told, figures, c);
    }
    if (told->f->cutoff > 0 && told->f->prefix_level_count > 0) {
        json_object_set_new(object, "prefixes", prefixes_to_json(told, figures));
    }
    return object;
}

static json_t *model_to_json(const nj_eval_told *told, size_t index)
{
    const nj_judged_model *model = &told->e->models[index];
    const nj_masking primary = told->e->primary;
    const nj_ranking *ranking = &model->rankings[primary];
    const nj_ranking_figures *figures = &told->f->rankings[index][primary];
    const nj_judgement *j = &ranking->judgement;
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", model->name, "users",
                  (json_int_t)ranking->lists.user_count, "without_list",
                  (json_int_t)j->absent_count, "short_lists", (json_int_t)ranking->short_count,
                  "other_users", (json_int_t)model->other_count, "recommended",
                  (json_int_t)j->item_total, "invalid", (json_int_t)j->invalid_total);
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        for (size_t c = 0; c < figures->cutoff_count; c++) {
            set_value(object, NJ_METRICS[i].name, "", NJ_CUTOFFS[c],
                      json_real(figures->metrics.at[i][c].value));
        }
    }
    json_object_set_new(object, "kept", ranking_to_json(told, index, NJ_HISTORY_KEPT));
    json_object_set_new(object, "masked", ranking_to_json(told, index, NJ_HISTORY_MASKED));
    return object;
}

// ---- the first model beside another ----

// What scripts have read since before there were intervals: overlap and loss.
static json_t *losses_to_json(const nj_eval_told *told, size_t other)
{
    const nj_masking primary = told->e->primary;
    const nj_comparison *comparison = &told->f->comparisons[other][primary];
    json_t *object = json_object();
    for (size_t c = 0; c < comparison->cutoff_count; c++) {
        set_value(object, "overlap", "", NJ_CUTOFFS[c], json_real(comparison->overlap[c]));
        for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
            double loss;
            bool known = nj_eval_loss(told, other, primary, i, c, &loss);
            set_value(object, NJ_METRICS[i].name, "_loss", NJ_CUTOFFS[c],
                      known ? json_real(loss) : json_null());
        }
    }
    return object;
}

static json_t *differences_to_json(const nj_eval_told *told, size_t other, nj_masking masking)
{
    const nj_comparison *comparison = &told->f->comparisons[other][masking];
    if (!told->e->models[0].rankings[masking].known ||
        !told->e->models[other].rankings[masking].known) {
        return json_null();
    }
    json_t *object = json_object();
    for (size_t c = 0; c < comparison->cutoff_count; c++) {
        const uint32_t cutoff = NJ_CUTOFFS[c];
        set_value(object, "overlap", "", cutoff, json_real(comparison->overlap[c]));
        set_value(object, "first_only", "", cutoff,
                  json_integer((json_int_t)comparison->tests.first_only[c]));
        set_value(object, "other_only", "", cutoff,
                  json_integer((json_int_t)comparison->tests.other_only[c]));
        for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
            json_t *difference = estimate_to_json(&comparison->differences.at[i][c]);
            json_object_set_new(difference, "p", json_real(comparison->tests.p[i][c]));
            set_value(object, NJ_METRICS[i].name, "", cutoff, difference);
        }
    }
    return object;
}

static json_t *effect_to_json(const nj_effect *effect)
{
    const bool known = effect->has_interval;
    json_t *object = json_pack("{s:f}", "delta", effect->delta);
    json_object_set_new(object, "low", known ? json_real(effect->low) : json_null());
    json_object_set_new(object, "high", known ? json_real(effect->high) : json_null());
    return object;
}

static json_t *feature_to_json(const nj_feature_contrast *feature, nj_feature kind)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "name", NJ_FEATURES[kind].name, "title",
                               NJ_FEATURES[kind].title, "typical",
                               NJ_FEATURES[kind].is_question ? "share" : "median");
    for (size_t outcome = 0; outcome < NJ_OUTCOME_COUNT; outcome++) {
        json_object_set_new(
            object, OUTCOMES[outcome],
            json_pack("{s:I, s:o}", "users", (json_int_t)feature->counts[outcome], "value",
                      feature->counts[outcome] > 0 ? json_real(feature->typical[outcome])
                                                   : json_null()));
    }
    json_object_set_new(object, "wins_beside_losses", effect_to_json(&feature->wins_losses));
    json_object_set_new(object, "wins_beside_rest", effect_to_json(&feature->wins_rest));
    json_object_set_new(object, "losses_beside_rest", effect_to_json(&feature->losses_rest));
    return object;
}

static json_t *item_to_json(const nj_evaluation *e, uint32_t item)
{
    const nj_slice id = nj_idlist_at(e->item_ids, item);
    return json_stringn(id.bytes, id.size);
}

static json_t *rank_to_json(const nj_evaluation *e, size_t model, size_t user)
{
    const uint32_t rank = nj_primary_ranking(e, model)->judgement.ranks[user];
    return rank == NJ_RANK_NONE ? json_null() : json_integer(rank);
}

static json_t *examples_to_json(const nj_eval_told *told, size_t other, nj_outcome outcome)
{
    const nj_evaluation *e = told->e;
    uint32_t users[NJ_EVAL_EXAMPLES_MAX];
    const size_t count = nj_eval_examples(told, other, outcome, users);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const nj_slice id = nj_idlist_builder_at(e->user_ids, users[i]);
        const uint32_t *last = NULL;
        const size_t last_count = nj_eval_last_items(e, users[i], &last);
        json_t *items = json_array();
        for (size_t item = 0; item < last_count; item++) {
            json_array_append_new(items, item_to_json(e, last[item]));
        }
        json_array_append_new(array,
                              json_pack("{s:s%, s:o, s:o, s:o, s:o}", "user", id.bytes, id.size,
                                        "target", item_to_json(e, e->targets[users[i]]), "rank",
                                        rank_to_json(e, 0, users[i]), "other_rank",
                                        rank_to_json(e, other, users[i]), "last_items", items));
    }
    return array;
}

static json_t *contrast_to_json(const nj_eval_told *told, size_t other)
{
    const nj_contrast *c = &told->f->contrasts[other];
    if (told->f->cutoff == 0) {
        return json_null();
    }
    json_t *features = json_array();
    json_t *object =
        json_pack("{s:I, s:I, s:I}", "cutoff", (json_int_t)c->cutoff, "both_first_earlier",
                  (json_int_t)c->both_first, "both_other_earlier", (json_int_t)c->both_other);
    for (size_t outcome = 0; outcome < NJ_OUTCOME_COUNT; outcome++) {
        json_object_set_new(object, OUTCOMES[outcome], size_to_json(c->counts[outcome]));
    }
    for (size_t i = 0; i < NJ_FEATURE_COUNT; i++) {
        if (c->known[i]) {
            json_array_append_new(features, feature_to_json(&c->features[i], (nj_feature)i));
        }
    }
    json_object_set_new(object, "features", features);
    json_object_set_new(object, "examples",
                        json_pack("{s:o, s:o}", "wins",
                                  examples_to_json(told, other, NJ_OUTCOME_WIN), "losses",
                                  examples_to_json(told, other, NJ_OUTCOME_LOSS)));
    return object;
}

static json_t *comparisons_to_json(const nj_eval_told *told)
{
    json_t *array = json_array();
    for (size_t i = 1; i < told->e->model_count; i++) {
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:o, s:o, s:o}", "first",
                                        told->e->models[0].name, "other", told->e->models[i].name,
                                        "kept", differences_to_json(told, i, NJ_HISTORY_KEPT),
                                        "masked", differences_to_json(told, i, NJ_HISTORY_MASKED),
                                        "users", contrast_to_json(told, i)));
    }
    return array;
}

// ---- parts of the users ----

static json_t *slice_to_json(const nj_eval_told *told, const nj_slice_of_users *slice,
                             const nj_slice_figures *figures)
{
    json_t *models = json_array();
    for (size_t model = 0; model < told->e->model_count; model++) {
        json_t *values = json_object();
        json_t *differences = json_object();
        for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
            set_value(values, NJ_METRICS[i].name, "", told->f->cutoff,
                      estimate_to_json(&figures->values[model][i]));
            set_value(differences, NJ_METRICS[i].name, "", told->f->cutoff,
                      estimate_to_json(&figures->differences[model][i]));
        }
        if (model > 0) {
            json_object_set(values, "first_less_this", differences);
        }
        json_decref(differences);
        json_array_append_new(models, values);
    }
    return json_pack("{s:s, s:I, s:b, s:o}", "label", slice->label, "users",
                     (json_int_t)slice->user_count, "small", slice->is_small, "models", models);
}

static json_t *slices_to_json(const nj_eval_told *told)
{
    json_t *object = json_object();
    for (size_t kind = 0; kind < NJ_SLICING_COUNT; kind++) {
        const nj_slicing *slicing = &told->f->slicings[kind];
        if (slicing->slice_count == 0) {
            continue;
        }
        json_t *slices = json_array();
        for (size_t i = 0; i < slicing->slice_count; i++) {
            json_array_append_new(
                slices, slice_to_json(told, &slicing->slices[i], &told->f->slices[kind][i]));
        }
        json_object_set_new(object, nj_slicing_name((nj_slicing_kind)kind), slices);
    }
    return object;
}

json_t *nj_eval_to_json(const nj_eval_told *told)
{
    const nj_evaluation *e = told->e;
    const nj_figures *f = told->f;
    json_t *models = json_array();
    for (size_t i = 0; i < e->model_count; i++) {
        json_array_append_new(models, model_to_json(told, i));
    }
    json_t *object =
        json_pack("{s:i, s:s, s:s, s:s, s:s*, s:o, s:I, s:{s:I, s:I, s:f}, s:o}", "version",
                  NJ_EVAL_JSON_VERSION, "target", e->target, "split", e->split, "masking",
                  e->primary == NJ_HISTORY_MASKED ? "masked" : "kept", "rules", e->rules, "users",
                  counts_to_json(e), "live_items", (json_int_t)e->live_count, "intervals",
                  "resamples", (json_int_t)f->resampling.resample_count, "seed",
                  (json_int_t)f->resampling.seed, "confidence", NJ_CONFIDENCE, "models", models);
    if (e->popularity != NULL) {
        json_object_set_new(object, "held_out_items",
                            json_pack("{s:f, s:f}", "novelty", f->target_novelty, "popularity",
                                      f->target_popularity));
        json_object_set_new(object, "trained_popularity", json_real(f->trained_popularity));
    }
    if (e->model_count > 1) {
        json_object_set_new(object, "comparison", losses_to_json(told, 1));
        json_object_set_new(object, "comparisons", comparisons_to_json(told));
    }
    json_object_set_new(object, "slices", slices_to_json(told));
    return object;
}
