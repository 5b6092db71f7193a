// parquet_query.c - which columns of the file are read, and the query that fetches them as text.
#include <stdio.h>
#include <string.h>

#include "common/parquet/parquet_parts.h"

#define SOURCE_BYTES 96
#define SQL_BYTES_MAX (1u << 20)
#define FOUND_BYTES 400

// What the file says of its columns.
typedef struct {
    nj_parquet *parquet;
    nj_duck_result result;
    size_t count;
} schema;

static const char *name_at(schema *s, size_t column)
{
    const char *name = s->parquet->duck->column_name(&s->result, column);
    return name != NULL ? name : "";
}

static nj_parquet_kind kind_of_type(const nj_duck *duck, int id, void *type)
{
    switch (id) {
    case NJ_DUCK_VARCHAR:
    case NJ_DUCK_ENUM:
    case NJ_DUCK_UUID:
        return NJ_PARQUET_TEXT;
    case NJ_DUCK_TINYINT:
    case NJ_DUCK_SMALLINT:
    case NJ_DUCK_INTEGER:
    case NJ_DUCK_BIGINT:
    case NJ_DUCK_UTINYINT:
    case NJ_DUCK_USMALLINT:
    case NJ_DUCK_UINTEGER:
    case NJ_DUCK_UBIGINT:
    case NJ_DUCK_HUGEINT:
    case NJ_DUCK_UHUGEINT:
        return NJ_PARQUET_WHOLE;
    case NJ_DUCK_DECIMAL: // some warehouses have no other whole numbers
        return duck->decimal_scale(type) == 0 ? NJ_PARQUET_WHOLE : NJ_PARQUET_NUMBER;
    case NJ_DUCK_FLOAT:
    case NJ_DUCK_DOUBLE:
        return NJ_PARQUET_NUMBER;
    case NJ_DUCK_TIMESTAMP:
    case NJ_DUCK_TIMESTAMP_S:
    case NJ_DUCK_TIMESTAMP_MS:
    case NJ_DUCK_TIMESTAMP_NS:
    case NJ_DUCK_TIMESTAMP_TZ:
    case NJ_DUCK_DATE:
        return NJ_PARQUET_TIME;
    default:
        return NJ_PARQUET_OTHER;
    }
}

static nj_parquet_field field_at(schema *s, size_t column)
{
    const nj_duck *duck = s->parquet->duck;
    void *type = duck->column_logical_type(&s->result, column);
    const int id = duck->get_type_id(type);
    nj_parquet_field field = {.is_list = id == NJ_DUCK_LIST};
    if (field.is_list) {
        void *element = duck->list_type_child_type(type);
        field.kind = kind_of_type(duck, duck->get_type_id(element), element);
        duck->destroy_logical_type(&element);
    } else {
        field.kind = kind_of_type(duck, id, type);
    }
    duck->destroy_logical_type(&type);
    return field;
}

// ---- the shape that fits ----

// Where the column stands under the first of its names that is there; s->count: nowhere.
static size_t find_column(schema *s, const nj_parquet_column *column)
{
    for (size_t n = 0; n < NJ_PARQUET_NAMES_MAX && column->names[n] != NULL; n++) {
        for (size_t i = 0; i < s->count; i++) {
            if (strcmp(name_at(s, i), column->names[n]) == 0) {
                return i;
            }
        }
    }
    return s->count;
}

static bool fits(schema *s, const nj_parquet_shape *shape)
{
    if (shape->column_count == 0) {
        return shape->form == NJ_PARQUET_JSON || s->count == 1;
    }
    for (size_t i = 0; i < shape->column_count; i++) {
        if (shape->columns[i].is_needed && find_column(s, &shape->columns[i]) == s->count) {
            return false;
        }
    }
    return true;
}

