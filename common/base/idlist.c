#include "common/base/idlist.h"

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>

#include "common/base/checked.h"
#include "common/base/id.h"

#define HEADER_BYTES 8
#define MAP_FIRST_CAPACITY 64

nj_status nj_idlist_open(const void *bytes, size_t size, const char *what, nj_idlist *out,
                         nj_error *err)
{
    const uint64_t *words = bytes;
    if (size < HEADER_BYTES + 8) {
        return nj_fail(err, NJ_INPUT, "%s: %zu bytes are too few for an id list", what, size);
    }
    uint64_t count = words[0];
    if (count > NJ_IDLIST_COUNT_MAX || count > (size - HEADER_BYTES - 8) / 8) {
        return nj_fail(err, NJ_INPUT, "%s: %" PRIu64 " ids do not fit in %zu bytes", what, count,
                       size);
    }
    nj_idlist list = {.count = (size_t)count, .offset = words + 1};
    size_t header = HEADER_BYTES + 8 * ((size_t)count + 1);
    list.bytes = (const char *)bytes + header;
    if (list.offset[0] != 0) {
        return nj_fail(err, NJ_INPUT, "%s: ids begin at byte %" PRIu64 ", must be 0", what,
                       list.offset[0]);
    }
    if (list.offset[count] != size - header) {
        return nj_fail(err, NJ_INPUT, "%s: ids end at byte %" PRIu64 ", the block at %zu", what,
                       list.offset[count], size - header);
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.offset[i + 1] < list.offset[i] || list.offset[i + 1] > size - header) {
            return nj_fail(err, NJ_INPUT, "%s: id %zu has a bad offset", what, i);
        }
        const char *problem = nj_id_problem(nj_idlist_at(&list, i));
        if (problem != NULL) {
            return nj_fail(err, NJ_INPUT, "%s: id %zu %s", what, i, problem);
        }
    }
    *out = list;
    return NJ_OK;
}

void nj_idlist_builder_init(nj_idlist_builder *builder)
{
    nj_buffer_init(&builder->offsets, SIZE_MAX / 2);
    nj_buffer_init(&builder->bytes, SIZE_MAX / 2);
    builder->count = 0;
}

void nj_idlist_builder_fini(nj_idlist_builder *builder)
{
    nj_buffer_fini(&builder->offsets);
    nj_buffer_fini(&builder->bytes);
    builder->count = 0;
}

nj_status nj_idlist_builder_add(nj_idlist_builder *builder, nj_slice id)
{
    if (builder->count >= NJ_IDLIST_COUNT_MAX) {
        return NJ_NO_MEMORY;
    }
    uint64_t start = builder->bytes.size;
    nj_status status = nj_buffer_reserve(&builder->offsets, sizeof start);
    if (status == NJ_OK) {
        status = nj_buffer_append(&builder->bytes, id.bytes, id.size);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&builder->offsets, &start, sizeof start);
        builder->count++;
    }
    return status;
}

nj_slice nj_idlist_builder_at(const nj_idlist_builder *builder, size_t index)
{
    const uint64_t *starts = (const uint64_t *)(const void *)builder->offsets.bytes;
    uint64_t end = index + 1 < builder->count ? starts[index + 1] : builder->bytes.size;
    return (nj_slice){(const char *)builder->bytes.bytes + starts[index],
                      (size_t)(end - starts[index])};
}

nj_status nj_idlist_builder_write(const nj_idlist_builder *builder, nj_buffer *out)
{
    uint64_t count = builder->count;
    uint64_t end = builder->bytes.size;
    nj_status status = nj_buffer_append(out, &count, sizeof count);
    if (status == NJ_OK) {
        status = nj_buffer_append(out, builder->offsets.bytes, builder->offsets.size);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, &end, sizeof end);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, builder->bytes.bytes, builder->bytes.size);
    }
    return status;
}

void nj_idmap_init(nj_idmap *map)
{
    *map = (nj_idmap){0};
}

void nj_idmap_fini(nj_idmap *map)
{
    free(map->slots);
    *map = (nj_idmap){0};
}

// The upper half of the hash is kept in the slot, so that most wrong slots are passed without touching an id and
// growing needs no ids at all: 32 bits of hash are enough to place an entry while capacity <= 2^32.
static uint32_t hash_fragment(nj_slice id)
{
    return (uint32_t)(XXH3_64bits(id.bytes, id.size) >> 32);
}

static void place(uint64_t *slots, size_t capacity, uint64_t entry)
{
    size_t at = (size_t)(entry >> 32) & (capacity - 1);
    while (slots[at] != 0) {
        at = (at + 1) & (capacity - 1);
    }
    slots[at] = entry;
}

size_t nj_idmap_find(const nj_idmap *map, nj_slice id, nj_idmap_at at_index, const void *ids)
{
    if (map->capacity == 0) {
        return NJ_IDMAP_NONE;
    }
    uint32_t fragment = hash_fragment(id);
    for (size_t at = fragment & (map->capacity - 1); map->slots[at] != 0;
         at = (at + 1) & (map->capacity - 1)) {
        size_t index = (size_t)((uint32_t)map->slots[at] - 1);
        if ((uint32_t)(map->slots[at] >> 32) == fragment &&
            nj_slice_equal(at_index(ids, index), id)) {
            return index;
        }
    }
    return NJ_IDMAP_NONE;
}

static nj_status grow(nj_idmap *map)
{
    size_t capacity = map->capacity == 0 ? MAP_FIRST_CAPACITY : map->capacity * 2;
    uint64_t *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL) {
        return NJ_NO_MEMORY;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i] != 0) {
            place(slots, capacity, map->slots[i]);
        }
    }
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return NJ_OK;
}

nj_status nj_idmap_insert(nj_idmap *map, nj_slice id, size_t index)
{
    if (map->count + 1 > map->capacity / 2) {
        nj_status status = grow(map);
        if (status != NJ_OK) {
            return status;
        }
    }
    place(map->slots, map->capacity, (uint64_t)hash_fragment(id) << 32 | (uint32_t)(index + 1));
    map->count++;
    return NJ_OK;
}

nj_slice nj_idmap_at_list(const void *idlist, size_t index)
{
    return nj_idlist_at(idlist, index);
}

nj_slice nj_idmap_at_builder(const void *builder, size_t index)
{
    return nj_idlist_builder_at(builder, index);
}

nj_status nj_idmap_build(nj_idmap *map, const nj_idlist *list, const char *what, nj_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        nj_slice id = nj_idlist_at(list, i);
        size_t earlier = nj_idmap_find(map, id, nj_idmap_at_list, list);
        if (earlier != NJ_IDMAP_NONE) {
            return nj_fail(err, NJ_INPUT, "%s: id \"%.*s\" stands at %zu and again at %zu", what,
                           NJ_SLICE_ARGS(id), earlier + 1, i + 1);
        }
        nj_status status = nj_idmap_insert(map, id, i);
        if (status != NJ_OK) {
            return nj_fail(err, status, "%s: no memory to map %zu ids", what, list->count);
        }
    }
    return NJ_OK;
}
