// zap.h - decides which CURVE keys may connect to the router of one ZeroMQ context (RFC 27, ZAP).
//
// One thread answers inproc://zeromq.zap.01. It runs before the router binds, because libzmq lets every key in when
// nobody answers. An accepted peer's User-Id is its public key in Z85. Internal to common/wire.
#ifndef NJ_WIRE_ZAP_H
#define NJ_WIRE_ZAP_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/wire/keys.h"

typedef struct nj_zap nj_zap;

/// Starts the thread with a copy of `allowed`.
NJ_CHECKED nj_status nj_zap_start(void *context, const nj_allowlist *allowed, nj_zap **out,
                                  nj_error *err);
/// Replaces the list by a copy of `allowed`; on failure the old one stays.
NJ_CHECKED nj_status nj_zap_allow(nj_zap *zap, const nj_allowlist *allowed, nj_error *err);
/// True when the key is in the list now.
bool nj_zap_allows(nj_zap *zap, const char *key);
/// Waits for the thread, which ends when its context is shut down. Accepts NULL.
void nj_zap_join(nj_zap **zap);

#endif
