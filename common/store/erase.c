#include "common/store/erase.h"

#include <string.h>

#include "common/base/id.h"
#include "common/base/mapped.h"

// UTF-8's byte order mark: some editors write it, and it would make another id of the first.
#define MARK "\xef\xbb\xbf"
#define MARK_BYTES (sizeof MARK - 1)

void nj_erase_set_init(nj_erase_set *set)
{
    nj_idlist_builder_init(&set->users.list);
    nj_idlist_builder_init(&set->items.list);
    nj_idmap_init(&set->users.map);
    nj_idmap_init(&set->items.map);
}

static void free_ids(nj_erase_ids *ids)
{
    nj_idlist_builder_fini(&ids->list);
    nj_idmap_fini(&ids->map);
}

void nj_erase_set_fini(nj_erase_set *set)
{
    free_ids(&set->users);
    free_ids(&set->items);
}

size_t nj_erase_ids_find(const nj_erase_ids *ids, nj_slice id)
{
    return nj_idmap_find(&ids->map, id, nj_idmap_at_builder, &ids->list);
}

nj_slice nj_erase_ids_at(const nj_erase_ids *ids, size_t index)
{
    return nj_idlist_builder_at(&ids->list, index);
}

nj_status nj_erase_ids_add(nj_erase_ids *ids, nj_slice id, nj_error *err)
{
    const char *problem = nj_id_problem(id);
    if (problem != NULL) {
        return nj_fail(err, NJ_INPUT, "id \"%.*s\" %s", NJ_SLICE_ARGS(id), problem);
    }
    if (nj_erase_ids_find(ids, id) != NJ_IDMAP_NONE) {
        return NJ_OK;
    }
    if (ids->list.count == NJ_ERASE_IDS_MAX) {
        return nj_fail(err, NJ_INPUT, "more than %d ids: scrub in several runs", NJ_ERASE_IDS_MAX);
    }
    nj_status status = nj_idlist_builder_add(&ids->list, id);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&ids->map, id, ids->list.count - 1);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for %zu ids", ids->list.count);
}

nj_status nj_erase_ids_load(nj_erase_ids *ids, const char *path, nj_error *err)
{
    nj_mapped file = {0};
    nj_status status = nj_mapped_open(path, &file, err);
    if (status != NJ_OK) {
        return status;
    }
    const char *at = (const char *)file.bytes;
    const char *const end = at + file.size;
    if (file.size >= MARK_BYTES && memcmp(at, MARK, MARK_BYTES) == 0) {
        at += MARK_BYTES;
    }
    for (size_t line = 1; at < end && status == NJ_OK; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        status = nj_erase_ids_add(ids, (nj_slice){at, (size_t)(stop - at)}, err);
        if (status != NJ_OK) {
            nj_error_prefix(err, "%s: line %zu", path, line);
        }
        at = stop < end ? stop + 1 : end;
    }
    nj_mapped_close(&file);
    return status;
}
