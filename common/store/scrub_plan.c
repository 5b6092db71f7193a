#include "common/store/scrub_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/codec/json.h"
#include "common/store/schema.h"

#define PLAN_BYTES_MAX ((size_t)16 << 20)
#define PLAN_VERSION 1

typedef struct {
    const char *name;
    size_t offset;
} plan_count;

static const plan_count COUNTS[] = {
    {"rows", offsetof(nj_scrub_entry, rows)},
    {"rows_removed", offsetof(nj_scrub_entry, rows_removed)},
    {"lists_changed", offsetof(nj_scrub_entry, lists_changed)},
    {"items_removed", offsetof(nj_scrub_entry, items_removed)},
    {"quarantined_removed", offsetof(nj_scrub_entry, quarantined_removed)},
};
#define COUNTS_COUNT (sizeof COUNTS / sizeof COUNTS[0])

static nj_status append_entry(nj_buffer *out, const nj_scrub_entry *entry, const char *before)
{
    nj_status status = nj_buffer_printf(out, "%s{\"old\": \"%s\", \"new\": \"%s\"", before,
                                        entry->old_name.text, entry->new_name.text);
    for (size_t i = 0; i < COUNTS_COUNT && status == NJ_OK; i++) {
        uint64_t value;
        memcpy(&value, (const char *)entry + COUNTS[i].offset, sizeof value);
        status = nj_buffer_printf(out, ", \"%s\": %llu", COUNTS[i].name, (unsigned long long)value);
    }
    return status == NJ_OK ? nj_buffer_printf(out, "}") : status;
}

static nj_status write_plan(const char *path, const nj_scrub_result *result, size_t first,
                            nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, PLAN_BYTES_MAX);
    nj_status status =
        nj_buffer_printf(&text, "{\"version\": %d, \"unknown\": %llu, \"generations\": [",
                         PLAN_VERSION, (unsigned long long)result->unknown);
    for (size_t i = first; i < result->count && status == NJ_OK; i++) {
        status = append_entry(&text, &result->entries[i], i == first ? "\n" : ",\n");
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&text, "\n]}\n");
    }
    if (status != NJ_OK) {
        status = nj_fail(err, status, "no memory for the plan");
    } else {
        nj_file_sweep(path);
        status = nj_file_write(path, text.bytes, text.size, err);
    }
    nj_buffer_fini(&text);
    return status;
}

nj_status nj_scrub_plan_write(const char *folder, const nj_scrub_result *result, size_t first,
                              nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.SCRUB_PLAN, &path, err);
    return status == NJ_OK ? write_plan(path.text, result, first, err) : status;
}

static nj_status read_name(nj_json_keys *keys, const char *key, nj_store_name *out)
{
    const char *text = nj_json_text_or(keys, key, "");
    return nj_store_name_parse(nj_slice_from(text), out)
               ? NJ_OK
               : nj_fail(keys->err, NJ_REFUSED, "%s: \"%s\" is no generation's name: \"%.80s\"",
                         keys->what, key, text);
}

static nj_status read_entry(const json_t *object, const char *path, nj_scrub_result *out,
                            nj_error *err)
{
    nj_json_keys keys;
    nj_scrub_entry entry = {.earlier = true};
    nj_json_keys_open(&keys, object, path, err);
    nj_status status =
        keys.status == NJ_OK ? read_name(&keys, "old", &entry.old_name) : keys.status;
    if (status == NJ_OK) {
        status = read_name(&keys, "new", &entry.new_name);
    }
    for (size_t i = 0; i < COUNTS_COUNT && status == NJ_OK; i++) {
        const uint64_t value = (uint64_t)nj_json_int_or(&keys, COUNTS[i].name, 0, INT64_MAX, 0);
        memcpy((char *)&entry + COUNTS[i].offset, &value, sizeof value);
        status = keys.status;
    }
    return status == NJ_OK ? nj_scrub_entry_add(out, &entry, err) : status;
}

static nj_status find_plan(const char *store_dir, nj_path *out, nj_error *err)
{
    nj_path folder;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUB, &folder, err);
    return status != NJ_OK ? status
                           : nj_path_join(folder.text, NJ_STORE_WORDS.SCRUB_PLAN, out, err);
}

