// since_refresh.h - whose row of an earlier generation stands although the catalogue has been refreshed since (--since-bundle).
//
//   bundle of then ─┐   items that came, went or got other codes ──► prefixes whose children changed
//   tonight's ──────┘                                                          │
//   row of then: history, trace of prefixes looked at ── none of them? ────────┴─► the row is what would be decoded
//
// A search reads the model, the user's tokens, and of the trie the children of the prefixes that it looks at, items of leaves among
// them. The row's trace (schemas/store.md) names those prefixes; so does every change of the catalogue. Two prefixes that share a name
// only make a user be decoded who need not be. Rows that were widened, are short or of cold users are decoded: they depend on more. So do
// all rows under a policy, which have no trace: a night with a policy copies nothing after a refresh, and everything that it may after none.
#ifndef NJ_COORDINATOR_DAEMON_SINCE_REFRESH_H
#define NJ_COORDINATOR_DAEMON_SINCE_REFRESH_H

#include "common/catalogue/job.h"
#include "common/codec/row_scan.h"

typedef struct {
    uint32_t *changed;    // owned; [changed_count] names of prefixes, ascending
    size_t changed_count; // of names, each once
    bool root_changed;    // everybody is decoded
    uint64_t *moved;      // owned; bits of tonight's rows whose codes are not those of then
    uint64_t came; // items of tonight's trie that were not in the one of then under these codes
    uint64_t went; // the other way
} nj_since_refresh;

/// Compares the bundle of then, which must have this digest, with tonight's.
///
///   out_differs  what makes every row another one (the model, tokens, the encoder's template, the prompt, the policy), or
///                NULL
///
/// Errors  NJ_REFUSED: the file is not the bundle of that generation (both digests), or it is damaged; NJ_NOT_FOUND, NJ_INPUT, NJ_NO_MEMORY.
///         `*out` is all zero then, and where something differs.
/// Proof   tests/integration/0290-copied-after-a-refresh.t, tests/cli/0377-prompts-since-a-refresh.t
NJ_CHECKED nj_status nj_since_refresh_make(const char *bundle_path, const nj_digest *bundle_digest,
                                           const nj_job *job, nj_since_refresh *out,
                                           const char **out_differs, nj_error *err);
/// Accepts one that is all zero.
void nj_since_refresh_fini(nj_since_refresh *refresh);

/// True when the row of then, whose history digest is tonight's, is what would be decoded tonight.
bool nj_since_refresh_stands(const nj_since_refresh *refresh, const nj_request *user,
                             const nj_row_scan *row);

#endif
