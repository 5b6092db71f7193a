#include "common/cache/cached.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"

#define USER "user:"
#define SHARE_BITS 32

void nj_cache_key_make(const nj_cache_form *form, nj_slice user, nj_cache_key *out)
{
    const nj_slice parts[] = {nj_slice_from(form->prefix), nj_slice_from(USER), user};
    out->size = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(out->bytes + out->size, parts[i].bytes, parts[i].size);
        out->size += parts[i].size;
    }
}

// FNV-1a and a finalizer: a number below 2^32 that looks random and follows from the id alone.
static uint64_t share_of(nj_slice user)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < user.size; i++) {
        hash = (hash ^ (uint8_t)user.bytes[i]) * 0x100000001b3u;
    }
    return nj_rng_mix(hash) >> (64 - SHARE_BITS);
}

static uint64_t jitter_ms(const nj_cache_form *form)
{
    return form->ttl_ms / 100 * form->jitter_percent;
}

uint64_t nj_cache_ttl_ms(const nj_cache_form *form, nj_slice user)
{
    const uint64_t jitter = jitter_ms(form); // below 2^39: ten years
    return form->ttl_ms - (uint64_t)((__uint128_t)jitter * share_of(user) >> SHARE_BITS);
}

uint64_t nj_cache_ttl_least_ms(const nj_cache_form *form)
{
    return form->ttl_ms - jitter_ms(form);
}

nj_status nj_cache_value_append(const nj_cache_form *form, nj_slice user, nj_slice row,
                                nj_row *scratch, nj_buffer *out, nj_error *err)
{
    nj_status status = nj_row_unpack(row, scratch, err);
    if (status != NJ_OK) {
        nj_error_prefix(err, "user \"%.*s\"", NJ_SLICE_ARGS(user));
        if (err != NULL) {
            err->status = NJ_REFUSED; // what is published was a row once
        }
        return NJ_REFUSED;
    }
    status = form->value == NJ_CACHE_JSON ? nj_row_json(out, user, scratch)
                                          : nj_buffer_append(out, row.bytes, row.size);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a row");
}

nj_status nj_resp_append(nj_buffer *out, const nj_slice *words, size_t count)
{
    nj_status status = nj_buffer_printf(out, "*%zu\r\n", count);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = nj_buffer_printf(out, "$%zu\r\n", words[i].size);
        if (status == NJ_OK) {
            status = nj_buffer_append(out, words[i].bytes, words[i].size);
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(out, "\r\n", 2);
        }
    }
    return status;
}

nj_status nj_cache_set_append(const nj_cache_form *form, nj_slice user, nj_slice value,
                              nj_buffer *out)
{
    nj_cache_key key;
    char ttl[24];
    nj_cache_key_make(form, user, &key);
    snprintf(ttl, sizeof ttl, "%" PRIu64, nj_cache_ttl_ms(form, user));
    const nj_slice words[] = {
        {"SET", 3}, {key.bytes, key.size}, value, {"PX", 2}, nj_slice_from(ttl)};
    return nj_resp_append(out, words, form->ttl_ms == 0 ? 3 : 5);
}
