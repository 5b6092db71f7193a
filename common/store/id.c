#include "common/store/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/generation.h"
#include "common/store/lock.h"
#include "common/store/schema.h"

#define LINE_BYTES (NJ_ULID_CHARS + 1)
#define FILE_BYTES_MAX 256

nj_status nj_store_id_read(const char *store_dir, nj_ulid *out, nj_error *err)
{
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.ID, &path, err);
    if (status == NJ_OK) {
        status = nj_file_read(path.text, FILE_BYTES_MAX, &bytes, &size, err);
    }
    if (status == NJ_INPUT) {
        return nj_fail(err, NJ_REFUSED, "%s: not one line with a store's id", path.text);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_slice line = {bytes, size > 0 && bytes[size - 1] == '\n' ? size - 1 : size};
    if (nj_ulid_valid(line)) {
        memcpy(out->text, line.bytes, NJ_ULID_CHARS);
        out->text[NJ_ULID_CHARS] = '\0';
    } else {
        status = nj_fail(err, NJ_REFUSED, "%s: \"%.*s\" is no store's id", path.text,
                         NJ_SLICE_ARGS(line));
    }
    free(bytes);
    return status;
}

static nj_status write_id(const char *store_dir, const nj_ulid *id, nj_error *err)
{
    nj_path path;
    char line[LINE_BYTES + 1];
    snprintf(line, sizeof line, "%s\n", id->text);
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.ID, &path, err);
    if (status == NJ_OK) {
        nj_file_sweep(path.text);
        status = nj_file_write(path.text, line, LINE_BYTES, err);
    }
    return status;
}

// Of a store whose file was lost, the id that its current generation says: copies and caches follow it by that.
static nj_ulid choose_id(const char *store_dir, uint64_t now_ms)
{
    nj_ulid id;
    nj_store_name current;
    nj_store_manifest manifest;
    if (nj_store_current(store_dir, &current, NULL) == NJ_OK &&
        nj_store_inspect(store_dir, &current, &manifest, NULL) == NJ_OK &&
        nj_ulid_valid(nj_slice_from(manifest.facts.store_id))) {
        nj_log(NJ_LOG_WARNING, "%s/%s is missing: it is made again with the id that %s says",
               store_dir, NJ_STORE_WORDS.ID, current.text);
        snprintf(id.text, sizeof id.text, "%s", manifest.facts.store_id);
        return id;
    }
    return nj_ulid_make(now_ms);
}

nj_status nj_store_id_ensure(const char *store_dir, uint64_t now_ms, nj_ulid *out, nj_error *err)
{
    nj_store_lock lock;
    nj_status status = nj_store_id_read(store_dir, out, err);
    if (status != NJ_NOT_FOUND) {
        return status;
    }
    status = nj_store_lock_take(store_dir, "name the store", NJ_STORE_LOCK_WAIT_MS, &lock, err);
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_id_read(store_dir, out, err);
    if (status == NJ_NOT_FOUND) {
        *out = choose_id(store_dir, now_ms);
        status = write_id(store_dir, out, err);
    }
    nj_store_lock_release(&lock);
    return status;
}

nj_status nj_store_id_adopt(const char *store_dir, const nj_ulid *id, nj_error *err)
{
    nj_ulid own;
    nj_status status = nj_store_id_read(store_dir, &own, err);
    if (status == NJ_NOT_FOUND) {
        return write_id(store_dir, id, err);
    }
    if (status == NJ_OK && strcmp(own.text, id->text) != 0) {
        status = nj_fail(err, NJ_REFUSED, "%s: is store %s, not %s", store_dir, own.text, id->text);
    }
    return status;
}
