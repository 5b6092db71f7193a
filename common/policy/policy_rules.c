// policy_rules.c - the lists of rules of a policy file: boosts, deny, caps, pins.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/cli/suggest.h"
#include "common/math/vecmath.h"
#include "common/policy/policy_keys.h"
#include "common/policy/policy_reader.h"

#define RULE_KEYS_MAX 4
#define ADD_MAX 100.0
#define TIMES_LEAST 1e-6
#define TIMES_MOST 1e6
#define CAP_MOST_MAX 1000

// The entry of a list, and its keys that are there, in the order of the list's table.
typedef struct {
    nj_policy_reader *reader;
    const char *path;
    const nj_yaml_node *node;
    const nj_yaml_node *keys[RULE_KEYS_MAX];
    uint32_t number; // of the rule in its list
} rule_entry;

typedef struct {
    const char *path;
    uint32_t most;
    size_t count_offset;
    size_t lines_offset;
    const char *keys[RULE_KEYS_MAX]; // NULL: no more
    nj_status (*read)(const rule_entry *rule);
} rule_list;

static nj_policy_place_of place_of(const rule_entry *rule, const nj_yaml_node *node)
{
    return nj_policy_reader_at(rule->reader, node->line, rule->path);
}

static nj_status refuse_rule(const rule_entry *rule, const nj_yaml_node *node, const char *text)
{
    return nj_policy_fail(rule->reader->err, rule->reader->what, node->line, "%s: %s", rule->path,
                          text);
}

static bool is_text(const nj_yaml_node *node)
{
    return node != NULL && node->kind == NJ_YAML_TEXT && node->text[0] != '\0';
}

// Reads {COLUMN: value} or {item: id}.
static nj_status read_where(const rule_entry *rule, const nj_yaml_node *node, nj_policy_where *out)
{
    if (node == NULL || node->kind != NJ_YAML_MAP || node->count != 1 || !is_text(node->first)) {
        return refuse_rule(rule, node != NULL ? node : rule->node,
                           "items are named by one column and value, {category: Nails}, or one "
                           "item, {item: B0001}");
    }
    const nj_policy_place_of place = place_of(rule, node);
    return nj_policy_find_where(&place, nj_slice_from(node->first->key),
                                nj_slice_from(node->first->text), out);
}

static nj_status read_whole(const rule_entry *rule, const nj_yaml_node *node, const char *key,
                            uint64_t least, uint64_t most, uint32_t *out)
{
    char path[NJ_POLICY_WORD_BYTES];
    uint64_t value = 0;
    snprintf(path, sizeof path, "%s: %s", rule->path, key);
    const nj_policy_place_of place =
        nj_policy_reader_at(rule->reader, node != NULL ? node->line : rule->node->line, path);
    nj_status status =
        nj_policy_whole(&place, is_text(node) ? node->text : "", least, most, &value);
    *out = status == NJ_OK ? (uint32_t)value : 0;
    return status;
}

static nj_status read_boost(const rule_entry *rule)
{
    nj_policy_boost *boost = &rule->reader->policy->boosts[rule->number];
    const nj_yaml_node *add = rule->keys[1];
    const nj_yaml_node *times = rule->keys[2];
    double value = 0;
    nj_status status = read_where(rule, rule->keys[0], &boost->where);
    if (status != NJ_OK) {
        return status;
    }
    if ((add == NULL) == (times == NULL) || !is_text(add != NULL ? add : times)) {
        return refuse_rule(rule, rule->node,
                           "wants one of add (to the score) and times (x doubles "
                           "the share at 2)");
    }
    nj_policy_place_of place = place_of(rule, add != NULL ? add : times);
    place.path = add != NULL ? "adjust.boosts: add" : "adjust.boosts: times";
    status = add != NULL ? nj_policy_number(&place, add->text, -ADD_MAX, ADD_MAX, &value)
                         : nj_policy_number(&place, times->text, TIMES_LEAST, TIMES_MOST, &value);
    boost->add = add != NULL ? (float)value : nj_log((float)value);
    return status;
}

