#include "common/catalogue/attributes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/id.h"

#define MAGIC "NJATTRIB"
#define ALIGNMENT 8

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t row_count;
    uint32_t column_count;
    uint32_t reserved;
} header;

// Data of the columns lie end to end in their order, each padded with zeros to a multiple of ALIGNMENT.
typedef struct {
    char name[NJ_ATTRIBUTE_NAME_BYTES_MAX + 1]; // padded with NUL
    uint32_t kind;
    uint32_t reserved;
    uint64_t offset; // of its data, from the section's begin
    uint64_t bytes;  // of its data without the padding
} entry;

// The section is these structs one after the other: their sizes are its layout.
_Static_assert(sizeof(header) == 24 && sizeof(entry) == 88, "as in schemas/bundle.md");
_Static_assert(sizeof(int32_t) == sizeof(uint32_t), "both kinds of column have rows of one size");

static size_t rows_bytes(uint32_t row_count)
{
    return nj_round_up((size_t)row_count * sizeof(uint32_t), ALIGNMENT);
}

// ---- opening ----

// What is being opened.
typedef struct {
    const uint8_t *bytes;
    size_t size;
    size_t end; // of the columns before
    nj_attributes out;
} opening;

static nj_status check_header(const header *head, size_t size, uint32_t row_count, nj_error *err)
{
    if (size < sizeof *head || memcmp(head->magic, MAGIC, sizeof head->magic) != 0) {
        return nj_fail(err, NJ_INPUT, "attributes: the bytes do not begin with \"" MAGIC "\"");
    }
    if (head->version != NJ_ATTRIBUTES_VERSION) {
        return nj_fail(err, NJ_INPUT, "attributes: version %u, this program reads %d",
                       head->version, NJ_ATTRIBUTES_VERSION);
    }
    if (head->row_count != row_count) {
        return nj_fail(err, NJ_INPUT, "attributes: made for %u rows, the catalogue has %u",
                       head->row_count, row_count);
    }
    if (head->column_count < 1 || head->column_count > NJ_ATTRIBUTES_MAX || head->reserved != 0) {
        return nj_fail(err, NJ_INPUT, "attributes: %u columns, must be 1 to %d", head->column_count,
                       NJ_ATTRIBUTES_MAX);
    }
    const size_t bytes = sizeof *head + head->column_count * sizeof(entry);
    return size >= bytes ? NJ_OK
                         : nj_fail(err, NJ_INPUT, "attributes: %zu bytes, %u columns need %zu",
                                   size, head->column_count, bytes);
}

static nj_status check_name(const opening *o, uint32_t index, const entry *e, nj_error *err)
{
    const nj_slice name = {e->name, strnlen(e->name, sizeof e->name)};
    const char *problem = name.size == sizeof e->name ? "does not end" : nj_id_problem(name);
    for (size_t i = name.size; i < sizeof e->name && problem == NULL; i++) {
        problem = e->name[i] != '\0' ? "has something behind its end" : NULL;
    }
    if (problem != NULL) {
        return nj_fail(err, NJ_INPUT, "attributes: the name of column %u %s", index, problem);
    }
    const bool in_order = index == 0 || nj_slice_compare(o->out.columns[index - 1].name, name) < 0;
    return in_order ? NJ_OK
                    : nj_fail(err, NJ_INPUT, "attributes: column %u, \"%.*s\", is out of order",
                              index, NJ_SLICE_ARGS(name));
}

static nj_status check_place(const opening *o, nj_slice name, const entry *e, nj_error *err)
{
    const size_t rows = rows_bytes(o->out.row_count);
    if (e->kind > NJ_ATTRIBUTE_DAYS || e->reserved != 0) {
        return nj_fail(err, NJ_INPUT, "attributes: column \"%.*s\" is of kind %u, must be 0 or 1",
                       NJ_SLICE_ARGS(name), e->kind);
    }
    if (e->offset != o->end || e->bytes > o->size - o->end) {
        return nj_fail(err, NJ_INPUT,
                       "attributes: column \"%.*s\" has %" PRIu64 " bytes from %" PRIu64
                       ", must begin at %zu and end at %zu at the latest",
                       NJ_SLICE_ARGS(name), e->bytes, e->offset, o->end, o->size);
    }
    if (e->bytes < rows || (e->kind == NJ_ATTRIBUTE_DAYS && e->bytes != rows)) {
        return nj_fail(err, NJ_INPUT,
                       "attributes: column \"%.*s\" has %" PRIu64 " bytes, %u rows need %zu",
                       NJ_SLICE_ARGS(name), e->bytes, o->out.row_count, rows);
    }
    return NJ_OK;
}

static nj_status check_padding(const opening *o, size_t from, size_t to, nj_error *err)
{
    for (size_t at = from; at < to; at++) {
        if (o->bytes[at] != 0) {
            return nj_fail(err, NJ_INPUT, "attributes: byte %zu is %u, must be 0", at,
                           o->bytes[at]);
        }
    }
    return NJ_OK;
}

