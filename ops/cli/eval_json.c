// eval_json.c - the report of `nightjar eval` as JSON: schemas/eval.md.
#include <stdio.h>

#include "ops/cli/eval_report.h"

#define KEY_BYTES 32 // "recall_loss@20"

static void set_value(json_t *object, const char *name, const char *suffix, uint32_t cutoff,
                      json_t *value)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s%s@%u", name, suffix, cutoff);
    json_object_set_new(object, key, value);
}

static json_t *counts_to_json(const nj_evaluation *e)
{
    json_t *object = json_object();
    for (size_t i = 0; i < e->count_count; i++) {
        json_object_set_new(object, e->counts[i].key, json_integer((json_int_t)e->counts[i].count));
    }
    return object;
}

static json_t *model_to_json(const nj_judged_model *model, const nj_ranking *ranking)
{
    const nj_judgement *j = &ranking->judgement;
    json_t *object =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", model->name, "users",
                  (json_int_t)ranking->lists.user_count, "without_list",
                  (json_int_t)j->absent_count, "short_lists", (json_int_t)ranking->short_count,
                  "other_users", (json_int_t)model->other_count, "recommended",
                  (json_int_t)j->item_total, "invalid", (json_int_t)j->invalid_total);
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        for (size_t c = 0; c < nj_eval_cutoff_count(ranking->depth); c++) {
            set_value(object, NJ_METRICS[i].name, "", NJ_CUTOFFS[c],
                      json_real(nj_eval_mean(ranking, &NJ_METRICS[i], NJ_CUTOFFS[c])));
        }
    }
    return object;
}

static json_t *comparison_to_json(const nj_ranking *first, const nj_ranking *other)
{
    const uint32_t depth = first->depth < other->depth ? first->depth : other->depth;
    json_t *object = json_object();
    for (size_t c = 0; c < nj_eval_cutoff_count(depth); c++) {
        const uint32_t cutoff = NJ_CUTOFFS[c];
        set_value(object, "overlap", "", cutoff,
                  json_real(nj_lists_overlap(&first->lists, &other->lists, cutoff)));
        for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
            double loss;
            bool known = nj_eval_loss(first, other, &NJ_METRICS[i], cutoff, &loss);
            set_value(object, NJ_METRICS[i].name, "_loss", cutoff,
                      known ? json_real(loss) : json_null());
        }
    }
    return object;
}

json_t *nj_eval_report_to_json(const nj_evaluation *evaluation)
{
    const nj_evaluation *e = evaluation;
    json_t *models = json_array();
    for (size_t i = 0; i < e->model_count; i++) {
        json_array_append_new(models, model_to_json(&e->models[i], nj_eval_primary(e, i)));
    }
    json_t *object = json_pack("{s:s, s:s, s:o, s:o}", "target", e->target, "split", e->split,
                               "users", counts_to_json(e), "models", models);
    if (e->model_count > 1) {
        json_object_set_new(object, "comparison",
                            comparison_to_json(nj_eval_primary(e, 0), nj_eval_primary(e, 1)));
    }
    return object;
}
