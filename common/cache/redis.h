// redis.h - a connection to a Redis server (hiredis): bytes of many commands go, answers come one by one.
//
// NJ_AGAIN is what time may mend: nobody listens, the connection broke or timed out, the server is loading its data. NJ_CONFIG is what
// it does not: a password, a right, memory, a replica that takes no writes. Messages quote the server.
#ifndef NJ_CACHE_REDIS_H
#define NJ_CACHE_REDIS_H

#include <stdint.h>

#include "common/base/error.h"
#include "common/base/slice.h"

typedef struct nj_redis nj_redis;

typedef struct {
    const char *server;   // "host:port", or the path of a Unix socket, which begins with /
    const char *password; // NULL: none
    uint64_t database;
    uint64_t timeout_ms; // of a connection and of an answer
} nj_redis_address;

typedef enum { NJ_REDIS_NIL, NJ_REDIS_NUMBER, NJ_REDIS_TEXT, NJ_REDIS_LIST } nj_redis_kind;

typedef struct {
    nj_redis_kind kind;
    int64_t number;
    nj_slice text;
    size_t count;      // of a list
    void *const *list; // nj_redis_element's
} nj_redis_answer;

/// NJ_INPUT for an address that is none.
NJ_CHECKED nj_status nj_redis_open(const nj_redis_address *address, nj_redis **out, nj_error *err);
/// Accepts NULL.
void nj_redis_close(nj_redis **redis);

/// Takes a copy of whole commands (nj_resp_append); they leave when an answer is asked for.
NJ_CHECKED nj_status nj_redis_send(nj_redis *redis, nj_slice commands, nj_error *err);

/// The next answer, borrowed until the next call on the connection. An error that the server answers is the status.
NJ_CHECKED nj_status nj_redis_next(nj_redis *redis, nj_redis_answer *out, nj_error *err);

/// One command and its answer.
NJ_CHECKED nj_status nj_redis_ask(nj_redis *redis, const nj_slice *words, size_t count,
                                  nj_redis_answer *out, nj_error *err);

/// An element of a list.
nj_redis_answer nj_redis_element(const nj_redis_answer *answer, size_t index);

#endif
