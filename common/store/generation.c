#include "common/store/generation.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/store/channel.h"
#include "common/store/data_digest.h"
#include "common/store/env.h"
#include "common/store/schema.h"

#define FIRST_ENTRIES 16

bool nj_store_name_parse(nj_slice text, nj_store_name *out)
{
    size_t prefix = strlen(NJ_STORE_WORDS.PREFIX);
    if (text.size != NJ_STORE_NAME_CHARS ||
        memcmp(text.bytes, NJ_STORE_WORDS.PREFIX, prefix) != 0 ||
        !nj_ulid_valid((nj_slice){text.bytes + prefix, text.size - prefix})) {
        return false;
    }
    memcpy(out->text, text.bytes, text.size);
    out->text[text.size] = '\0';
    return true;
}

nj_store_name nj_store_name_make(uint64_t now_ms)
{
    nj_store_name name;
    nj_ulid ulid = nj_ulid_make(now_ms);
    snprintf(name.text, sizeof name.text, "%.4s%s", NJ_STORE_WORDS.PREFIX, ulid.text);
    return name;
}

nj_status nj_store_path(const char *store_dir, const nj_store_name *name, const char *file,
                        nj_path *out, nj_error *err)
{
    if (file == NULL) {
        return nj_path_join(store_dir, name->text, out, err);
    }
    nj_path folder;
    nj_status status = nj_path_join(store_dir, name->text, &folder, err);
    return status != NJ_OK ? status : nj_path_join(folder.text, file, out, err);
}

nj_status nj_store_current(const char *store_dir, nj_store_name *out, nj_error *err)
{
    return nj_store_channel_read(store_dir, NULL, out, err);
}

nj_status nj_store_resolve(const char *store_dir, const char *name, nj_store_name *out,
                           nj_error *err)
{
    if (name == NULL) {
        return nj_store_current(store_dir, out, err);
    }
    if (!nj_store_name_parse(nj_slice_from(name), out)) {
        return nj_fail(err, NJ_INPUT,
                       "\"%.80s\" is no generation's name (%s and %d characters); `nightjar store "
                       "list` has them",
                       name, NJ_STORE_WORDS.PREFIX, NJ_ULID_CHARS);
    }
    return NJ_OK;
}

// ---- the quick look ----

static nj_status check_facts(const char *path, const nj_store_name *name,
                             const nj_store_facts *facts, nj_error *err)
{
    if (facts->schema_version < NJ_STORE_SCHEMA_OLDEST ||
        facts->schema_version > NJ_STORE_SCHEMA_VERSION) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: schema version %" PRIu64 ", this program reads %d to %d", path,
                       facts->schema_version, NJ_STORE_SCHEMA_OLDEST, NJ_STORE_SCHEMA_VERSION);
    }
    if (facts->lmdb_major != nj_env_lmdb_major()) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: written by LMDB %s (major %" PRIu64 "), this is LMDB %s", path,
                       facts->lmdb_version, facts->lmdb_major, nj_env_lmdb_version());
    }
    if (strcmp(facts->generation, name->text) != 0) {
        return nj_fail(err, NJ_REFUSED, "%s: speaks of generation \"%s\", the folder is \"%s\"",
                       path, facts->generation, name->text);
    }
    return NJ_OK;
}

static nj_status check_data(const char *path, const nj_store_manifest *manifest, nj_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
        return nj_fail(err, NJ_REFUSED, "%s: no such plain file", path);
    }
    if ((uint64_t)about.st_size != manifest->data_bytes) {
        return nj_fail(err, NJ_REFUSED, "%s: has %" PRIu64 " bytes, the manifest says %" PRIu64,
                       path, (uint64_t)about.st_size, manifest->data_bytes);
    }
    nj_digest head;
    nj_status status = nj_data_digest_plain(path, NJ_STORE_HEAD_BYTES, &head, err);
    if (status == NJ_OK && !nj_digest_equal(&head, &manifest->head_digest)) {
        status = nj_fail(err, NJ_REFUSED, "%s: its first %d bytes are not what the manifest says",
                         path, NJ_STORE_HEAD_BYTES);
    }
    return status;
}

