// run_phases.h - what `run --embeddings` does before the users: tonight's items on last night's catalogue, trie and bundle.
//
//   CAT, and last night's catalogue ─┐
//   embeddings, ids ─────────────────┴► catalogue ─► bundle ◄─ model, histories
//                                                      └─► users (run.c) ─► generation
//
// Each phase is skipped where its inputs are those of what it left (common/store/phase.h; ops/handbook/decisions/0021). A process that
// was killed leaves whole phases; the next one goes on with the phase that is missing.
#ifndef NJ_OPS_CLI_RUN_PHASES_H
#define NJ_OPS_CLI_RUN_PHASES_H

#include "common/cli/cli.h"
#include "common/store/generation.h"
#include "common/store/phase.h"
#include "coordinator/report/report.h"
#include "ops/cli/bundle_options.h"

// Options of `run` with --embeddings.
#define NJ_RUN_PHASES_OPTIONS                                                                      \
    {"embeddings", "FILE", NULL,                                                                   \
     "instead of --bundle: tonight's items as .npy [items, width]; the whole night begins here",   \
     false},                                                                                       \
        {"ids", "FILE", NULL, "their ids, one a line; default: row numbers from 0", false},        \
        {"catalogue", "DIR", NULL,                                                                 \
         "whose codebooks and SIDs the first night begins with; later ones go on from the "        \
         "store's",                                                                                \
         false},                                                                                   \
        {"model", "DIR", NULL, "HuggingFace T5 folder that was trained on these SIDs", false},     \
        {"histories", "FILE", NULL, "histories to count: cold users get the most frequent items",  \
         false},                                                                                   \
        {"no-pairing-check", NULL, NULL,                                                           \
         "do not ask whether the model knows the catalogue's SIDs", false},                        \
        NJ_BUNDLE_ITEMS_OPTIONS,                                                                   \
        {"max-retired", "P", "20",                                                                 \
         "refuse when more than P % of the items that are sold are missing tonight", false},       \
        {"suffix-overflow", "refuse|relocate", "refuse",                                           \
         "new items past the counter: refuse, or relocate them to codes that have room", false},   \
        {"no-drift", NULL, NULL, "do not look how far the embeddings of old items have moved",     \
         false},                                                                                   \
        {"no-skip", NULL, NULL, "make every phase, also where nothing has changed", false},        \
    {                                                                                              \
        "dry-run", NULL, NULL, "say which phases would be made, and do nothing", false             \
    }

#define NJ_RUN_PHASES 2 // before the users

typedef struct {
    const nj_arguments *arguments; // borrowed
    nj_path bundle;                // what the users' phase reads
    nj_path kept_bundle;   // what the generation before was made with, if it is there (run_kept.h)
    nj_phase_inputs users; // that it is made from
    bool finished;         // nothing is left to do: a dry run, or nothing has changed
    nj_night_phase made[NJ_RUN_PHASES]; // for the report: catalogue and bundle
} nj_run_phases;

/// True where the options ask for the whole night. NJ_USAGE: neither --bundle nor --embeddings is given, or both, or an option that
/// --embeddings needs is missing; or a policy, or what one uses, with --bundle, which has its own.
NJ_CHECKED nj_status nj_run_phases_wanted(const nj_arguments *arguments, bool *out, nj_error *err);

/// Makes the catalogue and the bundle, or finds that they need not be made, and says so in a line each.
///
/// Errors  NJ_AGAIN: the store has an interrupted night and --resume is not given, or another process makes phases; NJ_CONFIG:
///         --resume, and the inputs are not those of the interrupted night; NJ_REFUSED: the store's catalogue did not come of
///         --catalogue, or what the refresh and the bundle refuse; NJ_INPUT, NJ_NOT_FOUND, NJ_IO. What was in the store stays.
NJ_CHECKED nj_status nj_run_phases_make(const nj_arguments *arguments, nj_run_phases *out,
                                        nj_error *err);

/// Notes that the users' phase has given this generation, so that the same night is not made again.
NJ_CHECKED nj_status nj_run_phases_note(const nj_run_phases *phases,
                                        const nj_store_name *generation, nj_error *err);

#endif
