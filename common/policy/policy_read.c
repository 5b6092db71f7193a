#include "common/policy/policy_read.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/file.h"
#include "common/cli/suggest.h"
#include "common/input/instant.h"
#include "common/policy/policy_check.h"
#include "common/policy/policy_keys.h"
#include "common/policy/policy_reader.h"

#define VERSION_WORD "version"
#define PATH_BYTES 96 // of a key with its groups
#define DAY_SECONDS 86400
#define WHOLE_DIGITS_MAX 20
#define ALPHA_BYTES_MAX 256

// ---- texts ----

nj_status nj_policy_whole(const nj_policy_place_of *place, const char *text, uint64_t least,
                          uint64_t most, uint64_t *out)
{
    const size_t digits = strspn(text, "0123456789");
    uint64_t value = 0;
    bool fits = digits > 0 && digits <= WHOLE_DIGITS_MAX && text[digits] == '\0';
    for (size_t i = 0; fits && i < digits; i++) {
        fits = !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value);
    }
    if (!fits || value < least || value > most) {
        return nj_policy_fail(place->err, place->what, place->line,
                              "%s is \"%.40s\", must be a whole number from %" PRIu64
                              " to %" PRIu64,
                              place->path, text, least, most);
    }
    *out = value;
    return NJ_OK;
}

nj_status nj_policy_number(const nj_policy_place_of *place, const char *text, double least,
                           double most, double *out)
{
    double value = 0;
    // The limits hold for the float that is kept: 1.00000001 is 1.
    const bool is_number = nj_decimal_parse(nj_slice_from(text), &value);
    const double kept = is_number && value > -FLT_MAX && value < FLT_MAX ? (double)(float)value : 0;
    if (!is_number || value > FLT_MAX || value < -FLT_MAX || kept < (double)(float)least ||
        kept > (double)(float)most) {
        return nj_policy_fail(place->err, place->what, place->line,
                              "%s is \"%.40s\", must be a number from %.9g to %.9g", place->path,
                              text, least, most);
    }
    *out = kept;
    return NJ_OK;
}

static nj_status read_bool(const nj_policy_place_of *place, const char *text, bool *out)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        return nj_policy_fail(place->err, place->what, place->line,
                              "%s is \"%.40s\", must be true or false", place->path, text);
    }
    *out = text[0] == 't';
    return NJ_OK;
}

static nj_status read_word(const nj_policy_place_of *place, nj_policy_kind kind, const char *text,
                           uint32_t *out)
{
    char words[NJ_POLICY_WORD_BYTES] = "";
    nj_suggestion suggestion = {.word = text};
    for (uint32_t i = 0; nj_policy_word(kind, i) != NULL; i++) {
        const char *word = nj_policy_word(kind, i);
        const size_t used = strlen(words);
        if (strcmp(word, text) == 0) {
            *out = i;
            return NJ_OK;
        }
        snprintf(words + used, sizeof words - used, "%s%s", i > 0 ? ", " : "", word);
        nj_suggestion_offer(&suggestion, word);
    }
    return nj_policy_fail(place->err, place->what, place->line,
                          "%s is \"%.40s\", must be one of %s%s%s%s", place->path, text, words,
                          suggestion.nearest != NULL ? "; did you mean " : "",
                          suggestion.nearest != NULL ? suggestion.nearest : "",
                          suggestion.nearest != NULL ? "?" : "");
}

static nj_status read_until(const nj_policy_place_of *place, const char *text, int64_t *out)
{
    nj_instant instant;
    if (strcmp(text, "today") == 0) {
        *out = place->names->today;
        return NJ_OK;
    }
    if (nj_instant_parse(place->path, text, &instant, NULL) != NJ_OK || !instant.is_date ||
        strlen(text) != strlen("2024-05-01")) {
        return nj_policy_fail(place->err, place->what, place->line,
                              "%s is \"%.40s\", must be today or a date such as 2024-05-01",
                              place->path, text);
    }
    *out = (int64_t)instant.at / DAY_SECONDS; // a whole number of days
    return NJ_OK;
}

// ---- keys ----

