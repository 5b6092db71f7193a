#include "ops/cli/embed_keys.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/file_digest.h"

static nj_slice find_key(const void *keys, size_t index)
{
    const nj_npy *npy = keys;
    return (nj_slice){(const char *)npy->data + index * NJ_DIGEST_BYTES, NJ_DIGEST_BYTES};
}

static nj_status check_shapes(const nj_embed_old *old, size_t D, nj_npy_type type, nj_error *err)
{
    const nj_npy *vectors = &old->vectors;
    const nj_npy *keys = &old->keys;
    if (vectors->dim_count != 2 || vectors->shape[1] != D || vectors->type != type) {
        return nj_fail(err, NJ_INPUT,
                       "%s: must be %s [items, %zu], as this run writes; give the same --half and "
                       "--model, or leave --from out",
                       vectors->path, type == NJ_NPY_F16 ? "float16" : "float32", D);
    }
    if (keys->dim_count != 2 || keys->shape[1] != NJ_DIGEST_BYTES || keys->type != NJ_NPY_U8 ||
        keys->shape[0] != vectors->shape[0] + 1) {
        return nj_fail(err, NJ_INPUT, "%s: must be uint8 [%zu, %d], the keys of the %zu rows of %s",
                       keys->path, vectors->shape[0] + 1, NJ_DIGEST_BYTES, vectors->shape[0],
                       vectors->path);
    }
    return NJ_OK;
}

static nj_status check_bound(const nj_embed_old *old, const char *vectors_path, nj_error *err)
{
    nj_digest digest;
    nj_status status = nj_file_digest(vectors_path, &digest, err);
    if (status == NJ_OK && memcmp(find_key(&old->keys, old->vectors.shape[0]).bytes, digest.bytes,
                                  NJ_DIGEST_BYTES) != 0) {
        status = nj_fail(err, NJ_INPUT, "%s: are not the keys of %s: it was written by another run",
                         old->keys.path, old->vectors.path);
    }
    return status;
}

static nj_status map_keys(nj_embed_old *old, nj_error *err)
{
    static const nj_digest none = {{0}};
    const nj_slice no_text = {(const char *)none.bytes, NJ_DIGEST_BYTES};
    for (size_t i = 0; i < old->vectors.shape[0]; i++) {
        const nj_slice key = find_key(&old->keys, i);
        if (nj_slice_equal(key, no_text) ||
            nj_idmap_find(&old->map, key, find_key, &old->keys) != NJ_IDMAP_NONE) {
            continue;
        }
        if (nj_idmap_insert(&old->map, key, i) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu keys", old->keys.path,
                           old->vectors.shape[0]);
        }
    }
    return NJ_OK;
}

nj_status nj_embed_old_open(const char *vectors_path, const char *keys_path, size_t D,
                            nj_npy_type type, nj_embed_old *out, nj_error *err)
{
    nj_embed_old old = {0};
    nj_idmap_init(&old.map);
    nj_status status = nj_npy_open(vectors_path, &old.vectors, err);
    if (status == NJ_OK) {
        status = nj_npy_open(keys_path, &old.keys, err);
    }
    if (status == NJ_OK) {
        status = check_shapes(&old, D, type, err);
    }
    if (status == NJ_OK) {
        status = check_bound(&old, vectors_path, err);
    }
    if (status == NJ_OK) {
        status = map_keys(&old, err);
    }
    if (status == NJ_OK) {
        *out = old;
        return NJ_OK;
    }
    nj_embed_old_close(&old);
    return status;
}

void nj_embed_old_close(nj_embed_old *old)
{
    nj_npy_close(&old->vectors);
    nj_npy_close(&old->keys);
    nj_idmap_fini(&old->map);
}

size_t nj_embed_old_find(const nj_embed_old *old, const nj_digest *key)
{
    const nj_slice slice = {(const char *)key->bytes, NJ_DIGEST_BYTES};
    return old->map.count == 0 ? NJ_IDMAP_NONE
                               : nj_idmap_find(&old->map, slice, find_key, &old->keys);
}

nj_status nj_embed_keys_write(const char *path, const nj_digest *keys, size_t count,
                              const char *vectors_path, nj_error *err)
{
    const size_t shape[] = {count + 1, NJ_DIGEST_BYTES};
    nj_file_draft draft = {0};
    nj_digest bound;
    nj_status status = nj_file_digest(vectors_path, &bound, err);
    if (status == NJ_OK) {
        status = nj_file_draft_begin(path, &draft, err);
    }
    if (status == NJ_OK) {
        status = nj_npy_write_header(&draft, NJ_NPY_U8, shape, 2, err);
    }
    if (status == NJ_OK) {
        fwrite(keys, NJ_DIGEST_BYTES, count, draft.stream);
        fwrite(bound.bytes, NJ_DIGEST_BYTES, 1, draft.stream);
        status = nj_file_draft_commit(&draft, err);
    }
    nj_file_draft_abort(&draft);
    return status;
}
