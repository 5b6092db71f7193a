#include "common/store/byte_search.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BITS_EACH 16 // of the map, a pattern
#define BIT_POWER_LEAST 12
#define BIT_POWER_MOST 30

static uint32_t read_head(const char *bytes)
{
    uint32_t head;
    memcpy(&head, bytes, sizeof head);
    return head;
}

static size_t get_bit(const nj_byte_search *search, uint32_t head)
{
    return (uint32_t)(head * 2654435761u) >> (32 - search->bit_power);
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
    free(search->bits);
    *search = (nj_byte_search){0};
}

nj_status nj_byte_search_add(nj_byte_search *search, nj_slice pattern, size_t label)
{
    assert(pattern.size >= NJ_BYTE_SEARCH_SHORTEST && pattern.size <= UINT32_MAX);
    const nj_byte_pattern entry = {.head = read_head(pattern.bytes),
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

// By their heads, the longest first.
static int order_patterns(const void *a, const void *b)
{
    const nj_byte_pattern *x = a;
    const nj_byte_pattern *y = b;
    return x->head != y->head ? (x->head > y->head) - (x->head < y->head)
                              : (x->size < y->size) - (x->size > y->size);
}

nj_status nj_byte_search_build(nj_byte_search *search)
{
    nj_byte_pattern *patterns = (nj_byte_pattern *)(void *)search->patterns.bytes;
    search->bit_power = BIT_POWER_LEAST;
    while (search->bit_power < BIT_POWER_MOST &&
           ((size_t)1 << search->bit_power) < search->count * BITS_EACH) {
        search->bit_power++;
    }
    free(search->bits);
    search->bits = calloc(((size_t)1 << search->bit_power) / 64, sizeof *search->bits);
    if (search->bits == NULL) {
        return NJ_NO_MEMORY;
    }
    if (search->count > 0) {
        qsort(patterns, search->count, sizeof *patterns, order_patterns);
    }
    for (size_t i = 0; i < search->count; i++) {
        const size_t bit = get_bit(search, patterns[i].head);
        search->bits[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    return NJ_OK;
}

static size_t find_first(const nj_byte_search *search, uint32_t head)
{
    const nj_byte_pattern *patterns = (const nj_byte_pattern *)(const void *)search->patterns.bytes;
    size_t low = 0;
    size_t high = search->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (patterns[middle].head < head) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool match(const nj_byte_search *search, nj_slice bytes, size_t at, nj_byte_hit *out)
{
    const nj_byte_pattern *patterns = (const nj_byte_pattern *)(const void *)search->patterns.bytes;
    const uint32_t head = read_head(bytes.bytes + at);
    for (size_t i = find_first(search, head); i < search->count && patterns[i].head == head; i++) {
        if (patterns[i].size <= bytes.size - at &&
            memcmp(search->bytes.bytes + patterns[i].at, bytes.bytes + at, patterns[i].size) == 0) {
            *out = (nj_byte_hit){at, patterns[i].size, patterns[i].label};
            return true;
        }
    }
    return false;
}

bool nj_byte_search_next(const nj_byte_search *search, nj_slice bytes, size_t from,
                         nj_byte_hit *out)
{
    assert(search->bits != NULL);
    if (search->count == 0) {
        return false;
    }
    for (size_t at = from; at + NJ_BYTE_SEARCH_SHORTEST <= bytes.size; at++) {
        const size_t bit = get_bit(search, read_head(bytes.bytes + at));
        if ((search->bits[bit / 64] >> bit % 64 & 1) != 0 && match(search, bytes, at, out)) {
            return true;
        }
    }
    return false;
}
