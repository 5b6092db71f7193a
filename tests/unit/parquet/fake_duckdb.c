// fake_duckdb.c - a library with DuckDB's functions and one small table, so that what is made of its vectors is tested anywhere.
//
//   user       items            n    when (seconds)   score
//   "u1"       ["a", "b"]       1    10.5             0.5
//   NULL       NULL             2    11.5             1.5
//   "a long name, with \"quotes\""  ["one that is longer than twelve", NULL]   NULL   NULL   2.5      (a chunk of its own)
//
// $FAKE_DUCKDB: "fetch" fails behind the first chunk, "query" refuses every query, "only" has the column user alone, "break" puts a
// line break into the first user.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/parquet/parquet_library.h"

#define COLUMNS 5
#define ROWS 3
#define FIRST_CHUNK_ROWS 2

// What a query asks for, and how far it has been fetched.
typedef struct {
    size_t columns[COLUMNS];
    size_t count;
    size_t row;
} selection;

static const char *const NAMES[COLUMNS] = {"user", "items", "n", "when", "score"};
static const char *const TEXTS[COLUMNS][ROWS] = {
    {"u1", NULL, "a long name, with \"quotes\""},
    {NULL, NULL, NULL},
    {"1", "2", NULL},
    {"10.5", "11.5", NULL},
    {"0.5", "1.5", "2.5"},
};
static const char *const ELEMENTS[] = {"a", "b", "one that is longer than twelve", NULL};
static const nj_duck_list LISTS[ROWS] = {{0, 2}, {0, 0}, {2, 2}};
static const int TYPES[COLUMNS] = {NJ_DUCK_VARCHAR, NJ_DUCK_LIST, NJ_DUCK_BIGINT, NJ_DUCK_TIMESTAMP,
                                   NJ_DUCK_DOUBLE};

// Vectors of the chunk at hand.
static nj_duck_text texts[COLUMNS][ROWS];
static uint64_t valid[COLUMNS];
static nj_duck_list lists[ROWS];
static nj_duck_text elements[4];
static uint64_t elements_valid = 7;
static selection asked;

static bool is_mode(const char *mode)
{
    const char *said = getenv("FAKE_DUCKDB");
    return said != NULL && strcmp(said, mode) == 0;
}

static nj_duck_text text_of(const char *bytes)
{
    nj_duck_text text = {0};
    const size_t size = bytes != NULL ? strlen(bytes) : 0;
    text.in_place.size = (uint32_t)size;
    if (size <= sizeof text.in_place.bytes) {
        memcpy(text.in_place.bytes, bytes != NULL ? bytes : "", size);
    } else {
        text.elsewhere.bytes = bytes;
    }
    return text;
}

#define FAKE __attribute__((visibility("default")))
#define DECLARE(type, name, arguments) FAKE type duckdb_##name arguments;
NJ_DUCK_FUNCTIONS(DECLARE)

int duckdb_open(const char *path, void **out)
{
    *out = path == NULL ? &asked : NULL;
    return path != NULL;
}

void duckdb_close(void **database)
{
    *database = NULL;
}

int duckdb_connect(void *database, void **out)
{
    *out = database;
    return 0;
}

void duckdb_disconnect(void **connection)
{
    *connection = NULL;
}

int duckdb_query(void *connection, const char *sql, nj_duck_result *out)
{
    *out = (nj_duck_result){.inside = connection};
    return is_mode("query") && strncmp(sql, "SELECT", 6) == 0;
}

int duckdb_prepare(void *connection, const char *sql, void **out)
{
    (void)connection;
    asked = (selection){0};
    for (const char *at = strchr(sql, '"'); at != NULL; at = strchr(at + 1, '"')) {
        for (size_t c = 0; c < COLUMNS; c++) {
            const size_t size = strlen(NAMES[c]);
            if (strncmp(at + 1, NAMES[c], size) == 0 && at[size + 1] == '"') {
                asked.columns[asked.count++] = c;
            }
        }
        at = strchr(at + 1, '"');
    }
    *out = &asked;
    return 0;
}

