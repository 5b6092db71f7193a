// eval_report.h - what `nightjar eval` says: a table, JSON (schemas/eval.md) and a page, all of the same nj_evaluation.
#ifndef NJ_OPS_CLI_EVAL_REPORT_H
#define NJ_OPS_CLI_EVAL_REPORT_H

#include "common/base/file.h"
#include "common/cli/cli.h"
#include "common/codec/json.h"
#include "common/judge/evaluation.h"
#include "common/judge/metric.h"

// What is read and opened for the report alone.
typedef struct {
    bool as_json; // --json
} nj_eval_report;

/// Reads the options and files that only a report needs and sets what the evaluation borrows of them: before anything is decoded,
/// because what is wrong with them must not cost a decoding.
///
///   evaluation  item_ids and item_count are set
///   map         item id -> catalogue row
///
/// Errors  NJ_USAGE, NJ_INPUT, NJ_NOT_FOUND, NJ_IO, NJ_NO_MEMORY; `*out` is then to be ended all the same
NJ_CHECKED nj_status nj_eval_report_begin(const nj_arguments *arguments, const nj_idmap *map,
                                          nj_evaluation *evaluation, nj_eval_report *out,
                                          nj_error *err);
/// Prints the table or the JSON on standard output, and writes what was asked for beside it.
NJ_CHECKED nj_status nj_eval_report_write(nj_eval_report *report, const nj_evaluation *evaluation,
                                          nj_error *err);
/// Accepts a struct that is all zero. The evaluation must not be used afterwards.
void nj_eval_report_end(nj_eval_report *report);

// ---- the parts, for each other ----

/// The JSON of schemas/eval.md; owned. NULL: no memory.
json_t *nj_eval_report_to_json(const nj_evaluation *evaluation);
void nj_eval_report_print(const nj_evaluation *evaluation);

/// Its lists under the masking that the run was asked for.
static inline const nj_ranking *nj_eval_primary(const nj_evaluation *evaluation, size_t model)
{
    return &evaluation->models[model].rankings[evaluation->primary];
}

/// Cut-offs that lists of `depth` places reach.
size_t nj_eval_cutoff_count(uint32_t depth);
double nj_eval_mean(const nj_ranking *ranking, const nj_metric *metric, uint32_t cutoff);
/// What the first ranking loses beside the other, of the other's value; false where that is 0.
bool nj_eval_loss(const nj_ranking *first, const nj_ranking *other, const nj_metric *metric,
                  uint32_t cutoff, double *out);

#endif
