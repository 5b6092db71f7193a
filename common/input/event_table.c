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

static size_t count_quotes(const char *text, size_t size)
{
    size_t count = 0;
    const char *end = text + size;
    for (const char *at = text; at < end; at++) {
        at = memchr(at, '"', (size_t)(end - at));
        if (at == NULL) {
            break;
        }
        count++;
    }
    return count;
}

static nj_status append_line(nj_event_table *table, const char *line, size_t size, nj_error *err)
{
    if (size + 1 > table->form.row_bytes_max - table->joined.size) {
        return nj_lines_fail(table->lines, table->number, err,
                             "a quote opens here and the row grows beyond %zu bytes",
                             table->form.row_bytes_max);
    }
    nj_status status = table->joined.size == 0 ? NJ_OK : nj_buffer_append(&table->joined, "\n", 1);
    if (status == NJ_OK) {
        status = nj_buffer_append(&table->joined, line, size);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "%s: line %" PRIu64 ": no memory for its row",
                                     table->lines->name, table->number);
}

// Adds lines to an unfinished row until its quotes come in pairs.
static nj_status join_lines(nj_event_table *table, char **row, size_t *size, nj_error *err)
{
    const size_t part = table->lines->part;
    size_t quotes = 1;
    nj_buffer_clear(&table->joined);
    nj_status status = append_line(table, *row, *size, err);
    while (status == NJ_OK && quotes % 2 != 0) {
        char *line;
        size_t line_size;
        status = nj_lines_next(table->lines, &line, &line_size, err);
        if (status == NJ_END || (status == NJ_OK && table->lines->part != part)) {
            return nj_lines_fail(table->lines, table->number, err,
                                 "a quote is opened and not closed");
        }
        if (status == NJ_OK) {
            quotes += count_quotes(line, line_size);
            status = append_line(table, line, line_size, err);
        }
    }
    *row = (char *)table->joined.bytes;
    *size = table->joined.size;
    return status;
}

// The next row that is not blank, as text.
static nj_status next_row(nj_event_table *table, char **out_row, size_t *out_size, nj_error *err)
{
    nj_status status;
    do {
        status = nj_lines_next(table->lines, out_row, out_size, err);
        if (status != NJ_OK) {
            return status;
        }
    } while (nj_histories_is_blank(*out_row, *out_size));
    table->number = table->lines->number;
    if (table->form.is_csv && count_quotes(*out_row, *out_size) % 2 != 0) {
        status = join_lines(table, out_row, out_size, err);
    }
    return status;
}

static nj_status add_field(nj_event_table *table, const char *bytes, size_t size, nj_error *err)
{
    if (table->field_count == NJ_EVENT_COLUMNS_MAX) {
        return nj_lines_fail(table->lines, table->number, err, "has more than %d fields",
                             NJ_EVENT_COLUMNS_MAX);
    }
    table->fields[table->field_count++] = (nj_slice){bytes, size};
    return NJ_OK;
}

// text[0] is the opening quote. Doubled quotes become one, in place. *out_end is behind the closing
// quote.
static nj_status read_quoted(nj_event_table *table, char *text, size_t size, size_t *out_end,
                             nj_error *err)
{
    size_t to = 0;
    size_t at = 1;
    for (; at < size; at++) {
        if (text[at] == '"') {
            at++;
            if (at == size || text[at] != '"') {
                *out_end = at;
                return add_field(table, text, to, err);
            }
        }
        text[to++] = text[at];
    }
    return nj_lines_fail(table->lines, table->number, err, "a quote is opened and not closed");
}

static nj_status read_plain(nj_event_table *table, const char *text, size_t size, char separator,
                            size_t *out_end, nj_error *err)
{
    const char *end = memchr(text, separator, size);
    size_t field = end == NULL ? size : (size_t)(end - text);
    if (table->form.is_csv && memchr(text, '"', field) != NULL) {
        return nj_lines_fail(table->lines, table->number, err,
                             "field %zu has a quote inside and does not begin with one",
                             table->field_count + 1);
    }
    *out_end = field;
    return add_field(table, text, field, err);
}

