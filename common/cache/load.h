// load.h - a generation into a Redis server: whole, or what has changed since the one that is there.
//
//   PREFIX user: id        a user's row (cached.h)
//   PREFIX generation      a hash, the marker: what is there, and while a load runs, how far it is
//
//     generation, content      the last generation that was loaded and read back, and its content digest; gone while a full load runs
//     form                     "json 129600000 10": value, milliseconds to live, jitter
//     loading, loading_content, base, at       of the load that runs: base is empty for a full one; every key up to `at` (hexadecimal,
//                                              store/key.h) is written
//     loader                   who runs it, or ran the last one; an older one sees another name before its next batch, and stops
//
// The marker lies where the rows lie, so a server that loses its last seconds, or all, loses them of both: what it says is
// always true of the rows, and a load that was cut off at either end goes on from there. Under a time to live the marker goes
// before the first row does.
//
// A full load ends with a walk over the keys (SCAN) that removes users whom the generation does not have. A delta writes the
// rows that differ between the base and the generation, removes users who are gone, and with a time to live gives all others a new one.
// Then everything that was to be written is read back and compared. While a load runs, readers see rows of both generations.
#ifndef NJ_CACHE_LOAD_H
#define NJ_CACHE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/cache/cached.h"
#include "common/cache/redis.h"
#include "common/store/generation.h"

typedef enum { NJ_LOAD_AUTO, NJ_LOAD_FULL, NJ_LOAD_DELTA } nj_load_mode;

typedef struct {
    const char *store;
    const char *generation; // NULL: the current one
    nj_redis_address address;
    nj_cache_form form;
    nj_load_mode mode;
    bool skip_verify;
    uint64_t rate;           // commands a second; 0: as many as the server takes
    uint64_t latency_max_ms; // of a batch
    uint64_t patience_ms;    // how long a server may be away
} nj_load_settings;

typedef struct {
    nj_store_name generation;
    char base[NJ_STORE_NAME_CHARS + 1]; // of a delta, else empty
    uint64_t written;
    uint64_t removed;
    uint64_t touched;  // given a new time to live
    uint64_t verified; // read back
    uint64_t skipped;  // known to be written by a load that was cut off
    uint64_t backoffs;
    uint64_t reconnects;
} nj_load_result;

/// Returns  NJ_CONFIG: a delta is asked for and there is no base for it (the message says why), or the server refuses;
///          NJ_REFUSED: a row that was read back is another one; NJ_AGAIN: the server is away for longer than patience_ms, or
///          another load has begun; else as nj_store_reader_open
/// Proof    tests/cli/0506-load-redis.t
NJ_CHECKED nj_status nj_cache_load(const nj_load_settings *settings, nj_load_result *out,
                                   nj_error *err);

#endif
