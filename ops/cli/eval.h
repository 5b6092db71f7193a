// eval.h - the parts of `nightjar eval`: lists come from an engine or from a file, and leave for a file.
//
//   histories ──► held out (catalogue/held_out.h) ──► inputs ──► eval_decode.c ─┐
//                        └──────────────► targets                               ├──► lists (judge/lists.h) ──► eval.c: metrics
//   lists of others ────────────────────────────────────────► eval_lists.c ─────┘
#ifndef NJ_OPS_CLI_EVAL_H
#define NJ_OPS_CLI_EVAL_H

#include <stdint.h>

#include "common/base/file.h"
#include "common/catalogue/held_out.h"
#include "common/catalogue/job.h"
#include "common/cli/cli.h"
#include "common/judge/lists.h"

#define NJ_EVAL_PROCS_MAX 256

/// Decodes the inputs of `held` in `process_count` processes, 1 to NJ_EVAL_PROCS_MAX, and sets their lists. Users are handed out
/// in whole batches, as one process would take them, so the lists do not depend on the number of processes. Users whom
/// --cold-users skip leaves out stay without a list. `lists` is initialised for held->users.
///
/// Errors  NJ_NO_MEMORY; those of nj_engine_from and nj_engine_decode, of several users that fail the first is named; NJ_FAILED: a
///         process could not be started or was killed
NJ_CHECKED nj_status nj_eval_decode(const nj_arguments *arguments, const nj_job *job,
                                    const nj_held_out *held, size_t process_count, nj_lists *lists,
                                    nj_error *err);

/// Reads {"user": ..., "items": [...]} lines (further keys are ignored; - is standard input) into `lists`, initialised for `users`.
/// What stands behind a list's depth is not looked at. An item that the catalogue lacks, or that is retired,
/// keeps its place as NJ_ITEM_INVALID.
///
///   map              item id -> catalogue row, over `items`
///   out_other_count  users of the file who are not judged
///
/// Errors  those of nj_histories_read; NJ_INPUT also names file, line and item of a list in which an item stands twice
NJ_CHECKED nj_status nj_eval_read_lists(const char *path, const nj_idlist *items,
                                        const nj_idmap *map, const nj_live_rows *live,
                                        const nj_user_table *users, nj_lists *lists,
                                        uint64_t *out_other_count, nj_error *err);

/// Writes {"user", "target", "rank"} lines, and "items" where `lists` is not NULL, and commits the draft. The rank is null where the
/// list lacks the target.
NJ_CHECKED nj_status nj_eval_write_users(nj_file_draft *draft, const nj_idlist *items,
                                         const nj_held_out *held, const uint32_t *ranks,
                                         const nj_lists *lists, nj_error *err);

#endif
