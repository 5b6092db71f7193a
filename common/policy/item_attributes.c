#include "common/policy/item_attributes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/id.h"
#include "common/catalogue/attributes.h"
#include "common/catalogue/categories.h"
#include "common/input/instant.h"
#include "common/text/item_texts.h"

#define DAY_SECONDS 86400
#define OPTIONS "--attribute-columns and --day-columns"
#define PATH_SEPARATOR " > "
#define PATH_BYTES_MAX 65536
#define QUOTE_BYTES_MAX 80
#define SECTION_BYTES_MAX ((size_t)1 << 42)

// A column while it is read.
typedef struct {
    nj_slice name; // borrowed from the options
    nj_attribute_kind kind;
    bool has_depth;           // the option has NAME=N
    uint32_t depth;           // parts of a path that count; 0: all
    nj_idlist_builder values; // words, in the order in which they are met
    nj_idmap map;
    uint32_t *of_row; // owned; [N] words
    int32_t *day_of;  // owned; [N] days
    nj_buffer path;   // the text of the item at hand
} column;

typedef struct {
    const nj_item_attributes_source *source;
    const nj_idlist *items;
    const nj_idmap *map;
    char *names; // owned; both options' columns
    column columns[NJ_ATTRIBUTES_MAX];
    uint32_t column_count;
    uint64_t *lines; // owned; [N] the line that named the item, 0: none
    uint64_t known_count;
    uint64_t foreign_count;
} reading;

// ---- columns ----

// The columns of one option. "category=2" means the first two parts of a path.
static nj_status add_columns(reading *r, const char *text, nj_attribute_kind kind, nj_error *err)
{
    while (text != NULL) {
        const char *comma = strchr(text, ',');
        const nj_slice said = {text, comma != NULL ? (size_t)(comma - text) : strlen(text)};
        const char *equals = memchr(said.bytes, '=', said.size);
        if (r->column_count == NJ_ATTRIBUTES_MAX) {
            return nj_fail(err, NJ_USAGE, OPTIONS " name more than %d columns", NJ_ATTRIBUTES_MAX);
        }
        if (kind == NJ_ATTRIBUTE_DAYS && equals != NULL) {
            return nj_fail(err, NJ_USAGE, "--day-columns has \"%.*s\", must be a column's name",
                           NJ_SLICE_ARGS(said));
        }
        column *c = &r->columns[r->column_count++];
        c->kind = kind;
        c->name = (nj_slice){text, equals != NULL ? (size_t)(equals - text) : said.size};
        c->has_depth = equals != NULL;
        text = comma != NULL ? comma + 1 : NULL;
    }
    return NJ_OK;
}

static nj_status read_columns(reading *r, nj_error *err)
{
    const char *words = r->source->word_columns;
    const char *days = r->source->day_columns;
    if (words == NULL && days == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--attributes needs --attribute-columns NAME[=N][,...], --day-columns "
                       "NAME[,...] or both: which columns of %s a policy may name",
                       r->source->path);
    }
    const bool both = words != NULL && days != NULL;
    const size_t bytes = (words != NULL ? strlen(words) : 0) + (days != NULL ? strlen(days) : 0);
    r->names = malloc(bytes + 2);
    if (r->names == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the names of columns");
    }
    snprintf(r->names, bytes + 2, "%s%s%s", words != NULL ? words : "", both ? "," : "",
             days != NULL ? days : "");
    nj_status status = add_columns(r, words, NJ_ATTRIBUTE_WORDS, err);
    return status == NJ_OK ? add_columns(r, days, NJ_ATTRIBUTE_DAYS, err) : status;
}

static nj_status open_columns(reading *r, nj_error *err)
{
    const size_t N = r->items->count;
    r->lines = calloc(N + 1, sizeof *r->lines);
    bool complete = r->lines != NULL;
    for (uint32_t i = 0; i < r->column_count; i++) {
        column *c = &r->columns[i];
        nj_idlist_builder_init(&c->values);
        nj_idmap_init(&c->map);
        nj_buffer_init(&c->path, PATH_BYTES_MAX);
        c->of_row = c->kind == NJ_ATTRIBUTE_WORDS ? malloc((N + 1) * sizeof *c->of_row) : NULL;
        c->day_of = c->kind == NJ_ATTRIBUTE_DAYS ? malloc((N + 1) * sizeof *c->day_of) : NULL;
        complete = complete && (c->of_row != NULL || c->day_of != NULL);
        for (size_t row = 0; row < N && c->of_row != NULL; row++) {
            c->of_row[row] = NJ_ATTRIBUTE_NONE;
        }
        for (size_t row = 0; row < N && c->day_of != NULL; row++) {
            c->day_of[row] = NJ_DAY_NONE;
        }
    }
    return complete ? NJ_OK
                    : nj_fail(err, NJ_NO_MEMORY, "no memory for %u attributes of %zu items",
                              r->column_count, N);
}

