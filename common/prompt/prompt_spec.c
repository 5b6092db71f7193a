#include "common/prompt/prompt_spec.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/file.h"

#define DEFAULT_SEPARATOR ", "
#define DEFAULT_ANSWER_TOKENS 64
#define DEFAULT_ANSWER_COUNT 10

typedef struct {
    nj_prompt_spec *spec;
    nj_error *err;
} reading;

static nj_status fail_at(const reading *r, uint32_t line, const char *key, const char *rule)
{
    return nj_fail(r->err, NJ_CONFIG, "%s: line %" PRIu32 ": %s: %s", r->spec->path, line, key,
                   rule);
}

// ---- placeholders ----

typedef struct {
    const char *name;
    nj_part_kind kind;
} placeholder;

static const placeholder prompt_places[] = {
    {"user", NJ_PART_USER},
    {"history", NJ_PART_HISTORY},
    {"candidates", NJ_PART_CANDIDATES},
    {"text", NJ_PART_OWN_TEXT},
};
static const placeholder item_places[] = {
    {"id", NJ_PART_ID},
    {"sid", NJ_PART_SID},
    {"vector", NJ_PART_VECTOR},
};

static bool is_column_name(nj_slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (strchr(",={} \t\r\n", name.bytes[i]) != NULL) {
            return false;
        }
    }
    return name.size > 0 && name.size < NJ_PROMPT_COLUMN_BYTES_MAX;
}

static nj_status find_column(const reading *r, const nj_yaml_node *node, nj_slice name,
                             uint32_t *out)
{
    nj_prompt_spec *spec = r->spec;
    if (!is_column_name(name)) {
        return fail_at(
            r, node->line, node->key,
            "a placeholder is {id}, {sid}, {vector} or {COLUMN}, a name of at most 63 bytes "
            "without spaces, commas and =; braces of the text are {{ and }}");
    }
    for (uint32_t i = 0; i < spec->column_count; i++) {
        if (nj_slice_equal(nj_slice_from(spec->columns[i]), name)) {
            *out = i;
            return NJ_OK;
        }
    }
    if (spec->column_count == NJ_PROMPT_COLUMNS_MAX) {
        return fail_at(r, node->line, node->key, "more than 16 columns are named");
    }
    memcpy(spec->columns[spec->column_count], name.bytes, name.size);
    *out = spec->column_count++;
    return NJ_OK;
}

static nj_status find_place(const reading *r, const nj_yaml_node *node, bool is_prompt,
                            nj_slice name, nj_prompt_part *out)
{
    const placeholder *places = is_prompt ? prompt_places : item_places;
    const size_t count =
        is_prompt ? sizeof prompt_places / sizeof *places : sizeof item_places / sizeof *places;
    for (size_t i = 0; i < count; i++) {
        if (nj_slice_equal(nj_slice_from(places[i].name), name)) {
            *out = (nj_prompt_part){.kind = places[i].kind};
            return NJ_OK;
        }
    }
    if (is_prompt) {
        return nj_fail(r->err, NJ_CONFIG,
                       "%s: line %" PRIu32 ": %s: {%.*s} is not known, must be {user}, {history}, "
                       "{candidates} or {text}; braces of the text are {{ and }}",
                       r->spec->path, node->line, node->key, NJ_SLICE_ARGS(name));
    }
    *out = (nj_prompt_part){.kind = NJ_PART_COLUMN};
    return find_column(r, node, name, &out->column);
}

static nj_status add_part(const reading *r, const nj_yaml_node *node, nj_prompt_text *text,
                          nj_prompt_part part)
{
    if (part.kind == NJ_PART_TEXT && part.text.size == 0) {
        return NJ_OK;
    }
    if (text->part_count ==
        NJ_PROMPT_PIECES_MAX / 2) { // a place may need a piece of tokens before it
        return fail_at(r, node->line, node->key, "has more than 32 texts and placeholders");
    }
    text->parts[text->part_count++] = part;
    return NJ_OK;
}