static nj_status read_plan(const char *path, nj_scrub_result *out, nj_error *err)
{
    json_t *object = NULL;
    nj_status status = nj_json_load(path, PLAN_BYTES_MAX, &object, err);
    const json_t *list = status == NJ_OK ? json_object_get(object, "generations") : NULL;
    if (status == NJ_OK && (!json_is_array(list) || json_integer_value(json_object_get(
                                                        object, "version")) != PLAN_VERSION)) {
        status = nj_fail(err, NJ_REFUSED, "%s: is no plan of version %d", path, PLAN_VERSION);
    }
    const json_int_t unknown = json_integer_value(json_object_get(object, "unknown"));
    if (status == NJ_OK && unknown > 0) {
        out->earlier_unknown = (uint64_t)unknown;
    }
    for (size_t i = 0; status == NJ_OK && i < json_array_size(list); i++) {
        status = read_entry(json_array_get(list, i), path, out, err);
    }
    json_decref(object);
    return status;
}

nj_status nj_scrub_plan_read(const char *store_dir, nj_scrub_result *out, nj_error *err)
{
    nj_path path;
    nj_status status = find_plan(store_dir, &path, err);
    return status == NJ_OK ? read_plan(path.text, out, err) : status;
}

// ---- what stands in no receipt yet ----

static nj_status add_new(nj_scrub_result *out, const nj_scrub_result *more, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; i < more->count && status == NJ_OK; i++) {
        if (nj_scrub_successor(out, more->entries[i].old_name.text) == NULL) {
            status = nj_scrub_entry_add(out, &more->entries[i], err);
        }
    }
    return status;
}

nj_status nj_scrub_untold_read(const char *store_dir, nj_scrub_result *out, nj_error *err)
{
    nj_path path;
    nj_scrub_result untold = {0};
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUB_UNTOLD, &path, err);
    if (status != NJ_OK || !nj_file_exists(path.text)) {
        return status;
    }
    status = read_plan(path.text, &untold, err);
    if (status == NJ_OK) {
        out->earlier_unknown = out->count == 0 ? untold.earlier_unknown : out->earlier_unknown;
        status = add_new(out, &untold, err);
    }
    nj_scrub_result_fini(&untold);
    return status;
}

nj_status nj_scrub_untold_write(const char *store_dir, const nj_scrub_result *result, nj_error *err)
{
    nj_path path;
    nj_scrub_result all = {0};
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUB_UNTOLD, &path, err);
    if (status == NJ_OK) {
        status = nj_scrub_untold_read(store_dir, &all, err);
    }
    if (status == NJ_OK) {
        all.unknown = result->unknown;
        status = add_new(&all, result, err);
    }
    if (status == NJ_OK) {
        status = write_plan(path.text, &all, 0, err);
    }
    nj_scrub_result_fini(&all);
    return status;
}

nj_status nj_store_scrub_told(const char *store_dir, nj_error *err)
{
    nj_path path;
    nj_status status = nj_path_join(store_dir, NJ_STORE_WORDS.SCRUB_UNTOLD, &path, err);
    if (status != NJ_OK || !nj_file_exists(path.text)) {
        return status;
    }
    return unlink(path.text) == 0 || errno == ENOENT
               ? nj_folder_sync(store_dir, err)
               : nj_fail_errno(err, NJ_IO, errno, "%s: cannot remove", path.text);
}

nj_status nj_store_scrub_check(const char *store_dir, nj_error *err)
{
    nj_path path;
    nj_status status = find_plan(store_dir, &path, err);
    return status == NJ_OK && nj_file_exists(path.text)
               ? nj_fail(err, NJ_AGAIN,
                         "%s: `nightjar store scrub` was interrupted here: run it again first",
                         store_dir)
               : status;
}

const nj_store_name *nj_scrub_successor(const nj_scrub_result *result, const char *name)
{
    for (size_t i = 0; i < result->count; i++) {
        if (strcmp(result->entries[i].old_name.text, name) == 0) {
            return &result->entries[i].new_name;
        }
    }
    return NULL;
}