static nj_status set_text(nj_policy_reader *reader, size_t number, uint32_t line, const char *text)
{
    const nj_policy_key *key = &NJ_POLICY_KEYS[number];
    const nj_policy_place_of place = nj_policy_reader_at(reader, line, key->path);
    void *field = nj_policy_field(reader->policy, number);
    uint64_t whole = 0;
    double real = 0;
    nj_status status = NJ_OK;
    switch (key->kind) {
    case NJ_POLICY_F32:
        status = nj_policy_number(&place, text, key->least, key->most, &real);
        *(float *)field = status == NJ_OK ? (float)real : 0;
        break;
    case NJ_POLICY_U64:
        status = nj_policy_whole(&place, text, 0, UINT64_MAX, (uint64_t *)field);
        break;
    case NJ_POLICY_BOOL:
        status = read_bool(&place, text, (bool *)field);
        break;
    case NJ_POLICY_UNTIL:
        status = read_until(&place, text, (int64_t *)field);
        break;
    case NJ_POLICY_WORDS:
    case NJ_POLICY_DAYS:
        status = nj_policy_find_column(
            &place, nj_slice_from(text),
            key->kind == NJ_POLICY_DAYS ? NJ_ATTRIBUTE_DAYS : NJ_ATTRIBUTE_WORDS, field);
        break;
    case NJ_POLICY_U32:
    case NJ_POLICY_PLACE:
        status = nj_policy_whole(&place, text, (uint64_t)key->least, (uint64_t)key->most, &whole);
        *(uint32_t *)field = (uint32_t)whole - (key->kind == NJ_POLICY_PLACE ? 1 : 0);
        break;
    default:
        status = read_word(&place, key->kind, text, field);
    }
    return status;
}

static nj_status refuse_alpha_count(const nj_policy_place_of *place, uint32_t count)
{
    return nj_policy_fail(place->err, place->what, place->line,
                          "%s has %u numbers, the catalogue has %u levels: one a level",
                          place->path, count, place->names->level_count);
}

static nj_status set_alpha(nj_policy_reader *reader, size_t number, const nj_yaml_node *list)
{
    const nj_policy_key *key = &NJ_POLICY_KEYS[number];
    nj_policy_place_of place = nj_policy_reader_at(reader, list->line, key->path);
    float *alpha = nj_policy_field(reader->policy, number);
    uint32_t l = 0;
    if (list->count != reader->names->level_count) {
        return refuse_alpha_count(&place, list->count);
    }
    for (const nj_yaml_node *entry = list->first; entry != NULL; entry = entry->next) {
        double value = 0;
        place.line = entry->line;
        if (entry->kind != NJ_YAML_TEXT) {
            return nj_policy_fail(reader->err, reader->what, entry->line,
                                  "%s: an entry is no number", key->path);
        }
        nj_status status = nj_policy_number(&place, entry->text, key->least, key->most, &value);
        if (status != NJ_OK) {
            return status;
        }
        alpha[l++] = (float)value;
    }
    return NJ_OK;
}

static nj_status set_node(nj_policy_reader *reader, size_t number, const nj_yaml_node *node)
{
    const nj_policy_key *key = &NJ_POLICY_KEYS[number];
    reader->policy->lines.keys[number] = node->line;
    const bool wants_list = key->kind == NJ_POLICY_ALPHA;
    if (node->kind != (wants_list ? NJ_YAML_LIST : NJ_YAML_TEXT)) {
        return nj_policy_fail(reader->err, reader->what, node->line, "%s must be %s", key->path,
                              wants_list ? "a list of numbers, one a level" : "one value");
    }
    if (wants_list) {
        return set_alpha(reader, number, node);
    }
    if (node->text[0] == '\0') {
        return nj_policy_fail(reader->err, reader->what, node->line,
                              "%s has no value; leave it out where it is not wanted", key->path);
    }
    return set_text(reader, number, node->line, node->text);
}

static size_t find_key(const char *path)
{
    size_t i = 0;
    while (i < NJ_POLICY_KEY_COUNT && strcmp(NJ_POLICY_KEYS[i].path, path) != 0) {
        i++;
    }
    return i;
}

// ---- groups ----

// What may stand in a group: the parts of the table's paths behind the group's own.
typedef struct {
    const char *group; // "candidates." or ""
    nj_suggestion suggestion;
    char words[NJ_POLICY_KEY_COUNT + 8][NJ_SUGGEST_BYTES_MAX + 1]; // suggestions borrow them
    size_t count;
    bool is_group; // some path begins with it
} words_of_group;

static void offer_path(void *context, const char *path)
{
    words_of_group *words = context;
    const size_t group = strlen(words->group);
    if (strncmp(path, words->group, group) != 0) {
        return;
    }
    words->is_group = true;
    char *word = words->words[words->count++];
    const size_t bytes = nj_min_size(strcspn(path + group, "."), NJ_SUGGEST_BYTES_MAX);
    memcpy(word, path + group, bytes);
    word[bytes] = '\0';
    if (words->suggestion.word != NULL) {
        nj_suggestion_offer(&words->suggestion, word);
    }
}

