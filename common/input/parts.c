#include "common/input/parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/file_digest.h"
#include "common/input/spool.h"

#define FIRST_PARTS 16

static bool is_part(const char *name)
{
    const size_t size = strlen(name);
    return name[0] != '.' && name[0] != '_' && !(size > 4 && strcmp(name + size - 4, ".crc") == 0);
}

static nj_status fail_memory(const char *path, nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "%s: no memory to list its files", path);
}

// Room for one more path.
static nj_status grow(nj_parts *parts, size_t *capacity, const char *path, nj_error *err)
{
    if (parts->count == NJ_PARTS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: has more than %d part files", path, NJ_PARTS_MAX);
    }
    if (parts->count < *capacity) {
        return NJ_OK;
    }
    const size_t wanted = *capacity == 0 ? FIRST_PARTS : *capacity * 2;
    char **paths = realloc(parts->paths, wanted * sizeof *paths);
    if (paths == NULL) {
        return fail_memory(path, err);
    }
    parts->paths = paths;
    *capacity = wanted;
    return NJ_OK;
}

static nj_status add_part(nj_parts *parts, size_t *capacity, const char *folder, const char *name,
                          nj_error *err)
{
    nj_path path;
    struct stat about;
    nj_status status = nj_path_join(folder, name, &path, err);
    if (status == NJ_OK && stat(path.text, &about) != 0) {
        status = nj_fail_open(err, errno, path.text);
    }
    if (status == NJ_OK && !S_ISREG(about.st_mode)) {
        status = nj_fail(err, NJ_INPUT,
                         "%s: is %s among the part files of %s: give the folder that holds only "
                         "files",
                         path.text, S_ISDIR(about.st_mode) ? "a folder" : "no file", folder);
    }
    if (status == NJ_OK) {
        status = grow(parts, capacity, folder, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    char *copy = strdup(path.text);
    if (copy == NULL) {
        return fail_memory(folder, err);
    }
    parts->paths[parts->count++] = copy;
    return NJ_OK;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static nj_status list_folder(const char *folder, nj_parts *parts, nj_error *err)
{
    size_t capacity = 0;
    nj_status status = NJ_OK;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return nj_fail_open(err, errno, folder);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL || status != NJ_OK) {
            break;
        }
        if (is_part(entry->d_name)) {
            status = add_part(parts, &capacity, folder, entry->d_name, err);
        }
    }
    if (status == NJ_OK && errno != 0) {
        status = nj_fail_errno(err, NJ_IO, errno, "%s: cannot list", folder);
    }
    closedir(entries);
    if (status == NJ_OK && parts->count == 0) {
        return nj_fail(
            err, NJ_INPUT,
            "%s: is a folder without part files (names that begin with . or _ are left out)",
            folder);
    }
    if (status == NJ_OK) {
        qsort(parts->paths, parts->count, sizeof *parts->paths, compare_paths);
    }
    return status;
}

nj_status nj_parts_list(const char *path, nj_parts *out, nj_error *err)
{
    struct stat about;
    nj_parts parts = {0};
    nj_status status = NJ_OK;
    size_t capacity = 0;
    path = nj_spooled_path(path);
    parts.is_folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    if (parts.is_folder) {
        status = list_folder(path, &parts, err);
    } else {
        status = grow(&parts, &capacity, path, err);
        char *copy = status == NJ_OK ? strdup(path) : NULL;
        if (copy != NULL) {
            parts.paths[parts.count++] = copy;
        } else if (status == NJ_OK) {
            status = fail_memory(path, err);
        }
    }
    if (status != NJ_OK) {
        nj_parts_fini(&parts);
        return status;
    }
    *out = parts;
    return NJ_OK;
}

void nj_parts_fini(nj_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->paths[i]);
    }
    free(parts->paths);
    *parts = (nj_parts){0};
}

nj_status nj_parts_digest(const char *path, nj_digest *out, nj_error *err)
{
    nj_parts parts;
    nj_digester digester;
    nj_status status = nj_parts_list(path, &parts, err);
    if (status != NJ_OK) {
        return status;
    }
    if (!parts.is_folder) {
        status = nj_file_digest(parts.paths[0], out, err);
        nj_parts_fini(&parts);
        return status;
    }
    nj_digester_init(&digester);
    for (size_t i = 0; i < parts.count && status == NJ_OK; i++) {
        const char *name = strrchr(parts.paths[i], '/') + 1; // joined with one
        nj_digest digest;
        status = nj_file_digest(parts.paths[i], &digest, err);
        nj_digester_update_sized(&digester, name, strlen(name));
        nj_digester_update(&digester, digest.bytes, status == NJ_OK ? sizeof digest.bytes : 0);
    }
    nj_parts_fini(&parts);
    if (status == NJ_OK) {
        *out = nj_digester_final(&digester);
    }
    return status;
}
