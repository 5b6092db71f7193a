// batch.h - commands of a load, gathered, sent at the pace of the server, and their answers compared with what they must be.
#ifndef NJ_CACHE_BATCH_H
#define NJ_CACHE_BATCH_H

#include "common/cache/load.h"
#include "common/cache/marker.h"
#include "common/cache/pace.h"

typedef enum {
    NJ_BATCH_SET,     // write the row
    NJ_BATCH_REMOVE,  // remove the user
    NJ_BATCH_TOUCH,   // give the row a new time to live; write it where the server has lost it
    NJ_BATCH_COMPARE, // read the row back
    NJ_BATCH_ABSENT,  // see that the user is gone
} nj_batch_kind;

typedef struct {
    nj_batch_kind kind;
    nj_slice key; // of the store; borrowed from the reader
    nj_slice row; // the same; not of REMOVE and ABSENT
} nj_batch_command;

typedef struct {
    nj_redis *redis;           // borrowed
    const nj_cache_form *form; // borrowed
    const char *loader;        // borrowed
    nj_load_result *result;    // borrowed
    nj_pace pace;
    bool writes;        // notes the place in the marker
    nj_slice confirmed; // the last key that is known to be written
    nj_batch_command commands[NJ_PACE_BATCH_MAX];
    uint32_t count;
    nj_buffer bytes;
    nj_buffer value;
    nj_row *row;        // scratch
    uint64_t different; // rows that were read back and are not what they must be
    uint64_t missing;
    bool is_superseded; // another load has begun
} nj_batch;

NJ_CHECKED nj_status nj_batch_init(nj_batch *batch, const nj_load_settings *settings,
                                   nj_redis *redis, const char *loader, nj_load_result *result,
                                   nj_error *err);
void nj_batch_fini(nj_batch *batch);

/// Adds a command, and sends the batch when it is full. Rows and keys are borrowed until they are sent.
NJ_CHECKED nj_status nj_batch_add(nj_batch *batch, nj_batch_kind kind, nj_slice key, nj_slice row,
                                  nj_error *err);
/// Sends what has gathered and notes the place. NJ_AGAIN: another load has begun.
NJ_CHECKED nj_status nj_batch_flush(nj_batch *batch, nj_error *err);

#endif
