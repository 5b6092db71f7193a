#include "common/input/event_table.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/input/histories_reader.h"
#include "common/input/instant.h"

#define FOUND_BYTES 400

// How a header may call a column. A type is the part behind ':' of an inter file.
typedef struct {
    nj_event_column kind;
    nj_column_kind said; // in --columns
    const char *csv_names[2];
    const char *inter_name;
    const char *type;
} column_row;

static const column_row COLUMNS[NJ_EVENT_COLUMN_KINDS] = {
    {NJ_EVENT_USER, NJ_COLUMN_USER, {"user", "user_id"}, "user_id", "token"},
    {NJ_EVENT_ITEM, NJ_COLUMN_ITEM, {"item", "item_id"}, "item_id", "token"},
    {NJ_EVENT_TIME, NJ_COLUMN_TIMESTAMP, {"timestamp", "timestamp"}, "timestamp", "float"},
    {NJ_EVENT_GROUP, NJ_COLUMN_GROUP, {"group", "group_id"}, "group_id", "token"},
};

static const char *peek_said(const nj_event_table *table, const column_row *column)
{
    const nj_columns *columns = table->form.columns;
    return columns != NULL && columns->names[column->said][0] != '\0' ? columns->names[column->said]
                                                                      : NULL;
}

static bool matches_name(const nj_event_table *table, const column_row *column, nj_slice name)
{
    const char *said = peek_said(table, column);
    if (said != NULL) {
        return nj_slice_equal(name, nj_slice_from(said));
    }
    if (!table->form.is_csv) {
        return nj_slice_equal(name, nj_slice_from(column->inter_name));
    }
    return nj_slice_equal(name, nj_slice_from(column->csv_names[0])) ||
           nj_slice_equal(name, nj_slice_from(column->csv_names[1]));
}

// Cuts "name:type" of an inter header in two.
static nj_status split_type(const nj_event_table *table, nj_slice *name, nj_slice *type,
                            nj_error *err)
{
    const char *colon = memchr(name->bytes, ':', name->size);
    if (colon == NULL) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "column \"%.*s\" has no type (name:type)", NJ_SLICE_ARGS(*name));
    }
    size_t size = (size_t)(colon - name->bytes);
    *type = (nj_slice){colon + 1, name->size - size - 1};
    name->size = size;
    return NJ_OK;
}

static bool is_wanted(const nj_event_table *table, nj_event_column kind)
{
    return kind == NJ_EVENT_USER || kind == table->form.beside ||
           (kind == NJ_EVENT_TIME && table->form.beside == NJ_EVENT_ITEM);
}

static nj_status take_column(nj_event_table *table, size_t index, nj_error *err)
{
    nj_slice name = table->rows.fields[index];
    nj_slice type = {0};
    nj_status status = table->form.is_csv ? NJ_OK : split_type(table, &name, &type, err);
    for (size_t i = 0; status == NJ_OK && i < NJ_EVENT_COLUMN_KINDS; i++) {
        const column_row *column = &COLUMNS[i];
        if (!is_wanted(table, column->kind) || !matches_name(table, column, name)) {
            continue;
        }
        if (table->has_column[i]) {
            return nj_lines_fail(table->rows.lines, table->rows.number, err,
                                 "columns %zu and %zu both hold the %s", table->column[i] + 1,
                                 index + 1, column->csv_names[0]);
        }
        if (!table->form.is_csv && !nj_slice_equal(type, nj_slice_from(column->type))) {
            return nj_lines_fail(table->rows.lines, table->rows.number, err,
                                 "column \"%s\" has type \"%.*s\", must be \"%s\"",
                                 column->inter_name, NJ_SLICE_ARGS(type), column->type);
        }
        table->has_column[i] = true;
        table->column[i] = index;
    }
    return status;
}

// A header of one field is most often one of many with another delimiter.
static const char *hint_delimiter(const nj_event_table *table)
{
    static const struct {
        char character;
        const char *hint;
    } HINTS[] = {{';', " (say --delimiter semicolon)"},
                 {'\t', " (say --delimiter tab)"},
                 {'|', " (say --delimiter pipe)"},
                 {',', " (say --delimiter comma)"}};
    for (size_t i = 0; i < sizeof HINTS / sizeof HINTS[0] && table->rows.field_count == 1; i++) {
        if (table->form.is_csv && memchr(table->rows.fields[0].bytes, HINTS[i].character,
                                         table->rows.fields[0].size) != NULL) {
            return HINTS[i].hint;
        }
    }
    return table->rows.field_count > 1 ? " (--columns says what they are called)" : "";
}

static nj_status fail_missing(const nj_event_table *table, const column_row *column, nj_error *err)
{
    char found[FOUND_BYTES] = "";
    size_t at = 0;
    for (size_t i = 0; i < table->rows.field_count && at < sizeof found - 1; i++) {
        int wrote = snprintf(found + at, sizeof found - at, "%s\"%.*s\"", i > 0 ? ", " : "",
                             NJ_SLICE_ARGS(table->rows.fields[i]));
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    const char *said = peek_said(table, column);
    if (said != NULL) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "no column \"%s\", which --columns names; the header has %s%s", said,
                             found, hint_delimiter(table));
    }
    if (table->form.is_csv) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "no column \"%s\" or \"%s\"; the header has %s%s",
                             column->csv_names[0], column->csv_names[1], found,
                             hint_delimiter(table));
    }
    return nj_lines_fail(table->rows.lines, table->rows.number, err,
                         "no column \"%s:%s\"; the header has %s", column->inter_name, column->type,
                         found);
}

