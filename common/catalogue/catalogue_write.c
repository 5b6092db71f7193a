// catalogue_write.c - a catalogue folder that appears whole or not at all.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/catalogue/catalogue_parts.h"

// ---- where it goes ----

typedef struct {
    nj_path target;    // without slashes at its end; a link is followed
    nj_path temporary; // "<target>.tmp.<pid>"
    nj_path parent;
} folder_paths;

static nj_status resolve_paths(const char *path, folder_paths *out, nj_error *err)
{
    char *real = realpath(path, NULL); // NULL when nothing is there yet
    int length =
        snprintf(out->target.text, sizeof out->target.text, "%s", real != NULL ? real : path);
    free(real);
    if (length < 0 || (size_t)length >= sizeof out->target.text) {
        return nj_fail(err, NJ_INPUT, "path is longer than %d bytes: %.80s...", NJ_PATH_BYTES - 1,
                       path);
    }
    while (length > 1 && out->target.text[length - 1] == '/') {
        out->target.text[--length] = '\0';
    }
    if (length == 0) {
        return nj_fail(err, NJ_INPUT, "the path of the catalogue is empty");
    }
    length = snprintf(out->temporary.text, sizeof out->temporary.text, "%s.tmp.%ld",
                      out->target.text, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof out->temporary.text) {
        return nj_fail(err, NJ_INPUT, "path is longer than %d bytes: %.80s...", NJ_PATH_BYTES - 1,
                       path);
    }
    out->parent = out->target;
    char *slash = strrchr(out->parent.text, '/');
    if (slash == NULL) {
        strcpy(out->parent.text, ".");
    } else {
        slash[slash == out->parent.text ? 1 : 0] = '\0';
    }
    return NJ_OK;
}

static bool is_part_of_catalogue(const char *name)
{
    static const char *const NAMES[] = {
        NJ_CATALOGUE_JSON,    NJ_CATALOGUE_ITEMS, NJ_CATALOGUE_SIDS,    NJ_CATALOGUE_CODEBOOKS,
        NJ_CATALOGUE_RETIRED, NJ_CATALOGUE_REFIT, NJ_CATALOGUE_OLD_SIDS};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

// Whether a folder may be overwritten: a catalogue holds nothing that is not replaced. An empty folder always may.
static nj_status check_folder(const char *path, bool overwrite, nj_error *err)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot open folder", path);
    }
    nj_status status = NJ_OK;
    size_t count = 0;
    bool has_json = false;
    struct dirent *entry;
    while (status == NJ_OK && (entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        count++;
        has_json = has_json || strcmp(name, NJ_CATALOGUE_JSON) == 0;
        if (!is_part_of_catalogue(name)) {
            status =
                nj_fail(err, NJ_INPUT,
                        "%s: holds \"%s\", which is no part of a catalogue; it is not overwritten",
                        path, name);
        }
    }
    closedir(folder);
    if (status == NJ_OK && count > 0 && !has_json) {
        return nj_fail(err, NJ_INPUT,
                       "%s: is a folder without " NJ_CATALOGUE_JSON "; it is not overwritten",
                       path);
    }
    if (status == NJ_OK && count > 0 && !overwrite) {
        return nj_fail(err, NJ_INPUT, "%s: is a catalogue already; --overwrite would replace it",
                       path);
    }
    return status;
}

nj_status nj_catalogue_check_path(const char *path, bool overwrite, nj_error *err)
{
    if (nj_folder_exists(path)) {
        return check_folder(path, overwrite, err);
    }
    if (access(path, F_OK) == 0) {
        return nj_fail(err, NJ_INPUT, "%s: is a file; a catalogue is a folder", path);
    }
    return errno == ENOENT ? NJ_OK : nj_fail_open(err, errno, path);
}

// ---- the files ----

static nj_status write_buffer(const char *folder, const char *name, const nj_buffer *buffer,
                              nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(folder, name, &path, err);
    return status == NJ_OK ? nj_file_write(path.text, buffer->bytes, buffer->size, err) : status;
}

nj_status nj_catalogue_write_items(const char *folder, const nj_catalogue *catalogue, nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, SIZE_MAX / 2);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < catalogue->items.count && status == NJ_OK; i++) {
        nj_slice id = nj_idlist_at(&catalogue->items, i);
        status = nj_buffer_append(&text, id.bytes, id.size);
        if (status == NJ_OK) {
            status = nj_buffer_append(&text, "\n", 1);
        }
    }
    if (status == NJ_OK) {
        status = write_buffer(folder, NJ_CATALOGUE_ITEMS, &text, err);
    } else {
        status = nj_fail(err, status, "no memory to write %zu ids", catalogue->items.count);
    }
    nj_buffer_fini(&text);
    return status;
}

