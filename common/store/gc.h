// gc.h - which generations may go: all but the newest, and what somebody needs.
//
//   kept, for the first of these reasons
//     current    CURRENT names it
//     channel    a channel names it
//     rollback   `rollback` of CURRENT or of a channel would go to it: the last one before that is sound
//     night      the staging area that is there copies rows from it, or it is younger than that area: the night may be
//                about to publish it
//     newest     it is one of the N newest by name
//     in use     somebody reads it at this moment (hold.h)
//
// A generation vanishes by one rename, so a crash leaves it whole or not at all. Histories forget the
// names of what is gone. Reports of nights (reports/) stay.
#ifndef NJ_STORE_GC_H
#define NJ_STORE_GC_H

#include "common/store/generation.h"

typedef enum {
    NJ_STORE_GC_REMOVED, // or would be
    NJ_STORE_GC_CURRENT,
    NJ_STORE_GC_CHANNEL,
    NJ_STORE_GC_ROLLBACK,
    NJ_STORE_GC_NIGHT,
    NJ_STORE_GC_NEWEST,
    NJ_STORE_GC_IN_USE,
    NJ_STORE_GC_FATES
} nj_store_gc_fate;

/// "removed", "current", ...: what the list above says.
const char *nj_store_gc_fate_word(nj_store_gc_fate fate);

typedef struct {
    nj_store_name name;
    nj_store_gc_fate fate;
    uint64_t data_bytes; // as the manifest says; 0 where it cannot be read
} nj_store_gc_entry;

typedef struct {
    nj_store_gc_entry *entries; // owned; newest first
    size_t count;
} nj_store_gc_result;

/// Removes generations, oldest first, under the store's lock.
///
///   keep     1 or more: the newest that stay
///   dry_run  says what would go, and removes nothing
///   out      what was done before a failure, too; nj_store_gc_result_fini in any case
///
/// Returns  NJ_NOT_FOUND without the store; NJ_AGAIN: its lock is not free; NJ_REFUSED: the line of a channel cannot be read, or
///          CURRENT is missing beside a HISTORY, so that nobody knows what readers have; NJ_IO, also where it cannot be told
///          what a rollback needs
/// Proof    tests/unit/store/test_gc.c
NJ_CHECKED nj_status nj_store_gc(const char *store_dir, uint64_t keep, bool dry_run,
                                 uint32_t lock_wait_ms, nj_store_gc_result *out, nj_error *err);
void nj_store_gc_result_fini(nj_store_gc_result *result);

#endif