static nj_status read_deny(const rule_entry *rule)
{
    return read_where(rule, rule->node, &rule->reader->policy->deny[rule->number]);
}

static nj_status read_cap_column(const rule_entry *rule, nj_policy_cap *cap)
{
    const nj_yaml_node *by = rule->keys[0];
    const nj_yaml_node *value = rule->keys[2];
    const nj_policy_place_of place = place_of(rule, by);
    if (rule->keys[1] != NULL) {
        return refuse_rule(rule, rule->keys[1], "levels goes with by: prefix only");
    }
    nj_status status =
        nj_policy_find_column(&place, nj_slice_from(by->text), NJ_ATTRIBUTE_WORDS, &cap->attribute);
    if (status == NJ_OK && value != NULL) {
        if (!is_text(value)) {
            return refuse_rule(rule, value, "value must be a text");
        }
        status =
            nj_policy_find_value(&place, cap->attribute, nj_slice_from(value->text), &cap->value);
    }
    return status;
}

static nj_status read_cap(const rule_entry *rule)
{
    nj_policy_cap cap = {.attribute = NJ_POLICY_NONE, .value = NJ_POLICY_NONE};
    const nj_yaml_node *by = rule->keys[0];
    nj_status status = NJ_OK;
    if (!is_text(by)) {
        return refuse_rule(rule, rule->node, "wants by: a column of words, or prefix");
    }
    if (strcmp(by->text, NJ_POLICY_PREFIX_WORD) != 0) {
        status = read_cap_column(rule, &cap);
    } else if (rule->keys[2] != NULL) {
        status = refuse_rule(rule, rule->keys[2], "value goes with a column only");
    } else {
        status = read_whole(rule, rule->keys[1], "levels", 1, rule->reader->names->level_count,
                            &cap.levels);
    }
    if (status == NJ_OK) {
        status = read_whole(rule, rule->keys[3], "most", 1, CAP_MOST_MAX, &cap.most);
    }
    rule->reader->policy->caps[rule->number] = cap;
    return status;
}

static nj_status read_pin(const rule_entry *rule)
{
    nj_policy_pin pin = {0};
    const nj_yaml_node *item = rule->keys[0];
    if (!is_text(item)) {
        return refuse_rule(rule, rule->node, "wants item: the id of one");
    }
    const nj_policy_place_of place = place_of(rule, item);
    nj_status status = nj_policy_find_item(&place, nj_slice_from(item->text), &pin.row);
    if (status == NJ_OK) {
        status = read_whole(rule, rule->keys[1], "place", 1, NJ_POLICY_PLACES_MAX, &pin.place);
        pin.place -= status == NJ_OK ? 1 : 0;
    }
    rule->reader->policy->pins[rule->number] = pin;
    return status;
}

// Of `deny`, an entry is itself what a rule of another list has under `where`.
static const rule_list LISTS[] = {
    {"adjust.boosts",
     NJ_POLICY_RULES_MAX,
     offsetof(nj_policy, boost_count),
     offsetof(nj_policy, lines.boosts),
     {"where", "add", "times"},
     read_boost},
    {"constraints.deny",
     NJ_POLICY_RULES_MAX,
     offsetof(nj_policy, deny_count),
     offsetof(nj_policy, lines.deny),
     {NULL},
     read_deny},
    {"constraints.caps",
     NJ_POLICY_RULES_MAX,
     offsetof(nj_policy, cap_count),
     offsetof(nj_policy, lines.caps),
     {"by", "levels", "value", "most"},
     read_cap},
    {"constraints.pins",
     NJ_POLICY_PLACES_MAX,
     offsetof(nj_policy, pin_count),
     offsetof(nj_policy, lines.pins),
     {"item", "place"},
     read_pin},
};
#define LIST_COUNT (sizeof LISTS / sizeof LISTS[0])

