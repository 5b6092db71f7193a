// item_texts_json.c - item texts as one JSON object a line.
#include "common/base/id.h"
#include "common/codec/json.h"
#include "common/text/item_texts_parts.h"

static nj_slice slice_of(const json_t *string)
{
    return (nj_slice){json_string_value(string), json_string_length(string)};
}

// A whole number becomes its digits.
static nj_status find_id(nj_item_text_reader *reader, const json_t *object, const char **out_key,
                         char digits[NJ_ID_DIGITS_MAX], nj_slice *out, nj_error *err)
{
    const nj_lines *lines = &reader->lines;
    const char *wanted = reader->reading->id_column;
    const char *key = wanted != NULL                               ? wanted
                      : json_object_get(object, "item_id") != NULL ? "item_id"
                                                                   : "id";
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (nj_slice){digits, nj_id_of_number((uint64_t)json_integer_value(value), digits)};
    } else if (json_is_string(value)) {
        *out = slice_of(value);
    } else {
        return nj_lines_fail(lines, lines->number, err,
                             "\"%s\" must be there: the item's id, text or a whole number", key);
    }
    *out_key = key;
    return NJ_OK;
}

static nj_status add_string(nj_item_text_reader *reader, const json_t *value,
                            const nj_text_column *column, bool *out_other, nj_error *err)
{
    if (json_is_string(value)) {
        return nj_item_text_add(reader, slice_of(value), column, err);
    }
    *out_other = *out_other || !json_is_null(value);
    return NJ_OK;
}

// A text, texts, or lists of texts; says whether there was anything else.
static nj_status add_value(nj_item_text_reader *reader, const json_t *value,
                           const nj_text_column *column, bool *out_other, nj_error *err)
{
    if (!json_is_array(value)) {
        return add_string(reader, value, column, out_other, err);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < json_array_size(value); i++) {
        const json_t *element = json_array_get(value, i);
        const bool is_list = json_is_array(element);
        const size_t count = is_list ? json_array_size(element) : 1;
        for (size_t j = 0; status == NJ_OK && j < count; j++) {
            status = add_string(reader, is_list ? json_array_get(element, j) : element, column,
                                out_other, err);
        }
    }
    return status;
}

// A whole number in the object becomes its digits, where the caller takes them.
static json_t *take_number(const nj_item_text_reader *reader, json_t *object, const char *key,
                           json_t *value)
{
    if (!reader->reading->takes_numbers || !json_is_integer(value)) {
        return value;
    }
    json_object_set_new(object, key,
                        json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    return json_object_get(object, key);
}

static nj_status add_texts(nj_item_text_reader *reader, json_t *object, const char *id_key,
                           nj_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const nj_text_column *column = nj_item_text_column(reader, nj_slice_from(key));
        const bool is_id = strcmp(key, id_key) == 0;
        if (column == NULL && (reader->column_count > 0 || is_id)) {
            continue;
        }
        bool has_other = false;
        value = take_number(reader, object, key, value);
        nj_status status = add_value(reader, value, column, &has_other, err);
        if (status == NJ_OK && column != NULL && has_other) {
            status =
                nj_lines_fail(&reader->lines, reader->lines.number, err,
                              "\"%s\" is no text: neither a string nor an array of strings", key);
        }
        if (status != NJ_OK) {
            return status;
        }
    }
    return NJ_OK;
}

static nj_status read_object(nj_item_text_reader *reader, const char *line, size_t size,
                             nj_error *err)
{
    const nj_lines *lines = &reader->lines;
    char digits[NJ_ID_DIGITS_MAX];
    const char *id_key = NULL;
    nj_slice id = {0};
    json_error_t where;
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(object)) {
        nj_status status =
            object != NULL ? nj_lines_fail(lines, lines->number, err, "must be a JSON object")
                           : nj_lines_fail(lines, lines->number, err, "is not JSON: column %d: %s",
                                           where.column, where.text);
        json_decref(object);
        return status;
    }
    nj_status status = find_id(reader, object, &id_key, digits, &id, err);
    if (status == NJ_OK) {
        status = add_texts(reader, object, id_key, err);
    }
    if (status == NJ_OK) {
        status = nj_item_text_take(reader, id, err);
    }
    json_decref(object);
    return status;
}

nj_status nj_item_texts_read_json(nj_item_text_reader *reader, char **line, size_t *size,
                                  nj_error *err)
{
    nj_status status = NJ_OK;
    while (status == NJ_OK && reader->lines.part == reader->part) {
        status = read_object(reader, *line, *size, err);
        if (status == NJ_OK) {
            status = nj_lines_next(&reader->lines, line, size, err);
        }
    }
    return status;
}