nj_status nj_store_inspect(const char *store_dir, const nj_store_name *name, nj_store_manifest *out,
                           nj_error *err)
{
    nj_path folder;
    nj_path file;
    nj_status status = nj_store_path(store_dir, name, NULL, &folder, err);
    if (status == NJ_OK && !nj_folder_exists(folder.text)) {
        return nj_fail(err, NJ_NOT_FOUND, "%s: no such generation", folder.text);
    }
    if (status == NJ_OK) {
        status = nj_store_path(store_dir, name, NJ_STORE_WORDS.MANIFEST, &file, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_store_manifest_read(file.text, out, err);
    if (status == NJ_INPUT || status == NJ_NOT_FOUND) {
        if (err != NULL) {
            err->status = NJ_REFUSED;
        }
        return NJ_REFUSED;
    }
    if (status == NJ_OK) {
        status = check_facts(file.text, name, &out->facts, err);
    }
    if (status == NJ_OK) {
        status = nj_store_path(store_dir, name, NJ_STORE_WORDS.DATA, &file, err);
    }
    return status != NJ_OK ? status : check_data(file.text, out, err);
}

// ---- the list ----

static nj_status add_entry(nj_store_listing *listing, size_t *capacity, const nj_store_name *name,
                           const char *store_dir, nj_error *err)
{
    if (listing->count == NJ_STORE_GENERATIONS_MAX) {
        return nj_fail(err, NJ_REFUSED, "%s: more than %d generations", store_dir,
                       NJ_STORE_GENERATIONS_MAX);
    }
    if (listing->count == *capacity) {
        size_t larger = *capacity == 0 ? FIRST_ENTRIES : *capacity * 2;
        nj_store_entry *entries = realloc(listing->entries, larger * sizeof *entries);
        if (entries == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu generations", store_dir,
                           larger);
        }
        listing->entries = entries;
        *capacity = larger;
    }
    nj_store_entry *entry = &listing->entries[listing->count++];
    memset(entry, 0, sizeof *entry);
    entry->name = *name;
    nj_path path;
    entry->status = nj_store_path(store_dir, name, NJ_STORE_WORDS.MANIFEST, &path, NULL);
    if (entry->status == NJ_OK) {
        entry->status = nj_store_manifest_read(path.text, &entry->manifest, NULL);
    }
    if (entry->status != NJ_OK) {
        memset(&entry->manifest, 0, sizeof entry->manifest);
    }
    return NJ_OK;
}

static int order_newest_first(const void *a, const void *b)
{
    return strcmp(((const nj_store_entry *)b)->name.text, ((const nj_store_entry *)a)->name.text);
}

static void mark_current(const char *store_dir, nj_store_listing *listing)
{
    nj_store_name current;
    if (nj_store_current(store_dir, &current, NULL) != NJ_OK) {
        return;
    }
    for (size_t i = 0; i < listing->count; i++) {
        listing->entries[i].is_current = strcmp(listing->entries[i].name.text, current.text) == 0;
    }
}

nj_status nj_store_list(const char *store_dir, nj_store_listing *out, nj_error *err)
{
    nj_store_listing listing = {0};
    size_t capacity = 0;
    DIR *folder = opendir(store_dir);
    if (folder == NULL) {
        return nj_fail_open(err, errno, store_dir);
    }
    nj_status status = NJ_OK;
    struct dirent *entry;
    while (status == NJ_OK && (entry = readdir(folder)) != NULL) {
        nj_store_name name;
        if (nj_store_name_parse(nj_slice_from(entry->d_name), &name)) {
            status = add_entry(&listing, &capacity, &name, store_dir, err);
        }
    }
    closedir(folder);
    if (status != NJ_OK) {
        nj_store_listing_fini(&listing);
        return status;
    }
    if (listing.count > 0) {
        qsort(listing.entries, listing.count, sizeof listing.entries[0], order_newest_first);
    }
    mark_current(store_dir, &listing);
    *out = listing;
    return NJ_OK;
}

void nj_store_listing_fini(nj_store_listing *listing)
{
    free(listing->entries);
    *listing = (nj_store_listing){0};
}
