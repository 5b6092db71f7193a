// eval.h - the parts of `nightjar eval`: lists come from an engine or from files, and leave for a file.
//
//   histories ──► held out (catalogue/held_out.h) ──► inputs ──► eval_decode.c ─┐
//                        └──────────────► targets                               ├──► lists, history kept and masked ──► eval.c
//   lists of others ────────────────────────────────────────► eval_lists.c ─────┘
//
// Each model has two lists of every user. The kept one may name what the user had before; the masked one is without that. An engine
// gives both as `nightjar run` would publish them, with --keep-history and without it; a file's masked list is its list with the
// user's history taken out and the rest moved up.
#ifndef NJ_OPS_CLI_EVAL_H
#define NJ_OPS_CLI_EVAL_H

#include <stdint.h>

#include "common/base/file.h"
#include "common/catalogue/held_out.h"
#include "common/catalogue/job.h"
#include "common/cli/cli.h"
#include "common/judge/evaluation.h"

#define NJ_EVAL_PROCS_MAX 256

// What is judged on what: everything that does not come from a model.
typedef struct {
    nj_histories_source source;
    nj_split split;
    nj_split_words words; // what lists must say that they were made without
    nj_settings settings;
    bool has_bundle;
    nj_job job;          // with a bundle
    nj_buffer ids;       // owned; without one, the block of --ids ...
    nj_idlist own_items; // ... a view on it ...
    nj_idmap own_map;    // ... and its map
    const nj_idlist *items;
    const nj_idmap *map;
    nj_live_rows live; // which of them a list may name
    nj_held_out held;
} nj_eval_inputs;

/// Reads the options, the items (of --bundle, or of --ids where nothing is decoded) and the histories.
///
/// Errors  NJ_USAGE; NJ_INPUT: nobody can be judged; those of nj_job_open_bundle and nj_held_out_read. `*out` is to be closed
///         all the same.
NJ_CHECKED nj_status nj_eval_inputs_open(const nj_arguments *arguments, bool decodes,
                                         nj_eval_inputs *out, nj_error *err);
/// Accepts a struct that is all zero.
void nj_eval_inputs_close(nj_eval_inputs *inputs);

/// Whether a list may name the row to this user: it is live, in his mask and not on his "exclude".
bool nj_eval_may_get(const nj_eval_inputs *inputs, const nj_request *user, size_t row);

// One model's lists of the judged users; borrowed, initialised for held.users, of one depth.
typedef struct {
    nj_lists *kept; // NULL: not asked for; of a file's lists both are
    nj_lists *masked;
    float *
        scores; // [users] of the held-out item where the list has it, else NaN; memory that forked processes share; NULL: unasked
} nj_eval_lists;

/// Decodes in `process_count` processes, 1 to NJ_EVAL_PROCS_MAX. Users are handed out in whole batches, as one process would take
/// them, so the lists do not depend on the number of processes. Users whom --cold-users skip leaves out stay without a list.
///
/// One search answers for both lists of most users: it gives all W items that its beams hold, history kept. Where fewer than `top`
/// are left without the user's history, he is decoded again as a night does, which widens the search; so both lists are a night's, bit
/// for bit (tests/cli/0730-eval.t).
///
/// Errors  NJ_NO_MEMORY; those of nj_engine_from and nj_engine_decode, of several users that fail the first is named; NJ_FAILED: a
///         process could not be started or was killed
NJ_CHECKED nj_status nj_eval_decode(const nj_arguments *arguments, const nj_eval_inputs *inputs,
                                    size_t process_count, const nj_eval_lists *lists,
                                    nj_error *err);

/// Reads lists of schemas/lists.md (- is standard input). Places behind the lists' depth are not looked at, but for those that move up
/// into the masked list. An item that the catalogue lacks, that is retired or that its user must not get (his mask, his "exclude")
/// keeps its place as NJ_ITEM_INVALID. Warns of lists that do not say what they were made without.
///
///   out_other_count  users of the file who are not judged
///
/// Errors  those of nj_histories_read; NJ_INPUT also names file and line of a list that was made without something else than
///         inputs->words, and file, line and item of a list in which an item stands twice
NJ_CHECKED nj_status nj_eval_read_lists(const char *path, const nj_eval_inputs *inputs,
                                        const nj_eval_lists *lists, uint64_t *out_other_count,
                                        nj_error *err);

/// Writes the outcomes of schemas/lists.md, and commits the draft.
///
///   model   judged, both rankings
///   scores  [users] as of nj_eval_lists; NULL: not known
///   listed  write the lists too, those that were asked for
NJ_CHECKED nj_status nj_eval_write_users(nj_file_draft *draft, const nj_eval_inputs *inputs,
                                         const nj_evaluation *evaluation, size_t model,
                                         const float *scores, bool listed, nj_error *err);

#endif