static void print_names(schema *s, char text[FOUND_BYTES])
{
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < s->count && at < FOUND_BYTES - 1; i++) {
        const int wrote =
            snprintf(text + at, FOUND_BYTES - at, "%s\"%s\"", i > 0 ? ", " : "", name_at(s, i));
        at += wrote > 0 ? (size_t)wrote : 0;
    }
}

static nj_status fail_shapes(schema *s, const nj_parquet_shape *shapes, size_t shape_count,
                             nj_error *err)
{
    char found[FOUND_BYTES];
    char wanted[FOUND_BYTES] = "";
    size_t at = 0;
    for (size_t k = 0; k < shape_count; k++) {
        const char *before = k > 0 ? " or " : "";
        for (size_t i = 0; i < shapes[k].column_count && at < sizeof wanted - 1; i++) {
            if (shapes[k].columns[i].is_needed) {
                const int wrote = snprintf(wanted + at, sizeof wanted - at, "%s\"%s\"", before,
                                           shapes[k].columns[i].names[0]);
                at += wrote > 0 ? (size_t)wrote : 0;
                before = " and ";
            }
        }
    }
    print_names(s, found);
    return nj_fail(err, NJ_INPUT, "%s: has no column %s; its columns are %s", s->parquet->name,
                   wanted, found);
}

// ---- the query ----

static nj_status append_name(nj_buffer *sql, const char *name)
{
    nj_status status = nj_buffer_append(sql, "\"", 1);
    for (; status == NJ_OK && *name != '\0'; name++) {
        status = nj_buffer_append(sql, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
    }
    return status == NJ_OK ? nj_buffer_append(sql, "\"", 1) : status;
}

// The column as text, or as a list of texts.
static nj_status append_column(nj_buffer *sql, const nj_parquet_field *field, const char *name)
{
    const bool is_time = field->kind == NJ_PARQUET_TIME;
    const char *before = !is_time         ? "CAST("
                         : field->is_list ? "CAST([epoch(x) FOR x IN "
                                          : "CAST(epoch(";
    const char *behind = field->is_list ? (is_time ? "] AS VARCHAR[])" : " AS VARCHAR[])")
                         : is_time      ? ") AS VARCHAR)"
                                        : " AS VARCHAR)";
    nj_status status = nj_buffer_append(sql, before, strlen(before));
    if (status == NJ_OK) {
        status = append_name(sql, name);
    }
    return status == NJ_OK ? nj_buffer_append(sql, behind, strlen(behind)) : status;
}

static nj_status add_field(schema *s, size_t column, nj_slice as, nj_buffer *sql, nj_error *err)
{
    nj_parquet *p = s->parquet;
    const nj_parquet_field field = field_at(s, column);
    if (p->field_count == NJ_PARQUET_COLUMNS_MAX) {
        return nj_fail(err, NJ_INPUT, "%s: has more than %d columns", p->name,
                       NJ_PARQUET_COLUMNS_MAX);
    }
    nj_status status = nj_idlist_builder_add(&p->names, as);
    if (status == NJ_OK && p->field_count > 0) {
        status = nj_buffer_append(sql, ", ", 2);
    }
    if (status == NJ_OK) {
        status = append_column(sql, &field, name_at(s, column));
    }
    p->fields[p->field_count++] = field;
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "%s: no memory for its columns", p->name);
}

static nj_status check_type(schema *s, size_t at, const nj_parquet_column *column, nj_error *err)
{
    const nj_parquet_field field = field_at(s, at);
    const bool is_number = field.kind == NJ_PARQUET_NUMBER || field.kind == NJ_PARQUET_TIME;
    const bool is_right = field.kind == NJ_PARQUET_WHOLE ||
                          (column->is_number ? is_number : field.kind == NJ_PARQUET_TEXT);
    if (is_right && field.is_list == column->is_list) {
        return NJ_OK;
    }
    return nj_fail(err, NJ_INPUT, "%s: column \"%s\" must be %s%s", s->parquet->name,
                   name_at(s, at), column->is_list ? "a list of " : "",
                   column->is_number ? "numbers or timestamps"
                                     : "text or whole numbers: cast it where the file is made");
}

