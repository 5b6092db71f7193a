// draft.h - folders that appear whole or not at all.
//
// A draft is STORE/.draft-<ulid>. A crash leaves it behind; nothing reads it, and the next draft removes it.
#ifndef NJ_STORE_DRAFT_H
#define NJ_STORE_DRAFT_H

#include "common/base/error.h"
#include "common/base/file.h"

typedef struct {
    nj_path store;
    nj_path folder; // empty once committed or aborted
} nj_folder_draft;

/// Removes drafts that a crash left behind and makes a fresh one. The caller is the store's only writer, or any other
/// is fenced off already: a draft it still fills is removed under it.
NJ_CHECKED nj_status nj_folder_draft_begin(const char *store_dir, nj_folder_draft *out,
                                           nj_error *err);

/// Syncs the draft, renames it to STORE/name and syncs the store. The caller has synced the files in it. On failure
/// the draft is still there to be aborted, and STORE/name is not. NJ_AGAIN when `name` exists already.
NJ_CHECKED nj_status nj_folder_draft_commit(nj_folder_draft *draft, const char *name,
                                            nj_error *err);

/// Removes the draft; what cannot be removed is left to the next one. Does nothing after a commit or on a struct that
/// is all zero.
void nj_folder_draft_abort(nj_folder_draft *draft);

/// Makes STORE/name vanish in one step (a rename to a draft's name), then removes what it can; the next draft removes the
/// rest. A missing folder is fine. On failure it is there as it was.
NJ_CHECKED nj_status nj_folder_vanish(const char *store_dir, const char *name, nj_error *err);

#endif
