#include "common/input/columns.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/slice.h"

#define PLACE_MAX 256

static const char *const WORDS[NJ_COLUMN_KINDS] = {"user",  "item",  "timestamp",
                                                   "group", "items", "times"};

const char *nj_column_word(nj_column_kind kind)
{
    return WORDS[kind];
}

static nj_column_kind find_word(nj_slice word)
{
    nj_column_kind kind = NJ_COLUMN_USER;
    while (kind < NJ_COLUMN_KINDS && !nj_slice_equal(word, nj_slice_from(WORDS[kind]))) {
        kind++;
    }
    return kind;
}

// "#3"; 0 for anything else.
static unsigned read_place(nj_slice name)
{
    unsigned place = 0;
    for (size_t i = 1; i < name.size && place <= PLACE_MAX; i++) {
        const bool is_digit = name.bytes[i] >= '0' && name.bytes[i] <= '9';
        place = is_digit ? place * 10 + (unsigned)(name.bytes[i] - '0') : PLACE_MAX + 1;
    }
    return place <= PLACE_MAX ? place : 0;
}

static nj_status add_column(nj_slice said, nj_columns *columns, nj_error *err)
{
    const char *equals = memchr(said.bytes, '=', said.size);
    const size_t size = equals != NULL ? (size_t)(equals - said.bytes) : said.size;
    const nj_column_kind kind = find_word((nj_slice){said.bytes, size});
    nj_slice name = {said.bytes + size, said.size - size};
    if (name.size > 0) {
        name = (nj_slice){name.bytes + 1, name.size - 1};
    }
    if (kind == NJ_COLUMN_KINDS || name.size == 0 || name.size >= NJ_COLUMN_NAME_BYTES) {
        return nj_fail(err, NJ_USAGE,
                       "--columns has \"%.*s\", must be WORD=NAME with a word of user, item, "
                       "timestamp, group, items and times, and a name of at most %d bytes",
                       NJ_SLICE_ARGS(said), NJ_COLUMN_NAME_BYTES - 1);
    }
    if (columns->names[kind][0] != '\0') {
        return nj_fail(err, NJ_USAGE, "--columns has \"%s\" twice", WORDS[kind]);
    }
    snprintf(columns->names[kind], NJ_COLUMN_NAME_BYTES, "%.*s", NJ_SLICE_ARGS(name));
    if (name.bytes[0] == '#') {
        columns->by_place = true;
        columns->places[kind] = read_place(name);
        if (columns->places[kind] == 0) {
            return nj_fail(err, NJ_USAGE, "--columns has \"%.*s\", a place is #1 to #%d",
                           NJ_SLICE_ARGS(said), PLACE_MAX);
        }
    }
    return NJ_OK;
}

static nj_status check_places(const nj_columns *columns, nj_error *err)
{
    for (size_t k = 0; k < NJ_COLUMN_KINDS; k++) {
        if (columns->names[k][0] != '\0' && columns->places[k] == 0) {
            return nj_fail(err, NJ_USAGE,
                           "--columns has a name and a place: either all by name, or a file "
                           "without a header and all by place (user=#1,item=#2)");
        }
    }
    return columns->places[NJ_COLUMN_USER] == 0
               ? nj_fail(err, NJ_USAGE, "--columns by place must say where the user is: user=#1")
               : NJ_OK;
}

// A list in one form is a single one in another: those may have one name.
static bool may_be_one(size_t a, size_t b)
{
    return (a == NJ_COLUMN_ITEM && b == NJ_COLUMN_ITEMS) ||
           (a == NJ_COLUMN_TIMESTAMP && b == NJ_COLUMN_TIMES);
}

static nj_status check_distinct(const nj_columns *columns, nj_error *err)
{
    for (size_t a = 0; a < NJ_COLUMN_KINDS; a++) {
        for (size_t b = a + 1; b < NJ_COLUMN_KINDS; b++) {
            const bool is_same = columns->by_place
                                     ? columns->places[a] == columns->places[b]
                                     : strcmp(columns->names[a], columns->names[b]) == 0;
            if (columns->names[a][0] != '\0' && is_same && !may_be_one(a, b)) {
                return nj_fail(err, NJ_USAGE,
                               "--columns has \"%s\" for the %s and the %s, must be two columns",
                               columns->names[a], WORDS[a], WORDS[b]);
            }
        }
    }
    return NJ_OK;
}

nj_status nj_columns_parse(const char *text, nj_columns *out, nj_error *err)
{
    nj_columns columns = {0};
    nj_status status = NJ_OK;
    while (status == NJ_OK && text != NULL) {
        const char *comma = strchr(text, ',');
        const size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        status = add_column((nj_slice){text, size}, &columns, err);
        text = comma != NULL ? comma + 1 : NULL;
    }
    if (status == NJ_OK && columns.by_place) {
        status = check_places(&columns, err);
    }
    if (status == NJ_OK) {
        status = check_distinct(&columns, err);
    }
    if (status == NJ_OK) {
        *out = columns;
    }
    return status;
}

nj_status nj_delimiter_parse(const char *text, char *out, nj_error *err)
{
    static const struct {
        const char *word;
        char character;
    } NAMED[] = {{"tab", '\t'}, {"\\t", '\t'}, {"comma", ','}, {"semicolon", ';'}, {"pipe", '|'}};
    for (size_t i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        if (strcmp(text, NAMED[i].word) == 0) {
            *out = NAMED[i].character;
            return NJ_OK;
        }
    }
    const unsigned char character = (unsigned char)text[0];
    const bool is_one = character != '\0' && text[1] == '\0';
    if (!is_one || (!ispunct(character) && character != '\t' && character != ' ') ||
        strchr("\".-", text[0]) != NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--delimiter is \"%s\", must be tab, comma, semicolon, pipe or one other "
                       "mark between fields",
                       text);
    }
    *out = text[0];
    return NJ_OK;
}