// int32 and not uint16: whoever adds a token base to these in NumPy must not meet its wrap-around at 65536.
nj_status nj_catalogue_write_codes(const char *folder, const char *name, const nj_sids *sids,
                                   const uint32_t *bases, nj_error *err)
{
    nj_path path;
    const size_t shape[] = {sids->row_count, sids->level_count};
    size_t count = shape[0] * shape[1];
    int32_t *values = malloc(count * sizeof *values);
    if (values == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to write %zu SIDs", shape[0]);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = sids->codes[i] + (bases != NULL ? (int32_t)bases[i % shape[1]] : 0);
    }
    nj_status status = nj_path_join(folder, name, &path, err);
    if (status == NJ_OK) {
        status = nj_npy_write(path.text, NJ_NPY_I32, shape, 2, values, err);
    }
    free(values);
    return status;
}

nj_status nj_catalogue_write_retired(const char *folder, const nj_catalogue *catalogue,
                                     nj_error *err)
{
    nj_path path;
    const size_t shape[] = {catalogue->sids.row_count};
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_RETIRED, &path, err);
    return status == NJ_OK ? nj_npy_write(path.text, NJ_NPY_U8, shape, 1, catalogue->retired, err)
                           : status;
}

static nj_status write_codebooks(const char *folder, const nj_catalogue *catalogue, nj_error *err)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, SIZE_MAX / 2);
    nj_status status =
        nj_quant_model_write(&catalogue->codebooks, &catalogue->transform, &bytes, err);
    if (status == NJ_OK) {
        status = write_buffer(folder, NJ_CATALOGUE_CODEBOOKS, &bytes, err);
    }
    nj_buffer_fini(&bytes);
    return status;
}

// ---- catalogue.json ----

// printf into a buffer whose failures stick.
typedef struct {
    nj_buffer buffer;
    nj_status status;
} json_text;

__attribute__((format(printf, 2, 3))) static void put(json_text *text, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (text->status == NJ_OK) {
        text->status = nj_buffer_append(&text->buffer, line, (size_t)length);
    }
}

static void put_digest(json_text *text, const char *before, const char *key,
                       const nj_digest *digest)
{
    char hex[NJ_DIGEST_HEX_BYTES];
    nj_digest_hex(digest, hex);
    put(text, "%s\n    \"%s\": \"%s\"", before, key, hex);
}

// The lowest version whose readers understand all that is there.
static int version_of(const nj_catalogue *catalogue)
{
    bool is_plain = catalogue->codebooks.kind == NJ_QUANT_RESIDUAL &&
                    nj_transform_is_none(&catalogue->transform) && catalogue->retired_count == 0;
    return is_plain ? 1 : 2;
}

static void put_sizes(json_text *text, const nj_catalogue *catalogue)
{
    const nj_sids *sids = &catalogue->sids;
    put(text, "{\n  \"version\": %d,\n", version_of(catalogue));
    put(text, "  \"items\": %" PRIu32 ",\n", sids->row_count);
    if (catalogue->retired_count > 0) {
        put(text, "  \"retired\": %" PRIu32 ",\n", catalogue->retired_count);
    }
    put(text, "  \"levels\": %" PRIu32 ",\n  \"codes_per_level\": [", sids->level_count);
    for (uint32_t l = 0; l < sids->level_count; l++) {
        put(text, "%s%" PRIu32, l > 0 ? ", " : "", sids->codes_per_level[l]);
    }
    put(text, "],\n  \"token_base\": %" PRIu32 ",\n", catalogue->token_base);
    put(text, "  \"suffix\": %s,\n", catalogue->has_suffix ? "true" : "false");
    if (catalogue->codebooks.level_count > 0) {
        put(text, "  \"embedding_width\": %zu,\n", nj_catalogue_embedding_width(catalogue));
    }
    if (!nj_transform_is_none(&catalogue->transform)) {
        put(text, "  \"codebook_width\": %zu,\n", catalogue->codebooks.D);
    }
    if (catalogue->codebooks.kind != NJ_QUANT_RESIDUAL) {
        put(text, "  \"quantizer\": \"%s\",\n", nj_quant_kind_name(catalogue->codebooks.kind));
    }
}

static void put_fingerprints(json_text *text, const nj_catalogue *catalogue)
{
    put(text, ",\n  \"fingerprints\": {");
    put_digest(text, "", "items", &catalogue->items_digest);
    put_digest(text, ",", "sids", &catalogue->sids_digest);
    if (catalogue->codebooks.level_count > 0) {
        put_digest(text, ",", "codebooks", &catalogue->codebooks_digest);
    }
    if (catalogue->retired_count > 0) {
        put_digest(text, ",", "retired", &catalogue->retired_digest);
    }
    if (catalogue->has_embeddings) {
        put_digest(text, ",", "embeddings", &catalogue->embeddings_digest);
    }
    put(text, "\n  }");
}

static void put_counts(json_text *text, const nj_catalogue_summary *summary)
{
    put(text, ",\n  \"counts\": {\n");
    put(text, "    \"distinct_sids\": %" PRIu32 ",\n", summary->distinct_sid_count);
    put(text, "    \"items_sharing_a_sid\": %" PRIu32 ",\n", summary->sharing_item_count);
    put(text, "    \"largest_leaf\": %" PRIu32 ",\n", summary->largest_leaf_item_count);
    put(text, "    \"collisions_before_suffix\": %" PRIu32 "\n  }\n}\n",
        summary->collision_item_count);
}

