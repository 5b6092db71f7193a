// delta_feed.h - segments in a row: the folder they are put into, and where a store enters it.
//
//   FEED/0000000001.delta   nothing to gen-A      whole, for who begins
//        0000000002.delta   gen-A to gen-B
//        0000000003.delta   gen-B to gen-C
//        lock               held by who appends
//
// Files appear by a rename and are never changed. Old ones may be removed from the front (nj_delta_feed_trim): a store that has
// none of the generations that are left is told to begin anew with a segment without a base. Two segments one behind the other may
// lead to one generation: the first without a base, the second for who has the base (nj_delta_feed_restart).
#ifndef NJ_STORE_DELTA_FEED_H
#define NJ_STORE_DELTA_FEED_H

#include "common/base/mapped.h"
#include "common/store/delta.h"

#define NJ_DELTA_SEGMENTS_MAX 4096
#define NJ_DELTA_SUFFIX ".delta"

/// Appends the segment from where the feed ends to `result`; one without a base where it is empty, or where the store does not
/// have the generation at its end any more.
///
///   feed_dir   made where it is missing
///   out_head   all zero where the feed ends with `result` already and nothing is written
///
/// Returns  as nj_delta_write; NJ_REFUSED: the feed is of another store, or its last file is damaged; NJ_AGAIN: its lock is held;
///          NJ_IO. On every failure the feed is as it was
/// Proof    tests/unit/store/test_delta_feed.c
NJ_CHECKED nj_status nj_delta_feed_append(const char *feed_dir, const char *store_dir,
                                          const nj_store_name *result, const nj_delta_watch *watch,
                                          nj_delta_head *out_head, nj_delta_tally *out_tally,
                                          nj_error *err);

/// Removes the oldest segments until `keep` are left. Whoever reads the feed meanwhile finds it with them or without.
///
///   keep  at least 1
///
/// Errors  NJ_NOT_FOUND, NJ_AGAIN: its lock is held; NJ_IO: the oldest are gone and the others are not, and the same call goes on
/// Proof   tests/unit/store/test_delta_feed.c
NJ_CHECKED nj_status nj_delta_feed_trim(const char *feed_dir, size_t keep, size_t *out_removed,
                                        nj_error *err);

typedef struct {
    uint64_t written;
    uint64_t removed; // files
} nj_delta_restarted;

/// Makes the feed begin anew with `result`: a segment without a base, for who has nothing or something older; then one
/// from `base`, where the feed had come as far; then the older ones are removed. After a failure, again: what is there is not written
/// twice.
///
///   base  NULL, or the generation whose place `result` took; it is still in the store
///
/// Returns  NJ_NOT_FOUND: there is no such folder; else as nj_delta_feed_append
/// Proof    tests/unit/store/test_scrub.c
NJ_CHECKED nj_status nj_delta_feed_restart(const char *feed_dir, const char *store_dir,
                                           const nj_store_name *base, const nj_store_name *result,
                                           const nj_delta_watch *watch, nj_delta_restarted *out,
                                           nj_error *err);

typedef struct {
    nj_mapped *files; // owned
    size_t file_count;
    nj_delta_segment *segments; // owned; in the order of the feed, borrowing from files
    size_t count;
} nj_delta_chain;

/// The segments of a file, or of a feed's folder; at least one. nj_delta_chain_close afterwards.
///
/// Returns  NJ_NOT_FOUND  nothing there, or a folder without segments
///          NJ_INPUT      more than NJ_DELTA_SEGMENTS_MAX (nj_delta_feed_trim); else as nj_delta_scan, naming the file
NJ_CHECKED nj_status nj_delta_chain_open(const char *path, nj_delta_chain *out, nj_error *err);

/// Accepts one that is all zero.
void nj_delta_chain_close(nj_delta_chain *chain);

/// The first segment that the store needs in order to have the last one's result, applying as few as can be: `count` when it has
/// that already. Each of them builds on the one before.
///
/// Returns  NJ_REFUSED  the store has no generation that leads there, and no segment is without a base: "resync"
NJ_CHECKED nj_status nj_delta_chain_find(const nj_delta_chain *chain, const char *store_dir,
                                         size_t *out_first, nj_error *err);

#endif
