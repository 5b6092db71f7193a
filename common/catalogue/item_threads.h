// item_threads.h - rounds over items in this process: the caller's thread alone, or several.
//
//   threads ── shard 3, 4, 5 ... ──► [ window of answers ] ──► take, in shard order, on the caller's thread
//
// No shard is begun that is more than the window ahead of the one that is taken next, so a slow shard holds the others back rather than
// letting answers pile up.
#ifndef NJ_CATALOGUE_ITEM_THREADS_H
#define NJ_CATALOGUE_ITEM_THREADS_H

#include "common/catalogue/item_round.h"

#define NJ_ITEM_THREADS_MAX 1024
#define NJ_ITEM_WINDOW_A_THREAD 2 // answers that may wait or be computed

typedef struct {
    const nj_kernels *kernels;
    uint32_t thread_count; // 1 .. NJ_ITEM_THREADS_MAX; 1: no thread is started
} nj_item_threads;

/// Borrows `threads` as long as the executor is used.
///
/// Memory  of a round: a state of the work a thread, NJ_ITEM_WINDOW_A_THREAD answers a thread
/// Errors  of a round: the first refusal in shard order, whichever thread met it first; NJ_NO_MEMORY; NJ_FAILED: no thread can be
///         started
/// Proof   tests/unit/catalogue/test_item_round.c
nj_item_executor nj_item_threads_executor(const nj_item_threads *threads);

#endif