static nj_status check_values(const nj_attribute *column, nj_error *err)
{
    for (size_t i = 1; i < column->values.count; i++) {
        if (nj_slice_compare(nj_idlist_at(&column->values, i - 1),
                             nj_idlist_at(&column->values, i)) >= 0) {
            return nj_fail(
                err, NJ_INPUT, "attributes: column \"%.*s\": value %zu, \"%.*s\", is out of order",
                NJ_SLICE_ARGS(column->name), i, NJ_SLICE_ARGS(nj_idlist_at(&column->values, i)));
        }
    }
    return NJ_OK;
}

static nj_status check_words(nj_attribute *column, uint32_t row_count, nj_error *err)
{
    for (uint32_t row = 0; row < row_count; row++) {
        const uint32_t value = column->of_row[row];
        if (value != NJ_ATTRIBUTE_NONE && value >= column->values.count) {
            return nj_fail(err, NJ_INPUT,
                           "attributes: column \"%.*s\", row %u: value %u, the column has %zu",
                           NJ_SLICE_ARGS(column->name), row, value, column->values.count);
        }
        column->known_count += value != NJ_ATTRIBUTE_NONE;
    }
    return check_values(column, err);
}

static nj_status check_days(nj_attribute *column, uint32_t row_count, nj_error *err)
{
    for (uint32_t row = 0; row < row_count; row++) {
        const int32_t day = column->day_of[row];
        if (day != NJ_DAY_NONE && (day < NJ_DAY_MIN || day > NJ_DAY_MAX)) {
            return nj_fail(err, NJ_INPUT,
                           "attributes: column \"%.*s\", row %u: day %d, must be %d to %d",
                           NJ_SLICE_ARGS(column->name), row, day, NJ_DAY_MIN, NJ_DAY_MAX);
        }
        column->known_count += day != NJ_DAY_NONE;
    }
    return NJ_OK;
}

// The values of a column of words, and its rows.
static nj_status open_words(opening *o, nj_attribute *column, const entry *e, nj_error *err)
{
    const size_t rows = rows_bytes(o->out.row_count);
    column->of_row = (const uint32_t *)(const void *)(o->bytes + e->offset);
    nj_status status = nj_idlist_open(o->bytes + e->offset + rows, e->bytes - rows,
                                      "attributes: values", &column->values, err);
    return status == NJ_OK ? check_words(column, o->out.row_count, err) : status;
}

static nj_status open_column(opening *o, uint32_t index, const entry *e, nj_error *err)
{
    nj_attribute *column = &o->out.columns[index];
    nj_status status = check_name(o, index, e, err);
    if (status != NJ_OK) {
        return status;
    }
    *column = (nj_attribute){.name = nj_slice_from(e->name), .kind = (nj_attribute_kind)e->kind};
    status = check_place(o, column->name, e, err);
    if (status != NJ_OK) {
        return status;
    }
    const size_t rows_end = (size_t)e->offset + o->out.row_count * sizeof(uint32_t);
    const size_t end = (size_t)(e->offset + e->bytes);
    const size_t padded = nj_min_size(nj_round_up(end, ALIGNMENT), o->size);
    status = check_padding(o, rows_end, (size_t)e->offset + rows_bytes(o->out.row_count), err);
    if (status == NJ_OK) {
        status = check_padding(o, end, padded, err);
    }
    if (status == NJ_OK && e->kind == NJ_ATTRIBUTE_WORDS) {
        status = open_words(o, column, e, err);
    } else if (status == NJ_OK) {
        column->day_of = (const int32_t *)(const void *)(o->bytes + e->offset);
        status = check_days(column, o->out.row_count, err);
    }
    o->end = padded;
    return status;
}

nj_status nj_attributes_open(const void *bytes, size_t size, uint32_t row_count, nj_attributes *out,
                             nj_error *err)
{
    const header *head = bytes;
    nj_status status = check_header(head, size, row_count, err);
    if (status != NJ_OK) {
        return status;
    }
    const entry *entries = (const entry *)(const void *)(head + 1);
    opening o = {.bytes = bytes,
                 .size = size,
                 .end = sizeof *head + head->column_count * sizeof *entries,
                 .out = {.row_count = row_count, .count = head->column_count}};
    for (uint32_t i = 0; i < o.out.count && status == NJ_OK; i++) {
        status = open_column(&o, i, &entries[i], err);
    }
    if (status == NJ_OK && (o.end != size || size % ALIGNMENT != 0)) {
        status = nj_fail(err, NJ_INPUT, "attributes: %zu bytes, its columns end at %zu", size,
                         nj_round_up(o.end, ALIGNMENT));
    }
    if (status == NJ_OK) {
        *out = o.out;
    }
    return status;
}

// ---- looking ----

uint32_t nj_attributes_find(const nj_attributes *attributes, nj_slice name)
{
    for (uint32_t i = 0; i < attributes->count; i++) {
        if (nj_slice_equal(attributes->columns[i].name, name)) {
            return i;
        }
    }
    return NJ_ATTRIBUTE_NONE;
}

