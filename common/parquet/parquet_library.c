#include "common/parquet/parquet_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_LIBRARY "libduckdb.so"
#define PYTHON_TAG ".cpython-3"
#define PYTHON_NAME_BYTES 40
#define MINOR_DIGITS_MAX 3

typedef struct {
    const char *name;
    size_t offset; // of its pointer in nj_duck
} function_row;

static const function_row FUNCTIONS[] = {
#define ROW(type, name, arguments) {"duckdb_" #name, offsetof(nj_duck, name)},
    NJ_DUCK_FUNCTIONS(ROW)
#undef ROW
};

// Loaded once: a library of this kind starts threads and allocators of its own and must not be unloaded.
static nj_duck loaded;
static bool is_loaded;

// The module of Python's package takes the interpreter's symbols from the program that loads it. The name of the file says which
// Python: _duckdb.cpython-311-x86_64-linux-gnu.so needs libpython3.11.so.1.0. The interpreter is not started.
static bool load_python_of(const char *path)
{
    char name[PYTHON_NAME_BYTES];
    const char *file = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    const char *tag = strstr(file, PYTHON_TAG);
    const char *minor = tag != NULL ? tag + strlen(PYTHON_TAG) : "";
    const size_t digits = strspn(minor, "0123456789");
    if (digits == 0 || digits > MINOR_DIGITS_MAX) {
        return false;
    }
    snprintf(name, sizeof name, "libpython3.%.*s.so.1.0", (int)digits, minor);
    return dlopen(name, RTLD_LAZY | RTLD_GLOBAL) != NULL;
}

static nj_status open_library(const char *path, void **out, nj_error *err)
{
    const char *name = path != NULL ? path : PLAIN_LIBRARY;
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (library == NULL && path != NULL && load_python_of(path)) {
        library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    }
    if (library != NULL) {
        *out = library;
        return NJ_OK;
    }
    const char *why = dlerror();
    return nj_fail(err, NJ_CONFIG,
                   "Parquet is read through DuckDB's library, which could not be loaded (%s): "
                   "install it and set " NJ_PARQUET_LIBRARY_VARIABLE
                   " to its libduckdb.so, or to the _duckdb*.so of `pip install duckdb` where "
                   "libpython3 is installed; or give CSV or JSON lines",
                   why != NULL ? why : name);
}

static nj_status find_functions(void *library, nj_duck *out, nj_error *err)
{
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++) {
        void *function = dlsym(library, FUNCTIONS[i].name);
        if (function == NULL) {
            return nj_fail(
                err, NJ_CONFIG,
                "the library for Parquet has no function %s, must be DuckDB 1.0 or newer",
                FUNCTIONS[i].name);
        }
        memcpy((char *)out + FUNCTIONS[i].offset, &function, sizeof function);
    }
    return NJ_OK;
}

nj_status nj_duck_load(const nj_duck **out, nj_error *err)
{
    const char *path = getenv(NJ_PARQUET_LIBRARY_VARIABLE);
    void *library = NULL;
    nj_status status = NJ_OK;
    if (!is_loaded) {
        status = open_library(path != NULL && path[0] != '\0' ? path : NULL, &library, err);
        if (status == NJ_OK) {
            status = find_functions(library, &loaded, err);
        }
        is_loaded = status == NJ_OK;
    }
    *out = &loaded;
    return status;
}
