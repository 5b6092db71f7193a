#include "common/store/scrub_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

nj_status nj_scrub_plan_write(const char *folder, const nj_scrub_entry *entries, size_t count,
                              nj_error *err)
{
    nj_path path;
    nj_buffer text;
    nj_buffer_init(&text, PLAN_BYTES_MAX);
    nj_status status =
        nj_buffer_printf(&text, "{\"version\": %d, \"generations\": [", PLAN_VERSION);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        status = append_entry(&text, &entries[i], i == 0 ? "\n" : ",\n");
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&text, "\n]}\n");
    }
    status = status == NJ_OK ? nj_path_join(folder, NJ_STORE_WORDS.SCRUB_PLAN, &path, err)
                             : nj_fail(err, status, "no memory for the plan");
    if (status == NJ_OK) {
        status = nj_file_write(path.text, text.bytes, text.size, err);
    }
    nj_buffer_fini(&text);
    return status;
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

nj_status nj_scrub_plan_read(const char *store_dir, nj_scrub_result *out, nj_error *err)
{
    nj_path path;
    json_t *object = NULL;
    nj_status status = find_plan(store_dir, &path, err);
    if (status == NJ_OK) {
        status = nj_json_load(path.text, PLAN_BYTES_MAX, &object, err);
    }
    const json_t *list = status == NJ_OK ? json_object_get(object, "generations") : NULL;
    if (status == NJ_OK && (!json_is_array(list) || json_integer_value(json_object_get(
                                                        object, "version")) != PLAN_VERSION)) {
        status = nj_fail(err, NJ_REFUSED, "%s: is no plan of version %d", path.text, PLAN_VERSION);
    }
    for (size_t i = 0; status == NJ_OK && i < json_array_size(list); i++) {
        status = read_entry(json_array_get(list, i), path.text, out, err);
    }
    json_decref(object);
    return status;
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
