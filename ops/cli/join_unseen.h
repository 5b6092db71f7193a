// join_unseen.h - which items `catalogue join` finds a place for, because no training history has them.
#ifndef NJ_OPS_CLI_JOIN_UNSEEN_H
#define NJ_OPS_CLI_JOIN_UNSEEN_H

#include "common/catalogue/job.h"
#include "common/catalogue/split.h"
#include "common/catalogue/unseen_rows.h"
#include "common/cli/cli.h"

#define NJ_JOIN_UNSEEN_OPTIONS                                                                     \
    {"unseen-from", "FILE", NULL,                                                                  \
     "histories: an item that training on them has not seen gets, in the second file and later "   \
     "ones, the mean of its nearest by the first",                                                 \
     false},                                                                                       \
        {"ids", "FILE", NULL, "with --unseen-from: item ids, one a line: row i is item i", false}, \
        {"nearest", "N", "10", "with --unseen-from: of how many it is the mean", false},           \
        {"format", "sequence|jsonl|csv|inter|parquet", NULL,                                       \
         "of the histories; default: by the file's ending", false},                                \
        NJ_COLUMNS_OPTIONS, NJ_SPLIT_OPTIONS

/// Finds the nearest of each unseen item; all zero where --unseen-from is not given.
///
///   first  the embedding that says which items are near
///
/// Errors  NJ_USAGE: --unseen-from without --ids; NJ_INPUT: --ids has another number of items than `first` rows; those of
///         nj_split_histories_read and nj_unseen_rows_find
NJ_CHECKED nj_status nj_join_unseen_find(const nj_arguments *arguments, const nj_npy *first,
                                         nj_unseen_rows *out, nj_error *err);

#endif
