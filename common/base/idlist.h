// idlist.h - a list of ids in one block, and the map from id to its place.
//
// The block is also the "items" section of a bundle (schemas/bundle.md), so it can be used straight from a mapping:
//
//   u64 count | u64 offset[count + 1] | bytes...          id i = bytes[offset[i] .. offset[i+1]), little-endian
#ifndef NJ_BASE_IDLIST_H
#define NJ_BASE_IDLIST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/slice.h"

#define NJ_IDLIST_COUNT_MAX 0x7fffffffu

// A view: borrowed from the block it was opened on.
typedef struct {
    size_t count;
    const uint64_t *offset; // [count + 1]
    const char *bytes;
} nj_idlist;

/// Checks a block of outside bytes (offsets ascending and inside, every id valid) and opens a view on it.
/// `bytes` must be aligned to 8. `what` names it in the error.
NJ_CHECKED nj_status nj_idlist_open(const void *bytes, size_t size, const char *what,
                                    nj_idlist *out, nj_error *err);

static inline nj_slice nj_idlist_at(const nj_idlist *list, size_t index)
{
    return (nj_slice){list->bytes + list->offset[index],
                      (size_t)(list->offset[index + 1] - list->offset[index])};
}

// Grows a list in memory.
typedef struct {
    nj_buffer offsets; // u64 starts, one an id
    nj_buffer bytes;
    size_t count;
} nj_idlist_builder;

void nj_idlist_builder_init(nj_idlist_builder *builder);
void nj_idlist_builder_fini(nj_idlist_builder *builder);
/// Copies the id. The caller has checked it with nj_id_problem.
NJ_CHECKED nj_status nj_idlist_builder_add(nj_idlist_builder *builder, nj_slice id);
/// The id added as number `index`; borrowed until the next add.
nj_slice nj_idlist_builder_at(const nj_idlist_builder *builder, size_t index);
/// Appends the block described above to `out`.
NJ_CHECKED nj_status nj_idlist_builder_write(const nj_idlist_builder *builder, nj_buffer *out);

// id -> index, open addressing over XXH3. It holds indices only: the ids stay where they are, and the caller
// says how to look at number `index`.
typedef nj_slice (*nj_idmap_at)(const void *ids, size_t index);

typedef struct {
    uint64_t *slots; // owned; [capacity] hash fragment << 32 | index + 1, 0 = free
    size_t capacity; // a power of two
    size_t count;
} nj_idmap;

#define NJ_IDMAP_NONE ((size_t)-1)

void nj_idmap_init(nj_idmap *map);
void nj_idmap_fini(nj_idmap *map);

/// Looks `id` up among the ids inserted so far; NJ_IDMAP_NONE when absent.
size_t nj_idmap_find(const nj_idmap *map, nj_slice id, nj_idmap_at at, const void *ids);

/// Inserts `index` under `id`, which must be absent. NJ_NO_MEMORY leaves the map as it was.
NJ_CHECKED nj_status nj_idmap_insert(nj_idmap *map, nj_slice id, size_t index);

/// The accessors for the two kinds of list.
nj_slice nj_idmap_at_list(const void *idlist, size_t index);
nj_slice nj_idmap_at_builder(const void *builder, size_t index);

/// Maps every id of a list; a duplicate is NJ_INPUT and names both places (1-based).
NJ_CHECKED nj_status nj_idmap_build(nj_idmap *map, const nj_idlist *list, const char *what,
                                    nj_error *err);

#endif
