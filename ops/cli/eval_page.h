// eval_page.h - the parts of the page that `nightjar eval --report` writes, for each other.
#ifndef NJ_OPS_CLI_EVAL_PAGE_H
#define NJ_OPS_CLI_EVAL_PAGE_H

#include "common/codec/html.h"
#include "ops/cli/eval_report.h"

#define NJ_EVAL_CELL_BYTES 64
#define NJ_EVAL_CAPTION_BYTES 128

/// ".0604 [.0573, .0636]", or the value alone where interval [2] is NULL.
void nj_eval_cell(double value, const double *interval, int decimals, bool with_sign,
                  char out[NJ_EVAL_CELL_BYTES]);
void nj_eval_estimate_cell(const nj_estimate *estimate, bool with_sign,
                           char out[NJ_EVAL_CELL_BYTES]);

/// The sections on parts of the users: a chart and a table for each slicing. Allocates nothing that stays.
NJ_CHECKED nj_status nj_eval_page_slices(const nj_eval_told *told, nj_html *page);
/// The sections on users won and lost against each other model.
void nj_eval_page_contrasts(const nj_eval_told *told, nj_html *page);

#endif
