// diff.h - what is different between two generations: a merge of both in key order, nothing of it kept but counts.
#ifndef NJ_STORE_DIFF_H
#define NJ_STORE_DIFF_H

#include "common/base/error.h"
#include "common/base/idlist.h"
#include "common/store/reader.h"

#define NJ_STORE_DIFF_ITEMS_MAX 50000000u // different items of both, in all lists

// In how many lists an item stands, in each generation.
typedef struct {
    uint64_t from;
    uint64_t to;
} nj_store_diff_lists;

typedef struct {
    uint64_t added;     // users of `to` alone
    uint64_t removed;   // users of `from` alone
    uint64_t identical; // the row is the same, byte for byte
    uint64_t rescored; // the same items in the same order, and other scores, flags or anything else
    uint64_t changed;  // another list
    double overlap;    // of the first k places, mean over users of both; 1 where there is none
    nj_idlist_builder ids; // every item of a list, in the order in which it was met
    nj_idmap map;
    nj_buffer lists;       // nj_store_diff_lists, one an id
    uint64_t items_gained; // in lists of `to` alone
    uint64_t items_lost;   // in lists of `from` alone
} nj_store_diff;

void nj_store_diff_init(nj_store_diff *diff);
void nj_store_diff_fini(nj_store_diff *diff);

/// NULL: nobody is told.
typedef void (*nj_store_diff_progress)(void *context, uint64_t rows_read);

/// Reads both from the first row to the last. Memory: 16 bytes and the id of each different item, some 50 bytes in all.
///
///   cutoff  k of the overlap (judge/metric.h): 1 to NJ_ROW_ITEMS_MAX
///   diff    as nj_store_diff_init left it
///
/// Returns  NJ_REFUSED: a page or a row is damaged; it names the generation
/// Order    the mean is summed in key order
/// Proof    tests/unit/store/test_diff.c
NJ_CHECKED nj_status nj_store_diff_make(nj_store_reader *from, nj_store_reader *to, uint32_t cutoff,
                                        nj_store_diff_progress progress, void *context,
                                        nj_store_diff *diff, nj_error *err);

/// The items whose number of lists rose most (`gained`) or fell most, first the largest difference, then by id's bytes.
///
///   out_indexes  [count_max]  numbers of diff->ids
///
/// Returns how many there are: only items that did rise, or fall
size_t nj_store_diff_movers(const nj_store_diff *diff, bool gained, uint32_t *out_indexes,
                            size_t count_max);
nj_slice nj_store_diff_id(const nj_store_diff *diff, size_t index);
nj_store_diff_lists nj_store_diff_lists_of(const nj_store_diff *diff, size_t index);

#endif
