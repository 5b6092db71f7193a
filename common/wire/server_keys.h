// server_keys.h - the public keys that a coordinator may prove: while its key is being replaced, the old one and the new one.
#ifndef NJ_WIRE_SERVER_KEYS_H
#define NJ_WIRE_SERVER_KEYS_H

#include "common/base/error.h"
#include "common/wire/peer.h"

#define NJ_SERVER_KEYS_MAX 4

typedef struct {
    char keys[NJ_SERVER_KEYS_MAX][NJ_KEY_TEXT_BYTES];
    size_t count; // 1 .. NJ_SERVER_KEYS_MAX
} nj_server_keys;

/// Reads what --server-key says: keys, or public files of one key each, with commas between.
///
/// Errors  NJ_INPUT: an empty word, a key given twice, more than NJ_SERVER_KEYS_MAX; those of nj_public_key_read
/// Proof   tests/unit/wire/test_server_keys.c
NJ_CHECKED nj_status nj_server_keys_read(const char *text, nj_server_keys *out, nj_error *err);

#endif
