#include "common/parquet/parquet_write.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/parquet/thrift.h"

#define MAGIC "PAR1"
#define MAGIC_BYTES 4
#define FOOTER_BYTES_MAX (256u << 20)

// What parquet.thrift calls them.
enum { TYPE_INT32 = 1, TYPE_FLOAT = 4, TYPE_BYTE_ARRAY = 6 };
enum { REQUIRED = 0, REPEATED = 2 };
enum { CONVERTED_UTF8 = 0, CONVERTED_LIST = 3 };
enum { ENCODING_PLAIN = 0, ENCODING_RLE = 3 };
enum { CODEC_UNCOMPRESSED = 0 };
enum { DATA_PAGE = 0 };

typedef struct {
    nj_parquet_field field;
    nj_buffer values;
    // Of a list, a bit a value, a list's emptiness counting as one: does it go on with the list before it, is it there?
    nj_buffer repeats;
    nj_buffer defines;
    size_t count; // values, with the empty lists
} column;

struct nj_parquet_writer {
    FILE *stream;     // borrowed
    const char *what; // borrowed
    column columns[NJ_PARQUET_FIELDS_MAX];
    size_t column_count;
    size_t group_bytes;
    uint64_t offset; // bytes written
    uint64_t group_rows;
    uint64_t row_count;
    size_t group_count;
    nj_buffer groups; // the RowGroup structs of the footer
    nj_buffer page;   // scratch: the head of a page
    nj_status status; // the first failure of a value
};

static bool is_list(const column *c)
{
    return c->field.kind == NJ_PARQUET_TEXTS || c->field.kind == NJ_PARQUET_FLOATS;
}

static int32_t type_of(nj_parquet_kind kind)
{
    switch (kind) {
    case NJ_PARQUET_INT:
        return TYPE_INT32;
    case NJ_PARQUET_FLOATS:
        return TYPE_FLOAT;
    default:
        return TYPE_BYTE_ARRAY;
    }
}

static bool holds_text(nj_parquet_kind kind)
{
    return kind == NJ_PARQUET_TEXT || kind == NJ_PARQUET_TEXTS;
}

static void put_u32(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static nj_status write_bytes(nj_parquet_writer *w, const void *bytes, size_t size, nj_error *err)
{
    if (size != 0 && fwrite(bytes, 1, size, w->stream) != size) {
        return nj_fail_errno(err, NJ_IO, errno, "%s", w->what);
    }
    w->offset += size;
    return NJ_OK;
}

nj_status nj_parquet_writer_new(FILE *stream, const char *what, const nj_parquet_field *fields,
                                size_t field_count, size_t group_bytes, nj_parquet_writer **out,
                                nj_error *err)
{
    assert(field_count != 0 && field_count <= NJ_PARQUET_FIELDS_MAX);
    nj_parquet_writer *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a Parquet file");
    }
    w->stream = stream;
    w->what = what;
    w->column_count = field_count;
    w->group_bytes = group_bytes;
    const size_t bytes_max = NJ_PARQUET_GROUP_BYTES + (size_t)NJ_PARQUET_ROW_BYTES_MAX;
    for (size_t i = 0; i < field_count; i++) {
        w->columns[i].field = fields[i];
        nj_buffer_init(&w->columns[i].values, bytes_max);
        nj_buffer_init(&w->columns[i].repeats, bytes_max);
        nj_buffer_init(&w->columns[i].defines, bytes_max);
    }
    nj_buffer_init(&w->groups, FOOTER_BYTES_MAX);
    nj_buffer_init(&w->page, FOOTER_BYTES_MAX);
    nj_status status = write_bytes(w, MAGIC, MAGIC_BYTES, err);
    if (status != NJ_OK) {
        nj_parquet_writer_free(&w);
        return status;
    }
    *out = w;
    return NJ_OK;
}