const char *duckdb_prepare_error(void *statement)
{
    return statement != NULL ? NULL : "no statement";
}

void duckdb_destroy_prepare(void **statement)
{
    *statement = NULL;
}

int duckdb_execute_prepared_streaming(void *statement, nj_duck_result *out)
{
    *out = (nj_duck_result){.inside = statement};
    return 0;
}

const char *duckdb_result_error(nj_duck_result *result)
{
    (void)result;
    return is_mode("query") || (is_mode("fetch") && asked.row > 0)
               ? "Invalid Input Error: it is damaged\nand more"
               : NULL;
}

void duckdb_destroy_result(nj_duck_result *result)
{
    *result = (nj_duck_result){.inside = NULL};
}

uint64_t duckdb_column_count(nj_duck_result *result)
{
    (void)result;
    return is_mode("only") ? 1 : COLUMNS;
}

const char *duckdb_column_name(nj_duck_result *result, uint64_t column)
{
    (void)result;
    return NAMES[column];
}

int duckdb_column_type(nj_duck_result *result, uint64_t column)
{
    (void)result;
    return TYPES[column];
}

void *duckdb_column_logical_type(nj_duck_result *result, uint64_t column)
{
    (void)result;
    int *type = malloc(sizeof *type);
    if (type != NULL) {
        *type = TYPES[column];
    }
    return type;
}

void *duckdb_list_type_child_type(void *type)
{
    int *child = malloc(sizeof *child);
    if (child != NULL) {
        *child = *(int *)type == NJ_DUCK_LIST ? NJ_DUCK_VARCHAR : 0;
    }
    return child;
}

int duckdb_get_type_id(void *type)
{
    return *(int *)type;
}

uint8_t duckdb_decimal_scale(void *type)
{
    (void)type;
    return 0;
}

void duckdb_destroy_logical_type(void **type)
{
    free(*type);
    *type = NULL;
}

void *duckdb_fetch_chunk(nj_duck_result result)
{
    const size_t first = asked.row;
    const size_t end = first == 0 ? FIRST_CHUNK_ROWS : ROWS;
    if (result.inside == NULL || first == ROWS || (is_mode("fetch") && first > 0)) {
        return NULL;
    }
    memset(valid, 0, sizeof valid);
    for (size_t row = first; row < end; row++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            const bool is_there = c == 1 ? LISTS[row].count > 0 : TEXTS[c][row] != NULL;
            texts[c][row - first] = text_of(TEXTS[c][row]);
            valid[c] |= (uint64_t)is_there << (row - first);
        }
        lists[row - first] = LISTS[row];
    }
    if (is_mode("break")) {
        texts[0][0] = text_of("a\nb");
    }
    for (size_t i = 0; i < sizeof ELEMENTS / sizeof ELEMENTS[0]; i++) {
        elements[i] = text_of(ELEMENTS[i]);
    }
    asked.row = end;
    void *chunk = malloc(sizeof(size_t));
    if (chunk != NULL) {
        *(size_t *)chunk = end - first;
    }
    return chunk;
}

void duckdb_destroy_data_chunk(void **chunk)
{
    free(*chunk);
    *chunk = NULL;
}

uint64_t duckdb_data_chunk_get_size(void *chunk)
{
    return *(size_t *)chunk;
}

void *duckdb_data_chunk_get_vector(void *chunk, uint64_t column)
{
    (void)chunk;
    return &valid[asked.columns[column]];
}

static size_t column_of(const void *vector)
{
    return (size_t)((const uint64_t *)vector - valid);
}

void *duckdb_vector_get_data(void *vector)
{
    if (vector == &elements_valid) {
        return elements;
    }
    return column_of(vector) == 1 ? (void *)lists : (void *)texts[column_of(vector)];
}

uint64_t *duckdb_vector_get_validity(void *vector)
{
    return column_of(vector) == 4 ? NULL : vector; // where all are there, there is no mask
}

void *duckdb_list_vector_get_child(void *vector)
{
    (void)vector;
    return &elements_valid;
}
