// marker.h - what a Redis server says of the rows it holds (load.h has its fields).
#ifndef NJ_CACHE_MARKER_H
#define NJ_CACHE_MARKER_H

#include "common/cache/cached.h"
#include "common/cache/redis.h"
#include "common/store/facts.h"
#include "common/store/key.h"

#define NJ_MARKER_TEXT_BYTES 96
#define NJ_MARKER_AT_BYTES (2 * NJ_STORE_KEY_BYTES_MAX + 1)

// Fields that the server lacks are empty.
typedef struct {
    char generation[NJ_MARKER_TEXT_BYTES];
    char content[NJ_MARKER_TEXT_BYTES];
    char form[NJ_MARKER_TEXT_BYTES];
    char loading[NJ_MARKER_TEXT_BYTES];
    char loading_content[NJ_MARKER_TEXT_BYTES];
    char base[NJ_MARKER_TEXT_BYTES];
    char at[NJ_MARKER_AT_BYTES];
} nj_marker;

// A load, as the marker tells of it.
typedef struct {
    const nj_cache_form *form;
    const char *generation;
    const char *content; // hexadecimal
    const char *base;    // empty: all rows
    const char *loader;  // this process
} nj_marker_load;

/// NJ_REFUSED: the key holds something else.
NJ_CHECKED nj_status nj_marker_read(nj_redis *redis, const nj_cache_form *form, nj_marker *out,
                                    nj_error *err);

/// "json 129600000 10".
void nj_marker_form(const nj_cache_form *form, char out[NJ_MARKER_TEXT_BYTES]);

/// Notes that the load begins, or goes on from `at`. One transaction.
NJ_CHECKED nj_status nj_marker_begin(nj_redis *redis, const nj_marker_load *load, const char *at,
                                     nj_error *err);
/// Notes that it ended. One transaction.
NJ_CHECKED nj_status nj_marker_end(nj_redis *redis, const nj_marker_load *load, nj_error *err);
/// Forgets all: the next load is a full one.
NJ_CHECKED nj_status nj_marker_drop(nj_redis *redis, const nj_cache_form *form, nj_error *err);

/// Who loads, or loaded last; borrowed as nj_redis_next's answer. NJ_REDIS_NIL where the marker is gone.
NJ_CHECKED nj_status nj_marker_loader(nj_redis *redis, const nj_cache_form *form,
                                      nj_redis_answer *out, nj_error *err);

/// Appends the command that notes `key` as written.
NJ_CHECKED nj_status nj_marker_at_append(const nj_cache_form *form, nj_slice key, nj_buffer *out);

/// The key of `at`; false where it is none. An empty text is a key of no bytes.
bool nj_marker_at_parse(const char *at, nj_store_key *out);

#endif
