// eval_report.c - the report of `nightjar eval` as text, and what its forms share.
#include "ops/cli/eval_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "ops/cli/commands.h"

nj_status nj_eval_report_begin(const nj_arguments *arguments, const nj_idmap *map,
                               nj_evaluation *evaluation, nj_eval_report *out, nj_error *err)
{
    (void)map;
    (void)evaluation;
    (void)err;
    out->as_json = nj_argument_flag(arguments, "json");
    return NJ_OK;
}

void nj_eval_report_end(nj_eval_report *report)
{
    *report = (nj_eval_report){0};
}

nj_status nj_eval_report_write(nj_eval_report *report, const nj_evaluation *evaluation,
                               nj_error *err)
{
    if (report->as_json) {
        json_t *object = nj_eval_report_to_json(evaluation);
        return nj_print_json_take(&object, err);
    }
    nj_eval_report_print(evaluation);
    return NJ_OK;
}

size_t nj_eval_cutoff_count(uint32_t depth)
{
    size_t count = 0;
    while (count < NJ_CUTOFF_COUNT && NJ_CUTOFFS[count] <= depth) {
        count++;
    }
    return count;
}

double nj_eval_mean(const nj_ranking *ranking, const nj_metric *metric, uint32_t cutoff)
{
    return nj_metric_mean(metric, cutoff, ranking->judgement.ranks, ranking->lists.user_count);
}

bool nj_eval_loss(const nj_ranking *first, const nj_ranking *other, const nj_metric *metric,
                  uint32_t cutoff, double *out)
{
    const double value = nj_eval_mean(other, metric, cutoff);
    *out = value > 0 ? (value - nj_eval_mean(first, metric, cutoff)) / value : 0;
    return value > 0;
}

static void print_model(const nj_judged_model *model, const nj_ranking *ranking)
{
    const nj_judgement *j = &ranking->judgement;
    printf("\n%s\n", model->name);
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        printf("  %-8s", NJ_METRICS[i].name);
        for (size_t c = 0; c < nj_eval_cutoff_count(ranking->depth); c++) {
            printf("  @%-2u %.4f", NJ_CUTOFFS[c],
                   nj_eval_mean(ranking, &NJ_METRICS[i], NJ_CUTOFFS[c]));
        }
        printf("\n");
    }
    printf("  invalid   %" PRIu64 " of %" PRIu64 " recommended\n", j->invalid_total, j->item_total);
    if (ranking->short_count > 0) {
        printf("  %zu users have fewer than %u items in their list\n", ranking->short_count,
               ranking->depth);
    }
    if (j->absent_count > 0 || model->other_count > 0) {
        printf("  %zu users without a list, judged as an empty one; %" PRIu64
               " lists of users who are not judged\n",
               j->absent_count, model->other_count);
    }
}

static void print_comparison(const nj_evaluation *e, size_t index)
{
    const nj_ranking *first = nj_eval_primary(e, 0);
    const nj_ranking *other = nj_eval_primary(e, index);
    const size_t cutoffs =
        nj_eval_cutoff_count(first->depth < other->depth ? first->depth : other->depth);
    printf("\n%s against %s\n  overlap    ", e->models[0].name, e->models[index].name);
    for (size_t c = 0; c < cutoffs; c++) {
        printf("  @%-2u %7.4f  ", NJ_CUTOFFS[c],
               nj_lists_overlap(&first->lists, &other->lists, NJ_CUTOFFS[c]));
    }
    for (size_t i = 0; i < NJ_METRIC_COUNT; i++) {
        printf("\n  %-6s lost", NJ_METRICS[i].name);
        for (size_t c = 0; c < cutoffs; c++) {
            double loss;
            if (nj_eval_loss(first, other, &NJ_METRICS[i], NJ_CUTOFFS[c], &loss)) {
                printf("  @%-2u %7.3f %%", NJ_CUTOFFS[c], 100 * loss);
            } else {
                printf("  @%-2u %9s", NJ_CUTOFFS[c], "none");
            }
        }
    }
    printf("\n");
}

void nj_eval_report_print(const nj_evaluation *evaluation)
{
    const nj_evaluation *e = evaluation;
    printf("%s, %s:", e->target, e->split);
    for (size_t i = 0; i < e->count_count; i++) {
        printf("%s %" PRIu64 " %s", i > 0 ? ";" : "", e->counts[i].count, e->counts[i].text);
    }
    printf("\n");
    for (size_t i = 0; i < e->model_count; i++) {
        print_model(&e->models[i], nj_eval_primary(e, i));
    }
    for (size_t i = 1; i < e->model_count; i++) {
        print_comparison(e, i);
    }
}
