#include "common/input/npy_header.h"

#include "common/base/checked.h"

#define SHAPE_DIGITS_MAX 19

typedef struct {
    nj_npy_type type;
    size_t bytes;
    const char *descr;
} type_row;

static const type_row TYPES[] = {
    {NJ_NPY_F16, 2, "<f2"}, {NJ_NPY_F32, 4, "<f4"}, {NJ_NPY_F64, 8, "<f8"}, {NJ_NPY_I8, 1, "|i1"},
    {NJ_NPY_I16, 2, "<i2"}, {NJ_NPY_I32, 4, "<i4"}, {NJ_NPY_I64, 8, "<i8"}, {NJ_NPY_U8, 1, "|u1"},
    {NJ_NPY_U16, 2, "<u2"}, {NJ_NPY_U32, 4, "<u4"}, {NJ_NPY_U64, 8, "<u8"},
};

#define TYPE_COUNT (sizeof TYPES / sizeof TYPES[0])

typedef struct {
    nj_slice text;
    size_t at;
    const char *what;
    nj_error *err;
} header_cursor;

const char *nj_npy_type_descr(nj_npy_type type)
{
    return TYPES[type].descr;
}

size_t nj_npy_type_bytes(nj_npy_type type)
{
    return TYPES[type].bytes;
}

static nj_status fail_at(const header_cursor *cursor, const char *rule)
{
    return nj_fail(cursor->err, NJ_INPUT, "%s: header, byte %zu: %s", cursor->what, cursor->at,
                   rule);
}

static void skip_space(header_cursor *cursor)
{
    while (cursor->at < cursor->text.size &&
           (cursor->text.bytes[cursor->at] == ' ' || cursor->text.bytes[cursor->at] == '\n')) {
        cursor->at++;
    }
}

// Passes `expected` after any space; false and no step when another byte or the end stands there.
static bool pass_char(header_cursor *cursor, char expected)
{
    skip_space(cursor);
    if (cursor->at < cursor->text.size && cursor->text.bytes[cursor->at] == expected) {
        cursor->at++;
        return true;
    }
    return false;
}

static bool pass_word(header_cursor *cursor, const char *word)
{
    skip_space(cursor);
    size_t size = strlen(word);
    if (cursor->text.size - cursor->at < size ||
        memcmp(cursor->text.bytes + cursor->at, word, size) != 0) {
        return false;
    }
    cursor->at += size;
    return true;
}

static nj_status read_quoted(header_cursor *cursor, const char *rule, nj_slice *out)
{
    char quote = pass_char(cursor, '\'') ? '\'' : '"';
    if (quote == '"' && !pass_char(cursor, '"')) {
        return fail_at(cursor, rule);
    }
    const char *start = cursor->text.bytes + cursor->at;
    const char *end = memchr(start, quote, cursor->text.size - cursor->at);
    if (end == NULL) {
        return fail_at(cursor, "text is not closed");
    }
    *out = (nj_slice){start, (size_t)(end - start)};
    cursor->at += out->size + 1;
    return NJ_OK;
}

static nj_status read_descr(header_cursor *cursor, nj_npy_header *header)
{
    nj_slice descr;
    nj_status status = read_quoted(cursor, "'descr' is not the name of one number type", &descr);
    if (status != NJ_OK) {
        return status;
    }
    if (descr.size == 3 && descr.bytes[0] == '>') {
        return nj_fail(cursor->err, NJ_INPUT,
                       "%s: type '%.*s' is big-endian, only little-endian is read", cursor->what,
                       NJ_SLICE_ARGS(descr));
    }
    for (size_t i = 0; i < TYPE_COUNT && descr.size == 3; i++) {
        // '=' is the order of the machine, which is little-endian (npy.c); '|' is for single bytes,
        // as is any other.
        bool order_fits = descr.bytes[0] == '<' || descr.bytes[0] == '=' ||
                          (descr.bytes[0] == '|' && TYPES[i].bytes == 1);
        if (order_fits && memcmp(descr.bytes + 1, TYPES[i].descr + 1, 2) == 0) {
            header->type = TYPES[i].type;
            header->element_bytes = TYPES[i].bytes;
            return NJ_OK;
        }
    }
    return nj_fail(cursor->err, NJ_INPUT,
                   "%s: type '%.*s' is not one of f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8", cursor->what,
                   NJ_SLICE_ARGS(descr));
}

