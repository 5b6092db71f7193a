// peer.h - who sent a message: where to answer, and the key that was proved.
#ifndef NJ_WIRE_PEER_H
#define NJ_WIRE_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NJ_KEY_TEXT_BYTES 41 // a CURVE key in Z85: 40 characters and a NUL

// libzmq makes routes of 5 bytes; a peer that names itself longer than this is dropped.
#define NJ_ROUTE_BYTES_MAX 32

typedef struct {
    uint8_t route[NJ_ROUTE_BYTES_MAX]; // routing id; a reconnection has another
    uint8_t route_bytes;
    char key[NJ_KEY_TEXT_BYTES]; // authenticated public key in Z85; "" on an insecure endpoint
} nj_peer;

static inline bool nj_peer_equal(const nj_peer *a, const nj_peer *b)
{
    return a->route_bytes == b->route_bytes && memcmp(a->route, b->route, a->route_bytes) == 0 &&
           strcmp(a->key, b->key) == 0;
}

#endif