static void close_reading(reading *r)
{
    for (uint32_t i = 0; i < r->column_count; i++) {
        column *c = &r->columns[i];
        nj_idlist_builder_fini(&c->values);
        nj_idmap_fini(&c->map);
        nj_buffer_fini(&c->path);
        free(c->of_row);
        free(c->day_of);
    }
    free(r->names);
    free(r->lines);
}

// ---- items ----

static nj_status fail_value(const nj_item_text *item, const column *c, nj_slice text,
                            const char *problem, nj_error *err)
{
    return nj_lines_fail(
        item->lines, item->line, err, "\"%.*s\" of item \"%.*s\" is \"%.*s\", which %s",
        NJ_SLICE_ARGS(c->name), NJ_SLICE_ARGS(item->id),
        (int)(text.size < QUOTE_BYTES_MAX ? text.size : QUOTE_BYTES_MAX), text.bytes, problem);
}

static nj_status set_word(column *c, const nj_item_text *item, size_t row, nj_slice text,
                          nj_error *err)
{
    const nj_slice value = nj_category_cut(text, c->depth);
    const char *problem = value.size > 0 ? nj_id_problem(value) : NULL;
    if (value.size == 0 || problem != NULL) {
        return problem == NULL ? NJ_OK : fail_value(item, c, text, problem, err);
    }
    size_t number = nj_idmap_find(&c->map, value, nj_idmap_at_builder, &c->values);
    if (number == NJ_IDMAP_NONE) {
        number = c->values.count;
        if (nj_idlist_builder_add(&c->values, value) != NJ_OK ||
            nj_idmap_insert(&c->map, value, number) != NJ_OK) {
            return nj_fail(err, NJ_NO_MEMORY, "no memory for the values of \"%.*s\"",
                           NJ_SLICE_ARGS(c->name));
        }
    }
    c->of_row[row] = (uint32_t)number;
    return NJ_OK;
}

static nj_status set_day(column *c, const nj_item_text *item, size_t row, nj_slice text,
                         nj_error *err)
{
    char copy[NJ_DECIMAL_BYTES_MAX + 1] = "";
    nj_instant instant = {0};
    text = nj_category_cut(text, 0);
    if (text.size == 0) {
        return NJ_OK;
    }
    if (text.size < sizeof copy) {
        memcpy(copy, text.bytes, text.size);
    }
    if (nj_instant_parse("day", copy, &instant, NULL) != NJ_OK) {
        return fail_value(item, c, text,
                          "is no day: neither a date such as 2024-05-01 nor seconds since 1970",
                          err);
    }
    const double day = floor(instant.at / DAY_SECONDS);
    if (!(day >= NJ_DAY_MIN && day <= NJ_DAY_MAX)) {
        return fail_value(
            item, c, text,
            "is in no year from 1 to 9999 as seconds since 1970: divide milliseconds by 1000", err);
    }
    c->day_of[row] = (int32_t)day;
    return NJ_OK;
}

// Texts of one column one behind the other.
static nj_status add_text(reading *r, const nj_item_text *item, const nj_text_field *field,
                          nj_error *err)
{
    column *c = &r->columns[field->column];
    c->depth = c->has_depth ? field->weight : 0; // the reader has read the number
    nj_status status = c->path.size > 0 ? nj_buffer_printf(&c->path, PATH_SEPARATOR) : NJ_OK;
    if (status == NJ_OK) {
        status = nj_buffer_append(&c->path, field->text.bytes, field->text.size);
    }
    return status == NJ_OK
               ? NJ_OK
               : nj_lines_fail(item->lines, item->line, err,
                               "\"%.*s\" of item \"%.*s\" has more than %d bytes",
                               NJ_SLICE_ARGS(c->name), NJ_SLICE_ARGS(item->id), PATH_BYTES_MAX);
}

static nj_status take_item(void *context, const nj_item_text *item, nj_error *err)
{
    reading *r = context;
    const size_t row = nj_idmap_find(r->map, item->id, nj_idmap_at_list, r->items);
    if (row == NJ_IDMAP_NONE) {
        r->foreign_count++;
        return NJ_OK;
    }
    if (r->lines[row] != 0) {
        const nj_line_place there = nj_lines_place(item->lines, r->lines[row]);
        return nj_lines_fail(item->lines, item->line, err, "item \"%.*s\" stands in %s already",
                             NJ_SLICE_ARGS(item->id), there.text);
    }
    r->lines[row] = item->line;
    r->known_count++;
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < r->column_count; i++) {
        nj_buffer_clear(&r->columns[i].path);
    }
    for (size_t i = 0; i < item->field_count && status == NJ_OK; i++) {
        status = add_text(r, item, &item->fields[i], err);
    }
    for (uint32_t i = 0; i < r->column_count && status == NJ_OK; i++) {
        column *c = &r->columns[i];
        if (c->path.size > 0) {
            status = c->kind == NJ_ATTRIBUTE_DAYS
                         ? set_day(c, item, row, nj_buffer_slice(&c->path), err)
                         : set_word(c, item, row, nj_buffer_slice(&c->path), err);
        }
    }
    return status;
}