static nj_status refuse_rule_key(const rule_entry *rule, const rule_list *list,
                                 const nj_yaml_node *entry)
{
    nj_suggestion suggestion = {.word = entry->key};
    for (size_t i = 0; i < RULE_KEYS_MAX && list->keys[i] != NULL; i++) {
        nj_suggestion_offer(&suggestion, list->keys[i]);
    }
    return nj_policy_fail(rule->reader->err, rule->reader->what, entry->line,
                          "%s: key \"%.60s\" is unknown%s%s%s", list->path, entry->key,
                          suggestion.nearest != NULL ? "; did you mean " : "",
                          suggestion.nearest != NULL ? suggestion.nearest : "",
                          suggestion.nearest != NULL ? "?" : "");
}

static nj_status find_rule_keys(rule_entry *rule, const rule_list *list)
{
    for (const nj_yaml_node *entry = rule->node->first; entry != NULL; entry = entry->next) {
        size_t i = 0;
        while (i < RULE_KEYS_MAX && list->keys[i] != NULL &&
               strcmp(list->keys[i], entry->key) != 0) {
            i++;
        }
        if (i == RULE_KEYS_MAX || list->keys[i] == NULL) {
            return refuse_rule_key(rule, list, entry);
        }
        rule->keys[i] = entry;
    }
    return NJ_OK;
}

static const rule_list *find_list(const char *path)
{
    size_t i = 0;
    while (i < LIST_COUNT && strcmp(LISTS[i].path, path) != 0) {
        i++;
    }
    return i < LIST_COUNT ? &LISTS[i] : NULL;
}

bool nj_policy_is_rules(const char *path)
{
    return find_list(path) != NULL;
}

void nj_policy_rules_each(void (*visit)(void *context, const char *path), void *context)
{
    for (size_t i = 0; i < LIST_COUNT; i++) {
        visit(context, LISTS[i].path);
    }
}

// Pins go by place; a list is short.
static void sort_pins(nj_policy *policy)
{
    for (uint32_t i = 1; i < policy->pin_count; i++) {
        const nj_policy_pin pin = policy->pins[i];
        const uint32_t line = policy->lines.pins[i];
        uint32_t k = i;
        for (; k > 0 && policy->pins[k - 1].place > pin.place; k--) {
            policy->pins[k] = policy->pins[k - 1];
            policy->lines.pins[k] = policy->lines.pins[k - 1];
        }
        policy->pins[k] = pin;
        policy->lines.pins[k] = line;
    }
}

nj_status nj_policy_read_rules(nj_policy_reader *reader, const char *path, const nj_yaml_node *list)
{
    const rule_list *table = find_list(path);
    uint32_t *count = (uint32_t *)(void *)((char *)reader->policy + table->count_offset);
    uint32_t *lines = (uint32_t *)(void *)((char *)reader->policy + table->lines_offset);
    if (list->kind != NJ_YAML_LIST || list->count == 0 || list->count > table->most) {
        return nj_policy_fail(reader->err, reader->what, list->line,
                              "%s must be a list of 1 to %u rules; leave it out where none is "
                              "wanted",
                              path, table->most);
    }
    for (const nj_yaml_node *node = list->first; node != NULL; node = node->next) {
        rule_entry rule = {.reader = reader, .path = path, .node = node, .number = *count};
        if (node->kind != NJ_YAML_MAP) {
            return refuse_rule(&rule, node, "a rule is a mapping, {key: value}");
        }
        nj_status status = table->keys[0] != NULL ? find_rule_keys(&rule, table) : NJ_OK;
        if (status == NJ_OK) {
            status = table->read(&rule);
        }
        if (status != NJ_OK) {
            return status;
        }
        lines[(*count)++] = node->line;
    }
    sort_pins(reader->policy);
    return NJ_OK;
}