static nj_status read_order(header_cursor *cursor, nj_npy_header *header)
{
    if (pass_word(cursor, "True")) {
        header->fortran_order = true;
        return NJ_OK;
    }
    if (pass_word(cursor, "False")) {
        header->fortran_order = false;
        return NJ_OK;
    }
    return fail_at(cursor, "'fortran_order' is neither True nor False");
}

static nj_status read_length(header_cursor *cursor, size_t *out)
{
    skip_space(cursor);
    size_t value = 0;
    size_t digits = 0;
    for (; cursor->at < cursor->text.size; cursor->at++, digits++) {
        unsigned digit = (unsigned)(unsigned char)cursor->text.bytes[cursor->at] - '0';
        if (digit > 9) {
            break;
        }
        if (digits == SHAPE_DIGITS_MAX || !nj_mul_size(value, 10, &value) ||
            !nj_add_size(value, digit, &value)) {
            return fail_at(cursor, "a length in 'shape' is too large");
        }
    }
    if (digits == 0) {
        return fail_at(cursor, "a length in 'shape' is not a whole number");
    }
    *out = value;
    return NJ_OK;
}

static nj_status read_shape(header_cursor *cursor, nj_npy_header *header)
{
    if (!pass_char(cursor, '(')) {
        return fail_at(cursor, "'shape' is not a tuple");
    }
    bool after_comma = true;
    header->dim_count = 0;
    while (!pass_char(cursor, ')')) {
        if (!after_comma) {
            return fail_at(cursor, "expected ',' or ')' in 'shape'");
        }
        if (header->dim_count == NJ_NPY_DIMS_MAX) {
            return nj_fail(cursor->err, NJ_INPUT, "%s: has more than %d dimensions", cursor->what,
                           NJ_NPY_DIMS_MAX);
        }
        nj_status status = read_length(cursor, &header->shape[header->dim_count]);
        if (status != NJ_OK) {
            return status;
        }
        header->dim_count++;
        after_comma = pass_char(cursor, ',');
    }
    if (header->dim_count == 1 && !after_comma) {
        return fail_at(cursor, "'shape' is a number, not a tuple"); // (3) is 3; (3,) is a tuple
    }
    return NJ_OK;
}

static nj_status read_pair(header_cursor *cursor, nj_npy_header *header, unsigned *seen)
{
    static const char *const KEYS[] = {"descr", "fortran_order", "shape"};
    static nj_status (*const READERS[])(header_cursor *, nj_npy_header *) = {read_descr, read_order,
                                                                             read_shape};
    nj_slice key;
    nj_status status = read_quoted(cursor, "expected a key in quotes", &key);
    if (status != NJ_OK) {
        return status;
    }
    if (!pass_char(cursor, ':')) {
        return fail_at(cursor, "expected ':'");
    }
    for (unsigned i = 0; i < 3; i++) {
        if (!nj_slice_equal(key, nj_slice_from(KEYS[i]))) {
            continue;
        }
        if ((*seen & 1u << i) != 0) {
            return nj_fail(cursor->err, NJ_INPUT, "%s: header names '%s' twice", cursor->what,
                           KEYS[i]);
        }
        *seen |= 1u << i;
        return READERS[i](cursor, header);
    }
    return nj_fail(cursor->err, NJ_INPUT, "%s: header has an unknown key '%.*s'", cursor->what,
                   NJ_SLICE_ARGS(key));
}

nj_status nj_npy_header_parse(nj_slice text, const char *what, nj_npy_header *out, nj_error *err)
{
    header_cursor cursor = {.text = text, .what = what, .err = err};
    nj_npy_header header = {0};
    unsigned seen = 0;
    if (!pass_char(&cursor, '{')) {
        return fail_at(&cursor, "expected '{'");
    }
    bool after_comma = true;
    while (!pass_char(&cursor, '}')) {
        if (!after_comma) {
            return fail_at(&cursor, "expected ',' or '}'");
        }
        nj_status status = read_pair(&cursor, &header, &seen);
        if (status != NJ_OK) {
            return status;
        }
        after_comma = pass_char(&cursor, ',');
    }
    skip_space(&cursor);
    if (cursor.at != text.size) {
        return fail_at(&cursor, "something stands behind '}'");
    }
    if (seen != 7) {
        const char *missing = (seen & 1) == 0   ? "descr"
                              : (seen & 2) == 0 ? "fortran_order"
                                                : "shape";
        return nj_fail(err, NJ_INPUT, "%s: header has no '%s'", what, missing);
    }
    *out = header;
    return NJ_OK;
}
