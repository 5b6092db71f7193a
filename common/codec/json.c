#include "common/codec/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"

static nj_status parse(const char *bytes, size_t size, size_t flags, const char *what, json_t **out,
                       nj_error *err)
{
    static const char MARK[] =
        "\xef\xbb\xbf"; // UTF-8 byte order mark: some editors write it, RFC 8259 lets readers pass it
    json_error_t where;
    if (size >= 3 && memcmp(bytes, MARK, 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | flags, &where);
    if (root == NULL) {
        return nj_fail(err, NJ_INPUT, "%s: line %d, column %d: %s", what, where.line, where.column,
                       where.text);
    }
    *out = root;
    return NJ_OK;
}

nj_status nj_json_parse(const char *bytes, size_t size, const char *what, json_t **out,
                        nj_error *err)
{
    return parse(bytes, size, 0, what, out, err);
}

nj_status nj_json_parse_real(const char *bytes, size_t size, const char *what, json_t **out,
                             nj_error *err)
{
    return parse(bytes, size, JSON_DECODE_INT_AS_REAL, what, out, err);
}

static nj_status load(const char *path, size_t bytes_max, size_t flags, json_t **out, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, bytes_max, &bytes, &size, err);
    if (status == NJ_OK) {
        status = parse(bytes, size, flags, path, out, err);
    }
    free(bytes);
    return status;
}

nj_status nj_json_load(const char *path, size_t bytes_max, json_t **out, nj_error *err)
{
    return load(path, bytes_max, 0, out, err);
}

nj_status nj_json_load_real(const char *path, size_t bytes_max, json_t **out, nj_error *err)
{
    return load(path, bytes_max, JSON_DECODE_INT_AS_REAL, out, err);
}

void nj_json_keys_open(nj_json_keys *keys, const json_t *object, const char *what, nj_error *err)
{
    *keys = (nj_json_keys){.object = object, .what = what, .err = err, .status = NJ_OK};
    if (!json_is_object(object)) {
        keys->object = NULL;
        keys->status = nj_fail(err, NJ_INPUT, "%s: not a JSON object", what);
    }
}

static const json_t *find_key(const nj_json_keys *keys, const char *key)
{
    const json_t *value = keys->object == NULL ? NULL : json_object_get(keys->object, key);
    return json_is_null(value) ? NULL : value;
}

static void fail_key(nj_json_keys *keys, const char *key, const char *rule)
{
    if (keys->status == NJ_OK) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" %s", keys->what, key, rule);
    }
}

bool nj_json_has(const nj_json_keys *keys, const char *key)
{
    return find_key(keys, key) != NULL;
}

int64_t nj_json_int_or(nj_json_keys *keys, const char *key, int64_t least, int64_t most,
                       int64_t fallback)
{
    const json_t *value = find_key(keys, key);
    if (value == NULL || keys->status != NJ_OK) {
        return fallback;
    }
    if (!json_is_integer(value)) {
        fail_key(keys, key, "is not a whole number");
        return fallback;
    }
    int64_t number = json_integer_value(value);
    if (least == most && number != least) {
        keys->status = nj_fail(keys->err, NJ_INPUT, "%s: \"%s\" is %" PRId64 ", must be %" PRId64,
                               keys->what, key, number, least);
        return fallback;
    }
    if (number < least || number > most) {
        keys->status = nj_fail(keys->err, NJ_INPUT,
                               "%s: \"%s\" is %" PRId64 ", must be %" PRId64 " to %" PRId64,
                               keys->what, key, number, least, most);
        return fallback;
    }
    return number;
}

int64_t nj_json_int(nj_json_keys *keys, const char *key, int64_t least, int64_t most)
{
    if (find_key(keys, key) == NULL) {
        fail_key(keys, key, "is missing");
        return least;
    }
    return nj_json_int_or(keys, key, least, most, least);
}

double nj_json_real_or(nj_json_keys *keys, const char *key, double fallback)
{
    const json_t *value = find_key(keys, key);
    if (value == NULL || keys->status != NJ_OK) {
        return fallback;
    }
    if (!json_is_number(value) || !isfinite(json_number_value(value))) {
        fail_key(keys, key, "is not a number");
        return fallback;
    }
    return json_number_value(value);
}

bool nj_json_bool_or(nj_json_keys *keys, const char *key, bool fallback)
{
    const json_t *value = find_key(keys, key);
    if (value == NULL || keys->status != NJ_OK) {
        return fallback;
    }
    if (!json_is_boolean(value)) {
        fail_key(keys, key, "is not true or false");
        return fallback;
    }
    return json_is_true(value);
}

const char *nj_json_text_or(nj_json_keys *keys, const char *key, const char *fallback)
{
    const json_t *value = find_key(keys, key);
    if (value == NULL || keys->status != NJ_OK) {
        return fallback;
    }
    if (!json_is_string(value)) {
        fail_key(keys, key, "is not text");
        return fallback;
    }
    return json_string_value(value);
}
