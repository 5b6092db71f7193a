#include "common/store/groups.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/codec/json.h"
#include "common/store/schema.h"

#define LINE_BYTES_MAX ((size_t)512) // a name of escapes, a number and the keys
#define FILE_BYTES_MAX (LINE_BYTES_MAX * (NJ_STORE_GROUPS_MAX + 1))

void nj_store_groups_fini(nj_store_groups *groups)
{
    free(groups->groups);
    *groups = (nj_store_groups){0};
}

static nj_status append_group(nj_buffer *text, const nj_store_group *group, bool is_first)
{
    nj_status status = nj_buffer_printf(text, "%s\n  {\"group\": ", is_first ? "" : ",");
    if (status == NJ_OK) {
        status = nj_buffer_json_string(text, nj_slice_from(group->name));
    }
    return status == NJ_OK ? nj_buffer_printf(text, ", \"users\": %" PRIu64 "}", group->user_count)
                           : status;
}

nj_status nj_store_groups_write(const nj_store_groups *groups, const char *folder, nj_error *err)
{
    nj_path path;
    nj_buffer text;
    if (groups->count == 0) {
        return NJ_OK;
    }
    nj_status status = nj_path_join(folder, NJ_STORE_WORDS.GROUPS, &path, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer_init(&text, FILE_BYTES_MAX);
    status = nj_buffer_printf(&text, "{\"groups\": [");
    for (size_t i = 0; i < groups->count && status == NJ_OK; i++) {
        status = append_group(&text, &groups->groups[i], i == 0);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(&text, "\n]}\n");
    }
    status = status == NJ_OK ? nj_file_write(path.text, text.bytes, text.size, err)
                             : nj_fail(err, status, "no memory for %s of %zu groups",
                                       NJ_STORE_WORDS.GROUPS, groups->count);
    nj_buffer_fini(&text);
    return status;
}

static nj_status read_group(const json_t *object, const char *what, nj_store_group *out,
                            nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, object, what, err);
    const char *name = nj_json_text_or(&keys, "group", "");
    out->user_count = (uint64_t)nj_json_int(&keys, "users", 0, INT64_MAX);
    if (keys.status != NJ_OK) {
        return keys.status;
    }
    const size_t size = strlen(name);
    if (size == 0 || size > NJ_STORE_GROUP_BYTES_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: the name of a group has %zu bytes, must be 1 to %d",
                       what, size, NJ_STORE_GROUP_BYTES_MAX);
    }
    memcpy(out->name, name, size + 1);
    return NJ_OK;
}

static nj_status read_groups(const json_t *document, const char *path, nj_store_groups *out,
                             nj_error *err)
{
    const json_t *list = json_object_get(document, "groups");
    const size_t count = json_array_size(list); // 0 of what is no array
    nj_store_groups groups = {0};
    nj_status status = NJ_OK;
    if (!json_is_array(list) || count > NJ_STORE_GROUPS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: \"groups\" must be an array of at most %d, has %zu",
                       path, NJ_STORE_GROUPS_MAX, count);
    }
    groups.groups = calloc(count + 1, sizeof *groups.groups);
    if (groups.groups == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "%s: no memory for %zu groups", path, count);
    }
    for (; groups.count < count && status == NJ_OK; groups.count++) {
        status =
            read_group(json_array_get(list, groups.count), path, &groups.groups[groups.count], err);
    }
    if (status != NJ_OK) {
        nj_store_groups_fini(&groups);
        return status;
    }
    *out = groups;
    return NJ_OK;
}

static nj_status load_groups(const char *path, nj_store_groups *out, nj_error *err)
{
    json_t *document = NULL;
    nj_status status = nj_json_load(path, FILE_BYTES_MAX, &document, err);
    if (status == NJ_OK) {
        status = read_groups(document, path, out, err);
    }
    json_decref(document);
    return status;
}

nj_status nj_store_groups_read(const char *store_dir, const nj_store_name *name,
                               nj_store_groups *out, nj_error *err)
{
    nj_path path;
    nj_status status = nj_store_path(store_dir, name, NJ_STORE_WORDS.GROUPS, &path, err);
    if (status == NJ_OK && !nj_file_exists(path.text)) {
        *out = (nj_store_groups){0};
        return NJ_OK;
    }
    return status == NJ_OK ? load_groups(path.text, out, err) : status;
}

nj_status nj_store_groups_copy_without(const char *from_folder, const char *to_folder,
                                       const nj_erase_set *set, nj_error *err)
{
    nj_path path;
    nj_store_groups groups = {0};
    nj_status status = nj_path_join(from_folder, NJ_STORE_WORDS.GROUPS, &path, err);
    if (status == NJ_OK && nj_file_exists(path.text)) {
        status = load_groups(path.text, &groups, err);
    }
    size_t kept = 0;
    for (size_t i = 0; i < groups.count; i++) {
        const nj_slice name = nj_slice_from(groups.groups[i].name);
        if (!nj_erase_has_user(set, name) && !nj_erase_has_item(set, name)) {
            groups.groups[kept++] = groups.groups[i];
        }
    }
    groups.count = kept;
    if (status == NJ_OK) {
        status = nj_store_groups_write(&groups, to_folder, err);
    }
    nj_store_groups_fini(&groups);
    return status;
}
