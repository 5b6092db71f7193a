// parquet_library.h - the functions of DuckDB's C interface that are used, found at run time; nobody else includes it.
//
// The declarations are ours: names, arguments and numbers stand as in DuckDB's documentation, which promises that they stay.
//
// Source  DuckDB, "C API: complete overview" (1.2), and the layout of duckdb_result, duckdb_string_t and duckdb_list_entry there
#ifndef NJ_PARQUET_PARQUET_LIBRARY_H
#define NJ_PARQUET_PARQUET_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_PARQUET_LIBRARY_VARIABLE "NIGHTJAR_PARQUET_LIBRARY"

typedef struct {
    uint64_t unused_counts[3];
    void *unused_columns;
    char *unused_error;
    void *inside;
} nj_duck_result;

// A text of a vector: short ones lie in place.
typedef union {
    struct {
        uint32_t size;
        char bytes[12];
    } in_place;
    struct {
        uint32_t size;
        char prefix[4];
        const char *bytes;
    } elsewhere;
} nj_duck_text;

typedef struct {
    uint64_t first;
    uint64_t count;
} nj_duck_list;

typedef enum {
    NJ_DUCK_BOOLEAN = 1,
    NJ_DUCK_TINYINT = 2,
    NJ_DUCK_SMALLINT = 3,
    NJ_DUCK_INTEGER = 4,
    NJ_DUCK_BIGINT = 5,
    NJ_DUCK_UTINYINT = 6,
    NJ_DUCK_USMALLINT = 7,
    NJ_DUCK_UINTEGER = 8,
    NJ_DUCK_UBIGINT = 9,
    NJ_DUCK_FLOAT = 10,
    NJ_DUCK_DOUBLE = 11,
    NJ_DUCK_TIMESTAMP = 12,
    NJ_DUCK_DATE = 13,
    NJ_DUCK_HUGEINT = 16,
    NJ_DUCK_VARCHAR = 17,
    NJ_DUCK_DECIMAL = 19,
    NJ_DUCK_TIMESTAMP_S = 20,
    NJ_DUCK_TIMESTAMP_MS = 21,
    NJ_DUCK_TIMESTAMP_NS = 22,
    NJ_DUCK_ENUM = 23,
    NJ_DUCK_LIST = 24,
    NJ_DUCK_UUID = 27,
    NJ_DUCK_TIMESTAMP_TZ = 31,
    NJ_DUCK_UHUGEINT = 32,
} nj_duck_type;

// return type, name behind duckdb_, arguments. A state is 0 when all is well.
#define NJ_DUCK_FUNCTIONS(X)                                                                       \
    X(int, open, (const char *path, void **out))                                                   \
    X(void, close, (void **database))                                                              \
    X(int, connect, (void *database, void **out))                                                  \
    X(void, disconnect, (void **connection))                                                       \
    X(int, query, (void *connection, const char *sql, nj_duck_result *out))                        \
    X(int, prepare, (void *connection, const char *sql, void **out))                               \
    X(const char *, prepare_error, (void *statement))                                              \
    X(void, destroy_prepare, (void **statement))                                                   \
    X(int, execute_prepared_streaming, (void *statement, nj_duck_result *out))                     \
    X(const char *, result_error, (nj_duck_result * result))                                       \
    X(void, destroy_result, (nj_duck_result * result))                                             \
    X(uint64_t, column_count, (nj_duck_result * result))                                           \
    X(const char *, column_name, (nj_duck_result * result, uint64_t column))                       \
    X(int, column_type, (nj_duck_result * result, uint64_t column))                                \
    X(void *, column_logical_type, (nj_duck_result * result, uint64_t column))                     \
    X(void *, list_type_child_type, (void *type))                                                  \
    X(uint8_t, decimal_scale, (void *type))                                                        \
    X(int, get_type_id, (void *type))                                                              \
    X(void, destroy_logical_type, (void **type))                                                   \
    X(void *, fetch_chunk, (nj_duck_result result))                                                \
    X(void, destroy_data_chunk, (void **chunk))                                                    \
    X(uint64_t, data_chunk_get_size, (void *chunk))                                                \
    X(void *, data_chunk_get_vector, (void *chunk, uint64_t column))                               \
    X(void *, vector_get_data, (void *vector))                                                     \
    X(uint64_t *, vector_get_validity, (void *vector))                                             \
    X(void *, list_vector_get_child, (void *vector))

typedef struct {
#define NJ_DUCK_POINTER(type, name, arguments) type(*name) arguments;
    NJ_DUCK_FUNCTIONS(NJ_DUCK_POINTER)
#undef NJ_DUCK_POINTER
} nj_duck;

/// Loads the library, once a process; it stays. NJ_CONFIG says what was tried and what to do.
NJ_CHECKED nj_status nj_duck_load(const nj_duck **out, nj_error *err);

#endif
