// item_texts_table.c - item texts below a header line: separated by tabs, or by commas with quotes.
#include <stdio.h>

#include "common/input/field_rows.h"
#include "common/text/item_texts_parts.h"

#define NAMES_BYTES 256

_Static_assert(NJ_ROW_FIELDS_MAX <= NJ_ITEM_TEXT_COLUMNS_MAX, "a header fits its form");

typedef struct {
    size_t count;
    size_t id; // its place
    bool is_read[NJ_ITEM_TEXT_COLUMNS_MAX];
    const nj_text_column *columns[NJ_ITEM_TEXT_COLUMNS_MAX]; // NULL: not named
} table_form;

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

static nj_status fail_column(const nj_item_text_reader *reader, nj_slice name,
                             const nj_field_rows *header, nj_error *err)
{
    char names[NAMES_BYTES] = "";
    size_t at = 0;
    for (size_t i = 0; i < header->field_count && at < sizeof names - 1; i++) {
        const int wrote = snprintf(names + at, sizeof names - at, "%s%.*s", i > 0 ? " " : "",
                                   NJ_SLICE_ARGS(header->fields[i]));
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return nj_lines_fail(&reader->lines, reader->lines.number, err,
                         "has no column \"%.*s\"; its columns are: %s", NJ_SLICE_ARGS(name), names);
}

static nj_status read_header(nj_item_text_reader *reader, const nj_field_rows *header,
                             table_form *form, nj_error *err)
{
    const char *wanted = reader->reading->id_column;
    int best = 0;
    for (size_t i = 0; i < header->field_count; i++) {
        nj_slice name = header->fields[i];
        const nj_slice type = split_type(&name);
        const nj_text_column *column = nj_item_text_column(reader, name);
        const int rank = rank_id_name(wanted, name, form->count);
        form->id = rank > best ? form->count : form->id;
        best = rank > best ? rank : best;
        form->columns[form->count] = column;
        form->is_read[form->count++] =
            column != NULL || (reader->column_count == 0 && is_text_type(type));
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
    form->is_read[form->id] = false;
    for (size_t i = 0; i < form->count; i++) {
        if (form->is_read[i]) {
            return NJ_OK;
        }
    }
    return nj_lines_fail(&reader->lines, reader->lines.number, err,
                         "has %zu columns, none of them text beside the id: columns are separated "
                         "by tabs, or by commas",
                         form->count);
}

static nj_status read_row(nj_item_text_reader *reader, const table_form *form,
                          const nj_field_rows *row, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < row->field_count && i < form->count; i++) {
        if (form->is_read[i] && row->fields[i].size > 0) {
            status = nj_item_text_add(reader, row->fields[i], form->columns[i], err);
        }
    }
    if (status == NJ_OK && row->field_count != form->count) {
        status = nj_lines_fail(&reader->lines, row->number, err,
                               "has %zu fields, the header has %zu", row->field_count, form->count);
    }
    return status == NJ_OK ? nj_item_text_take(reader, row->fields[form->id], err) : status;
}

static nj_status read_rows(nj_item_text_reader *reader, nj_field_rows *rows, char **line,
                           size_t *size, nj_error *err)
{
    table_form form = {0};
    nj_status status = nj_field_rows_split(rows, *line, *size, err);
    if (status == NJ_OK) {
        status = read_header(reader, rows, &form, err);
    }
    while (status == NJ_OK) {
        status = nj_lines_next(&reader->lines, line, size, err);
        if (status != NJ_OK || reader->lines.part != reader->part) {
            break;
        }
        status = nj_field_rows_split(rows, *line, *size, err);
        if (status == NJ_OK) {
            status = read_row(reader, &form, rows, err);
        }
    }
    return status;
}

// A header with a comma and no tab is that of CSV.
nj_status nj_item_texts_read_table(nj_item_text_reader *reader, char **line, size_t *size,
                                   nj_error *err)
{
    nj_field_rows rows;
    const bool has_tab = *size > 0 && memchr(*line, '\t', *size) != NULL;
    const bool is_csv = !has_tab && *size > 0 && memchr(*line, ',', *size) != NULL;
    nj_field_rows_init(&rows, &reader->lines, is_csv, is_csv ? ',' : '\t',
                       NJ_ITEM_TEXT_LINE_BYTES_MAX);
    nj_status status = read_rows(reader, &rows, line, size, err);
    nj_field_rows_fini(&rows);
    return status;
}
