// digest.h - BLAKE2b names for content (libsodium). Digests name and protect; XXH3 (hash.h) only finds.
#ifndef NJ_BASE_DIGEST_H
#define NJ_BASE_DIGEST_H

#include <sodium/crypto_generichash.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NJ_DIGEST_BYTES 32
#define NJ_DIGEST_HEX_BYTES (2 * NJ_DIGEST_BYTES + 1)

typedef struct {
    uint8_t bytes[NJ_DIGEST_BYTES];
} nj_digest;

typedef struct {
    crypto_generichash_state state;
} nj_digester;

void nj_digester_init(nj_digester *digester);
void nj_digester_update(nj_digester *digester, const void *bytes, size_t size);
/// Feeds a length before the bytes, so that ("ab","c") and ("a","bc") differ.
void nj_digester_update_sized(nj_digester *digester, const void *bytes, size_t size);
/// Feeds a number as 8 bytes, little-endian.
void nj_digester_update_u64(nj_digester *digester, uint64_t value);
nj_digest nj_digester_final(nj_digester *digester);

nj_digest nj_digest_of(const void *bytes, size_t size);
bool nj_digest_equal(const nj_digest *a, const nj_digest *b);

/// Lower-case hexadecimal with a NUL.
void nj_digest_hex(const nj_digest *digest, char out[NJ_DIGEST_HEX_BYTES]);
/// False when text is not exactly 64 hexadecimal digits.
bool nj_digest_from_hex(const char *text, nj_digest *out);

#endif
