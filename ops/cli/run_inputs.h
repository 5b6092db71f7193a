// run_inputs.h - what the phases of `run --embeddings` are made from, as digests (common/store/phase.h).
#ifndef NJ_OPS_CLI_RUN_INPUTS_H
#define NJ_OPS_CLI_RUN_INPUTS_H

#include "common/catalogue/catalogue.h"
#include "common/cli/cli.h"
#include "common/store/phase.h"

/// Reads --embeddings, --ids and the record of --catalogue.
NJ_CHECKED nj_status nj_run_catalogue_inputs(const nj_arguments *arguments, nj_phase_inputs *out,
                                             nj_error *err);

/// Reads --model's configuration and weights, --histories, --policy, --attributes and --item-vectors. `catalogue` is nj_run_catalogue_digest of the phase before.
NJ_CHECKED nj_status nj_run_bundle_inputs(const nj_arguments *arguments, const nj_digest *catalogue,
                                          nj_phase_inputs *out, nj_error *err);

/// Reads --users, and every option that can change a row: all but a few that are known not to, and where the value of one names a file,
/// the file's bytes too.
NJ_CHECKED nj_status nj_run_users_inputs(const nj_arguments *arguments, const nj_digest *bundle,
                                         nj_phase_inputs *out, nj_error *err);

/// What a bundle takes of a catalogue: ids, SIDs, who is retired, tokens, template. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_run_catalogue_digest(const nj_catalogue *catalogue, nj_digest *out,
                                             nj_error *err);

#endif
