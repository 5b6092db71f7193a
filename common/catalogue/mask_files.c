#include "common/catalogue/mask_files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/codec/json.h"
#include "common/input/lines.h"

// Longer than any id, so that a long one is refused by the rule of ids.
#define ID_LINE_BYTES_MAX 65536
#define WHAT_BYTES 4200

typedef struct {
    const nj_mask_files *files;
    const nj_idlist *items;
    const nj_idmap *map;
    uint64_t unknown_count;
    uint64_t *rows;          // that the ids of a file are added to; borrowed
    uint64_t *base;          // owned; rows that --eligible and --deny leave
    nj_idlist_builder names; // of the groups, in the order of their first lines
    nj_idmap groups;         // name -> place
    uint64_t **allowed;      // owned; [names.count] rows of "items"; NULL: no line has given any
    uint64_t **denied;       // owned; [names.count] rows of "deny"
} reading;

static uint64_t *new_rows(const reading *r)
{
    return calloc(nj_bits_words(r->items->count) + 1, sizeof(uint64_t));
}

static nj_status fail_memory(const reading *r, nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "no memory for the eligibility of %zu items in %zu groups",
                   r->items->count, r->names.count);
}

// Adds the item to `rows`, or counts it.
static nj_status add_item(reading *r, const nj_lines *lines, nj_slice id, uint64_t *rows,
                          nj_error *err)
{
    const char *problem = nj_id_problem(id);
    if (problem != NULL) {
        return nj_lines_fail(lines, lines->number, err, "item \"%.*s\" %s", NJ_SLICE_ARGS(id),
                             problem);
    }
    const size_t row = nj_idmap_find(r->map, id, nj_idmap_at_list, r->items);
    if (row != NJ_IDMAP_NONE) {
        nj_bits_add(rows, row);
        return NJ_OK;
    }
    if (r->files->skip_unknown) {
        r->unknown_count++;
        return NJ_OK;
    }
    return nj_lines_fail(lines, lines->number, err,
                         "item \"%.*s\" is not in the catalogue: mend the file, or give "
                         "--unknown-items skip",
                         NJ_SLICE_ARGS(id));
}

// ---- one id a line ----

static nj_status take_id(void *context, const nj_lines *lines, nj_slice id, nj_error *err)
{
    reading *r = context;
    return id.size > 0 ? add_item(r, lines, id, r->rows, err) : NJ_OK;
}

static nj_status read_ids(reading *r, const char *path, uint64_t *rows, nj_error *err)
{
    r->rows = rows;
    return nj_lines_each_id(path, ID_LINE_BYTES_MAX, take_id, r, err);
}

static nj_status read_base(reading *r, nj_error *err)
{
    const size_t words = nj_bits_words(r->items->count);
    nj_status status = NJ_OK;
    uint64_t *denied = new_rows(r);
    r->base = new_rows(r);
    if (denied == NULL || r->base == NULL) {
        free(denied);
        return fail_memory(r, err);
    }
    if (r->files->eligible != NULL) {
        status = read_ids(r, r->files->eligible, r->base, err);
    } else {
        memset(r->base, 0xff, words * sizeof *r->base);
    }
    if (r->files->deny != NULL && status == NJ_OK) {
        status = read_ids(r, r->files->deny, denied, err);
    }
    for (size_t i = 0; i < words; i++) {
        r->base[i] &= ~denied[i];
    }
    free(denied);
    return status;
}

// ---- groups ----

static nj_status add_group(reading *r, const nj_lines *lines, nj_slice name, size_t *out_place,
                           nj_error *err)
{
    const char *problem = nj_group_problem(name);
    if (problem != NULL) {
        return nj_lines_fail(lines, lines->number, err, "group \"%.*s\" %s", NJ_SLICE_ARGS(name),
                             problem);
    }
    *out_place = nj_idmap_find(&r->groups, name, nj_idmap_at_builder, &r->names);
    if (*out_place != NJ_IDMAP_NONE) {
        return NJ_OK;
    }
    *out_place = r->names.count;
    if (*out_place == NJ_GROUPS_MAX) {
        return nj_lines_fail(lines, lines->number, err, "more than %d groups", NJ_GROUPS_MAX);
    }
    nj_status status = nj_idlist_builder_add(&r->names, name);
    if (status == NJ_OK) {
        status = nj_idmap_insert(&r->groups, name, *out_place);
    }
    return status == NJ_OK ? NJ_OK : fail_memory(r, err);
}

static nj_status add_json_item(reading *r, const nj_lines *lines, const json_t *value,
                               uint64_t *rows, nj_error *err)
{
    char digits[NJ_ID_DIGITS_MAX];
    if (json_is_string(value)) {
        return add_item(r, lines, (nj_slice){json_string_value(value), json_string_length(value)},
                        rows, err);
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return nj_lines_fail(lines, lines->number, err, "an item must be text or a whole number");
    }
    const size_t size = nj_id_of_number((uint64_t)json_integer_value(value), digits);
    return add_item(r, lines, (nj_slice){digits, size}, rows, err);
}

// The list under `key`, where the line has it, into rows that are made when the first line has it.
static nj_status read_list(reading *r, const nj_lines *lines, const json_t *line, const char *key,
                           uint64_t **rows, nj_error *err)
{
    const json_t *list = json_object_get(line, key);
    nj_status status = NJ_OK;
    if (list == NULL) {
        return NJ_OK;
    }
    if (!json_is_array(list)) {
        return nj_lines_fail(lines, lines->number, err, "\"%s\" is not a list", key);
    }
    *rows = *rows != NULL ? *rows : new_rows(r);
    if (*rows == NULL) {
        return fail_memory(r, err);
    }
    for (size_t i = 0; i < json_array_size(list) && status == NJ_OK; i++) {
        status = add_json_item(r, lines, json_array_get(list, i), *rows, err);
    }
    return status;
}

