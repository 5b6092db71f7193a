// listen.h - the socket that a server of pages waits at. Nothing outside common/http includes it.
#ifndef NJ_HTTP_LISTEN_H
#define NJ_HTTP_LISTEN_H

#include "common/base/error.h"
#include "common/http/server.h"

typedef struct {
    int fd;                              // owned by who opened it
    char address[NJ_HTTP_ADDRESS_BYTES]; // with the port that it got
} nj_listen;

/// "127.0.0.1:9464", "[::1]:9464" or "unix:/PATH". A socket in the way on which nobody answers is replaced.
///
/// Errors  as nj_http_open
NJ_CHECKED nj_status nj_listen_open(const char *address, nj_listen *out, nj_error *err);

/// Removes the socket's path, where it has one.
void nj_listen_forget(const nj_listen *listening);

#endif