void nj_parquet_writer_free(nj_parquet_writer **writer)
{
    if (*writer == NULL) {
        return;
    }
    for (size_t i = 0; i < (*writer)->column_count; i++) {
        nj_buffer_fini(&(*writer)->columns[i].values);
        nj_buffer_fini(&(*writer)->columns[i].repeats);
        nj_buffer_fini(&(*writer)->columns[i].defines);
    }
    nj_buffer_fini(&(*writer)->groups);
    nj_buffer_fini(&(*writer)->page);
    free(*writer);
    *writer = NULL;
}

// ---- values ----

static column *open_column(nj_parquet_writer *w, size_t field, nj_parquet_kind kind)
{
    assert(field < w->column_count && w->columns[field].field.kind == kind);
    (void)kind;
    return &w->columns[field];
}

static void append(nj_parquet_writer *w, nj_buffer *buffer, const void *bytes, size_t size)
{
    if (w->status == NJ_OK) {
        w->status = nj_buffer_append(buffer, bytes, size);
    }
}

static void append_text(nj_parquet_writer *w, column *c, nj_slice text)
{
    uint8_t size[4];
    put_u32(size, (uint32_t)text.size);
    append(w, &c->values, size, sizeof size);
    append(w, &c->values, text.bytes, text.size);
}

// The `place`-th bit of levels that are packed from the lowest bit up.
static void append_bit(nj_parquet_writer *w, nj_buffer *levels, size_t place, bool bit)
{
    if (place % 8 == 0) {
        append(w, levels, "", 1);
    }
    if (w->status == NJ_OK && bit) {
        levels->bytes[place / 8] |= (uint8_t)(1u << (place % 8));
    }
}

static void append_levels(nj_parquet_writer *w, column *c, size_t count)
{
    for (size_t i = 0; i == 0 || i < count; i++) {
        append_bit(w, &c->repeats, c->count, i != 0);
        append_bit(w, &c->defines, c->count, count != 0);
        c->count++;
    }
}

void nj_parquet_text(nj_parquet_writer *writer, size_t field, nj_slice text)
{
    column *c = open_column(writer, field, NJ_PARQUET_TEXT);
    append_text(writer, c, text);
    c->count++;
}

void nj_parquet_int(nj_parquet_writer *writer, size_t field, int32_t number)
{
    column *c = open_column(writer, field, NJ_PARQUET_INT);
    uint8_t bytes[4];
    put_u32(bytes, (uint32_t)number);
    append(writer, &c->values, bytes, sizeof bytes);
    c->count++;
}

void nj_parquet_texts(nj_parquet_writer *writer, size_t field, const nj_slice *texts, size_t count)
{
    column *c = open_column(writer, field, NJ_PARQUET_TEXTS);
    append_levels(writer, c, count);
    for (size_t i = 0; i < count; i++) {
        append_text(writer, c, texts[i]);
    }
}

void nj_parquet_floats(nj_parquet_writer *writer, size_t field, const float *numbers, size_t count)
{
    column *c = open_column(writer, field, NJ_PARQUET_FLOATS);
    append_levels(writer, c, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        uint8_t bytes[4];
        memcpy(&bits, &numbers[i], sizeof bits);
        put_u32(bytes, bits);
        append(writer, &c->values, bytes, sizeof bytes);
    }
}

// ---- a row group ----

// Levels of one bit as one run of packed groups of eight, behind their length: at most 4 + 10 + count / 8 bytes.
static nj_status append_packed(nj_buffer *out, const nj_buffer *levels)
{
    nj_buffer head;
    nj_buffer_init(&head, 16);
    nj_thrift t = {.out = &head};
    nj_thrift_varint(&t, (uint64_t)levels->size << 1 | 1);
    uint8_t size[4];
    put_u32(size, (uint32_t)(head.size + levels->size));
    nj_status status = t.status;
    if (status == NJ_OK) {
        status = nj_buffer_append(out, size, sizeof size);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, head.bytes, head.size);
    }
    if (status == NJ_OK) {
        status = nj_buffer_append(out, levels->bytes, levels->size);
    }
    nj_buffer_fini(&head);
    return status;
}

