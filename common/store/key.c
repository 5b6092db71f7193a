#include "common/store/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/store/schema.h"

#define NUMBER_KEY_BYTES 9

nj_status nj_store_key_pack(nj_slice user, nj_store_key *out, nj_error *err)
{
    const char *problem = nj_id_problem(user);
    if (problem != NULL) {
        return nj_fail(err, NJ_INPUT, "user \"%.*s\" %s", NJ_SLICE_ARGS(user), problem);
    }
    uint64_t number;
    if (nj_id_is_number(user, &number)) {
        out->bytes[0] = NJ_STORE_KEY_NUMBER;
        for (unsigned i = 0; i < 8; i++) {
            out->bytes[1 + i] = (uint8_t)(number >> (56 - 8 * i));
        }
        out->size = NUMBER_KEY_BYTES;
    } else {
        out->bytes[0] = NJ_STORE_KEY_TEXT;
        memcpy(out->bytes + 1, user.bytes, user.size);
        out->size = 1 + user.size;
    }
    return NJ_OK;
}

static uint64_t read_number(const char *bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < 8; i++) {
        number = number << 8 | (uint8_t)bytes[i];
    }
    return number;
}

static bool is_number_key(nj_slice key)
{
    return key.size == NUMBER_KEY_BYTES && key.bytes[0] == NJ_STORE_KEY_NUMBER;
}

nj_status nj_store_key_check(nj_slice key, nj_error *err)
{
    uint64_t number;
    if (is_number_key(key)) {
        return NJ_OK;
    }
    if (key.size == 0 || key.bytes[0] != NJ_STORE_KEY_TEXT) {
        return nj_fail(err, NJ_INPUT, "key of %zu bytes is no user's", key.size);
    }
    nj_slice user = {key.bytes + 1, key.size - 1};
    const char *problem = nj_id_problem(user);
    if (problem != NULL) {
        return nj_fail(err, NJ_INPUT, "key of %zu bytes: its user %s", key.size, problem);
    }
    if (nj_id_is_number(user, &number)) {
        return nj_fail(err, NJ_INPUT, "key of %zu bytes: user %" PRIu64 " is stored as text",
                       key.size, number);
    }
    return NJ_OK;
}

nj_status nj_store_key_unpack(nj_slice key, char digits[NJ_STORE_DIGITS_BYTES], nj_slice *out_user,
                              nj_error *err)
{
    nj_status status = nj_store_key_check(key, err);
    if (status != NJ_OK) {
        return status;
    }
    if (is_number_key(key)) {
        int size = snprintf(digits, NJ_STORE_DIGITS_BYTES, "%" PRIu64, read_number(key.bytes + 1));
        *out_user = (nj_slice){digits, (size_t)size};
    } else {
        *out_user = (nj_slice){key.bytes + 1, key.size - 1};
    }
    return NJ_OK;
}