// ---- the section ----

typedef struct {
    nj_slice text;
    uint32_t number; // in the order in which it was met
} value;

static int compare_values(const void *a, const void *b)
{
    const value *x = a;
    const value *y = b;
    return nj_slice_compare(x->text, y->text);
}

// Numbers the values in their order and writes them as a list.
static nj_status sort_values(column *c, size_t N, value *values, uint32_t *place, nj_buffer *list)
{
    const size_t count = c->values.count;
    nj_idlist_builder sorted;
    nj_status status = NJ_OK;
    nj_idlist_builder_init(&sorted);
    for (size_t i = 0; i < count; i++) {
        values[i] = (value){nj_idlist_builder_at(&c->values, i), (uint32_t)i};
    }
    qsort(values, count, sizeof *values, compare_values);
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        place[values[i].number] = (uint32_t)i;
        status = nj_idlist_builder_add(&sorted, values[i].text);
    }
    for (size_t row = 0; row < N && status == NJ_OK; row++) {
        if (c->of_row[row] != NJ_ATTRIBUTE_NONE) {
            c->of_row[row] = place[c->of_row[row]];
        }
    }
    if (status == NJ_OK) {
        status = nj_idlist_builder_write(&sorted, list);
    }
    nj_idlist_builder_fini(&sorted);
    return status;
}

static nj_status finish_column(column *c, size_t N, nj_buffer *list, nj_attribute *out,
                               nj_error *err)
{
    *out =
        (nj_attribute){.name = c->name, .kind = c->kind, .of_row = c->of_row, .day_of = c->day_of};
    if (c->kind == NJ_ATTRIBUTE_DAYS) {
        return NJ_OK;
    }
    value *values = calloc(c->values.count + 1, sizeof *values);
    uint32_t *place = calloc(c->values.count + 1, sizeof *place);
    nj_status status =
        values != NULL && place != NULL ? sort_values(c, N, values, place, list) : NJ_NO_MEMORY;
    free(values);
    free(place);
    return status == NJ_OK ? nj_idlist_open(list->bytes, list->size, "values", &out->values, err)
                           : nj_fail(err, status, "no memory for the values of \"%.*s\"",
                                     NJ_SLICE_ARGS(c->name));
}

static nj_status write_section(reading *r, nj_buffer *out, nj_error *err)
{
    nj_attribute columns[NJ_ATTRIBUTES_MAX];
    nj_buffer lists[NJ_ATTRIBUTES_MAX];
    const size_t N = r->items->count;
    nj_status status = NJ_OK;
    for (uint32_t i = 0; i < r->column_count; i++) {
        nj_buffer_init(&lists[i], SECTION_BYTES_MAX);
    }
    for (uint32_t i = 0; i < r->column_count && status == NJ_OK; i++) {
        status = finish_column(&r->columns[i], N, &lists[i], &columns[i], err);
    }
    if (status == NJ_OK) {
        status = nj_attributes_write(columns, r->column_count, (uint32_t)N, out, err);
    }
    for (uint32_t i = 0; i < r->column_count; i++) {
        nj_buffer_fini(&lists[i]);
    }
    return status;
}

nj_status nj_item_attributes_read(const nj_item_attributes_source *source, const nj_idlist *items,
                                  const nj_idmap *map, nj_buffer *out, uint64_t *out_foreign,
                                  nj_error *err)
{
    reading r = {.source = source, .items = items, .map = map};
    nj_status status = read_columns(&r, err);
    if (status == NJ_OK) {
        status = open_columns(&r, err);
    }
    if (status == NJ_OK) {
        const nj_item_text_reading texts = {.path = source->path,
                                            .text_columns = r.names,
                                            .option = OPTIONS,
                                            .takes_numbers = true,
                                            .take = take_item,
                                            .context = &r};
        status = nj_item_texts_read(&texts, err);
    }
    if (status == NJ_OK && r.known_count == 0) {
        status =
            nj_fail(err, NJ_INPUT, "%s: none of its %" PRIu64 " items is among the catalogue's %zu",
                    source->path, r.foreign_count, items->count);
    }
    if (status == NJ_OK) {
        status = write_section(&r, out, err);
    }
    if (status == NJ_OK) {
        *out_foreign = r.foreign_count;
    }
    close_reading(&r);
    return status;
}
