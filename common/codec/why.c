#include "common/codec/why.h"

#include <math.h>
#include <string.h>

static const char *const SOURCES[256] = {
#define NJ_SOURCE(name, number, word, meaning) [number] = word,
#include "schemas/why.def"
};

static const char *const ADJUSTS[NJ_WHY_ADJUST_MAX] = {
#define NJ_ADJUST(name, number, word, meaning) [number] = word,
#include "schemas/why.def"
};

static uint8_t *put_f32(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(bits >> 8 * i);
    }
    return at + 4;
}

size_t nj_why_bytes(const nj_why *why)
{
    size_t bytes = 2 + sizeof why->raw;
    for (unsigned a = 0; a < NJ_WHY_ADJUST_MAX; a++) {
        bytes += why->adjust[a] != 0 ? sizeof why->adjust[a] : 0;
    }
    return bytes;
}

nj_status nj_why_append(nj_buffer *out, const nj_why *why)
{
    uint8_t bytes[NJ_WHY_ITEM_BYTES_MAX];
    uint8_t *at = put_f32(bytes + 2, why->raw);
    unsigned set = 0;
    for (unsigned a = 0; a < NJ_WHY_ADJUST_MAX; a++) {
        if (why->adjust[a] != 0) {
            set |= 1u << a;
            at = put_f32(at, why->adjust[a]);
        }
    }
    bytes[0] = (uint8_t)why->source;
    bytes[1] = (uint8_t)set;
    return nj_buffer_append(out, bytes, (size_t)(at - bytes));
}

static float take_f32(nj_slice *bytes)
{
    const uint8_t *at = (const uint8_t *)bytes->bytes;
    const uint32_t bits =
        at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    *bytes = (nj_slice){bytes->bytes + 4, bytes->size - 4};
    return value;
}

bool nj_why_next(nj_slice *bytes, nj_why *out)
{
    if (bytes->size < 2) {
        return false;
    }
    const unsigned set = (uint8_t)bytes->bytes[1];
    const size_t needed = 2 + 4 * (1 + (size_t)__builtin_popcount(set));
    if (bytes->size < needed) {
        return false;
    }
    *out = (nj_why){.source = (uint8_t)bytes->bytes[0]};
    *bytes = (nj_slice){bytes->bytes + 2, bytes->size - 2};
    out->raw = take_f32(bytes);
    bool good = isfinite(out->raw);
    for (unsigned a = 0; a < NJ_WHY_ADJUST_MAX; a++) {
        if ((set >> a & 1u) != 0) {
            out->adjust[a] = take_f32(bytes);
            good = good && isfinite(out->adjust[a]) && out->adjust[a] != 0;
        }
    }
    return good;
}

bool nj_why_check(nj_slice bytes, size_t count)
{
    nj_why why;
    for (size_t i = 0; i < count; i++) {
        if (!nj_why_next(&bytes, &why)) {
            return false;
        }
    }
    return bytes.size == 0;
}

static nj_status append_adjusts(nj_buffer *out, const nj_why *why)
{
    nj_status status = NJ_OK;
    const char *before = ", \"adjust\": {";
    const char *after = "";
    for (unsigned a = 0; a < NJ_WHY_ADJUST_MAX && status == NJ_OK; a++) {
        if (why->adjust[a] == 0) {
            continue;
        }
        status = ADJUSTS[a] != NULL ? nj_buffer_printf(out, "%s\"%s\": %.9g", before, ADJUSTS[a],
                                                       (double)why->adjust[a])
                                    : nj_buffer_printf(out, "%s\"adjust%u\": %.9g", before, a,
                                                       (double)why->adjust[a]);
        before = ", ";
        after = "}";
    }
    return status != NJ_OK ? status : nj_buffer_printf(out, "%s", after);
}

nj_status nj_why_json(nj_buffer *out, nj_slice bytes)
{
    nj_why why;
    nj_status status = nj_buffer_append(out, "[", 1);
    for (const char *between = ""; status == NJ_OK && nj_why_next(&bytes, &why); between = ", ") {
        status = SOURCES[why.source] != NULL
                     ? nj_buffer_printf(out, "%s{\"source\": \"%s\"", between, SOURCES[why.source])
                     : nj_buffer_printf(out, "%s{\"source\": \"source%u\"", between, why.source);
        if (status == NJ_OK) {
            status = nj_buffer_printf(out, ", \"raw\": %.9g", (double)why.raw);
        }
        if (status == NJ_OK) {
            status = append_adjusts(out, &why);
        }
        if (status == NJ_OK) {
            status = nj_buffer_append(out, "}", 1);
        }
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "]", 1);
}
