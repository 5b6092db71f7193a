// json.h - reading JSON files from outside (jansson), with errors that name file, key, rule and value.
//
// jansson bounds nesting (2,048) itself; the file's size is bounded here, duplicate keys are refused.
#ifndef NJ_CODEC_JSON_H
#define NJ_CODEC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/error.h"

/// Parses a whole file. `*out` is owned: json_decref. A syntax error names line and column.
NJ_CHECKED nj_status nj_json_load(const char *path, size_t bytes_max, json_t **out, nj_error *err);

/// Parses bytes that are already in memory; `what` names them in errors.
NJ_CHECKED nj_status nj_json_parse(const char *bytes, size_t size, const char *what, json_t **out,
                                   nj_error *err);

/// The same with every number a real one: for files whose integers may be beyond 64 bits (a tokenizer_config.json that knows no longest text says
/// 10^30).
NJ_CHECKED nj_status nj_json_load_real(const char *path, size_t bytes_max, json_t **out,
                                       nj_error *err);
NJ_CHECKED nj_status nj_json_parse_real(const char *bytes, size_t size, const char *what,
                                        json_t **out, nj_error *err);

/// Reads keys of one object. The first failure sticks; later reads give the fallback. Check `status` at the end.
typedef struct {
    const json_t *object; // borrowed
    const char *what;     // names the object in errors
    nj_error *err;
    nj_status status;
} nj_json_keys;

void nj_json_keys_open(nj_json_keys *keys, const json_t *object, const char *what, nj_error *err);
/// A required whole number in [least, most].
int64_t nj_json_int(nj_json_keys *keys, const char *key, int64_t least, int64_t most);
/// As nj_json_int; an absent key or null gives `fallback`.
int64_t nj_json_int_or(nj_json_keys *keys, const char *key, int64_t least, int64_t most,
                       int64_t fallback);
/// A finite number; an absent key or null gives `fallback`.
double nj_json_real_or(nj_json_keys *keys, const char *key, double fallback);
bool nj_json_bool_or(nj_json_keys *keys, const char *key, bool fallback);
/// Text borrowed from the object; an absent key or null gives `fallback` (may be NULL).
const char *nj_json_text_or(nj_json_keys *keys, const char *key, const char *fallback);
/// True when the key is there and not null.
bool nj_json_has(const nj_json_keys *keys, const char *key);

#endif
