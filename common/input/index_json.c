#include "common/input/index_json.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/codec/json.h"

#define FILE_BYTES_MAX (1u << 30)
#define LEVELS_MAX 8
#define PREFIX_BYTES_MAX 15
#define CODE_MAX 65535

typedef struct {
    const char *path;
    nj_error *err;
    nj_index_json index;
    char prefix[LEVELS_MAX]
               [PREFIX_BYTES_MAX + 1]; // letters of each level's tokens, from the first row
} index_reader;

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// "<a_183>" -> "a", 183. False for any other form.
static bool parse_token(const char *text, char prefix[PREFIX_BYTES_MAX + 1], uint64_t *out_code)
{
    size_t size = strlen(text);
    size_t letters = 0;
    if (size == 0 || text[0] != '<' || text[size - 1] != '>') {
        return false;
    }
    while (is_letter(text[1 + letters])) {
        letters++;
    }
    if (letters == 0 || letters > PREFIX_BYTES_MAX || text[1 + letters] != '_') {
        return false;
    }
    memcpy(prefix, text + 1, letters);
    prefix[letters] = '\0';
    nj_slice number = {text + letters + 2, size - letters - 3};
    return size > letters + 3 && nj_id_is_number(number, out_code);
}

static nj_status take_prefix(index_reader *reader, const char *key, size_t level,
                             const char *prefix)
{
    for (size_t other = 0; other < level; other++) {
        if (strcmp(reader->prefix[other], prefix) == 0) {
            return nj_fail(reader->err, NJ_INPUT,
                           "%s: key \"%s\": levels %zu and %zu both use the letters \"%s\"",
                           reader->path, key, other, level, prefix);
        }
    }
    memcpy(reader->prefix[level], prefix, PREFIX_BYTES_MAX + 1);
    return NJ_OK;
}

static nj_status read_token(index_reader *reader, const char *key, size_t row, size_t level,
                            const json_t *value)
{
    char prefix[PREFIX_BYTES_MAX + 1] = {0};
    uint64_t code = 0;
    const char *text = json_string_value(value);
    if (text == NULL || !parse_token(text, prefix, &code)) {
        return nj_fail(reader->err, NJ_INPUT,
                       "%s: key \"%s\": level %zu: \"%.40s\" is not of the form <a_12>",
                       reader->path, key, level, text == NULL ? "" : text);
    }
    if (code > CODE_MAX) {
        return nj_fail(reader->err, NJ_INPUT,
                       "%s: key \"%s\": level %zu: code %llu, the limit is %d", reader->path, key,
                       level, (unsigned long long)code, CODE_MAX);
    }
    if (reader->prefix[level][0] == '\0') {
        nj_status status = take_prefix(reader, key, level, prefix);
        if (status != NJ_OK) {
            return status;
        }
    } else if (strcmp(reader->prefix[level], prefix) != 0) {
        return nj_fail(reader->err, NJ_INPUT,
                       "%s: key \"%s\": level %zu: letters \"%s\", the rows before have \"%s\"",
                       reader->path, key, level, prefix, reader->prefix[level]);
    }
    nj_index_json *index = &reader->index;
    index->codes[row * index->level_count + level] = (uint16_t)code;
    if (code > index->code_max[level]) {
        index->code_max[level] = (uint32_t)code;
    }
    return NJ_OK;
}

static nj_status read_row(index_reader *reader, const char *key, const json_t *row)
{
    uint64_t number;
    const nj_index_json *index = &reader->index;
    if (!nj_id_is_number(nj_slice_from(key), &number)) {
        return nj_fail(reader->err, NJ_INPUT, "%s: key \"%.40s\" is not a whole number",
                       reader->path, key);
    }
    // Keys are distinct, so one beyond the last place means that another place is empty.
    if (number >= index->row_count) {
        return nj_fail(reader->err, NJ_INPUT,
                       "%s: key \"%s\": the %u keys must be 0 to %u without a gap", reader->path,
                       key, index->row_count, index->row_count - 1);
    }
    if (!json_is_array(row) || json_array_size(row) != index->level_count) {
        return nj_fail(reader->err, NJ_INPUT,
                       "%s: key \"%s\": has %zu levels, the first row has %u", reader->path, key,
                       json_array_size(row), index->level_count);
    }
    for (size_t level = 0; level < index->level_count; level++) {
        nj_status status =
            read_token(reader, key, (size_t)number, level, json_array_get(row, level));
        if (status != NJ_OK) {
            return status;
        }
    }
    return NJ_OK;
}

// Sizes come from the root object and its first row.
static nj_status allocate(index_reader *reader, json_t *root)
{
    if (!json_is_object(root) || json_object_size(root) == 0) {
        return nj_fail(reader->err, NJ_INPUT, "%s: not a JSON object with rows", reader->path);
    }
    size_t rows = json_object_size(root);
    size_t levels = json_array_size(json_object_iter_value(json_object_iter(root)));
    if (levels == 0 || levels > LEVELS_MAX) {
        return nj_fail(reader->err, NJ_INPUT, "%s: the first row has %zu levels, must be 1 to %d",
                       reader->path, levels, LEVELS_MAX);
    }
    size_t count;
    if (rows > INT32_MAX || !nj_mul_size(rows, levels, &count)) {
        return nj_fail(reader->err, NJ_INPUT, "%s: has %zu rows, the limit is %d", reader->path,
                       rows, INT32_MAX);
    }
    reader->index.row_count = (uint32_t)rows;
    reader->index.level_count = (uint32_t)levels;
    reader->index.codes = calloc(count, sizeof *reader->index.codes);
    if (reader->index.codes == NULL) {
        return nj_fail(reader->err, NJ_NO_MEMORY, "%s: no memory for %zu codes", reader->path,
                       count);
    }
    return NJ_OK;
}

nj_status nj_index_json_read(const char *path, nj_index_json *out, nj_error *err)
{
    index_reader reader = {.path = path, .err = err};
    json_t *root = NULL;
    nj_status status = nj_json_load(path, FILE_BYTES_MAX, &root, err);
    if (status == NJ_OK) {
        status = allocate(&reader, root);
    }
    const char *key;
    json_t *row;
    json_object_foreach(root, key, row)
    {
        if (status == NJ_OK) {
            status = read_row(&reader, key, row);
        }
    }
    json_decref(root);
    if (status != NJ_OK) {
        nj_index_json_free(&reader.index);
        return status;
    }
    *out = reader.index;
    return NJ_OK;
}

void nj_index_json_free(nj_index_json *index)
{
    free(index->codes);
    *index = (nj_index_json){0};
}