// A key that is misspelt must not let through what it should forbid.
static nj_status check_keys(const nj_lines *lines, json_t *line, nj_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(line)) {
        return nj_lines_fail(lines, lines->number, err, "not a JSON object");
    }
    json_object_foreach(line, key, value)
    {
        if (strcmp(key, "group") != 0 && strcmp(key, "items") != 0 && strcmp(key, "deny") != 0) {
            return nj_lines_fail(lines, lines->number, err,
                                 "key \"%.60s\" is none of \"group\", \"items\" and \"deny\"", key);
        }
    }
    if (!json_is_string(json_object_get(line, "group"))) {
        return nj_lines_fail(lines, lines->number, err, "has no \"group\" that is text");
    }
    if (json_object_size(line) < 2) {
        return nj_lines_fail(lines, lines->number, err, "has neither \"items\" nor \"deny\"");
    }
    return NJ_OK;
}

static nj_status read_group(reading *r, const nj_lines *lines, json_t *line, nj_error *err)
{
    size_t place = 0;
    nj_status status = check_keys(lines, line, err);
    if (status == NJ_OK) {
        const json_t *name = json_object_get(line, "group");
        status = add_group(r, lines, (nj_slice){json_string_value(name), json_string_length(name)},
                           &place, err);
    }
    if (status == NJ_OK) {
        status = read_list(r, lines, line, "items", &r->allowed[place], err);
    }
    if (status == NJ_OK) {
        status = read_list(r, lines, line, "deny", &r->denied[place], err);
    }
    return status;
}

static bool is_blank(nj_slice text)
{
    size_t at = 0;
    while (at < text.size && (text.bytes[at] == ' ' || text.bytes[at] == '\t')) {
        at++;
    }
    return at == text.size;
}

static nj_status take_group(void *context, const nj_lines *lines, nj_slice text, nj_error *err)
{
    char what[WHAT_BYTES];
    json_t *line = NULL;
    if (is_blank(text)) {
        return NJ_OK;
    }
    snprintf(what, sizeof what, "%s: %s", lines->from.name,
             nj_lines_place(lines, lines->number).text);
    nj_status status = nj_json_parse(text.bytes, text.size, what, &line, err);
    if (status == NJ_OK) {
        status = read_group(context, lines, line, err);
    }
    json_decref(line);
    return status;
}

static nj_status read_groups(reading *r, const char *path, nj_error *err)
{
    nj_status status = nj_lines_each_object(path, NJ_GROUPS_LINE_BYTES_MAX, take_group, r, err);
    if (status == NJ_OK && r->names.count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: holds no group", path);
    }
    return status;
}

// ---- all of them ----

// What the lines of a group allow, less what they deny; in `denied`, or in rows of its own.
static const uint64_t *finish_group(reading *r, size_t place)
{
    const size_t words = nj_bits_words(r->items->count);
    uint64_t *allowed = r->allowed[place];
    uint64_t *denied = r->denied[place];
    for (size_t i = 0; i < words && denied != NULL; i++) {
        denied[i] = (allowed != NULL ? allowed[i] : UINT64_MAX) & ~denied[i];
    }
    return denied != NULL ? denied : allowed;
}

static nj_status write_masks(reading *r, const nj_trie *trie, nj_buffer *out, nj_error *err)
{
    const uint32_t count = 1 + (uint32_t)r->names.count;
    nj_mask_rows *masks = calloc(count, sizeof *masks);
    if (masks == NULL) {
        return fail_memory(r, err);
    }
    masks[0] = (nj_mask_rows){nj_slice_from(""), r->base};
    for (size_t i = 0; i < r->names.count; i++) {
        masks[1 + i] = (nj_mask_rows){nj_idlist_builder_at(&r->names, i), finish_group(r, i)};
    }
    nj_status status = nj_masks_write(trie, (uint32_t)r->items->count, masks, count, out, err);
    free(masks);
    return status;
}

static nj_status open_reading(reading *r, nj_error *err)
{
    nj_idlist_builder_init(&r->names);
    nj_idmap_init(&r->groups);
    r->allowed = calloc(NJ_GROUPS_MAX, sizeof *r->allowed);
    r->denied = calloc(NJ_GROUPS_MAX, sizeof *r->denied);
    return r->allowed != NULL && r->denied != NULL ? NJ_OK : fail_memory(r, err);
}

static void close_reading(reading *r)
{
    for (size_t i = 0; i < r->names.count; i++) {
        free(r->allowed[i]);
        free(r->denied[i]);
    }
    free(r->allowed);
    free(r->denied);
    free(r->base);
    nj_idmap_fini(&r->groups);
    nj_idlist_builder_fini(&r->names);
}

nj_status nj_mask_files_read(const nj_mask_files *files, const nj_idlist *items,
                             const nj_idmap *map, const nj_trie *trie, nj_buffer *out,
                             uint64_t *out_unknown, nj_error *err)
{
    reading r = {.files = files, .items = items, .map = map};
    nj_status status = open_reading(&r, err);
    if (status == NJ_OK) {
        status = read_base(&r, err);
    }
    if (status == NJ_OK && files->groups != NULL) {
        status = read_groups(&r, files->groups, err);
    }
    if (status == NJ_OK) {
        status = write_masks(&r, trie, out, err);
    }
    *out_unknown = r.unknown_count;
    close_reading(&r);
    return status;
}