static nj_status append_page_head(nj_buffer *out, const column *c, size_t page_bytes)
{
    nj_thrift t = {.out = out};
    nj_thrift_i32(&t, 1, DATA_PAGE);
    nj_thrift_i32(&t, 2, (int32_t)page_bytes);
    nj_thrift_i32(&t, 3, (int32_t)page_bytes);
    nj_thrift_field(&t, 5, NJ_THRIFT_STRUCT);
    const unsigned outer = nj_thrift_open(&t);
    nj_thrift_i32(&t, 1, (int32_t)c->count);
    nj_thrift_i32(&t, 2, ENCODING_PLAIN);
    nj_thrift_i32(&t, 3, ENCODING_RLE);
    nj_thrift_i32(&t, 4, ENCODING_RLE);
    nj_thrift_close(&t, outer);
    nj_thrift_close(&t, 0);
    return t.status;
}

static void describe_chunk(nj_thrift *t, const column *c, uint64_t begin, uint64_t bytes)
{
    const unsigned outer = nj_thrift_open(t);
    nj_thrift_i64(t, 2, begin);
    nj_thrift_field(t, 3, NJ_THRIFT_STRUCT);
    const unsigned chunk = nj_thrift_open(t);
    nj_thrift_i32(t, 1, type_of(c->field.kind));
    nj_thrift_list(t, 2, NJ_THRIFT_I32, 2);
    nj_thrift_number(t, ENCODING_PLAIN);
    nj_thrift_number(t, ENCODING_RLE);
    nj_thrift_list(t, 3, NJ_THRIFT_BINARY, is_list(c) ? 3 : 1);
    nj_thrift_text(t, c->field.name);
    if (is_list(c)) {
        nj_thrift_text(t, "list");
        nj_thrift_text(t, "element");
    }
    nj_thrift_i32(t, 4, CODEC_UNCOMPRESSED);
    nj_thrift_i64(t, 5, c->count);
    nj_thrift_i64(t, 6, bytes);
    nj_thrift_i64(t, 7, bytes);
    nj_thrift_i64(t, 9, begin);
    nj_thrift_close(t, chunk);
    nj_thrift_close(t, outer);
}

// Writes one column's chunk and empties the column.
static nj_status flush_column(nj_parquet_writer *w, column *c, nj_thrift *footer, nj_error *err)
{
    nj_buffer levels;
    nj_buffer_init(&levels, SIZE_MAX);
    nj_status status = NJ_OK;
    if (is_list(c)) {
        status = append_packed(&levels, &c->repeats);
        if (status == NJ_OK) {
            status = append_packed(&levels, &c->defines);
        }
    }
    nj_buffer_clear(&w->page);
    if (status == NJ_OK) {
        status = append_page_head(&w->page, c, levels.size + c->values.size);
    }
    if (status != NJ_OK) {
        status = nj_fail(err, status, "no memory for a page of Parquet");
    }
    const uint64_t begin = w->offset;
    const nj_buffer *parts[] = {&w->page, &levels, &c->values};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == NJ_OK; i++) {
        status = write_bytes(w, parts[i]->bytes, parts[i]->size, err);
    }
    if (status == NJ_OK) {
        describe_chunk(footer, c, begin, w->offset - begin);
    }
    nj_buffer_fini(&levels);
    nj_buffer_clear(&c->values);
    nj_buffer_clear(&c->repeats);
    nj_buffer_clear(&c->defines);
    c->count = 0;
    return status;
}

