#include "common/input/history_json.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "common/base/checked.h"
#include "common/base/id.h"
#include "common/base/slice.h"
#include "common/input/histories.h"
#include "common/input/instant.h"
#include "common/input/json_text.h"

_Static_assert(NJ_HISTORY_LINE_BYTES_MAX < INT32_MAX, "jsmn counts bytes in an int");

#define FIRST_TOKENS 256

// The walk over a line whose tokens jsmn has found.
typedef struct {
    const nj_lines *lines;
    nj_error *err;
    char *text;
    size_t size;
    size_t at;               // byte
    const jsmntok_t *tokens; // [token_count], in the order of the text
    size_t token_count;
    size_t next; // token
} json_walk;

void nj_history_json_init(nj_history_json *json)
{
    nj_buffer_init(&json->tokens, NJ_HISTORY_JSON_VALUES_MAX * sizeof(jsmntok_t));
}

void nj_history_json_fini(nj_history_json *json)
{
    nj_buffer_fini(&json->tokens);
}

static nj_status fail_here(const json_walk *walk, const char *rule)
{
    return nj_lines_fail(walk->lines, walk->lines->number, walk->err, "column %zu: %s",
                         walk->at + 1, rule);
}

static bool is_too_deep(const char *text, size_t size)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char byte = text[i];
        if (in_string) {
            i += byte == '\\';
            in_string = byte != '"';
        } else if (byte == '"') {
            in_string = true;
        } else if (byte == '{' || byte == '[') {
            if (++depth > NJ_HISTORY_JSON_DEPTH_MAX) {
                return true;
            }
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

// Runs jsmn, giving it twice the tokens whenever it runs out; it goes on where it stopped.
static nj_status tokenize(nj_history_json *json, json_walk *walk)
{
    jsmn_parser parser;
    jsmn_init(&parser);
    for (;;) {
        size_t capacity = json->tokens.capacity / sizeof(jsmntok_t);
        jsmntok_t *tokens = (jsmntok_t *)(void *)json->tokens.bytes;
        int count = capacity == 0
                        ? JSMN_ERROR_NOMEM
                        : jsmn_parse(&parser, walk->text, walk->size, tokens, (unsigned)capacity);
        if (count >= 0) {
            walk->tokens = tokens;
            walk->token_count = parser.toknext;
            return NJ_OK;
        }
        if (count != JSMN_ERROR_NOMEM) {
            walk->at = parser.pos;
            return fail_here(walk,
                             count == JSMN_ERROR_PART ? "the JSON text is cut off" : "not JSON");
        }
        if (capacity == NJ_HISTORY_JSON_VALUES_MAX) {
            return nj_lines_fail(walk->lines, walk->lines->number, walk->err,
                                 "holds more than %u JSON values", NJ_HISTORY_JSON_VALUES_MAX);
        }
        size_t wanted =
            nj_min_size(nj_max_size(capacity * 2, FIRST_TOKENS), NJ_HISTORY_JSON_VALUES_MAX);
        if (nj_buffer_reserve(&json->tokens, wanted * sizeof(jsmntok_t)) != NJ_OK) {
            return nj_fail(walk->err, NJ_NO_MEMORY, "%s: no memory for %zu JSON values",
                           walk->lines->name, wanted);
        }
    }
}

static void skip_space(json_walk *walk)
{
    while (walk->at < walk->size && (walk->text[walk->at] == ' ' || walk->text[walk->at] == '\t' ||
                                     walk->text[walk->at] == '\r')) {
        walk->at++;
    }
}

static bool pass_char(json_walk *walk, char expected)
{
    skip_space(walk);
    if (walk->at < walk->size && walk->text[walk->at] == expected) {
        walk->at++;
        return true;
    }
    return false;
}

// Passes '{' or '[' and the token that stands for the whole.
static bool pass_open(json_walk *walk, char bracket)
{
    if (!pass_char(walk, bracket)) {
        return false;
    }
    walk->next++;
    return true;
}

static nj_status read_string(json_walk *walk, nj_slice *out)
{
    const jsmntok_t *token = &walk->tokens[walk->next];
    if (!pass_char(walk, '"') || walk->next >= walk->token_count || token->type != JSMN_STRING ||
        (size_t)token->start != walk->at) {
        return fail_here(walk, "expected text in quotes");
    }
    char *text = walk->text + token->start;
    size_t size = (size_t)(token->end - token->start);
    if (nj_json_has_control_byte(text, size)) {
        return fail_here(walk, "text holds an unescaped control character");
    }
    if (!nj_utf8_valid(text, size)) {
        return fail_here(walk, "text is not valid UTF-8");
    }
    walk->at = (size_t)token->end + 1;
    walk->next++;
    size_t decoded = size;
    if (memchr(text, '\\', size) != NULL && !nj_json_decode_escapes(text, size, &decoded)) {
        return fail_here(walk, "the text before holds half of a surrogate pair");
    }
    *out = (nj_slice){text, decoded};
    return NJ_OK;
}

static nj_status read_primitive(json_walk *walk, nj_slice *out, bool *out_whole)
{
    const jsmntok_t *token = &walk->tokens[walk->next];
    *out_whole = false;
    if (walk->next >= walk->token_count || token->type != JSMN_PRIMITIVE ||
        (size_t)token->start != walk->at) {
        return fail_here(walk, "expected a value");
    }
    nj_slice text = {walk->text + token->start, (size_t)(token->end - token->start)};
    if (!nj_slice_equal(text, nj_slice_from("true")) &&
        !nj_slice_equal(text, nj_slice_from("false")) &&
        !nj_slice_equal(text, nj_slice_from("null")) &&
        !nj_json_is_number(text.bytes, text.size, out_whole)) {
        return fail_here(walk, "neither a number nor true, false or null");
    }
    walk->at = (size_t)token->end;
    walk->next++;
    *out = text;
    return NJ_OK;
}

static bool stands_at(json_walk *walk, char expected)
{
    if (!pass_char(walk, expected)) {
        return false;
    }
    walk->at--;
    return true;
}

// Text, or a whole number as it is written.
static nj_status read_id(json_walk *walk, nj_slice *out)
{
    if (stands_at(walk, '"')) {
        return read_string(walk, out);
    }
    bool is_whole;
    nj_status status = read_primitive(walk, out, &is_whole);
    if (status == NJ_OK && !is_whole) {
        walk->at -= out->size;
        status = fail_here(walk, "an id must be text or a whole number");
    }
    return status;
}

static nj_status read_time(json_walk *walk, double *out)
{
    nj_slice text;
    bool is_whole;
    skip_space(walk);
    nj_status status = read_primitive(walk, &text, &is_whole);
    if (status == NJ_OK && !nj_decimal_parse(text, out)) {
        walk->at -= text.size;
        status = fail_here(walk, "a time must be a finite number");
    }
    return status;
}

// The next element, as the kind of list wants it.
static nj_status read_element(json_walk *walk, bool is_times, nj_buffer *list)
{
    nj_slice item;
    double time;
    nj_status status = is_times ? read_time(walk, &time) : read_id(walk, &item);
    if (status != NJ_OK) {
        return status;
    }
    status = is_times ? nj_buffer_append(list, &time, sizeof time)
                      : nj_buffer_append(list, &item, sizeof item);
    return status == NJ_OK
               ? NJ_OK
               : nj_fail(walk->err, NJ_NO_MEMORY, "%s: line %llu: no memory for its items",
                         walk->lines->name, (unsigned long long)walk->lines->number);
}

// `rule` says that there must be a list.
static nj_status read_list(json_walk *walk, const char *rule, bool is_times, size_t items_max,
                           nj_buffer *list)
{
    size_t count = 0;
    if (!pass_open(walk, '[')) {
        return fail_here(walk, rule);
    }
    if (pass_char(walk, ']')) {
        return NJ_OK;
    }
    do {
        if (count++ == items_max) {
            return nj_lines_fail(walk->lines, walk->lines->number, walk->err,
                                 "has more than %zu items", items_max);
        }
        nj_status status = read_element(walk, is_times, list);
        if (status != NJ_OK) {
            return status;
        }
    } while (pass_char(walk, ','));
    return pass_char(walk, ']') ? NJ_OK : fail_here(walk, "expected ',' or ']'");
}

static nj_status read_key(json_walk *walk, nj_slice *out)
{
    nj_status status = read_string(walk, out);
    if (status == NJ_OK && !pass_char(walk, ':')) {
        status = fail_here(walk, "expected ':'");
    }
    return status;
}

// Opens the containers that begin here and passes one plain value, or an empty container. `closers`
// is the stack of the brackets still to come; its height is bounded by is_too_deep.
static nj_status skip_down(json_walk *walk, char closers[NJ_HISTORY_JSON_DEPTH_MAX], size_t *depth)
{
    nj_slice ignored;
    bool is_whole;
    for (;;) {
        bool is_object = pass_open(walk, '{');
        if (!is_object && !pass_open(walk, '[')) {
            return stands_at(walk, '"') ? read_string(walk, &ignored)
                                        : read_primitive(walk, &ignored, &is_whole);
        }
        char closer = is_object ? '}' : ']';
        if (pass_char(walk, closer)) {
            return NJ_OK;
        }
        closers[(*depth)++] = closer;
        nj_status status = is_object ? read_key(walk, &ignored) : NJ_OK;
        if (status != NJ_OK) {
            return status;
        }
    }
}

// A value of any kind under a key that means nothing to us.
static nj_status skip_value(json_walk *walk)
{
    char closers[NJ_HISTORY_JSON_DEPTH_MAX];
    size_t depth = 0;
    nj_slice ignored;
    nj_status status = skip_down(walk, closers, &depth);
    while (status == NJ_OK && depth > 0) {
        if (pass_char(walk, closers[depth - 1])) {
            depth--;
            continue;
        }
        if (!pass_char(walk, ',')) {
            return fail_here(walk, "expected ',' or a closing bracket");
        }
        if (closers[depth - 1] == '}') {
            status = read_key(walk, &ignored);
        }
        if (status == NJ_OK) {
            status = skip_down(walk, closers, &depth);
        }
    }
    return status;
}

// The keys that mean something to us.
typedef enum {
    KEY_USER,
    KEY_ITEMS,
    KEY_GROUP,
    KEY_EXCLUDE,
    KEY_TIMES,
    KEY_HELD_OUT,
    KEY_CANDIDATES,
    KEY_TEXT,
    KEY_COUNT
} known_key;

// Its usual name, and which of --columns may give it another.
static const struct {
    const char *name;
    nj_column_kind column; // NJ_COLUMN_KINDS: none
} KEYS[KEY_COUNT] = {{"user", NJ_COLUMN_USER},        {"items", NJ_COLUMN_ITEMS},
                     {"group", NJ_COLUMN_GROUP},      {"exclude", NJ_COLUMN_KINDS},
                     {"times", NJ_COLUMN_TIMES},      {"held_out", NJ_COLUMN_KINDS},
                     {"candidates", NJ_COLUMN_KINDS}, {"text", NJ_COLUMN_KINDS}};

static const char *name_of_key(known_key key, const nj_history_json_line *line)
{
    const nj_column_kind column = KEYS[key].column;
    const bool is_said = line->columns != NULL && column < NJ_COLUMN_KINDS &&
                         line->columns->names[column][0] != '\0';
    return is_said ? line->columns->names[column] : KEYS[key].name;
}

static known_key find_key(nj_slice key, const nj_history_json_line *line)
{
    known_key found = KEY_USER;
    while (found < KEY_COUNT && !nj_slice_equal(key, nj_slice_from(name_of_key(found, line)))) {
        found++;
    }
    const bool is_of_prompt = found == KEY_CANDIDATES || found == KEY_TEXT; // a list has no prompt
    const bool is_asked_for = (found != KEY_TIMES || line->times != NULL) &&
                              (found != KEY_HELD_OUT || line->wants_held_out) &&
                              !(is_of_prompt && line->wants_held_out);
    return is_asked_for ? found : KEY_COUNT;
}

static bool is_null(const json_walk *walk)
{
    const jsmntok_t *token = &walk->tokens[walk->next];
    return walk->next < walk->token_count && token->type == JSMN_PRIMITIVE &&
           walk->text[token->start] == 'n';
}

static nj_status read_candidates(json_walk *walk, nj_history_json_line *line)
{
    line->has_candidates = true;
    return read_list(walk, "\"candidates\" is not a list", false, NJ_REQUEST_CANDIDATES_MAX,
                     line->candidates);
}

static nj_status read_text(json_walk *walk, nj_slice *out)
{
    nj_status status = read_string(walk, out);
    return status != NJ_OK || out->size <= NJ_REQUEST_TEXT_BYTES_MAX
               ? status
               : nj_lines_fail(walk->lines, walk->lines->number, walk->err,
                               "\"text\" has %zu bytes, at most %d", out->size,
                               NJ_REQUEST_TEXT_BYTES_MAX);
}

static nj_status read_member(json_walk *walk, size_t items_max, bool seen[KEY_COUNT],
                             nj_history_json_line *line)
{
    nj_slice key;
    nj_status status = read_key(walk, &key);
    const known_key known = status == NJ_OK ? find_key(key, line) : KEY_COUNT;
    if (status != NJ_OK || known == KEY_COUNT) {
        return status != NJ_OK ? status : skip_value(walk);
    }
    if (seen[known]) {
        return nj_lines_fail(walk->lines, walk->lines->number, walk->err, "\"%s\" is given twice",
                             name_of_key(known, line));
    }
    seen[known] = true;
    switch (known) {
    case KEY_USER:
        return read_id(walk, &line->user);
    case KEY_ITEMS:
        return read_list(walk, "\"items\" is not a list", false, items_max, line->items);
    case KEY_GROUP: // null as a warehouse writes it: no group
        return is_null(walk) ? skip_value(walk) : read_id(walk, &line->group);
    case KEY_EXCLUDE:
        return read_list(walk, "\"exclude\" is not a list", false, items_max, line->exclude);
    case KEY_TIMES:
        line->has_times = true;
        return read_list(walk, "\"times\" is not a list", true, items_max, line->times);
    case KEY_HELD_OUT:
        return is_null(walk) ? skip_value(walk) : read_string(walk, &line->held_out);
    case KEY_CANDIDATES: // null: all of the catalogue, where an empty list is nothing of it
        return is_null(walk) ? skip_value(walk) : read_candidates(walk, line);
    case KEY_TEXT:
        return is_null(walk) ? skip_value(walk) : read_text(walk, &line->text);
    case KEY_COUNT:
        break;
    }
    return NJ_OK;
}

static nj_status read_object(json_walk *walk, size_t items_max, nj_history_json_line *line)
{
    bool seen[KEY_COUNT] = {false};
    if (!pass_open(walk, '{')) {
        return fail_here(walk, "not a JSON object");
    }
    if (!pass_char(walk, '}')) {
        do {
            nj_status status = read_member(walk, items_max, seen, line);
            if (status != NJ_OK) {
                return status;
            }
        } while (pass_char(walk, ','));
        if (!pass_char(walk, '}')) {
            return fail_here(walk, "expected ',' or '}'");
        }
    }
    skip_space(walk);
    if (walk->at != walk->size) {
        return fail_here(walk, "something stands behind the object");
    }
    if (!seen[KEY_USER] || !(seen[KEY_ITEMS] || seen[KEY_CANDIDATES] || seen[KEY_TEXT])) {
        return nj_lines_fail(walk->lines, walk->lines->number, walk->err, "has no \"%s\"",
                             name_of_key(!seen[KEY_USER] ? KEY_USER : KEY_ITEMS, line));
    }
    return NJ_OK;
}

nj_status nj_history_json_parse(nj_history_json *json, const nj_lines *lines, char *line,
                                size_t size, size_t items_max, nj_history_json_line *out,
                                nj_error *err)
{
    json_walk walk = {.lines = lines, .err = err, .text = line, .size = size};
    out->user = (nj_slice){0};
    out->group = (nj_slice){0};
    out->held_out = (nj_slice){0};
    out->text = (nj_slice){0};
    out->has_times = false;
    out->has_candidates = false;
    if (is_too_deep(line, size)) {
        return nj_lines_fail(lines, lines->number, err, "nests deeper than %d",
                             NJ_HISTORY_JSON_DEPTH_MAX);
    }
    nj_status status = tokenize(json, &walk);
    return status == NJ_OK ? read_object(&walk, items_max, out) : status;
}