// Copies the text with its braces undone and cuts it into parts.
static nj_status split_text(const reading *r, const nj_yaml_node *node, bool is_prompt,
                            nj_prompt_text *text)
{
    const char *at = node->text;
    char *begin = r->spec->texts + r->spec->texts_used;
    char *end = begin;
    nj_status status = NJ_OK;
    while (status == NJ_OK && *at != '\0') {
        const bool is_brace = *at == '{' || *at == '}';
        if (!is_brace || at[1] == *at) {
            *end++ = *at;
            at += is_brace ? 2 : 1;
            continue;
        }
        const char *close = *at == '{' ? strchr(at, '}') : NULL;
        if (close == NULL) {
            return fail_at(
                r, node->line, node->key,
                "a brace stands alone: placeholders are {NAME}, braces of the text {{ and }}");
        }
        nj_prompt_part part = {0};
        status =
            find_place(r, node, is_prompt, (nj_slice){at + 1, (size_t)(close - at - 1)}, &part);
        if (status == NJ_OK) {
            status =
                add_part(r, node, text, (nj_prompt_part){.text = {begin, (size_t)(end - begin)}});
        }
        if (status == NJ_OK) {
            status = add_part(r, node, text, part);
        }
        begin = end;
        at = close + 1;
    }
    r->spec->texts_used = (size_t)(end - r->spec->texts);
    return status == NJ_OK
               ? add_part(r, node, text, (nj_prompt_part){.text = {begin, (size_t)(end - begin)}})
               : status;
}

bool nj_prompt_text_has(const nj_prompt_text *text, nj_part_kind kind)
{
    for (uint32_t i = 0; i < text->part_count; i++) {
        if (text->parts[i].kind == kind) {
            return true;
        }
    }
    return false;
}

// ---- values ----

// What may stand in the file.
typedef struct spec_key {
    const char *name;
    nj_status (*read)(reading *r, const nj_yaml_node *node, const struct spec_key *key);
    unsigned answers; // bits of nj_prompt_answer that it is for
    size_t member;    // of nj_prompt_spec: where its value goes, where `read` serves several keys
    uint32_t most;    // of a number
} spec_key;

static void *member_of(const reading *r, const spec_key *key)
{
    return (char *)r->spec + key->member;
}

static nj_status need_text(const reading *r, const nj_yaml_node *node)
{
    return node->kind == NJ_YAML_TEXT ? NJ_OK : fail_at(r, node->line, node->key, "must be a text");
}

static nj_status read_text(const reading *r, const nj_yaml_node *node, bool is_prompt,
                           nj_prompt_text *out)
{
    out->is_there = true;
    out->line = node->line;
    nj_status status = need_text(r, node);
    return status == NJ_OK ? split_text(r, node, is_prompt, out) : status;
}

static nj_status read_prompt(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    return read_text(r, node, true, member_of(r, key));
}

static nj_status read_item(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    return read_text(r, node, false, member_of(r, key));
}

static nj_status read_slice(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    nj_status status = need_text(r, node);
    if (status == NJ_OK) {
        *(nj_slice *)member_of(r, key) = nj_slice_from(node->text);
    }
    return status;
}

static nj_status read_answer_end(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    (void)key;
    r->spec->answer_end = node->text;
    return need_text(r, node);
}

// The place of a text among words; NJ_CONFIG tells them all.
static nj_status read_word(const reading *r, const nj_yaml_node *node, const char *const *words,
                           size_t count, const char *rule, uint32_t *out)
{
    for (size_t i = 0; node->kind == NJ_YAML_TEXT && i < count; i++) {
        if (strcmp(node->text, words[i]) == 0) {
            *out = (uint32_t)i;
            return NJ_OK;
        }
    }
    return fail_at(r, node->line, node->key, rule);
}

static nj_status read_special(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    (void)key;
    static const char *const words[] = {"false", "true"};
    uint32_t word = 0;
    nj_status status = read_word(r, node, words, 2, "must be true or false", &word);
    r->spec->is_special = word == 1;
    return status;
}

static nj_status read_kind(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    (void)key;
    static const char *const words[] = {"sid", "item", "list", "text"}; // as nj_prompt_answer
    uint32_t word = 0;
    nj_status status = read_word(r, node, words, 4, "must be sid, item, list or text", &word);
    r->spec->answer = (nj_prompt_answer)word;
    return status;
}

static nj_status read_stop(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    (void)key;
    static const char *const words[] = {"false", "true", "never"}; // as nj_answer_stop
    return read_word(r, node, words, 3, "must be false, true or never", &r->spec->stop);
}

