#include "common/store/byte_search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define BITS_EACH 16 // of a map, a pattern
#define BIT_POWER_LEAST 12
#define BIT_POWER_MOST 30

static uint32_t read_four(const char *bytes)
{
    uint32_t four;
    memcpy(&four, bytes, sizeof four);
    return four;
}

static size_t mix(const nj_byte_search *search, uint64_t value)
{
    return (size_t)(value * 0x9e3779b97f4a7c15u >> (64 - search->bit_power));
}

static size_t get_head_bit(const nj_byte_search *search, const char *bytes)
{
    return mix(search, read_four(bytes));
}

static size_t get_ends_bit(const nj_byte_search *search, const char *bytes, uint32_t size)
{
    return mix(search, ((uint64_t)read_four(bytes) << 32 | read_four(bytes + size - 4)) + size);
}

static bool has_bit(const uint64_t *bits, size_t bit)
{
    return (bits[bit / 64] >> bit % 64 & 1) != 0;
}

static void set_bit(uint64_t *bits, size_t bit)
{
    bits[bit / 64] |= (uint64_t)1 << bit % 64;
}

void nj_byte_search_init(nj_byte_search *search)
{
    *search = (nj_byte_search){0};
    nj_buffer_init(&search->bytes, SIZE_MAX / 2);
    nj_buffer_init(&search->patterns, SIZE_MAX / 2);
}

void nj_byte_search_fini(nj_byte_search *search)
{
    nj_buffer_fini(&search->bytes);
    nj_buffer_fini(&search->patterns);
    free(search->heads);
    free(search->ends);
    *search = (nj_byte_search){0};
}

nj_status nj_byte_search_add(nj_byte_search *search, nj_slice pattern, size_t label)
{
    assert(pattern.size >= NJ_BYTE_SEARCH_SHORTEST && pattern.size <= NJ_BYTE_SEARCH_LONGEST);
    const nj_byte_pattern entry = {.hash = XXH3_64bits(pattern.bytes, pattern.size),
                                   .size = (uint32_t)pattern.size,
                                   .at = search->bytes.size,
                                   .label = label};
    nj_status status = nj_buffer_append(&search->bytes, pattern.bytes, pattern.size);
    if (status == NJ_OK) {
        status = nj_buffer_append(&search->patterns, &entry, sizeof entry);
    }
    search->count += status == NJ_OK;
    return status;
}

static const nj_byte_pattern *peek_patterns(const nj_byte_search *search)
{
    return (const nj_byte_pattern *)(const void *)search->patterns.bytes;
}

static int order_by_hash(const void *a, const void *b)
{
    const nj_byte_pattern *x = a;
    const nj_byte_pattern *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static void note_sizes(nj_byte_search *search)
{
    bool has[NJ_BYTE_SEARCH_LONGEST + 1] = {false};
    for (size_t i = 0; i < search->count; i++) {
        has[peek_patterns(search)[i].size] = true;
    }
    search->size_count = 0;
    for (uint32_t size = NJ_BYTE_SEARCH_LONGEST; size > 0; size--) {
        if (has[size]) {
            search->sizes[search->size_count++] = size;
        }
    }
}

nj_status nj_byte_search_build(nj_byte_search *search)
{
    search->bit_power = BIT_POWER_LEAST;
    while (search->bit_power < BIT_POWER_MOST &&
           ((size_t)1 << search->bit_power) < search->count * BITS_EACH) {
        search->bit_power++;
    }
    free(search->heads);
    free(search->ends);
    search->heads = calloc(((size_t)1 << search->bit_power) / 64, sizeof *search->heads);
    search->ends = calloc(((size_t)1 << search->bit_power) / 64, sizeof *search->ends);
    if (search->heads == NULL || search->ends == NULL) {
        return NJ_NO_MEMORY;
    }
    if (search->count > 0) {
        qsort(search->patterns.bytes, search->count, sizeof(nj_byte_pattern), order_by_hash);
    }
    note_sizes(search);
    for (size_t i = 0; i < search->count; i++) {
        const nj_byte_pattern *pattern = &peek_patterns(search)[i];
        const char *bytes = (const char *)search->bytes.bytes + pattern->at;
        set_bit(search->heads, get_head_bit(search, bytes));
        set_bit(search->ends, get_ends_bit(search, bytes, pattern->size));
    }
    return NJ_OK;
}

// The first pattern whose hash is not below it.
static size_t find_first(const nj_byte_search *search, uint64_t hash)
{
    const nj_byte_pattern *patterns = peek_patterns(search);
    size_t low = 0;
    size_t high = search->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (patterns[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool match_size(const nj_byte_search *search, const char *bytes, uint32_t size,
                       nj_byte_hit *out)
{
    const nj_byte_pattern *patterns = peek_patterns(search);
    if (!has_bit(search->ends, get_ends_bit(search, bytes, size))) {
        return false;
    }
    const uint64_t hash = XXH3_64bits(bytes, size);
    for (size_t i = find_first(search, hash); i < search->count && patterns[i].hash == hash; i++) {
        if (patterns[i].size == size &&
            memcmp(search->bytes.bytes + patterns[i].at, bytes, size) == 0) {
            out->size = size;
            out->label = patterns[i].label;
            return true;
        }
    }
    return false;
}

static bool match(const nj_byte_search *search, nj_slice bytes, size_t at, nj_byte_hit *out)
{
    out->at = at;
    for (size_t i = 0; i < search->size_count; i++) {
        if (search->sizes[i] <= bytes.size - at &&
            match_size(search, bytes.bytes + at, search->sizes[i], out)) {
            return true;
        }
    }
    return false;
}

bool nj_byte_search_next(const nj_byte_search *search, nj_slice bytes, size_t from,
                         nj_byte_hit *out)
{
    assert(search->heads != NULL);
    if (search->count == 0) {
        return false;
    }
    for (size_t at = from; at + NJ_BYTE_SEARCH_SHORTEST <= bytes.size; at++) {
        if (has_bit(search->heads, get_head_bit(search, bytes.bytes + at)) &&
            match(search, bytes, at, out)) {
            return true;
        }
    }
    return false;
}