static nj_status split_row(nj_event_table *table, char *row, size_t size, nj_error *err)
{
    const char separator = table->form.delimiter;
    size_t at = 0;
    table->field_count = 0;
    for (;;) {
        size_t end = 0;
        bool is_quoted = table->form.is_csv && at < size && row[at] == '"';
        nj_status status = is_quoted ? read_quoted(table, row + at, size - at, &end, err)
                                     : read_plain(table, row + at, size - at, separator, &end, err);
        if (status != NJ_OK) {
            return status;
        }
        at += end;
        if (at == size) {
            return NJ_OK;
        }
        if (row[at] != separator) {
            return nj_lines_fail(table->lines, table->number, err,
                                 "field %zu goes on behind its closing quote", table->field_count);
        }
        at++;
    }
}

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
        return nj_lines_fail(table->lines, table->number, err,
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
    nj_slice name = table->fields[index];
    nj_slice type = {0};
    nj_status status = table->form.is_csv ? NJ_OK : split_type(table, &name, &type, err);
    for (size_t i = 0; status == NJ_OK && i < NJ_EVENT_COLUMN_KINDS; i++) {
        const column_row *column = &COLUMNS[i];
        if (!is_wanted(table, column->kind) || !matches_name(table, column, name)) {
            continue;
        }
        if (table->has_column[i]) {
            return nj_lines_fail(table->lines, table->number, err,
                                 "columns %zu and %zu both hold the %s", table->column[i] + 1,
                                 index + 1, column->csv_names[0]);
        }
        if (!table->form.is_csv && !nj_slice_equal(type, nj_slice_from(column->type))) {
            return nj_lines_fail(table->lines, table->number, err,
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
    for (size_t i = 0; i < sizeof HINTS / sizeof HINTS[0] && table->field_count == 1; i++) {
        if (table->form.is_csv &&
            memchr(table->fields[0].bytes, HINTS[i].character, table->fields[0].size) != NULL) {
            return HINTS[i].hint;
        }
    }
    return table->field_count > 1 ? " (--columns says what they are called)" : "";
}

static nj_status fail_missing(const nj_event_table *table, const column_row *column, nj_error *err)
{
    char found[FOUND_BYTES] = "";
    size_t at = 0;
    for (size_t i = 0; i < table->field_count && at < sizeof found - 1; i++) {
        int wrote = snprintf(found + at, sizeof found - at, "%s\"%.*s\"", i > 0 ? ", " : "",
                             NJ_SLICE_ARGS(table->fields[i]));
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    const char *said = peek_said(table, column);
    if (said != NULL) {
        return nj_lines_fail(table->lines, table->number, err,
                             "no column \"%s\", which --columns names; the header has %s%s", said,
                             found, hint_delimiter(table));
    }
    if (table->form.is_csv) {
        return nj_lines_fail(
            table->lines, table->number, err, "no column \"%s\" or \"%s\"; the header has %s%s",
            column->csv_names[0], column->csv_names[1], found, hint_delimiter(table));
    }
    return nj_lines_fail(table->lines, table->number, err, "no column \"%s:%s\"; the header has %s",
                         column->inter_name, column->type, found);
}

// The header is the row that was split last.
static nj_status take_header(nj_event_table *table, nj_error *err)
{
    nj_status status = NJ_OK;
    memset(table->has_column, 0, sizeof table->has_column);
    for (size_t i = 0; status == NJ_OK && i < table->field_count; i++) {
        status = take_column(table, i, err);
    }
    const nj_event_column needed[] = {NJ_EVENT_USER, table->form.beside};
    for (size_t i = 0; status == NJ_OK && i < 2; i++) {
        if (!table->has_column[needed[i]]) {
            status = fail_missing(table, &COLUMNS[needed[i]], err);
        }
    }
    table->column_count = table->field_count;
    return status;
}

// Without a header: every part has as many columns as its first row.
static nj_status take_places(nj_event_table *table, nj_error *err)
{
    table->column_count = table->field_count;
    for (size_t i = 0; i < NJ_EVENT_COLUMN_KINDS; i++) {
        const unsigned place = table->form.columns->places[COLUMNS[i].said];
        if (place > table->field_count) {
            return nj_lines_fail(table->lines, table->number, err,
                                 "has %zu fields, --columns has the %s in field %u",
                                 table->field_count, COLUMNS[i].csv_names[0], place);
        }
        table->has_column[i] = place > 0 && is_wanted(table, COLUMNS[i].kind);
        table->column[i] = place > 0 ? place - 1 : 0;
    }
    if (!table->has_column[table->form.beside]) {
        return nj_lines_fail(table->lines, table->number, err, "--columns has no place of the %s",
                             COLUMNS[table->form.beside].csv_names[0]);
    }
    return NJ_OK;
}

static bool is_by_place(const nj_event_table *table)
{
    return table->form.columns != NULL && table->form.columns->by_place;
}

static nj_status split_next(nj_event_table *table, nj_error *err)
{
    char *row;
    size_t size;
    nj_status status = next_row(table, &row, &size, err);
    return status == NJ_OK ? split_row(table, row, size, err) : status;
}

// A part that lacks the times which others have would stand in front of them all.
static nj_status begin_part(nj_event_table *table, nj_error *err)
{
    const bool had_time = table->has_column[NJ_EVENT_TIME];
    table->part = table->lines->part;
    nj_status status = is_by_place(table) ? take_places(table, err) : take_header(table, err);
    if (status == NJ_OK && table->has_column[NJ_EVENT_TIME] != had_time) {
        status = nj_lines_fail(table->lines, table->number, err,
                               "has %s column of times, the parts in front of it have %s",
                               had_time ? "no" : "a", had_time ? "one" : "none");
    }
    return status;
}

nj_status nj_event_table_open(nj_lines *lines, const nj_event_form *form, nj_event_table *out,
                              nj_error *err)
{
    *out = (nj_event_table){.lines = lines, .form = *form};
    nj_buffer_init(&out->joined, form->row_bytes_max);
    if (lines->is_parquet) { // rows of our own making
        out->form.is_csv = true;
        out->form.columns = NULL;
    }
    if (!out->form.is_csv) {
        out->form.delimiter = '\t';
    } else if (out->form.delimiter == '\0' || lines->is_parquet) {
        out->form.delimiter = ',';
    }
    nj_status status = split_next(out, err);
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
    nj_buffer_fini(&table->joined);
}

nj_status nj_event_table_next(nj_event_table *table, nj_error *err)
{
    nj_status status = NJ_OK;
    if (table->has_row) { // the first, which told how many fields there are
        table->has_row = false;
        return NJ_OK;
    }
    do {
        status = split_next(table, err);
        if (status != NJ_OK || table->part == table->lines->part) {
            break;
        }
        status = begin_part(table, err);
    } while (status == NJ_OK && !is_by_place(table));
    if (status == NJ_OK && table->field_count != table->column_count) {
        status =
            nj_lines_fail(table->lines, table->number, err, "has %zu fields, the header has %zu",
                          table->field_count, table->column_count);
    }
    return status;
}

nj_status nj_event_table_time(const nj_event_table *table, double *out, nj_error *err)
{
    *out = 0.0;
    if (!table->has_column[NJ_EVENT_TIME]) {
        return NJ_OK;
    }
    nj_slice text = table->fields[table->column[NJ_EVENT_TIME]];
    if (!nj_decimal_parse(text, out)) {
        return nj_lines_fail(table->lines, table->number, err,
                             "timestamp \"%.*s\" is not a finite decimal number",
                             NJ_SLICE_ARGS(text));
    }
    return NJ_OK;
}
