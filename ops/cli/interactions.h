// interactions.h - what a sequential recommender or a baseline works on: the items of --ids, and the histories of --users over them.
#ifndef NJ_OPS_CLI_INTERACTIONS_H
#define NJ_OPS_CLI_INTERACTIONS_H

#include "common/catalogue/split.h"
#include "common/catalogue/users.h"
#include "common/cli/cli.h"

// The rows of an option table that nj_named_items_read reads; NJ_HISTORIES_OPTIONS follow.
#define NJ_IDS_OPTION                                                                              \
    {                                                                                              \
        "ids", "FILE", NULL, "item ids, one a line: row i is item i", true                         \
    }

typedef struct {
    nj_buffer block; // owned
    nj_idlist items; // over it
    nj_idmap map;    // id -> row
} nj_named_items;

/// Reads --ids. NJ_INPUT, NJ_IO, NJ_NO_MEMORY; `*out` is then unchanged.
NJ_CHECKED nj_status nj_named_items_read(const nj_arguments *arguments, nj_named_items *out,
                                         nj_error *err);
/// Accepts a struct that is all zero.
void nj_named_items_fini(nj_named_items *items);

// Histories cut by a split (common/catalogue/split.h), resolved to rows. Unknown items are dropped behind the cut.
typedef struct {
    nj_user_table training; // of every user of the file, what training may see
    nj_user_table inputs;   // of those for whom a list is made, what the model reads
    uint64_t left_out;      // users without a held-out item: no list
    uint64_t unsampled;     // of the others: users outside the sample
} nj_split_histories;

/// True for a share of all users, always the same ones: what is asked of a sample in one night can be asked of it in the next, and of 0.1 in
/// what was made of 0.2. It has nothing to do with how readers share users among channels.
///
/// Source  the first 8 bytes, big-endian, of BLAKE2b-256("sample", a zero byte, user), over 2^64
bool nj_user_is_sampled(nj_slice user, double share);

/// Reads the source once, cutting each history. Without a target (NJ_SPLIT_NONE) nobody is left out. Inputs are of a sample of the users:
/// `share` of them, 1 of all.
/// Errors  those of nj_histories_read, nj_split_history and nj_user_table_add; `*out` is then unchanged
/// Proof   tests/cli/0820-baseline.t
NJ_CHECKED nj_status nj_split_histories_read(const nj_histories_source *source,
                                             const nj_split *split, double share,
                                             const nj_named_items *items, nj_split_histories *out,
                                             nj_error *err);
/// Accepts a struct that is all zero.
void nj_split_histories_fini(nj_split_histories *histories);

/// The digest of ids, and of histories by rows, in hexadecimal: what a training's log calls its inputs.
nj_digest nj_named_items_digest(const nj_named_items *items);
nj_digest nj_user_table_digest(const nj_user_table *users);

#endif
