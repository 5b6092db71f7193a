#include "common/base/digest.h"

#include <string.h>

#include <sodium/utils.h>

void nj_digester_init(nj_digester *digester)
{
    crypto_generichash_init(&digester->state, NULL, 0, NJ_DIGEST_BYTES);
}

void nj_digester_update(nj_digester *digester, const void *bytes, size_t size)
{
    crypto_generichash_update(&digester->state, bytes, size);
}

void nj_digester_update_u64(nj_digester *digester, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    nj_digester_update(digester, bytes, sizeof bytes);
}

void nj_digester_update_sized(nj_digester *digester, const void *bytes, size_t size)
{
    nj_digester_update_u64(digester, size);
    nj_digester_update(digester, bytes, size);
}

nj_digest nj_digester_final(nj_digester *digester)
{
    nj_digest digest;
    crypto_generichash_final(&digester->state, digest.bytes, sizeof digest.bytes);
    return digest;
}

nj_digest nj_digest_of(const void *bytes, size_t size)
{
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, bytes, size);
    return nj_digester_final(&digester);
}

bool nj_digest_equal(const nj_digest *a, const nj_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void nj_digest_hex(const nj_digest *digest, char out[NJ_DIGEST_HEX_BYTES])
{
    sodium_bin2hex(out, NJ_DIGEST_HEX_BYTES, digest->bytes, sizeof digest->bytes);
}

bool nj_digest_from_hex(const char *text, nj_digest *out)
{
    nj_digest digest;
    size_t size = 0;
    if (strlen(text) != 2 * NJ_DIGEST_BYTES ||
        sodium_hex2bin(digest.bytes, sizeof digest.bytes, text, 2 * NJ_DIGEST_BYTES, NULL, &size,
                       NULL) != 0) {
        return false;
    }
    *out = digest;
    return true;
}