// The header is the row that was split last.
static nj_status take_header(nj_event_table *table, nj_error *err)
{
    nj_status status = NJ_OK;
    memset(table->has_column, 0, sizeof table->has_column);
    for (size_t i = 0; status == NJ_OK && i < table->rows.field_count; i++) {
        status = take_column(table, i, err);
    }
    const nj_event_column needed[] = {NJ_EVENT_USER, table->form.beside};
    for (size_t i = 0; status == NJ_OK && i < 2; i++) {
        if (!table->has_column[needed[i]]) {
            status = fail_missing(table, &COLUMNS[needed[i]], err);
        }
    }
    table->column_count = table->rows.field_count;
    return status;
}

// Without a header: every part has as many columns as its first row.
static nj_status take_places(nj_event_table *table, nj_error *err)
{
    table->column_count = table->rows.field_count;
    for (size_t i = 0; i < NJ_EVENT_COLUMN_KINDS; i++) {
        const unsigned place = table->form.columns->places[COLUMNS[i].said];
        if (place > table->rows.field_count) {
            return nj_lines_fail(table->rows.lines, table->rows.number, err,
                                 "has %zu fields, --columns has the %s in field %u",
                                 table->rows.field_count, COLUMNS[i].csv_names[0], place);
        }
        table->has_column[i] = place > 0 && is_wanted(table, COLUMNS[i].kind);
        table->column[i] = place > 0 ? place - 1 : 0;
    }
    if (!table->has_column[table->form.beside]) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "--columns has no place of the %s",
                             COLUMNS[table->form.beside].csv_names[0]);
    }
    return NJ_OK;
}

static bool is_by_place(const nj_event_table *table)
{
    return table->form.columns != NULL && table->form.columns->by_place;
}

// A part that lacks the times which others have would stand in front of them all.
static nj_status begin_part(nj_event_table *table, nj_error *err)
{
    const bool had_time = table->has_column[NJ_EVENT_TIME];
    table->part = table->rows.lines->part;
    nj_status status = is_by_place(table) ? take_places(table, err) : take_header(table, err);
    if (status == NJ_OK && table->has_column[NJ_EVENT_TIME] != had_time) {
        status = nj_lines_fail(table->rows.lines, table->rows.number, err,
                               "has %s column of times, the parts in front of it have %s",
                               had_time ? "no" : "a", had_time ? "one" : "none");
    }
    return status;
}

nj_status nj_event_table_open(nj_lines *lines, const nj_event_form *form, nj_event_table *out,
                              nj_error *err)
{
    *out = (nj_event_table){.form = *form};
    if (lines->is_parquet) { // rows of our own making
        out->form.is_csv = true;
        out->form.delimiter = ',';
        out->form.columns = NULL;
    }
    const char usual = out->form.is_csv ? ',' : '\t';
    const bool is_said = out->form.is_csv && out->form.delimiter != '\0';
    nj_field_rows_init(&out->rows, lines, out->form.is_csv, is_said ? out->form.delimiter : usual,
                       form->row_bytes_max);
    nj_status status = nj_field_rows_next(&out->rows, err);
    out->part = lines->part;
    if (status == NJ_OK) {
        status = is_by_place(out) ? take_places(out, err) : take_header(out, err);
    }
    out->has_row = is_by_place(out);
    if (status != NJ_OK) {
        nj_event_table_close(out);
    }
    return status;
}

void nj_event_table_close(nj_event_table *table)
{
    nj_field_rows_fini(&table->rows);
}

nj_status nj_event_table_next(nj_event_table *table, nj_error *err)
{
    nj_status status = NJ_OK;
    if (table->has_row) { // the first, which told how many fields there are
        table->has_row = false;
        return NJ_OK;
    }
    do {
        status = nj_field_rows_next(&table->rows, err);
        if (status != NJ_OK || table->part == table->rows.lines->part) {
            break;
        }
        status = begin_part(table, err);
    } while (status == NJ_OK && !is_by_place(table));
    if (status == NJ_OK && table->rows.field_count != table->column_count) {
        status = nj_lines_fail(table->rows.lines, table->rows.number, err,
                               "has %zu fields, the header has %zu", table->rows.field_count,
                               table->column_count);
    }
    return status;
}

nj_status nj_event_table_time(const nj_event_table *table, double *out, nj_error *err)
{
    *out = 0.0;
    if (!table->has_column[NJ_EVENT_TIME]) {
        return NJ_OK;
    }
    nj_slice text = table->rows.fields[table->column[NJ_EVENT_TIME]];
    if (!nj_decimal_parse(text, out)) {
        return nj_lines_fail(table->rows.lines, table->rows.number, err,
                             "timestamp \"%.*s\" is not a finite decimal number",
                             NJ_SLICE_ARGS(text));
    }
    return NJ_OK;
}
