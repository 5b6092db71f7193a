// run_phases_parts.h - what the phases of a whole night share; nobody else includes it.
#ifndef NJ_OPS_CLI_RUN_PHASES_PARTS_H
#define NJ_OPS_CLI_RUN_PHASES_PARTS_H

#include "common/cli/cli.h"
#include "common/store/phase.h"

#define NJ_RUN_CATALOGUE "catalogue" // the phase, and its folder
#define NJ_RUN_NUMBERS "numbers.txt" // ids of items that are called by their rows

// The work on one night's phases.
typedef struct {
    const nj_arguments *arguments;
    const char *store;
    bool dry_run;
    bool no_skip;
    nj_phase_inputs catalogue_inputs;
    nj_phase_inputs bundle_inputs;
    nj_phase_state catalogue;
    nj_phase_state bundle;
    nj_phase_state users;
} nj_run_night;

/// True where the phase is skipped.
bool nj_run_phase_is_made(const nj_run_night *n, const nj_phase_state *state);
/// Why it is made or skipped, in a few words.
const char *nj_run_phase_why(const nj_run_night *n, const nj_phase_state *state);

/// Reads what the catalogue would be made from.
NJ_CHECKED nj_status nj_run_look_at_catalogue(nj_run_night *n, nj_error *err);

/// Makes the phase, or skips it, and says which in a line.
NJ_CHECKED nj_status nj_run_make_catalogue(nj_run_night *n, nj_error *err);
NJ_CHECKED nj_status nj_run_make_bundle(nj_run_night *n, nj_error *err);

/// Writes "0" to "N-1", one a line: the ids of the rows of a .npy [N, width] without --ids.
NJ_CHECKED nj_status nj_run_write_numbers(const char *embeddings, const char *path, nj_error *err);

#endif
