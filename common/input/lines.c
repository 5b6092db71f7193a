#include "common/input/lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define FIRST_BYTES (256u << 10)

// ---- parts ----

static const char *peek_part(const nj_lines *lines)
{
    return lines->from.name != NULL ? lines->from.name : lines->name;
}

// All parts are text, or all are Parquet of one form: a header of CSV means nothing to JSON lines.
static nj_status check_form(nj_lines *lines, nj_error *err)
{
    const nj_part *from = &lines->from;
    const bool is_parquet = from->parquet != NULL;
    const nj_parquet_form form = is_parquet ? nj_parquet_form_of(from->parquet) : NJ_PARQUET_LINES;
    if (lines->part > 0 && (is_parquet != lines->is_parquet || form != lines->form)) {
        return nj_fail(err, NJ_INPUT,
                       "%s: is %s in front of it in the folder: all parts must be of one form",
                       from->name,
                       is_parquet == lines->is_parquet ? "Parquet with other columns than the one"
                       : is_parquet                    ? "Parquet, and not text as the part"
                                                       : "text, and not Parquet as the part");
    }
    lines->is_parquet = is_parquet;
    lines->form = form;
    return NJ_OK;
}

static nj_status open_part(nj_lines *lines, size_t part, nj_error *err)
{
    nj_part_close(&lines->from);
    lines->part = part;
    nj_status status = nj_part_open(lines->parts.paths[part], lines->shapes, lines->shape_count,
                                    &lines->from, err);
    if (status == NJ_OK) {
        status = check_form(lines, err);
    }
    // Of Parquet as CSV the header is line 0, so that lines are rows.
    const bool has_header = lines->is_parquet && lines->form == NJ_PARQUET_CSV;
    const uint64_t start = lines->number + has_header;
    if (status == NJ_OK && nj_buffer_append(&lines->starts, &start, sizeof start) != NJ_OK) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", peek_part(lines));
    }
    lines->begin = lines->end = 0;
    lines->is_fresh = true;
    lines->at_end = false;
    return status;
}

nj_status nj_lines_open_shaped(const char *path, size_t line_bytes_max,
                               const nj_parquet_shape *shapes, size_t shape_count, nj_lines *out,
                               nj_error *err)
{
    nj_lines lines = {.name = strcmp(path, "-") == 0 ? "standard input" : path,
                      .shapes = shapes,
                      .shape_count = shape_count,
                      .from = {.fd = -1},
                      .line_bytes_max = line_bytes_max};
    nj_buffer_init(&lines.starts, NJ_PARTS_MAX * sizeof(uint64_t));
    nj_status status = nj_parts_list(path, &lines.parts, err);
    if (status == NJ_OK) {
        status = open_part(&lines, 0, err);
    }
    // Room for the longest line, its CR LF and a byte order mark tells a line at the limit from one
    // beyond it.
    lines.capacity = nj_min_size(FIRST_BYTES, line_bytes_max + 5);
    lines.bytes = status == NJ_OK ? malloc(lines.capacity) : NULL;
    if (status == NJ_OK && lines.bytes == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "%s: no memory to read it", lines.name);
    }
    if (status != NJ_OK) {
        nj_lines_close(&lines);
        return status;
    }
    *out = lines;
    return NJ_OK;
}

nj_status nj_lines_open(const char *path, size_t line_bytes_max, nj_lines *out, nj_error *err)
{
    return nj_lines_open_shaped(path, line_bytes_max, NULL, 0, out, err);
}

void nj_lines_close(nj_lines *lines)
{
    nj_part_close(&lines->from);
    nj_parts_fini(&lines->parts);
    nj_buffer_fini(&lines->starts);
    free(lines->bytes);
    *lines = (nj_lines){.from = {.fd = -1}};
}

// ---- places ----

// The part that a line is of: the last one that begins in front of it.
static size_t find_part(const nj_lines *lines, uint64_t number, uint64_t *out_local)
{
    const uint64_t *starts = (const uint64_t *)(const void *)lines->starts.bytes;
    size_t part = 0;
    size_t end = lines->starts.size / sizeof *starts;
    while (part + 1 < end) {
        const size_t middle = part + (end - part) / 2;
        if (starts[middle] < number) {
            part = middle;
        } else {
            end = middle;
        }
    }
    const uint64_t start = lines->starts.size > 0 ? starts[part] : 0;
    *out_local = number > start ? number - start : 0;
    return part;
}

static const char *name_part(const nj_lines *lines, size_t part)
{
    return lines->parts.is_folder ? lines->parts.paths[part] : peek_part(lines);
}

nj_line_place nj_lines_place(const nj_lines *lines, uint64_t number)
{
    nj_line_place place;
    uint64_t local;
    const size_t part = find_part(lines, number, &local);
    const char *noun = lines->is_parquet ? "row" : "line";
    if (part == lines->part) {
        snprintf(place.text, sizeof place.text, "%s %" PRIu64, noun, local);
    } else {
        snprintf(place.text, sizeof place.text, "%s %" PRIu64 " of %s", noun, local,
                 name_part(lines, part));
    }
    return place;
}