static nj_status flush_group(nj_parquet_writer *w, nj_error *err)
{
    if (w->group_rows == 0) {
        return NJ_OK;
    }
    const uint64_t begin = w->offset;
    nj_thrift footer = {.out = &w->groups};
    nj_thrift_list(&footer, 1, NJ_THRIFT_STRUCT, w->column_count);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < w->column_count && status == NJ_OK; i++) {
        status = flush_column(w, &w->columns[i], &footer, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    nj_thrift_i64(&footer, 2, w->offset - begin);
    nj_thrift_i64(&footer, 3, w->group_rows);
    nj_thrift_close(&footer, 0);
    w->group_count++;
    w->group_rows = 0;
    return footer.status == NJ_OK
               ? NJ_OK
               : nj_fail(err, footer.status, "no memory for the footer of a Parquet file");
}

nj_status nj_parquet_row(nj_parquet_writer *writer, nj_error *err)
{
    if (writer->status != NJ_OK) {
        return nj_fail(err, writer->status, "no memory for a row group of Parquet");
    }
    writer->row_count++;
    writer->group_rows++;
    size_t bytes = 0;
    for (size_t i = 0; i < writer->column_count; i++) {
        bytes += writer->columns[i].values.size + 2 * writer->columns[i].repeats.size;
    }
    return bytes >= writer->group_bytes ? flush_group(writer, err) : NJ_OK;
}

// ---- the footer ----

static void describe_element(nj_thrift *t, const char *name, int32_t type, int32_t repetition,
                             int32_t children, int32_t converted)
{
    const unsigned outer = nj_thrift_open(t);
    if (type >= 0) {
        nj_thrift_i32(t, 1, type);
    }
    nj_thrift_i32(t, 3, repetition);
    nj_thrift_field(t, 4, NJ_THRIFT_BINARY);
    nj_thrift_text(t, name);
    if (children > 0) {
        nj_thrift_i32(t, 5, children);
    }
    if (converted >= 0) {
        nj_thrift_i32(t, 6, converted);
    }
    nj_thrift_close(t, outer);
}

// The tree of columns, root first; a list is three elements deep: name, "list", "element".
static void describe_schema(nj_thrift *t, const nj_parquet_writer *w)
{
    size_t elements = 1;
    for (size_t i = 0; i < w->column_count; i++) {
        elements += is_list(&w->columns[i]) ? 3 : 1;
    }
    nj_thrift_list(t, 2, NJ_THRIFT_STRUCT, elements);
    describe_element(t, "rows", -1, REQUIRED, (int32_t)w->column_count, -1);
    for (size_t i = 0; i < w->column_count; i++) {
        const nj_parquet_field *field = &w->columns[i].field;
        const int32_t converted = holds_text(field->kind) ? CONVERTED_UTF8 : -1;
        if (is_list(&w->columns[i])) {
            describe_element(t, field->name, -1, REQUIRED, 1, CONVERTED_LIST);
            describe_element(t, "list", -1, REPEATED, 1, -1);
            describe_element(t, "element", type_of(field->kind), REQUIRED, 0, converted);
        } else {
            describe_element(t, field->name, type_of(field->kind), REQUIRED, 0, converted);
        }
    }
}

nj_status nj_parquet_end(nj_parquet_writer *writer, nj_error *err)
{
    nj_status status = flush_group(writer, err);
    if (status != NJ_OK) {
        return status;
    }
    nj_buffer_clear(&writer->page);
    nj_thrift t = {.out = &writer->page};
    nj_thrift_i32(&t, 1, 1);
    describe_schema(&t, writer);
    nj_thrift_i64(&t, 3, writer->row_count);
    nj_thrift_list(&t, 4, NJ_THRIFT_STRUCT, writer->group_count);
    nj_thrift_bytes(&t, writer->groups.bytes, writer->groups.size);
    nj_thrift_field(&t, 6, NJ_THRIFT_BINARY);
    nj_thrift_text(&t, "nightjar");
    nj_thrift_close(&t, 0);
    uint8_t size[4];
    put_u32(size, (uint32_t)writer->page.size);
    nj_thrift_bytes(&t, size, sizeof size);
    nj_thrift_bytes(&t, MAGIC, MAGIC_BYTES);
    if (t.status != NJ_OK) {
        return nj_fail(err, t.status, "no memory for the footer of a Parquet file");
    }
    return write_bytes(writer, writer->page.bytes, writer->page.size, err);
}