static void offer_paths(words_of_group *words)
{
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
        offer_path(words, NJ_POLICY_KEYS[i].path);
    }
    nj_policy_rules_each(offer_path, words);
    offer_path(words, VERSION_WORD);
}

static bool is_group(const char *path_with_dot)
{
    words_of_group words = {.group = path_with_dot};
    offer_paths(&words);
    return words.is_group;
}

static nj_status refuse_key(const nj_policy_reader *reader, const nj_yaml_node *entry,
                            const char *group)
{
    words_of_group words = {.group = group, .suggestion = {.word = entry->key}};
    offer_paths(&words);
    const char *nearest = words.suggestion.nearest;
    return nj_policy_fail(reader->err, reader->what, entry->line,
                          "key \"%s%.60s\" is unknown%s%s%s%s", group, entry->key,
                          nearest != NULL ? "; did you mean " : "", nearest != NULL ? group : "",
                          nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

// Otherwise "fill.near: true" would be another way to say the key near of the group fill, and both could stand in a file.
static nj_status refuse_dotted(const nj_policy_reader *reader, const nj_yaml_node *entry)
{
    const int head = (int)strcspn(entry->key, ".");
    return nj_policy_fail(
        reader->err, reader->what, entry->line,
        "key \"%.60s\" has a dot: groups are mappings, write \"%.*s: {%.60s: ...}\"", entry->key,
        head < 60 ? head : 60, entry->key, entry->key + head + 1);
}

// A mapping that is being read.
typedef struct {
    const nj_yaml_node *next; // entry
    char group[PATH_BYTES];   // its path with a dot; "" of the file
} open_group;

static nj_status read_entry(nj_policy_reader *reader, const nj_yaml_node *entry,
                            const open_group *in, open_group *out_inner)
{
    char path[PATH_BYTES];
    const size_t group_bytes = strlen(in->group);
    const size_t key_bytes = strlen(entry->key);
    if (strchr(entry->key, '.') != NULL) {
        return refuse_dotted(reader, entry);
    }
    if (group_bytes + key_bytes + 2 > PATH_BYTES) { // a dot and NUL
        return refuse_key(reader, entry, in->group);
    }
    memcpy(path, in->group, group_bytes);
    memcpy(path + group_bytes, entry->key, key_bytes + 1);
    if (strcmp(path, VERSION_WORD) == 0) {
        return NJ_OK;
    }
    const size_t number = find_key(path);
    if (number < NJ_POLICY_KEY_COUNT) {
        return set_node(reader, number, entry);
    }
    if (nj_policy_is_rules(path)) {
        return nj_policy_read_rules(reader, path, entry);
    }
    path[group_bytes + key_bytes] = '.';
    path[group_bytes + key_bytes + 1] = '\0';
    if (!is_group(path)) {
        return refuse_key(reader, entry, in->group);
    }
    if (entry->kind != NJ_YAML_MAP || entry->count == 0) {
        return nj_policy_fail(reader->err, reader->what, entry->line,
                              "%s%s must be a mapping of keys; leave it out where nothing is "
                              "wanted",
                              in->group, entry->key);
    }
    out_inner->next = entry->first;
    memcpy(out_inner->group, path, sizeof path);
    return NJ_OK;
}

static nj_status read_groups(nj_policy_reader *reader, const nj_yaml_node *root)
{
    open_group open[NJ_YAML_DEPTH_MAX + 1];
    size_t depth = 1;
    open[0] = (open_group){.next = root->first};
    while (depth > 0) {
        open_group *group = &open[depth - 1];
        const nj_yaml_node *entry = group->next;
        if (entry == NULL) {
            depth--;
            continue;
        }
        group->next = entry->next;
        open[depth].next = NULL;
        nj_status status = read_entry(reader, entry, group, &open[depth]);
        if (status != NJ_OK) {
            return status;
        }
        depth += open[depth].next != NULL;
    }
    return NJ_OK;
}

static nj_status read_version(const nj_policy_reader *reader, const nj_yaml_node *root)
{
    if (root->kind != NJ_YAML_MAP) {
        return nj_policy_fail(reader->err, reader->what, root->line,
                              "a policy is a mapping of keys");
    }
    const nj_yaml_node *version = nj_yaml_find(root, VERSION_WORD);
    if (version == NULL) {
        return nj_policy_fail(reader->err, reader->what, 1,
                              "no key version; begin with version: %d", NJ_POLICY_VERSION);
    }
    const nj_policy_place_of place = nj_policy_reader_at(reader, version->line, VERSION_WORD);
    uint64_t number = 0;
    return nj_policy_whole(&place, version->kind == NJ_YAML_TEXT ? version->text : "",
                           NJ_POLICY_VERSION, NJ_POLICY_VERSION, &number);
}

// ---- overrides ----

static nj_status set_alpha_text(nj_policy_reader *reader, size_t number, const char *text)
{
    char copy[ALPHA_BYTES_MAX];
    nj_yaml_node entries[NJ_LEVELS_MAX];
    nj_yaml_node list = {.kind = NJ_YAML_LIST, .line = NJ_POLICY_LINE_SET, .first = entries};
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    while (rest != NULL && list.count < NJ_LEVELS_MAX) {
        char *comma = strchr(rest, ',');
        nj_yaml_node *entry = &entries[list.count];
        *entry = (nj_yaml_node){.kind = NJ_YAML_TEXT, .line = list.line, .text = rest};
        if (list.count++ > 0) {
            entries[list.count - 2].next = entry;
        }
        if (comma != NULL) {
            *comma++ = '\0';
        }
        rest = comma;
    }
    const nj_policy_place_of place =
        nj_policy_reader_at(reader, list.line, NJ_POLICY_KEYS[number].path);
    return rest != NULL ? refuse_alpha_count(&place, list.count + 1)
                        : set_alpha(reader, number, &list);
}

static nj_status apply_override(nj_policy_reader *reader, const nj_policy_override *override)
{
    const size_t number = find_key(override->key);
    if (number == NJ_POLICY_KEY_COUNT) {
        nj_suggestion suggestion = {.word = override->key};
        for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
            nj_suggestion_offer(&suggestion, NJ_POLICY_KEYS[i].path);
        }
        return nj_policy_fail(reader->err, reader->what, NJ_POLICY_LINE_SET,
                              "key \"%.60s\" is unknown or a list of rules%s%s%s", override->key,
                              suggestion.nearest != NULL ? "; did you mean " : "",
                              suggestion.nearest != NULL ? suggestion.nearest : "",
                              suggestion.nearest != NULL ? "?" : "");
    }
    reader->policy->lines.keys[number] = NJ_POLICY_LINE_SET;
    return NJ_POLICY_KEYS[number].kind == NJ_POLICY_ALPHA
               ? set_alpha_text(reader, number, override->value)
               : set_text(reader, number, NJ_POLICY_LINE_SET, override->value);
}

// ---- the file ----

nj_status nj_policy_parse(const char *bytes, size_t size, const char *what,
                          const nj_policy_override *overrides, uint32_t override_count,
                          const nj_policy_names *names, nj_policy *out, nj_error *err)
{
    nj_policy policy;
    nj_yaml *yaml = NULL;
    nj_policy_reader reader = {.names = names, .what = what, .err = err, .policy = &policy};
    nj_policy_init(&policy);
    policy.fresh_until = names->today;
    nj_status status = nj_yaml_parse(bytes, size, what, &yaml, err);
    if (status == NJ_OK) {
        status = read_version(&reader, nj_yaml_root(yaml));
    }
    if (status == NJ_OK) {
        status = read_groups(&reader, nj_yaml_root(yaml));
    }
    for (uint32_t i = 0; i < override_count && status == NJ_OK; i++) {
        status = apply_override(&reader, &overrides[i]);
    }
    if (status == NJ_OK) {
        status = nj_policy_check_rules(&policy, names, what, err);
    }
    if (status == NJ_OK) {
        policy.fresh_until = policy.fresh_share > 0 ? policy.fresh_until : 0;
        *out = policy;
    }
    nj_yaml_close(&yaml);
    return status;
}

nj_status nj_policy_read_with(const char *path, const nj_policy_override *overrides,
                              uint32_t override_count, const nj_policy_names *names, nj_policy *out,
                              nj_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    nj_status status = nj_file_read(path, NJ_POLICY_FILE_BYTES_MAX, &bytes, &size, err);
    if (status == NJ_OK) {
        status = nj_policy_parse(bytes, size, path, overrides, override_count, names, out, err);
    }
    free(bytes);
    return status;
}

nj_status nj_policy_read(const char *path, const nj_policy_names *names, nj_policy *out,
                         nj_error *err)
{
    return nj_policy_read_with(path, NULL, 0, names, out, err);
}
