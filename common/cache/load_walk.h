// load_walk.h - what a load does, row by row in key order: all rows of a generation, or what differs from another one.
#ifndef NJ_CACHE_LOAD_WALK_H
#define NJ_CACHE_LOAD_WALK_H

#include "common/cache/batch.h"
#include "common/store/reader.h"

typedef struct {
    nj_store_reader *to;   // borrowed
    nj_store_reader *from; // borrowed; NULL: all rows are written
    bool touches;          // rows that are the same get a new time to live
    bool reads_back;       // compares instead of writing
    nj_slice at;           // keys up to this one are written already
} nj_load_walk;

/// Gives every row's command to the batch, and sends the last.
NJ_CHECKED nj_status nj_load_walk_run(const nj_load_walk *walk, nj_batch *batch, nj_error *err);

/// Removes every user of the prefix whom the generation does not have.
NJ_CHECKED nj_status nj_load_sweep(nj_store_reader *to, nj_batch *batch, nj_error *err);

#endif