static nj_status read_number(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    char *end = NULL;
    const bool has_digit = node->kind == NJ_YAML_TEXT && *node->text >= '0' && *node->text <= '9';
    const unsigned long long value = has_digit ? strtoull(node->text, &end, 10) : 0;
    if (!has_digit || *end != '\0' || value < 1 || value > key->most) {
        return nj_fail(r->err, NJ_CONFIG,
                       "%s: line %" PRIu32
                       ": %s is \"%s\", must be a whole number of 1 to %" PRIu32,
                       r->spec->path, node->line, node->key,
                       node->kind == NJ_YAML_TEXT ? node->text : "a list", key->most);
    }
    *(uint32_t *)member_of(r, key) = (uint32_t)value;
    return NJ_OK;
}

static nj_status read_length_penalty(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    (void)key;
    char *end = NULL;
    const float value = node->kind == NJ_YAML_TEXT ? strtof(node->text, &end) : NAN;
    r->spec->length_penalty = value;
    if (end != NULL && end != node->text && *end == '\0' &&
        fabsf(value) <= NJ_PROMPT_LENGTH_PENALTY_MAX) {
        return NJ_OK;
    }
    return nj_fail(
        r->err, NJ_CONFIG, "%s: line %" PRIu32 ": %s is \"%s\", must be a number of %d to %d",
        r->spec->path, node->line, node->key, node->kind == NJ_YAML_TEXT ? node->text : "a list",
        -NJ_PROMPT_LENGTH_PENALTY_MAX, NJ_PROMPT_LENGTH_PENALTY_MAX);
}

// ---- keys ----

#define FOR(answer) (1u << (answer))
#define FOR_ALL 0xfu
#define FOR_ITEMS (FOR(NJ_SAYS_ITEM) | FOR(NJ_SAYS_LIST))
#define FOR_FREE (FOR(NJ_SAYS_LIST) | FOR(NJ_SAYS_TEXT))
#define FOR_STRINGS (FOR_ITEMS | FOR_FREE)

#define AT(member) offsetof(nj_prompt_spec, member)

static nj_status read_answer(reading *r, const nj_yaml_node *node, const spec_key *key);

static const spec_key keys[] = {
    {"prompt", read_prompt, FOR_ALL, AT(prompt), 0},
    {"item", read_item, FOR_ALL, AT(item), 0},
    {"candidate", read_item, FOR_ALL, AT(candidate), 0},
    {"separator", read_slice, FOR_ALL, AT(separator), 0},
    {"special", read_special, FOR_ALL, 0, 0},
    {"tokens", read_number, FOR_ALL, AT(tokens_max), NJ_PROMPT_TOKENS_MAX},
    {"answer", read_answer, FOR_ALL, 0, 0},
};
static const spec_key answer_keys[] = {
    {"kind", read_kind, FOR_ALL, 0, 0}, // first: the others are for some kinds
    {"item", read_item, FOR_ITEMS, AT(answer_item), 0},
    {"lead", read_slice, FOR_ITEMS, AT(answer_lead), 0},
    {"separator", read_slice, FOR(NJ_SAYS_LIST), AT(answer_separator), 0},
    {"count", read_number, FOR(NJ_SAYS_LIST), AT(answer_count), NJ_PROMPT_LIST_MAX},
    {"tokens", read_number, FOR_FREE, AT(answer_tokens), NJ_PROMPT_ANSWER_TOKENS_MAX},
    {"end", read_answer_end, FOR_STRINGS, 0, 0},
    {"length_penalty", read_length_penalty, FOR_STRINGS, 0, 0},
    {"early_stopping", read_stop, FOR_STRINGS, 0, 0},
};

static nj_status check_keys(const reading *r, const nj_yaml_node *map, const spec_key *known,
                            size_t count)
{
    for (const nj_yaml_node *node = map->first; node != NULL; node = node->next) {
        size_t i = 0;
        while (i < count && strcmp(known[i].name, node->key) != 0) {
            i++;
        }
        if (i == count) {
            return nj_fail(r->err, NJ_CONFIG,
                           "%s: line %" PRIu32 ": %s is not known; schemas/prompt.md has the keys",
                           r->spec->path, node->line, node->key);
        }
    }
    return NJ_OK;
}

