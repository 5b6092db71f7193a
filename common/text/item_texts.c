#include "common/text/item_texts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/id.h"
#include "common/text/item_texts_parts.h"

// ---- columns that are named ----

const char *nj_item_text_option(const nj_item_text_reading *reading)
{
    return reading->option != NULL ? reading->option : "--text-columns";
}

// "title=3" into its name and weight.
static nj_status read_column(const char *option, nj_slice said, nj_text_column *out, nj_error *err)
{
    const char *equals = memchr(said.bytes, '=', said.size);
    *out = (nj_text_column){.name = said, .weight = 1};
    if (equals != NULL) {
        const char *digits = equals + 1;
        const size_t count = said.size - (size_t)(digits - said.bytes);
        out->name.size = (size_t)(equals - said.bytes);
        out->weight = 0;
        for (size_t i = 0; i < count && out->weight <= NJ_ITEM_TEXT_WEIGHT_MAX; i++) {
            const bool is_digit = digits[i] >= '0' && digits[i] <= '9';
            out->weight = is_digit ? out->weight * 10 + (uint32_t)(digits[i] - '0') : UINT32_MAX;
        }
    }
    if (out->name.size == 0 || out->weight == 0 || out->weight > NJ_ITEM_TEXT_WEIGHT_MAX) {
        return nj_fail(
            err, NJ_USAGE,
            "%s has \"%.*s\", must be a column's name, or NAME=N with a whole number from 1 to %d",
            option, NJ_SLICE_ARGS(said), NJ_ITEM_TEXT_WEIGHT_MAX);
    }
    return NJ_OK;
}

static nj_status add_column(nj_item_text_reader *reader, nj_slice said, nj_error *err)
{
    const char *option = nj_item_text_option(reader->reading);
    if (reader->column_count == NJ_ITEM_TEXT_COLUMNS_MAX) {
        return nj_fail(err, NJ_USAGE, "%s has more than %d names", option,
                       NJ_ITEM_TEXT_COLUMNS_MAX);
    }
    nj_text_column *column = &reader->columns[reader->column_count];
    nj_status status = read_column(option, said, column, err);
    for (size_t i = 0; status == NJ_OK && i < reader->column_count; i++) {
        if (nj_slice_equal(reader->columns[i].name, column->name)) {
            status = nj_fail(err, NJ_USAGE, "%s names \"%.*s\" twice", option,
                             NJ_SLICE_ARGS(column->name));
        }
    }
    reader->column_count += status == NJ_OK;
    return status;
}

static nj_status read_columns(nj_item_text_reader *reader, nj_error *err)
{
    const char *text = reader->reading->text_columns;
    nj_status status = NJ_OK;
    while (status == NJ_OK && text != NULL) {
        const char *comma = strchr(text, ',');
        const size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        status = add_column(reader, (nj_slice){text, size}, err);
        text = comma != NULL ? comma + 1 : NULL;
    }
    return status;
}

nj_text_column *nj_item_text_column(nj_item_text_reader *reader, nj_slice name)
{
    for (size_t i = 0; i < reader->column_count; i++) {
        if (nj_slice_equal(reader->columns[i].name, name)) {
            reader->columns[i].is_found = true;
            return &reader->columns[i];
        }
    }
    return NULL;
}

// ---- an item ----

nj_status nj_item_text_add(nj_item_text_reader *reader, nj_slice text, const nj_text_column *column,
                           nj_error *err)
{
    const nj_text_field field = {.text = text,
                                 .weight = column != NULL ? column->weight : 1,
                                 .column =
                                     column != NULL ? (uint32_t)(column - reader->columns) : 0};
    const nj_lines *lines = &reader->lines;
    if (reader->fields.size == NJ_ITEM_TEXT_FIELDS_MAX * sizeof field) {
        return nj_lines_fail(lines, lines->number, err, "has more than %d texts",
                             NJ_ITEM_TEXT_FIELDS_MAX);
    }
    return nj_buffer_append(&reader->fields, &field, sizeof field) == NJ_OK
               ? NJ_OK
               : nj_fail(err, NJ_NO_MEMORY, "%s: line %" PRIu64 ": no memory for its texts",
                         lines->name, lines->number);
}

nj_status nj_item_text_take(nj_item_text_reader *reader, nj_slice id, nj_error *err)
{
    const nj_lines *lines = &reader->lines;
    const char *problem = id.size == 0 ? "is empty" : nj_id_problem(id);
    if (problem != NULL) {
        return nj_lines_fail(lines, lines->number, err, "item id \"%.*s\" %s", NJ_SLICE_ARGS(id),
                             problem);
    }
    const nj_item_text item = {id, lines->number, lines,
                               (const nj_text_field *)(const void *)reader->fields.bytes,
                               reader->fields.size / sizeof(nj_text_field)};
    nj_status status = reader->reading->take(reader->reading->context, &item, err);
    nj_buffer_clear(&reader->fields);
    reader->item_count += status == NJ_OK;
    return status;
}

// ---- the whole ----

static nj_status read_lines(nj_item_text_reader *reader, nj_error *err)
{
    char *line;
    size_t size;
    nj_status status = nj_lines_next(&reader->lines, &line, &size, err);
    while (status == NJ_OK) {
        reader->part = reader->lines.part;
        status = size > 0 && line[0] == '{' ? nj_item_texts_read_json(reader, &line, &size, err)
                                            : nj_item_texts_read_table(reader, &line, &size, err);
    }
    if (status != NJ_END) {
        return status;
    }
    if (reader->item_count == 0) {
        return nj_fail(
            err, NJ_INPUT,
            "%s: holds no item, must have a header line and one item a line, or one JSON "
            "object a line",
            reader->lines.name);
    }
    for (size_t i = 0; i < reader->column_count; i++) {
        if (!reader->columns[i].is_found) {
            return nj_fail(err, NJ_INPUT, "%s: no item has \"%.*s\", which %s names",
                           reader->lines.name, NJ_SLICE_ARGS(reader->columns[i].name),
                           nj_item_text_option(reader->reading));
        }
    }
    return NJ_OK;
}

nj_status nj_item_texts_read(const nj_item_text_reading *reading, nj_error *err)
{
    static const nj_parquet_shape SHAPE = {.form = NJ_PARQUET_JSON};
    nj_item_text_reader reader = {.reading = reading};
    nj_status status = read_columns(&reader, err);
    if (status == NJ_OK) {
        status = nj_lines_open_shaped(reading->path, NJ_ITEM_TEXT_LINE_BYTES_MAX, &SHAPE, 1,
                                      &reader.lines, err);
    }
    if (status == NJ_OK) {
        nj_buffer_init(&reader.fields, NJ_ITEM_TEXT_FIELDS_MAX * sizeof(nj_text_field));
        status = read_lines(&reader, err);
        nj_buffer_fini(&reader.fields);
        nj_lines_close(&reader.lines);
    }
    return status;
}