nj_status nj_lines_fail(const nj_lines *lines, uint64_t number, nj_error *err, const char *format,
                        ...)
{
    char rule[NJ_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(rule, sizeof rule, format, arguments);
    va_end(arguments);
    uint64_t local;
    const size_t part = find_part(lines, number, &local);
    return nj_fail(err, NJ_INPUT, "%s: %s %" PRIu64 ": %s", name_part(lines, part),
                   lines->is_parquet ? "row" : "line", local, rule);
}

static nj_status fail_long_line(const nj_lines *lines, nj_error *err)
{
    return nj_lines_fail(lines, lines->number + 1, err, "is longer than %zu bytes",
                         lines->line_bytes_max);
}

// ---- lines ----

// Moves what is left to the front, grows a full buffer, and reads once.
static nj_status fill(nj_lines *lines, nj_error *err)
{
    memmove(lines->bytes, lines->bytes + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;
    if (lines->end == lines->capacity) {
        size_t most = lines->line_bytes_max + 5;
        if (lines->capacity == most) {
            return fail_long_line(lines, err);
        }
        size_t capacity = nj_min_size(lines->capacity * 2, most);
        char *bytes = realloc(lines->bytes, capacity);
        if (bytes == NULL) {
            return nj_fail(err, NJ_NO_MEMORY, "%s: line %" PRIu64 ": no memory for its %zu bytes",
                           lines->name, lines->number + 1, capacity);
        }
        lines->bytes = bytes;
        lines->capacity = capacity;
    }
    size_t got = 0;
    nj_status status = nj_part_read(&lines->from, lines->bytes + lines->end,
                                    lines->capacity - lines->end, &got, err);
    lines->at_end = status == NJ_OK && got == 0;
    lines->end += got;
    return status;
}

// Finds the end of the line that starts at `begin`, reading on as long as none is there in the part.
static nj_status find_end(nj_lines *lines, size_t *out_size, bool *out_newline, nj_error *err)
{
    size_t searched = 0;
    for (;;) {
        size_t size = lines->end - lines->begin;
        char *start = lines->bytes + lines->begin;
        char *newline = size == searched ? NULL : memchr(start + searched, '\n', size - searched);
        if (newline != NULL || lines->at_end) {
            *out_size = newline != NULL ? (size_t)(newline - start) : size;
            *out_newline = newline != NULL;
            return NJ_OK;
        }
        searched = size;
        nj_status status = fill(lines, err);
        if (status != NJ_OK) {
            return status;
        }
    }
}

// As find_end, through the parts; NJ_END behind the last.
static nj_status find_line(nj_lines *lines, size_t *out_size, bool *out_newline, nj_error *err)
{
    for (;;) {
        nj_status status = find_end(lines, out_size, out_newline, err);
        if (status != NJ_OK || *out_size > 0 || *out_newline) {
            return status;
        }
        if (lines->part + 1 == lines->parts.count) {
            return NJ_END;
        }
        status = open_part(lines, lines->part + 1, err);
        if (status != NJ_OK) {
            return status;
        }
    }
}

nj_status nj_lines_next(nj_lines *lines, char **out_line, size_t *out_size, nj_error *err)
{
    size_t size;
    bool has_newline;
    nj_status status = find_line(lines, &size, &has_newline, err);
    if (status != NJ_OK) {
        return status;
    }
    char *line = lines->bytes + lines->begin;
    lines->begin += size + (has_newline ? 1 : 0);
    if (lines->is_fresh && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        size -= 3;
    }
    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    if (size > lines->line_bytes_max) {
        return fail_long_line(lines, err);
    }
    lines->number++;
    lines->is_fresh = false;
    if (size > 0 && memchr(line, '\0', size) != NULL) {
        return nj_lines_fail(lines, lines->number, err, "contains a NUL byte");
    }
    *out_line = line;
    *out_size = size;
    return NJ_OK;
}

static nj_status take_each(nj_lines *lines,
                           nj_status (*take)(void *context, const nj_lines *lines, nj_slice line,
                                             nj_error *err),
                           void *context, nj_error *err)
{
    char *line;
    size_t size;
    nj_status status;
    while ((status = nj_lines_next(lines, &line, &size, err)) == NJ_OK) {
        status = take(context, lines, (nj_slice){line, size}, err);
        if (status != NJ_OK) {
            break;
        }
    }
    nj_lines_close(lines);
    return status == NJ_END ? NJ_OK : status;
}

nj_status nj_lines_each(const char *path, size_t line_bytes_max,
                        nj_status (*take)(void *context, const nj_lines *lines, nj_slice line,
                                          nj_error *err),
                        void *context, nj_error *err)
{
    nj_lines lines;
    nj_status status = nj_lines_open(path, line_bytes_max, &lines, err);
    return status == NJ_OK ? take_each(&lines, take, context, err) : status;
}

nj_status nj_lines_each_id(const char *path, size_t line_bytes_max,
                           nj_status (*take)(void *context, const nj_lines *lines, nj_slice line,
                                             nj_error *err),
                           void *context, nj_error *err)
{
    static const nj_parquet_column COLUMN = {
        .as = "item", .names = {"item_id", "item", "id"}, .is_needed = true};
    static const nj_parquet_shape SHAPES[] = {
        {.form = NJ_PARQUET_LINES, .columns = &COLUMN, .column_count = 1},
        {.form = NJ_PARQUET_LINES},
    };
    nj_lines lines;
    nj_status status = nj_lines_open_shaped(path, line_bytes_max, SHAPES,
                                            sizeof SHAPES / sizeof SHAPES[0], &lines, err);
    return status == NJ_OK ? take_each(&lines, take, context, err) : status;
}

nj_status nj_lines_each_object(const char *path, size_t line_bytes_max,
                               nj_status (*take)(void *context, const nj_lines *lines,
                                                 nj_slice line, nj_error *err),
                               void *context, nj_error *err)
{
    static const nj_parquet_shape SHAPE = {.form = NJ_PARQUET_JSON};
    nj_lines lines;
    nj_status status = nj_lines_open_shaped(path, line_bytes_max, &SHAPE, 1, &lines, err);
    return status == NJ_OK ? take_each(&lines, take, context, err) : status;
}
