// lab_page.h - the whole method on one page, in plain words, with pictures: OUT/index.html.
//
//   lab_page.c           the order of sections, what was read, the night, the commands
//   lab_page_learning.c  semantic IDs and trainings
//   lab_page_models.c    how good each model is
//   lab_page_users.c     one user, and where the model fails
//   lab_people.c         users, lists and titles behind it
#ifndef NJ_OPS_CLI_LAB_PAGE_H
#define NJ_OPS_CLI_LAB_PAGE_H

#include "common/codec/chart.h"
#include "common/codec/html.h"
#include "common/codec/json.h"
#include "ops/cli/lab_chain.h"
#include "ops/cli/lab_people.h"

/// Writes the page of a chain that has run.
///
/// Errors  NJ_INPUT, NJ_IO, NJ_NOT_FOUND: a file that a step has made; NJ_NO_MEMORY
/// Proof   tests/cli/0850-lab.t
NJ_CHECKED nj_status nj_lab_page_write(const nj_lab_settings *settings, const nj_lab_chain *chain,
                                       const char *out, nj_error *err);

// ---- the parts, for each other ----

typedef struct {
    nj_html html;
    const nj_lab_settings *settings;
    const nj_lab_chain *chain;
    const char *out;
    json_t *data, *check, *sasrec, *tiger, *eval, *night; // owned; what the steps have written
    nj_lab_people people;
} nj_lab_page;

#define NJ_LAB_NUMBER_BYTES 32
typedef struct {
    char text[NJ_LAB_NUMBER_BYTES];
} nj_lab_number;

/// A number of an object, NAN where there is none.
double nj_lab_value(const json_t *object, const char *key);
/// "1,682"; a dash for what is no number.
nj_lab_number nj_lab_count(double value);
/// With so many decimals; a dash for what is no number.
nj_lab_number nj_lab_decimal(double value, int decimals);
/// The seconds that a step took; NAN where there is no such step.
double nj_lab_seconds_of(const nj_lab_page *page, const char *step);

void nj_lab_page_codes(nj_lab_page *page);
void nj_lab_page_training(nj_lab_page *page);
void nj_lab_page_models(nj_lab_page *page);
void nj_lab_page_example(nj_lab_page *page);
void nj_lab_page_failures(nj_lab_page *page);
/// Recall@10 of TIGER and of SASRec, NAN where not known: for the head of the page.
void nj_lab_page_recall(const nj_lab_page *page, double *out_tiger, double *out_sasrec);

#endif
