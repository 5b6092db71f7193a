// parquet_text.c - one row as a line of text.
#include <inttypes.h>
#include <string.h>

#include "common/parquet/parquet_parts.h"

static bool is_valid(const uint64_t *valid, uint64_t row)
{
    return valid == NULL || (valid[row / 64] >> row % 64 & 1) != 0;
}

static nj_slice read_text(const nj_duck_text *text)
{
    const uint32_t size = text->in_place.size;
    return (nj_slice){
        size <= sizeof text->in_place.bytes ? text->in_place.bytes : text->elsewhere.bytes, size};
}

static nj_status append(nj_buffer *out, const char *text)
{
    return nj_buffer_append(out, text, strlen(text));
}

// In quotes, with each quote doubled (RFC 4180).
static nj_status append_csv(nj_buffer *out, nj_slice text)
{
    nj_status status = append(out, "\"");
    size_t at = 0;
    while (status == NJ_OK && at < text.size) {
        const char *quote = memchr(text.bytes + at, '"', text.size - at);
        const size_t end = quote != NULL ? (size_t)(quote - text.bytes) + 1 : text.size;
        status = nj_buffer_append(out, text.bytes + at, end - at);
        if (status == NJ_OK && quote != NULL) {
            status = append(out, "\"");
        }
        at = end;
    }
    return status == NJ_OK ? append(out, "\"") : status;
}

static nj_status append_json(nj_buffer *out, nj_parquet_kind kind, nj_slice text)
{
    return kind == NJ_PARQUET_TEXT ? nj_buffer_json_string(out, text)
                                   : nj_buffer_append(out, text.bytes, text.size);
}

static nj_status append_list(nj_buffer *out, const nj_parquet_field *field, nj_duck_list list)
{
    nj_status status = append(out, "[");
    for (uint64_t i = list.first; status == NJ_OK && i < list.first + list.count; i++) {
        status = i > list.first ? append(out, ",") : NJ_OK;
        if (status == NJ_OK) {
            status = is_valid(field->element_valid, i)
                         ? append_json(out, field->kind, read_text(&field->element[i]))
                         : append(out, "null");
        }
    }
    return status == NJ_OK ? append(out, "]") : status;
}

static nj_status append_value(nj_buffer *out, const nj_parquet_field *field, uint64_t row)
{
    return field->is_list
               ? append_list(out, field, ((const nj_duck_list *)field->data)[row])
               : append_json(out, field->kind, read_text((const nj_duck_text *)field->data + row));
}

static nj_status write_json(nj_parquet *p, uint64_t row)
{
    nj_status status = append(&p->text, "{");
    bool is_first = true;
    for (size_t i = 0; status == NJ_OK && i < p->field_count; i++) {
        const nj_parquet_field *field = &p->fields[i];
        if (!is_valid(field->valid, row)) {
            continue;
        }
        status = is_first ? NJ_OK : append(&p->text, ",");
        if (status == NJ_OK) {
            status = nj_buffer_json_string(&p->text, nj_idlist_builder_at(&p->names, i));
        }
        if (status == NJ_OK) {
            status = append(&p->text, ":");
        }
        if (status == NJ_OK) {
            status = append_value(&p->text, field, row);
        }
        is_first = false;
    }
    return status == NJ_OK ? append(&p->text, "}\n") : status;
}

static nj_status write_csv(nj_parquet *p, uint64_t row)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < p->field_count; i++) {
        const nj_parquet_field *field = &p->fields[i];
        status = i > 0 ? append(&p->text, ",") : NJ_OK;
        if (status == NJ_OK && is_valid(field->valid, row)) {
            const nj_slice text = read_text((const nj_duck_text *)field->data + row);
            status = field->kind == NJ_PARQUET_TEXT
                         ? append_csv(&p->text, text)
                         : nj_buffer_append(&p->text, text.bytes, text.size);
        }
    }
    return status == NJ_OK ? append(&p->text, "\n") : status;
}

// A line break would make two ids of one.
static nj_status write_id(nj_parquet *p, uint64_t row, nj_error *err)
{
    const nj_parquet_field *field = &p->fields[0];
    nj_slice text = {"", 0};
    if (is_valid(field->valid, row)) {
        text = read_text((const nj_duck_text *)field->data + row);
    }
    if (text.size > 0 && (memchr(text.bytes, '\n', text.size) != NULL ||
                          memchr(text.bytes, '\r', text.size) != NULL)) {
        return nj_fail(err, NJ_INPUT, "%s: row %" PRIu64 ": the id has a line break", p->name,
                       p->row);
    }
    nj_status status = nj_buffer_append(&p->text, text.bytes, text.size);
    return status == NJ_OK ? append(&p->text, "\n") : status;
}

static nj_status fail_row(const nj_parquet *p, nj_status status, nj_error *err)
{
    return status != NJ_NO_MEMORY
               ? status
               : nj_fail(err, status, "%s: row %" PRIu64 ": no memory, or longer than %llu bytes",
                         p->name, p->row, NJ_PARQUET_ROW_BYTES_MAX);
}

nj_status nj_parquet_write_row(nj_parquet *parquet, nj_error *err)
{
    const uint64_t row = parquet->chunk_at++;
    parquet->row++;
    switch (parquet->form) {
    case NJ_PARQUET_JSON:
        return fail_row(parquet, write_json(parquet, row), err);
    case NJ_PARQUET_CSV:
        return fail_row(parquet, write_csv(parquet, row), err);
    case NJ_PARQUET_LINES:
        return fail_row(parquet, write_id(parquet, row, err), err);
    }
    return NJ_OK;
}

nj_status nj_parquet_write_header(nj_parquet *parquet, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < parquet->field_count; i++) {
        status = i > 0 ? append(&parquet->text, ",") : NJ_OK;
        if (status == NJ_OK) {
            status = append_csv(&parquet->text, nj_idlist_builder_at(&parquet->names, i));
        }
    }
    if (status == NJ_OK) {
        status = append(&parquet->text, "\n");
    }
    return fail_row(parquet, status, err);
}