static nj_status read_keys(reading *r, const nj_yaml_node *map, const spec_key *known, size_t count)
{
    nj_status status = check_keys(r, map, known, count);
    for (size_t i = 0; status == NJ_OK && i < count; i++) {
        const nj_yaml_node *node = nj_yaml_find(map, known[i].name);
        if (node == NULL) {
            continue;
        }
        if ((known[i].answers & FOR(r->spec->answer)) == 0) {
            return fail_at(r, node->line, node->key, "is not for this kind of answer");
        }
        status = known[i].read(r, node, &known[i]);
    }
    return status;
}

static nj_status read_answer(reading *r, const nj_yaml_node *node, const spec_key *key)
{
    (void)key;
    return node->kind == NJ_YAML_MAP
               ? read_keys(r, node, answer_keys, sizeof answer_keys / sizeof *answer_keys)
               : fail_at(r, node->line, node->key, "must be a mapping with kind");
}

// ---- the whole ----

static nj_status check_places(const reading *r)
{
    const nj_prompt_text *prompt = &r->spec->prompt;
    unsigned seen = 0;
    for (uint32_t i = 0; i < prompt->part_count; i++) {
        const unsigned bit = 1u << prompt->parts[i].kind;
        const bool is_text = prompt->parts[i].kind == NJ_PART_TEXT;
        if (!is_text && (seen & bit) != 0) {
            return fail_at(r, prompt->line, "prompt", "a placeholder stands twice");
        }
        seen |= bit;
    }
    return NJ_OK;
}

static nj_status check_spec(reading *r)
{
    nj_prompt_spec *spec = r->spec;
    const bool has_history = nj_prompt_text_has(&spec->prompt, NJ_PART_HISTORY);
    const bool has_candidates = nj_prompt_text_has(&spec->prompt, NJ_PART_CANDIDATES);
    const bool answers_items = spec->answer == NJ_SAYS_ITEM || spec->answer == NJ_SAYS_LIST;
    if (!spec->prompt.is_there || spec->prompt.part_count == 0) {
        return nj_fail(r->err, NJ_CONFIG, "%s: prompt: the text that a model reads is missing",
                       spec->path);
    }
    if (!spec->item.is_there && (has_history || (has_candidates && !spec->candidate.is_there) ||
                                 (answers_items && !spec->answer_item.is_there))) {
        return nj_fail(r->err, NJ_CONFIG,
                       "%s: item: how an item stands in the prompt is missing, such as \"{title}\"",
                       spec->path);
    }
    if (nj_prompt_text_has(&spec->answer_item, NJ_PART_VECTOR)) {
        return fail_at(r, spec->answer_item.line, "answer.item", "{vector} cannot be answered");
    }
    if (!spec->candidate.is_there) {
        spec->candidate = spec->item;
    }
    return check_places(r);
}

nj_status nj_prompt_spec_read(const char *path, nj_prompt_spec *out, nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    *out = (nj_prompt_spec){.path = path,
                            .separator = nj_slice_from(DEFAULT_SEPARATOR),
                            .answer_separator = nj_slice_from(DEFAULT_SEPARATOR),
                            .is_special = true,
                            .answer_tokens = DEFAULT_ANSWER_TOKENS,
                            .answer_count = DEFAULT_ANSWER_COUNT,
                            .length_penalty = 1};
    reading r = {.spec = out, .err = err};
    nj_status status = nj_file_read(path, NJ_PROMPT_FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        status = nj_yaml_parse(bytes, size, path, &out->yaml, err);
    }
    free(bytes);
    if (status ==
        NJ_OK) { // all texts of the file together have no more bytes than twice the file's
        out->texts = malloc(2 * size + 1);
        status = out->texts != NULL
                     ? NJ_OK
                     : nj_fail(err, NJ_NO_MEMORY, "%s: no memory for its texts", path);
    }
    if (status == NJ_OK && nj_yaml_root(out->yaml)->kind != NJ_YAML_MAP) {
        status =
            nj_fail(err, NJ_CONFIG, "%s: must be a mapping with prompt, item and answer", path);
    }
    if (status == NJ_OK) {
        status = read_keys(&r, nj_yaml_root(out->yaml), keys, sizeof keys / sizeof *keys);
    }
    if (status == NJ_OK) {
        status = check_spec(&r);
    }
    if (status != NJ_OK) {
        nj_prompt_spec_close(out);
    }
    return status;
}

void nj_prompt_spec_close(nj_prompt_spec *spec)
{
    nj_yaml_close(&spec->yaml);
    free(spec->texts);
    spec->texts = NULL;
}
