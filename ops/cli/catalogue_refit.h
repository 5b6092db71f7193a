// catalogue_refit.h - the parts of `nightjar catalogue refresh --refit`: where codebooks come from, and what is written of the change.
#ifndef NJ_OPS_CLI_CATALOGUE_REFIT_H
#define NJ_OPS_CLI_CATALOGUE_REFIT_H

#include "common/base/file.h"
#include "common/catalogue/catalogue_refresh.h"
#include "common/cli/cli.h"
#include "common/codec/json.h"

typedef struct {
    const nj_arguments *arguments;
    const nj_catalogue *old;          // borrowed while codebooks are learned
    const nj_item_executor *executor; // of config
    nj_file_draft churn;              // --churn; all zero without
} nj_refit;

/// Sets what a refit is told, checks options, and begins --churn's file. Does nothing without --refit. Call nj_refit_end in any case.
/// NJ_USAGE, NJ_IO.
NJ_CHECKED nj_status nj_refit_begin(const nj_arguments *arguments, const nj_catalogue *old,
                                    nj_refit *out, nj_refresh_config *config, nj_error *err);
void nj_refit_end(nj_refit *refit);

/// Writes the refitted catalogue with refit.json and old_sids.npy, then the churn, each as --out and --churn say.
NJ_CHECKED nj_status nj_refit_write(nj_refit *refit, const nj_catalogue *catalogue,
                                    const nj_refresh_report *report, const char *out,
                                    bool overwrite, nj_error *err);

/// For --json; JSON null without a refit.
json_t *nj_refit_to_json(const nj_catalogue *catalogue, const nj_refresh_report *report);
/// For people.
void nj_refit_print(const nj_catalogue *catalogue, const nj_refresh_report *report);

#endif
