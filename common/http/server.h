// server.h - a small HTTP server of read-only pages, on threads of its own. Nobody but this folder sees libmicrohttpd.
//
//   GET PATH ──► answer(context, PATH, body) ──► 200, or 400, 404, 503
//
// For numbers and health, on an address that only the operator's machines reach: there is no encryption and no password. The thread
// shares nothing with the program but what `answer` reads, so a client that is slow, silent or hostile costs the program
// nothing: connections, their memory and their silence are bounded.
#ifndef NJ_HTTP_SERVER_H
#define NJ_HTTP_SERVER_H

#include "common/base/buffer.h"
#include "common/base/error.h"

#define NJ_HTTP_CONNECTIONS_MAX 16       // at a time; further ones are closed at once
#define NJ_HTTP_CONNECTION_BYTES 16384   // of memory for one, its request's headers included
#define NJ_HTTP_TIMEOUT_S 5              // silence after which a connection is closed
#define NJ_HTTP_BODY_BYTES_MAX (1 << 20) // of an answer
#define NJ_HTTP_ADDRESS_BYTES 128        // "unix:" and the longest path of a socket
#define NJ_HTTP_THREADS_MAX 64

typedef struct nj_http nj_http;

/// Fills `body`, on the server's thread. NJ_NOT_FOUND: there is no such page; NJ_INPUT: there can be none (400); any other
/// failure is answered 503.
typedef nj_status (*nj_http_answer)(void *context, const char *path, nj_buffer *body);

/// The answer to GET `path` has left whole, on the server's thread.
typedef void (*nj_http_sent)(void *context, const char *path);

/// Listens on "127.0.0.1:9464" or "[::1]:9464"; port 0 is any free one. `context` is borrowed until close;
/// `sent` may be NULL.
///
/// Errors  NJ_USAGE: no such form of address; NJ_AGAIN: the address is taken; NJ_CONFIG: it is none of this machine's; NJ_FAILED
/// Proof   tests/unit/http/test_server.c
NJ_CHECKED nj_status nj_http_open(const char *address, nj_http_answer answer, nj_http_sent sent,
                                  void *context, nj_http **out, nj_error *err);

typedef struct {
    const char *address;      // as above, or "unix:/PATH", whose socket is removed at the end
    const char *content_type; // of pages; refusals are text/plain
    unsigned threads;         // 1..NJ_HTTP_THREADS_MAX; `answer` runs on all of them at once
    unsigned connections_max; // at a time; further ones are closed at once
    unsigned timeout_s;       // silence after which a connection is closed
} nj_http_setup;

/// nj_http_open with another setup than that of a page of numbers. `content_type` is borrowed until close.
NJ_CHECKED nj_status nj_http_open_as(const nj_http_setup *setup, nj_http_answer answer,
                                     nj_http_sent sent, void *context, nj_http **out,
                                     nj_error *err);

/// Ends the threads and every connection. Accepts NULL.
void nj_http_close(nj_http **http);

/// Where it listens, with the port that it got; borrowed until close.
const char *nj_http_address(const nj_http *http);

#endif
