// shown_items.h - which items of the catalogue stand in some list, of many millions of places.
//
//   item of a row ──► seen before? [slots] ──yes──► nothing to do
//                          └─no──► its row in the catalogue ──► bit, and a slot while there is room
//
// A night shows the same items again and again. A slot holds an id whole and not its hash, so what it saves is exact. Ids of more than 15
// bytes, and those that find no room, are looked up each time.
#ifndef NJ_COORDINATOR_DAEMON_SHOWN_ITEMS_H
#define NJ_COORDINATOR_DAEMON_SHOWN_ITEMS_H

#include "common/catalogue/job.h"
#include "common/codec/row_scan.h"

// An id as two words: a number and all ones, or up to 15 bytes of text and their count in the last byte. All zero: none.
typedef struct {
    uint64_t low, high;
} nj_shown_id;

typedef struct {
    const nj_job *job;  // borrowed
    uint64_t *bits;     // owned; [items of the catalogue]
    nj_shown_id *slots; // owned; [1 << (64 - shift)], open addressing, at most half full
    unsigned shift;
    size_t used; // slots
} nj_shown_items;

/// Nothing is shown yet. 32 to 64 bytes an item, at most 64 MiB, and a bit. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_shown_items_init(nj_shown_items *shown, const nj_job *job, nj_error *err);
/// Accepts one that is all zero.
void nj_shown_items_fini(nj_shown_items *shown);

/// The item stands in a list. One that is not in the catalogue counts for nothing.
void nj_shown_items_add(nj_shown_items *shown, const nj_row_item *item);

/// How many items of the catalogue do.
/// Proof   tests/unit/daemon/test_shown_items.c
uint64_t nj_shown_items_count(const nj_shown_items *shown);

#endif
