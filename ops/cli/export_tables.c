// export_tables.c - the forms of an export that have columns: csv and parquet.
#include "ops/cli/export_form.h"

// ---- csv (RFC 4180, lines end in a newline alone) ----

static nj_status append_field(nj_buffer *out, nj_slice text)
{
    bool needs_quotes = false;
    for (size_t i = 0; i < text.size && !needs_quotes; i++) {
        needs_quotes = strchr(",\"\r\n", text.bytes[i]) != NULL; // U+0000 too
    }
    if (!needs_quotes) {
        return nj_buffer_append(out, text.bytes, text.size);
    }
    nj_status status = nj_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < text.size && status == NJ_OK; i++) {
        const bool is_quote = text.bytes[i] == '"';
        status = nj_buffer_append(out, is_quote ? "\"\"" : &text.bytes[i], is_quote ? 2 : 1);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "\"", 1);
}

// The line of item `index`, counted from 0; of an empty list rank, item and score say so.
static nj_status append_item(nj_export *e, nj_slice user, size_t index)
{
    const nj_row *row = e->row;
    const bool is_there = index < row->count;
    nj_buffer *out = &e->line;
    nj_status status = append_field(out, user);
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, ",%zu,", is_there ? index + 1 : 0);
    }
    if (status == NJ_OK && is_there) {
        status = append_field(out, row->items[index]);
    }
    if (status == NJ_OK) {
        status = is_there ? nj_buffer_printf(out, ",%.9g", (double)row->scores[index])
                          : nj_buffer_append(out, ",", 1);
    }
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, ",%u,%u,", row->flags, row->age);
    }
    if (status == NJ_OK && row->text.bytes != NULL) {
        status = append_field(out, row->text);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "\n", 1);
}

nj_status nj_export_csv_begin(nj_export *e, nj_error *err)
{
    nj_status status = nj_buffer_printf(&e->line, "user,rank,item,score,flags,age,text\n");
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for a line");
}

nj_status nj_export_csv_row(nj_export *e, nj_slice user, nj_slice value, nj_error *err)
{
    nj_status status = nj_export_unpack(e, user, value, err);
    if (status != NJ_OK) {
        return status;
    }
    for (size_t i = 0; (i == 0 || i < e->row->count) && status == NJ_OK; i++) {
        status = append_item(e, user, i);
    }
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the lines of a user");
}

// ---- parquet ----

enum { USER, ITEMS, SCORES, FLAGS, AGE, TEXT };

static const nj_parquet_field FIELDS[] = {
    [USER] = {"user", NJ_PARQUET_TEXT},       [ITEMS] = {"items", NJ_PARQUET_TEXTS},
    [SCORES] = {"scores", NJ_PARQUET_FLOATS}, [FLAGS] = {"flags", NJ_PARQUET_INT},
    [AGE] = {"age", NJ_PARQUET_INT},          [TEXT] = {"text", NJ_PARQUET_TEXT},
};

nj_status nj_export_parquet_begin(nj_export *e, nj_error *err)
{
    return nj_parquet_writer_new(e->stream, e->what, FIELDS, sizeof FIELDS / sizeof FIELDS[0],
                                 NJ_PARQUET_GROUP_BYTES, &e->parquet, err);
}

nj_status nj_export_parquet_row(nj_export *e, nj_slice user, nj_slice value, nj_error *err)
{
    nj_status status = nj_export_unpack(e, user, value, err);
    if (status != NJ_OK) {
        return status;
    }
    const nj_row *row = e->row;
    nj_parquet_text(e->parquet, USER, user);
    nj_parquet_texts(e->parquet, ITEMS, row->items, row->count);
    nj_parquet_floats(e->parquet, SCORES, row->scores, row->count);
    nj_parquet_int(e->parquet, FLAGS, (int32_t)row->flags);
    nj_parquet_int(e->parquet, AGE, (int32_t)row->age);
    nj_parquet_text(e->parquet, TEXT, row->text);
    return nj_parquet_row(e->parquet, err);
}

nj_status nj_export_parquet_end(nj_export *e, nj_error *err)
{
    return nj_parquet_end(e->parquet, err);
}
