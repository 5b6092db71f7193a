#include "common/prompt/prompt_items.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/codec/json.h"
#include "common/input/lines.h"
#include "common/text/item_texts.h"

#define BYTES_MAX ((size_t)4 << 30)
#define IDS_LINE_BYTES_MAX ((size_t)1 << 20)
#define VECTOR_WORD "vector" // among ids: the item's vector stands here

typedef struct {
    nj_prompt_items *items;
    const nj_prompt_spec *spec;
} reading;

static nj_status fail_memory(const nj_prompt_items *items, nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "no memory for the texts of %zu items", items->items->count);
}

// Of an item that the catalogue has; NJ_IDMAP_NONE for others.
static size_t find_row(const nj_prompt_items *items, nj_slice id)
{
    return nj_idmap_find(&items->map, id, nj_idmap_at_list, items->items);
}

// ---- texts ----

static nj_slice trim(nj_slice text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.bytes[0]) != NULL) {
        text.bytes++;
        text.size--;
    }
    while (text.size > 0 && strchr(" \t\r\n", text.bytes[text.size - 1]) != NULL) {
        text.size--;
    }
    return text;
}

// Fields of one column have a space between them.
static nj_status add_field(nj_prompt_items *items, nj_prompt_value *value, nj_slice text)
{
    nj_status status = NJ_OK;
    text = trim(text);
    if (!value->is_there) {
        *value = (nj_prompt_value){.begin = items->bytes.size, .is_there = true};
    } else if (text.size > 0 && value->size > 0) {
        status = nj_buffer_append(&items->bytes, " ", 1);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(&items->bytes, text.bytes, text.size);
    }
    value->size = (uint32_t)(items->bytes.size - value->begin); // a line is shorter than 2^24
    return status;
}

static nj_status take_text(void *context, const nj_item_text *item, nj_error *err)
{
    const reading *r = context;
    nj_prompt_items *items = r->items;
    const size_t row = find_row(items, item->id);
    if (row == NJ_IDMAP_NONE) {
        return NJ_OK;
    }
    nj_prompt_value *values = items->texts + row * items->column_count;
    for (uint32_t c = 0; c < items->column_count; c++) {
        if (values[c].is_there) {
            return nj_lines_fail(item->lines, item->line, err, "item \"%.*s\" stands twice",
                                 NJ_SLICE_ARGS(item->id));
        }
    }
    nj_status status = NJ_OK;
    for (uint32_t c = 0; status == NJ_OK && c < items->column_count;
         c++) { // a value's fields lie together
        for (size_t i = 0; status == NJ_OK && i < item->field_count; i++) {
            if (item->fields[i].column == c) {
                status = add_field(items, &values[c], item->fields[i].text);
            }
        }
    }
    return status == NJ_OK ? NJ_OK : fail_memory(items, err);
}

static nj_status read_texts(reading *r, const char *path, nj_error *err)
{
    const nj_prompt_spec *spec = r->spec;
    nj_prompt_items *items = r->items;
    char columns[NJ_PROMPT_COLUMNS_MAX * NJ_PROMPT_COLUMN_BYTES_MAX] = "";
    size_t size = 0;
    for (uint32_t c = 0; c < spec->column_count; c++) {
        size += (size_t)snprintf(columns + size, sizeof columns - size, "%s%s", c > 0 ? "," : "",
                                 spec->columns[c]);
    }
    items->column_count = spec->column_count;
    items->texts = calloc(items->items->count * spec->column_count + 1, sizeof *items->texts);
    if (items->texts == NULL) {
        return fail_memory(items, err);
    }
    const nj_item_text_reading texts = {.path = path,
                                        .text_columns = columns,
                                        .option = spec->path,
                                        .takes_numbers = true,
                                        .take = take_text,
                                        .context = r};
    return nj_item_texts_read(&texts, err);
}

nj_status nj_prompt_items_text(const nj_prompt_items *items, const nj_prompt_spec *spec,
                               uint32_t row, uint32_t column, nj_slice *out, nj_error *err)
{
    const nj_prompt_value *value = &items->texts[(size_t)row * items->column_count + column];
    *out = (nj_slice){(const char *)items->bytes.bytes + value->begin, value->size};
    return value->size > 0
               ? NJ_OK
               : nj_fail(err, NJ_INPUT, "has no text in column \"%s\", which %s asks for",
                         spec->columns[column], spec->path);
}

// ---- token ids ----

static nj_status add_id(nj_prompt_items *items, const json_t *id, uint32_t row, bool may_be_vector)
{
    uint32_t token = 0;
    if (json_is_integer(id) && json_integer_value(id) >= 0 &&
        json_integer_value(id) < (json_int_t)NJ_PROMPT_WORD) {
        token = (uint32_t)json_integer_value(id);
    } else if (may_be_vector && json_is_string(id) &&
               strcmp(json_string_value(id), VECTOR_WORD) == 0) {
        token = NJ_PROMPT_VECTOR | row;
    } else {
        return NJ_INPUT;
    }
    return nj_buffer_append(&items->bytes, &token, sizeof token);
}

