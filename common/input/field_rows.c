#include "common/input/field_rows.h"

#include <inttypes.h>
#include <string.h>

#include "common/input/histories_reader.h"

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

static nj_status append_line(nj_field_rows *rows, const char *line, size_t size, nj_error *err)
{
    if (size + 1 > rows->row_bytes_max - rows->joined.size) {
        return nj_lines_fail(rows->lines, rows->number, err,
                             "a quote opens here and the row grows beyond %zu bytes",
                             rows->row_bytes_max);
    }
    nj_status status = rows->joined.size == 0 ? NJ_OK : nj_buffer_append(&rows->joined, "\n", 1);
    if (status == NJ_OK) {
        status = nj_buffer_append(&rows->joined, line, size);
    }
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "%s: line %" PRIu64 ": no memory for its row",
                                     rows->lines->name, rows->number);
}

// Adds lines to an unfinished row until its quotes come in pairs.
static nj_status join_lines(nj_field_rows *rows, char **row, size_t *size, nj_error *err)
{
    const size_t part = rows->lines->part;
    size_t quotes = 1;
    nj_buffer_clear(&rows->joined);
    nj_status status = append_line(rows, *row, *size, err);
    while (status == NJ_OK && quotes % 2 != 0) {
        char *line;
        size_t line_size;
        status = nj_lines_next(rows->lines, &line, &line_size, err);
        if (status == NJ_END || (status == NJ_OK && rows->lines->part != part)) {
            return nj_lines_fail(rows->lines, rows->number, err,
                                 "a quote is opened and not closed");
        }
        if (status == NJ_OK) {
            quotes += count_quotes(line, line_size);
            status = append_line(rows, line, line_size, err);
        }
    }
    *row = (char *)rows->joined.bytes;
    *size = rows->joined.size;
    return status;
}

static nj_status add_field(nj_field_rows *rows, const char *bytes, size_t size, nj_error *err)
{
    if (rows->field_count == NJ_ROW_FIELDS_MAX) {
        return nj_lines_fail(rows->lines, rows->number, err, "has more than %d fields",
                             NJ_ROW_FIELDS_MAX);
    }
    rows->fields[rows->field_count++] = (nj_slice){bytes, size};
    return NJ_OK;
}

// text[0] is the opening quote. Doubled quotes become one, in place. *out_end is behind the closing
// quote.
static nj_status read_quoted(nj_field_rows *rows, char *text, size_t size, size_t *out_end,
                             nj_error *err)
{
    size_t to = 0;
    size_t at = 1;
    for (; at < size; at++) {
        if (text[at] == '"') {
            at++;
            if (at == size || text[at] != '"') {
                *out_end = at;
                return add_field(rows, text, to, err);
            }
        }
        text[to++] = text[at];
    }
    return nj_lines_fail(rows->lines, rows->number, err, "a quote is opened and not closed");
}

static nj_status read_plain(nj_field_rows *rows, const char *text, size_t size, char separator,
                            size_t *out_end, nj_error *err)
{
    const char *end = memchr(text, separator, size);
    size_t field = end == NULL ? size : (size_t)(end - text);
    if (rows->has_quotes && memchr(text, '"', field) != NULL) {
        return nj_lines_fail(rows->lines, rows->number, err,
                             "field %zu has a quote inside and does not begin with one",
                             rows->field_count + 1);
    }
    *out_end = field;
    return add_field(rows, text, field, err);
}

static nj_status split_fields(nj_field_rows *rows, char *row, size_t size, nj_error *err)
{
    const char separator = rows->delimiter;
    size_t at = 0;
    rows->field_count = 0;
    for (;;) {
        size_t end = 0;
        bool is_quoted = rows->has_quotes && at < size && row[at] == '"';
        nj_status status = is_quoted ? read_quoted(rows, row + at, size - at, &end, err)
                                     : read_plain(rows, row + at, size - at, separator, &end, err);
        if (status != NJ_OK) {
            return status;
        }
        at += end;
        if (at == size) {
            return NJ_OK;
        }
        if (row[at] != separator) {
            return nj_lines_fail(rows->lines, rows->number, err,
                                 "field %zu goes on behind its closing quote", rows->field_count);
        }
        at++;
    }
}

nj_status nj_field_rows_split(nj_field_rows *rows, char *line, size_t size, nj_error *err)
{
    nj_status status = NJ_OK;
    rows->number = rows->lines->number;
    if (rows->has_quotes && count_quotes(line, size) % 2 != 0) {
        status = join_lines(rows, &line, &size, err);
    }
    return status == NJ_OK ? split_fields(rows, line, size, err) : status;
}

nj_status nj_field_rows_next(nj_field_rows *rows, nj_error *err)
{
    char *line;
    size_t size;
    do {
        nj_status status = nj_lines_next(rows->lines, &line, &size, err);
        if (status != NJ_OK) {
            return status;
        }
    } while (nj_histories_is_blank(line, size));
    return nj_field_rows_split(rows, line, size, err);
}

void nj_field_rows_init(nj_field_rows *rows, nj_lines *lines, bool has_quotes, char delimiter,
                        size_t row_bytes_max)
{
    *rows = (nj_field_rows){.lines = lines,
                            .has_quotes = has_quotes,
                            .delimiter = delimiter,
                            .row_bytes_max = row_bytes_max};
    nj_buffer_init(&rows->joined, row_bytes_max);
}

void nj_field_rows_fini(nj_field_rows *rows)
{
    nj_buffer_fini(&rows->joined);
}