static nj_status add_shape(schema *s, const nj_parquet_shape *shape, nj_buffer *sql, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < shape->column_count; i++) {
        const nj_parquet_column *column = &shape->columns[i];
        const size_t at = find_column(s, column);
        if (at < s->count) {
            status = check_type(s, at, column, err);
            if (status == NJ_OK) {
                status = add_field(s, at, nj_slice_from(column->as), sql, err);
            }
        }
    }
    return status;
}

// Every column that can be told in JSON: text, whole numbers, lists of them.
static nj_status add_all(schema *s, nj_buffer *sql, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t i = 0; status == NJ_OK && i < s->count; i++) {
        const nj_parquet_kind kind = field_at(s, i).kind;
        if (kind == NJ_PARQUET_TEXT || kind == NJ_PARQUET_WHOLE) {
            status = add_field(s, i, nj_slice_from(name_at(s, i)), sql, err);
        }
    }
    if (status == NJ_OK && s->parquet->field_count == 0) {
        return nj_fail(err, NJ_INPUT, "%s: has no column of text or whole numbers",
                       s->parquet->name);
    }
    return status;
}

static nj_status write_sql(schema *s, const nj_parquet_shape *shapes, size_t shape_count,
                           const char *source, nj_buffer *sql, nj_error *err)
{
    size_t k = 0;
    while (k < shape_count && !fits(s, &shapes[k])) {
        k++;
    }
    if (k == shape_count) {
        return fail_shapes(s, shapes, shape_count, err);
    }
    s->parquet->form = shapes[k].form;
    nj_status status = nj_buffer_append(sql, "SELECT ", 7);
    if (status == NJ_OK) {
        status =
            shapes[k].column_count == 0 ? add_all(s, sql, err) : add_shape(s, &shapes[k], sql, err);
    }
    return status == NJ_OK ? nj_buffer_printf(sql, " FROM %s", source) : status;
}

static nj_status start(nj_parquet *p, const nj_buffer *sql, nj_error *err)
{
    const nj_duck *duck = p->duck;
    if (duck->prepare(p->connection, (const char *)sql->bytes, &p->statement) != 0) {
        return nj_parquet_fail_duck(p, duck->prepare_error(p->statement), err);
    }
    p->has_result = true;
    if (duck->execute_prepared_streaming(p->statement, &p->result) != 0) {
        return nj_parquet_fail_duck(p, duck->result_error(&p->result), err);
    }
    return NJ_OK;
}

nj_status nj_parquet_query(nj_parquet *parquet, int fd, const nj_parquet_shape *shapes,
                           size_t shape_count, nj_error *err)
{
    char source[SOURCE_BYTES];
    nj_buffer sql;
    schema s = {.parquet = parquet};
    // The descriptor's own path: no name of ours is read as a pattern or an address.
    snprintf(source, sizeof source, "read_parquet('/proc/self/fd/%d', binary_as_string=true)", fd);
    nj_buffer_init(&sql, SQL_BYTES_MAX);
    nj_status status = nj_buffer_printf(&sql, "SELECT * FROM %s LIMIT 0", source);
    if (status == NJ_OK &&
        parquet->duck->query(parquet->connection, (const char *)sql.bytes, &s.result) != 0) {
        status = nj_parquet_fail_duck(parquet, parquet->duck->result_error(&s.result), err);
    }
    if (status == NJ_OK) {
        s.count = parquet->duck->column_count(&s.result);
        nj_buffer_clear(&sql);
        status = write_sql(&s, shapes, shape_count, source, &sql, err);
    }
    parquet->duck->destroy_result(&s.result);
    if (status == NJ_OK) {
        status = start(parquet, &sql, err);
    }
    nj_buffer_fini(&sql);
    return status;
}
