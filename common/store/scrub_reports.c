// scrub_reports.c - the reports of nights: they are called as their generations, and name users who were quarantined.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/store/scrub_plan.h"

#define REPORTS "reports"
#define REPORT_BYTES_MAX ((size_t)64 << 20)
#define PAGE ".html"
#define DOCUMENT ".json"

typedef struct {
    nj_path folder;
    const nj_scrub_text *text;
    nj_scrub_result *result;
    nj_error *err;
} reports;

static bool ends_with(const char *name, const char *end)
{
    const size_t size = strlen(name);
    return size > strlen(end) && strcmp(name + size - strlen(end), end) == 0;
}

// Every generation's name has the same length.
static bool rename_generations(const nj_scrub_result *result, char *bytes, size_t size)
{
    bool changed = false;
    for (size_t i = 0; i < result->count; i++) {
        const nj_scrub_entry *entry = &result->entries[i];
        char *at = bytes;
        while ((at = memmem(at, size - (size_t)(at - bytes), entry->old_name.text,
                            NJ_STORE_NAME_CHARS)) != NULL) {
            memcpy(at, entry->new_name.text, NJ_STORE_NAME_CHARS);
            changed = true;
        }
    }
    return changed;
}

static nj_status remove_page_of(const reports *at, const nj_store_name *generation)
{
    char name[NAME_MAX + 1];
    nj_path path;
    snprintf(name, sizeof name, "%s%s", generation->text, PAGE);
    nj_status status = nj_path_join(at->folder.text, name, &path, at->err);
    if (status == NJ_OK && nj_file_exists(path.text)) {
        at->result->reports_removed++;
        if (unlink(path.text) != 0) {
            status = nj_fail_errno(at->err, NJ_IO, errno, "%s: cannot remove", path.text);
        }
    }
    return status;
}

// It may have its new name already.
static nj_status remove_page(const reports *at, const char *document)
{
    nj_store_name generation;
    if (!nj_store_name_parse((nj_slice){document, strnlen(document, NJ_STORE_NAME_CHARS)},
                             &generation)) {
        return NJ_OK;
    }
    const nj_store_name *next = nj_scrub_successor(at->result, generation.text);
    nj_status status = remove_page_of(at, &generation);
    return status == NJ_OK && next != NULL ? remove_page_of(at, next) : status;
}

// A document that named some is written without them, and its page goes: `nightjar report` makes it again.
static nj_status change_document(const reports *at, const char *name, const nj_path *path,
                                 char *bytes, size_t size)
{
    nj_buffer out;
    uint64_t ids = 0;
    const bool renamed = rename_generations(at->result, bytes, size);
    nj_buffer_init(&out, 2 * REPORT_BYTES_MAX);
    nj_status status = nj_scrub_json(at->text, (nj_slice){bytes, size}, &out, &ids);
    if (status != NJ_OK) {
        status = nj_fail(at->err, status, "%s: no memory for it", path->text);
    }
    if (status == NJ_OK && ids > 0) {
        status = remove_page(at, name);
    }
    if (status == NJ_OK && (renamed || ids > 0)) {
        nj_file_sweep(path->text);
        status = nj_file_write(path->text, out.bytes, out.size, at->err);
        at->result->reports_changed++;
    }
    nj_buffer_fini(&out);
    return status;
}

static nj_status change_page(const reports *at, const nj_path *path, char *bytes, size_t size)
{
    nj_byte_hit hit;
    const bool renamed = rename_generations(at->result, bytes, size);
    if (nj_scrub_text_find(at->text, (nj_slice){bytes, size}, 0, &hit)) {
        at->result->reports_removed++;
        return unlink(path->text) == 0
                   ? NJ_OK
                   : nj_fail_errno(at->err, NJ_IO, errno, "%s: cannot remove", path->text);
    }
    if (!renamed) {
        return NJ_OK;
    }
    nj_file_sweep(path->text);
    at->result->reports_changed++;
    return nj_file_write(path->text, bytes, size, at->err);
}

// GEN.json, GEN.html, GEN.grade.json
static nj_status rename_file(const reports *at, const char *name, const nj_path *from)
{
    char next[NAME_MAX + 1];
    nj_path to;
    snprintf(next, sizeof next, "%s", name);
    if (!rename_generations(at->result, next, strlen(next)) || !nj_file_exists(from->text)) {
        return NJ_OK;
    }
    nj_status status = nj_path_join(at->folder.text, next, &to, at->err);
    if (status == NJ_OK && rename(from->text, to.text) != 0) {
        status = nj_fail_errno(at->err, NJ_IO, errno, "%s: cannot rename", from->text);
    }
    return status == NJ_OK ? NJ_FAILPOINT_STEP(SCRUB_REPORTED, at->err) : status;
}

static nj_status change_file(const reports *at, const char *name)
{
    nj_path path;
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_path_join(at->folder.text, name, &path, at->err);
    if (status == NJ_OK) {
        status = nj_file_read(path.text, REPORT_BYTES_MAX, &bytes, &size, at->err);
    }
    if (status == NJ_NOT_FOUND) { // its page, which went with the document
        return NJ_OK;
    }
    if (status == NJ_OK) {
        status = ends_with(name, DOCUMENT) ? change_document(at, name, &path, bytes, size)
                                           : change_page(at, &path, bytes, size);
    }
    free(bytes);
    return status == NJ_OK ? rename_file(at, name, &path) : status;
}

static int is_report(const struct dirent *entry)
{
    return ends_with(entry->d_name, DOCUMENT) || ends_with(entry->d_name, PAGE);
}

nj_status nj_scrub_reports(const char *store_dir, const nj_scrub_text *text, nj_scrub_result *out,
                           nj_error *err)
{
    struct dirent **names = NULL;
    reports at = {.text = text, .result = out, .err = err};
    nj_status status = nj_path_join(store_dir, REPORTS, &at.folder, err);
    if (status != NJ_OK || !nj_folder_exists(at.folder.text)) {
        return status;
    }
    const int count = scandir(at.folder.text, &names, is_report, alphasort);
    if (count < 0) {
        return nj_fail_open(err, errno, at.folder.text);
    }
    for (int i = 0; i < count; i++) {
        if (status == NJ_OK) {
            status = change_file(&at, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
    return status == NJ_OK ? nj_folder_sync(at.folder.text, err) : status;
}