static nj_status add_ids(nj_prompt_items *items, int which, uint32_t row, const json_t *list,
                         const nj_lines *lines, nj_error *err)
{
    nj_prompt_value *value = &items->ids[which][row];
    const size_t count = json_array_size(list);
    const bool is_prompt = which == NJ_IDS_PROMPT;
    const size_t most = is_prompt ? NJ_PROMPT_STRING_TOKENS_MAX : NJ_STRING_TOKENS_MAX;
    if (list == NULL) {
        return NJ_OK;
    }
    if (!json_is_array(list) || count == 0 || count > most) {
        return nj_lines_fail(lines, lines->number, err,
                             "\"%s\" has %zu ids, must be a list of 1 to %zu",
                             is_prompt ? "prompt" : "answer", count, most);
    }
    *value = (nj_prompt_value){items->bytes.size, (uint32_t)count, true};
    for (size_t i = 0; i < count; i++) {
        nj_status status = add_id(items, json_array_get(list, i), row, is_prompt);
        if (status == NJ_INPUT) {
            return nj_lines_fail(lines, lines->number, err,
                                 "id %zu must be a whole number of 0 to %u, or \"" VECTOR_WORD
                                 "\" in \"prompt\"",
                                 i, NJ_PROMPT_WORD - 1);
        }
        if (status != NJ_OK) {
            return fail_memory(items, err);
        }
    }
    return NJ_OK;
}

static nj_status take_ids(void *context, const nj_lines *lines, nj_slice line, nj_error *err)
{
    const reading *r = context;
    nj_prompt_items *items = r->items;
    json_t *object = NULL;
    nj_status status = nj_json_parse(line.bytes, line.size, lines->name, &object, err);
    if (status != NJ_OK) {
        return nj_lines_fail(lines, lines->number, err, "is no JSON object");
    }
    const json_t *id = json_object_get(object, "item");
    if (!json_is_string(id)) {
        status = nj_lines_fail(lines, lines->number, err, "\"item\" must be there, a text");
        json_decref(object);
        return status;
    }
    const size_t row = find_row(items, (nj_slice){json_string_value(id), json_string_length(id)});
    if (row != NJ_IDMAP_NONE) {
        if (items->ids[NJ_IDS_PROMPT][row].is_there || items->ids[NJ_IDS_ANSWER][row].is_there) {
            status = nj_lines_fail(lines, lines->number, err, "item \"%s\" stands twice",
                                   json_string_value(id));
        }
        if (status == NJ_OK) {
            status = add_ids(items, NJ_IDS_PROMPT, (uint32_t)row, json_object_get(object, "prompt"),
                             lines, err);
        }
        if (status == NJ_OK) {
            status = add_ids(items, NJ_IDS_ANSWER, (uint32_t)row, json_object_get(object, "answer"),
                             lines, err);
        }
    }
    json_decref(object);
    return status;
}

static nj_status read_ids(reading *r, const char *path, nj_error *err)
{
    nj_prompt_items *items = r->items;
    for (int which = NJ_IDS_PROMPT; which <= NJ_IDS_ANSWER; which++) {
        items->ids[which] = calloc(items->items->count + 1, sizeof *items->ids[which]);
        if (items->ids[which] == NULL) {
            return fail_memory(items, err);
        }
    }
    while (items->bytes.size % sizeof(uint32_t) != 0) { // behind texts
        if (nj_buffer_append(&items->bytes, "", 1) != NJ_OK) {
            return fail_memory(items, err);
        }
    }
    return nj_lines_each(path, IDS_LINE_BYTES_MAX, take_ids, r, err);
}

nj_status nj_prompt_items_ids(const nj_prompt_items *items, int which, uint32_t row,
                              const uint32_t **out, uint32_t *out_count, nj_error *err)
{
    const nj_prompt_value *value = &items->ids[which][row];
    *out = (const uint32_t *)(const void *)(items->bytes.bytes + value->begin);
    *out_count = value->size;
    return value->is_there ? NJ_OK
                           : nj_fail(err, NJ_INPUT, "has no \"%s\" among the token ids",
                                     which == NJ_IDS_PROMPT ? "prompt" : "answer");
}

// ---- the whole ----

nj_status nj_prompt_items_read(const nj_prompt_source *source, const nj_prompt_spec *spec,
                               const nj_idlist *items, nj_prompt_items *out, nj_error *err)
{
    *out = (nj_prompt_items){.items = items};
    nj_idmap_init(&out->map);
    nj_buffer_init(&out->bytes, BYTES_MAX);
    reading r = {.items = out, .spec = spec};
    nj_status status = nj_idmap_build(&out->map, items, "items", err);
    const bool has_ids = source->token_ids_path != NULL;
    if (status == NJ_OK && spec->column_count > 0 && !has_ids) {
        status =
            source->texts_path != NULL
                ? read_texts(&r, source->texts_path, err)
                : nj_fail(err, NJ_CONFIG,
                          "%s: {%s} is a column of the table of items, and there is none: name it",
                          spec->path, spec->columns[0]);
    }
    if (status == NJ_OK && has_ids) {
        status = read_ids(&r, source->token_ids_path, err);
    }
    if (status != NJ_OK) {
        nj_prompt_items_close(out);
    }
    return status;
}

void nj_prompt_items_close(nj_prompt_items *items)
{
    nj_idmap_fini(&items->map);
    nj_buffer_fini(&items->bytes);
    free(items->texts);
    free(items->ids[NJ_IDS_PROMPT]);
    free(items->ids[NJ_IDS_ANSWER]);
    *items = (nj_prompt_items){0};
}