static nj_status write_json(const char *folder, const nj_catalogue *catalogue, nj_error *err)
{
    nj_catalogue_summary summary;
    nj_status status = nj_catalogue_show(catalogue, &summary, err);
    if (status != NJ_OK) {
        return status;
    }
    json_text text = {.status = NJ_OK};
    nj_buffer_init(&text.buffer, NJ_CATALOGUE_JSON_BYTES_MAX);
    put_sizes(&text, catalogue);
    put(&text, "  \"template\": ");
    if (text.status == NJ_OK) {
        text.status = nj_template_write(&catalogue->template, &text.buffer);
    }
    put_fingerprints(&text, catalogue);
    put_counts(&text, &summary);
    if (text.status == NJ_OK) {
        status = write_buffer(folder, NJ_CATALOGUE_JSON, &text.buffer, err);
    } else {
        status = nj_fail(err, text.status, "no memory to write " NJ_CATALOGUE_JSON);
    }
    nj_buffer_fini(&text.buffer);
    return status;
}

// ---- the folder ----

static nj_status write_origin(const char *folder, const nj_sids *sids,
                              const nj_catalogue_origin *origin, nj_error *err)
{
    nj_path path;
    const size_t shape[] = {sids->row_count, sids->level_count};
    nj_status status = nj_path_join(folder, NJ_CATALOGUE_REFIT, &path, err);
    if (status == NJ_OK) {
        status = nj_file_write(path.text, origin->json.bytes, origin->json.size, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(folder, NJ_CATALOGUE_OLD_SIDS, &path, err);
    }
    return status == NJ_OK ? nj_npy_write(path.text, NJ_NPY_I32, shape, 2, origin->old_sids, err)
                           : status;
}

static nj_status write_files(const char *folder, const nj_catalogue *catalogue,
                             const nj_catalogue_origin *origin, nj_error *err)
{
    nj_status status = nj_catalogue_write_items(folder, catalogue, err);
    if (status == NJ_OK) {
        status = nj_catalogue_write_codes(folder, NJ_CATALOGUE_SIDS, &catalogue->sids, NULL, err);
    }
    if (status == NJ_OK && catalogue->codebooks.level_count > 0) {
        status = write_codebooks(folder, catalogue, err);
    }
    if (status == NJ_OK && catalogue->retired_count > 0) {
        status = nj_catalogue_write_retired(folder, catalogue, err);
    }
    if (status == NJ_OK && origin != NULL) {
        status = write_origin(folder, &catalogue->sids, origin, err);
    }
    if (status == NJ_OK) {
        status = write_json(folder, catalogue, err);
    }
    return status == NJ_OK ? nj_folder_sync(folder, err) : status;
}

// Puts the temporary folder in the target's place. rename(2) replaces an empty folder by itself; a catalogue is exchanged with
// the new one, and is the temporary folder afterwards.
static nj_status place_folder(const folder_paths *paths, bool overwrite, nj_error *err)
{
    if (rename(paths->temporary.text, paths->target.text) == 0) {
        return nj_folder_sync(paths->parent.text, err);
    }
    if ((errno != EEXIST && errno != ENOTEMPTY) || !overwrite) {
        return nj_fail_errno(err, NJ_IO, errno, "%s: cannot rename into place", paths->target.text);
    }
    nj_status status = check_folder(paths->target.text, overwrite, err);
    if (status != NJ_OK) {
        return status;
    }
    if (renameat2(AT_FDCWD, paths->temporary.text, AT_FDCWD, paths->target.text, RENAME_EXCHANGE) !=
        0) {
        return nj_fail_errno(err, NJ_IO, errno,
                             "%s: cannot exchange the old catalogue with the new",
                             paths->target.text);
    }
    return nj_folder_sync(paths->parent.text, err);
}

nj_status nj_catalogue_write(const char *path, const nj_catalogue *catalogue, bool overwrite,
                             nj_error *err)
{
    return nj_catalogue_write_from(path, catalogue, NULL, overwrite, err);
}

nj_status nj_catalogue_write_from(const char *path, const nj_catalogue *catalogue,
                                  const nj_catalogue_origin *origin, bool overwrite, nj_error *err)
{
    folder_paths paths;
    nj_status status = resolve_paths(path, &paths, err);
    if (status == NJ_OK) {
        status = nj_catalogue_check_path(paths.target.text, overwrite, err);
    }
    if (status == NJ_OK) {
        status = nj_folder_remove(paths.temporary.text, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    status = nj_folder_make(paths.temporary.text, err);
    if (status == NJ_OK) {
        status = write_files(paths.temporary.text, catalogue, origin, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(CATALOGUE_DRAFTED, err);
    }
    if (status == NJ_OK) {
        status = place_folder(&paths, overwrite, err);
    }
    if (status == NJ_OK) {
        NJ_FAILPOINT_HIT(CATALOGUE_PLACED);
    }
    // What lies here now is the old catalogue, or what a failure has left; the first failure is the one to report.
    nj_status removed = nj_folder_remove(paths.temporary.text, status == NJ_OK ? err : NULL);
    return status == NJ_OK ? removed : status;
}