uint32_t nj_attribute_value_find(const nj_attribute *column, nj_slice value)
{
    size_t low = 0;
    size_t high = column->values.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (nj_slice_compare(nj_idlist_at(&column->values, middle), value) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < column->values.count && nj_slice_equal(nj_idlist_at(&column->values, low), value)
               ? (uint32_t)low
               : NJ_ATTRIBUTE_NONE;
}

// ---- writing ----

static int compare_columns(const void *a, const void *b)
{
    const nj_attribute *x = a;
    const nj_attribute *y = b;
    return nj_slice_compare(x->name, y->name);
}

static size_t column_bytes(const nj_attribute *column, uint32_t row_count)
{
    const nj_idlist *values = &column->values;
    return rows_bytes(row_count) +
           (column->kind == NJ_ATTRIBUTE_WORDS
                ? (2 + values->count) * sizeof(uint64_t) + (size_t)values->offset[values->count]
                : 0);
}

static nj_status pad(nj_buffer *out, size_t begin)
{
    static const uint8_t ZEROS[ALIGNMENT] = {0};
    const size_t size = out->size - begin;
    return nj_buffer_append(out, ZEROS, nj_round_up(size, ALIGNMENT) - size);
}

// The values as nj_idlist_open reads them.
static nj_status append_values(const nj_idlist *values, nj_buffer *out)
{
    const uint64_t count = values->count;
    nj_status status = nj_buffer_append(out, &count, sizeof count);
    if (status == NJ_OK) {
        status =
            nj_buffer_append(out, values->offset, (values->count + 1) * sizeof *values->offset);
    }
    return status == NJ_OK
               ? nj_buffer_append(out, values->bytes, (size_t)values->offset[values->count])
               : status;
}

static nj_status append_column(const nj_attribute *column, uint32_t row_count, size_t begin,
                               nj_buffer *out)
{
    const bool is_words = column->kind == NJ_ATTRIBUTE_WORDS;
    const void *rows = is_words ? (const void *)column->of_row : (const void *)column->day_of;
    nj_status status = nj_buffer_append(out, rows, (size_t)row_count * sizeof(uint32_t));
    if (status == NJ_OK) {
        status = pad(out, begin);
    }
    if (status == NJ_OK && is_words) {
        status = append_values(&column->values, out);
    }
    return status == NJ_OK ? pad(out, begin) : status;
}

static nj_status append_entries(const nj_attribute *columns, uint32_t count, uint32_t row_count,
                                nj_buffer *out, nj_error *err)
{
    nj_status status = NJ_OK;
    size_t offset = sizeof(header) + count * sizeof(entry);
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        const nj_slice name = columns[i].name;
        const char *problem = name.size > NJ_ATTRIBUTE_NAME_BYTES_MAX ? "is longer than 63 bytes"
                                                                      : nj_id_problem(name);
        if (problem != NULL) {
            return nj_fail(err, NJ_INPUT, "attributes: the name \"%.*s\" of a column %s",
                           NJ_SLICE_ARGS(name), problem);
        }
        if (i > 0 && nj_slice_equal(columns[i - 1].name, name)) {
            return nj_fail(err, NJ_INPUT, "attributes: column \"%.*s\" is there twice",
                           NJ_SLICE_ARGS(name));
        }
        entry e = {.kind = columns[i].kind,
                   .offset = offset,
                   .bytes = column_bytes(&columns[i], row_count)};
        memcpy(e.name, name.bytes, name.size);
        offset = nj_round_up(offset + (size_t)e.bytes, ALIGNMENT);
        status = nj_buffer_append(out, &e, sizeof e);
    }
    return status;
}

nj_status nj_attributes_write(const nj_attribute *columns, uint32_t count, uint32_t row_count,
                              nj_buffer *out, nj_error *err)
{
    if (count < 1 || count > NJ_ATTRIBUTES_MAX) {
        return nj_fail(err, NJ_INPUT, "attributes: %u columns, must be 1 to %d", count,
                       NJ_ATTRIBUTES_MAX);
    }
    nj_attribute sorted[NJ_ATTRIBUTES_MAX];
    memcpy(sorted, columns, count * sizeof *columns);
    qsort(sorted, count, sizeof *sorted, compare_columns);
    const header head = {.magic = MAGIC,
                         .version = NJ_ATTRIBUTES_VERSION,
                         .row_count = row_count,
                         .column_count = count};
    const size_t begin = out->size;
    nj_status status = nj_buffer_append(out, &head, sizeof head);
    if (status == NJ_OK) {
        status = append_entries(sorted, count, row_count, out, err);
    }
    for (uint32_t i = 0; i < count && status == NJ_OK; i++) {
        status = append_column(&sorted[i], row_count, begin, out);
    }
    return status == NJ_NO_MEMORY
               ? nj_fail(err, status, "no memory for %u attributes of %u items", count, row_count)
               : status;
}
