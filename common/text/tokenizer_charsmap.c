#include <stdlib.h>

#include "common/text/tokenizer_parts.h"

#define CHARSMAP_BYTES_MAX ((size_t)64 << 20)

// A unit of the double array: the label of the edge that leads here, how far its children lie, whether a rule ends here. A leaf has
// its top bit set and holds the place of the rule's text.
#define LABEL_MASK ((1u << 31) | 0xFFu)

static size_t child_offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

static bool has_leaf(uint32_t unit)
{
    return ((unit >> 8) & 1u) != 0;
}

nj_status nj_charsmap_open(const void *bytes, size_t size, const char *what, nj_charsmap *out,
                           nj_error *err)
{
    uint32_t array_size = 0;
    if (size < sizeof array_size || size > CHARSMAP_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: the charsmap has %zu bytes, must have 4 to %zu", what,
                       size, CHARSMAP_BYTES_MAX);
    }
    memcpy(&array_size, bytes, sizeof array_size);
    size -= sizeof array_size;
    if (array_size < 4 || array_size % 4 != 0 || array_size >= size) {
        return nj_fail(err, NJ_INPUT,
                       "%s: the charsmap's array says %u bytes, must be whole units below %zu",
                       what, array_size, size);
    }
    const char *texts = (const char *)bytes + sizeof array_size + array_size;
    *out = (nj_charsmap){.units = malloc(array_size),
                         .unit_count = array_size / 4,
                         .texts = malloc(size - array_size + 1),
                         .texts_size = size - array_size};
    if (out->units == NULL || out->texts == NULL) {
        nj_charsmap_fini(out);
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for a charsmap of %zu bytes", what, size);
    }
    memcpy(out->units, (const char *)bytes + sizeof array_size, array_size);
    memcpy(out->texts, texts, out->texts_size);
    out->texts[out->texts_size] = '\0';
    return NJ_OK;
}

void nj_charsmap_fini(nj_charsmap *map)
{
    free(map->units);
    free(map->texts);
    *map = (nj_charsmap){0};
}

size_t nj_charsmap_find(const nj_charsmap *map, nj_slice rest, bool is_longest, nj_slice *out)
{
    size_t found = 0;
    size_t node = map->unit_count > 0 ? child_offset(map->units[0]) : 0;
    for (size_t i = 0; i < rest.size; i++) {
        const uint8_t label = (uint8_t)rest.bytes[i];
        node ^= label;
        if (label == 0 || node >= map->unit_count || (map->units[node] & LABEL_MASK) != label) {
            break;
        }
        const uint32_t unit = map->units[node];
        node ^= child_offset(unit);
        if (!has_leaf(unit) || node >= map->unit_count) {
            continue;
        }
        const size_t text = map->units[node] & 0x7fffffffu;
        if (text < map->texts_size) {
            *out = nj_slice_from(map->texts + text);
            found = i + 1;
            if (!is_longest) {
                break;
            }
        }
    }
    return found;
}
