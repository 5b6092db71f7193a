// item_texts_table.c - tab-separated item texts below a header line.
#include <stdio.h>

#include "common/text/item_texts_parts.h"

typedef struct {
    size_t count;
    size_t id;                                 // its place
    uint32_t weight[NJ_ITEM_TEXT_COLUMNS_MAX]; // 0: not read as text
} table_form;

// The next field of a line of [size] bytes, and where the one behind it begins; false behind the last.
static bool take_field(const char *line, size_t size, size_t *at, nj_slice *out)
{
    if (*at > size) {
        return false;
    }
    const char *start = line + *at;
    const char *tab = *at < size ? memchr(start, '\t', size - *at) : NULL;
    *out = (nj_slice){start, tab != NULL ? (size_t)(tab - start) : size - *at};
    *at += out->size + 1;
    return true;
}

// "movie_title:token_seq" into name and type; the type is empty where none is given.
static nj_slice split_type(nj_slice *name)
{
    const char *colon = memchr(name->bytes, ':', name->size);
    if (colon == NULL) {
        return (nj_slice){name->bytes + name->size, 0};
    }
    const nj_slice type = {colon + 1, name->size - (size_t)(colon + 1 - name->bytes)};
    name->size = (size_t)(colon - name->bytes);
    return type;
}

static bool is_text_type(nj_slice type)
{
    return type.size == 0 || nj_slice_equal(type, nj_slice_from("token")) ||
           nj_slice_equal(type, nj_slice_from("token_seq"));
}

// How good a name is for the ids: the higher the better, 0 not at all.
static int rank_id_name(const char *wanted, nj_slice name, size_t place)
{
    if (wanted != NULL) {
        return nj_slice_equal(name, nj_slice_from(wanted));
    }
    if (nj_slice_equal(name, nj_slice_from("item_id"))) {
        return 3;
    }
    return nj_slice_equal(name, nj_slice_from("id")) ? 2 : place == 0;
}

static nj_status fail_column(const nj_item_text_reader *reader, nj_slice name, nj_slice header,
                             nj_error *err)
{
    char names[256];
    snprintf(names, sizeof names, "%.*s", NJ_SLICE_ARGS(header));
    for (char *tab = strchr(names, '\t'); tab != NULL; tab = strchr(tab, '\t')) {
        *tab = ' ';
    }
    return nj_lines_fail(&reader->lines, reader->lines.number, err,
                         "has no column \"%.*s\"; its columns are: %s", NJ_SLICE_ARGS(name), names);
}

static nj_status read_header(nj_item_text_reader *reader, nj_slice header, table_form *form,
                             nj_error *err)
{
    const char *wanted = reader->reading->id_column;
    size_t at = 0;
    nj_slice name;
    int best = 0;
    while (take_field(header.bytes, header.size, &at, &name)) {
        if (form->count == NJ_ITEM_TEXT_COLUMNS_MAX) {
            return nj_lines_fail(&reader->lines, reader->lines.number, err,
                                 "has more than %d columns", NJ_ITEM_TEXT_COLUMNS_MAX);
        }
        const nj_slice type = split_type(&name);
        const nj_text_column *column = nj_item_text_column(reader, name);
        const int rank = rank_id_name(wanted, name, form->count);
        form->id = rank > best ? form->count : form->id;
        best = rank > best ? rank : best;
        form->weight[form->count++] =
            column != NULL ? column->weight : reader->column_count == 0 && is_text_type(type);
    }
    if (best == 0) {
        return fail_column(reader, nj_slice_from(wanted), header, err);
    }
    for (size_t i = 0; i < reader->column_count; i++) {
        if (!reader->columns[i].is_found) {
            return fail_column(reader, reader->columns[i].name, header, err);
        }
    }
    if (reader->column_count > 0) {
        return NJ_OK;
    }
    form->weight[form->id] = 0;
    for (size_t i = 0; i < form->count; i++) {
        if (form->weight[i] > 0) {
            return NJ_OK;
        }
    }
    return nj_lines_fail(&reader->lines, reader->lines.number, err,
                         "has %zu columns, none of them text beside the id: columns are separated "
                         "by tabs",
                         form->count);
}

static nj_status read_row(nj_item_text_reader *reader, const table_form *form, nj_slice line,
                          nj_error *err)
{
    nj_status status = NJ_OK;
    nj_slice id = {0};
    nj_slice field;
    size_t at = 0;
    size_t count = 0;
    for (; status == NJ_OK && take_field(line.bytes, line.size, &at, &field); count++) {
        if (count == form->id) {
            id = field;
        }
        if (count < form->count && form->weight[count] > 0 && field.size > 0) {
            status = nj_item_text_add(reader, field, form->weight[count], err);
        }
    }
    if (status == NJ_OK && count != form->count) {
        status = nj_lines_fail(&reader->lines, reader->lines.number, err,
                               "has %zu fields, the header has %zu", count, form->count);
    }
    return status == NJ_OK ? nj_item_text_take(reader, id, err) : status;
}

nj_status nj_item_texts_read_table(nj_item_text_reader *reader, char **line, size_t *size,
                                   nj_error *err)
{
    table_form form = {0};
    nj_status status = read_header(reader, (nj_slice){*line, *size}, &form, err);
    while (status == NJ_OK) {
        status = nj_lines_next(&reader->lines, line, size, err);
        if (status != NJ_OK || reader->lines.part != reader->part) {
            break;
        }
        status = read_row(reader, &form, (nj_slice){*line, *size}, err);
    }
    return status;
}
