#include "common/store/ulid.h"

#include <assert.h>

#include <sodium/core.h>
#include <sodium/randombytes.h>

#define TIME_CHARS 10
#define RANDOM_BYTES 10

static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

nj_ulid nj_ulid_make(uint64_t ms)
{
    nj_ulid ulid = {0};
    uint8_t noise[RANDOM_BYTES];
    int ready = sodium_init(); // 0 or 1; -1 only when the machine has no source of random bytes
    assert(ready >= 0);
    (void)ready;
    randombytes_buf(noise, sizeof noise);
    for (unsigned i = 0; i < TIME_CHARS; i++) {
        ulid.text[i] = ALPHABET[ms >> (5 * (TIME_CHARS - 1 - i)) & (i == 0 ? 7u : 31u)];
    }
    // 80 bits are two halves of 40, and 40 bits are eight characters.
    for (unsigned half = 0; half < 2; half++) {
        uint64_t bits = 0;
        for (unsigned i = 0; i < 5; i++) {
            bits = bits << 8 | noise[5 * half + i];
        }
        for (unsigned i = 0; i < 8; i++) {
            ulid.text[TIME_CHARS + 8 * half + i] = ALPHABET[bits >> (35 - 5 * i) & 31u];
        }
    }
    return ulid;
}

bool nj_ulid_valid(nj_slice text)
{
    if (text.size != NJ_ULID_CHARS || text.bytes[0] < '0' || text.bytes[0] > '7') {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] == '\0' || strchr(ALPHABET, text.bytes[i]) == NULL) {
            return false;
        }
    }
    return true;
}

uint64_t nj_ulid_ms(const nj_ulid *ulid)
{
    uint64_t ms = 0;
    for (unsigned i = 0; i < TIME_CHARS; i++) {
        const char *at = strchr(ALPHABET, ulid->text[i]);
        assert(at != NULL);
        ms = ms << 5 | (uint64_t)(at - ALPHABET);
    }
    return ms;
}
