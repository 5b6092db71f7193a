#include "common/policy/policy_check.h"

#include <string.h>

#include "common/policy/policy_keys.h"
#include "common/policy/policy_resolve.h"

// What is being checked.
typedef struct {
    const nj_policy *policy;
    const nj_policy_names *names;
    const char *what;
    nj_error *err;
} checking;

static uint32_t line_of(const checking *check, size_t key)
{
    return check->policy->lines.keys[key];
}

// ---- stages that are off, and sections that are not there ----

// A key that a stage wants before its other keys mean anything.
typedef struct {
    const char *group; // "cold.borrow."
    size_t key;        // that switches it on
    const char *want;
} stage_switch;

static const stage_switch SWITCHES[] = {
    {"candidates.neighbours.", NJ_POLICY_KEY_NEIGHBOUR_WEIGHT, "candidates.neighbours.weight"},
    {"candidates.fusion.", NJ_POLICY_KEY_NEIGHBOUR_WEIGHT, "candidates.neighbours.weight"},
    {"candidates.beam.", NJ_POLICY_KEY_NEIGHBOUR_WEIGHT, "candidates.neighbours.weight"},
    {"adjust.prefix_prior.", NJ_POLICY_KEY_PRIOR_ALPHA, "adjust.prefix_prior.alpha"},
    {"constraints.fresh.", NJ_POLICY_KEY_FRESH_SHARE, "constraints.fresh.share"},
    {"rerank.calibration.", NJ_POLICY_KEY_CALIBRATION, "rerank.calibration.weight"},
    {"cold.borrow.", NJ_POLICY_KEY_BORROW_LEVELS, "cold.borrow.levels"},
};
#define SWITCH_COUNT (sizeof SWITCHES / sizeof SWITCHES[0])

static bool begins_with(const char *path, const char *group)
{
    return strncmp(path, group, strlen(group)) == 0;
}

static nj_status refuse_idle(const checking *check, size_t key, const char *want)
{
    return nj_policy_fail(check->err, check->what, line_of(check, key),
                          "%s says nothing without %s: give that too, or leave this out",
                          NJ_POLICY_KEYS[key].path, want);
}

static nj_status check_switches(const checking *check)
{
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
        for (size_t s = 0; s < SWITCH_COUNT && line_of(check, i) != 0; s++) {
            if (begins_with(NJ_POLICY_KEYS[i].path, SWITCHES[s].group) &&
                line_of(check, SWITCHES[s].key) == 0) {
                return refuse_idle(check, i, SWITCHES[s].want);
            }
        }
    }
    return NJ_OK;
}

static nj_status check_search_group(const checking *check, const char *group, nj_search_kind search)
{
    if (check->policy->search == search ||
        line_of(check, NJ_POLICY_KEY_SEARCH) == NJ_POLICY_LINE_SET) {
        return NJ_OK;
    }
    for (size_t i = 0; i < NJ_POLICY_KEY_COUNT; i++) {
        if (line_of(check, i) != 0 && begins_with(NJ_POLICY_KEYS[i].path, group)) {
            return nj_policy_fail(check->err, check->what, line_of(check, i),
                                  "%s goes with candidates.search: %s, and the search is %s",
                                  NJ_POLICY_KEYS[i].path, nj_policy_word(NJ_POLICY_SEARCH, search),
                                  nj_policy_word(NJ_POLICY_SEARCH, check->policy->search));
        }
    }
    return NJ_OK;
}

static nj_status check_search(const checking *check)
{
    const nj_policy *policy = check->policy;
    nj_status status = check_search_group(check, "candidates.diverse.", NJ_SEARCH_DIVERSE);
    if (status == NJ_OK) {
        status = check_search_group(check, "candidates.stochastic.", NJ_SEARCH_STOCHASTIC);
    }
    if (status == NJ_OK && policy->search == NJ_SEARCH_DIVERSE && policy->groups == 0) {
        status = nj_policy_fail(check->err, check->what, line_of(check, NJ_POLICY_KEY_SEARCH),
                                "candidates.search: diverse wants candidates.diverse.groups, 2 or "
                                "more");
    }
    return status;
}

// A part that the bundle lacks, and how it gets it.
static nj_status require(const checking *check, bool is_wanted, bool is_there, size_t key,
                         const char *section, const char *advice)
{
    if (!is_wanted || is_there) {
        return NJ_OK;
    }
    return nj_policy_fail(check->err, check->what, line_of(check, key),
                          "%s needs %s, which the bundle does not have: %s",
                          NJ_POLICY_KEYS[key].path, section, advice);
}

static nj_status check_sections(const checking *check)
{
    const nj_policy *policy = check->policy;
    const nj_policy_names *names = check->names;
    const bool has_cold = policy->cold_places > 0 || policy->borrow_levels > 0;
    const size_t cold_key =
        policy->cold_places > 0 ? NJ_POLICY_KEY_COLD_PLACES : NJ_POLICY_KEY_BORROW_LEVELS;
    const bool is_unseen = policy->cold_items == NJ_COLD_ITEMS_UNSEEN;
    nj_status status = require(check, policy->neighbour_weight > 0, names->has_neighbours,
                               NJ_POLICY_KEY_NEIGHBOUR_WEIGHT, "the section \"neighbours\"",
                               "pack it with --neighbours");
    if (status == NJ_OK) {
        status = require(check, nj_policy_has_prior(policy), names->has_counts,
                         NJ_POLICY_KEY_PRIOR_ALPHA, "the section \"counts\"",
                         "pack it with --histories");
    }
    if (status == NJ_OK) {
        status =
            require(check, policy->rerank != NJ_RERANK_NONE && policy->alike == NJ_ALIKE_VECTORS,
                    names->has_vectors, NJ_POLICY_KEY_RERANK, "the section \"vectors\"",
                    "pack it with --item-vectors, or say rerank.alike: prefix");
    }
    if (status == NJ_OK) {
        status =
            require(check, policy->cold_places > 0, names->has_vectors, NJ_POLICY_KEY_COLD_PLACES,
                    "the section \"vectors\"", "pack it with --item-vectors");
    }
    if (status == NJ_OK) {
        status =
            require(check, has_cold && is_unseen, names->has_counts, cold_key,
                    "the section \"counts\"", "pack it with --histories, or say cold.items: added");
    }
    if (status == NJ_OK) {
        status = require(check, has_cold && !is_unseen, names->has_trained_on, cold_key,
                         "a model that says which items it was trained on",
                         "say cold.items: unseen, or train with `nightjar train t5`");
    }
    return status;
}

static nj_status check_values(const checking *check)
{
    const nj_policy *policy = check->policy;
    const uint32_t levels = check->names->level_count;
    if (policy->fresh_share > 0 && policy->fresh_attribute == NJ_POLICY_NONE) {
        return nj_policy_fail(check->err, check->what, line_of(check, NJ_POLICY_KEY_FRESH_SHARE),
                              "constraints.fresh.share wants constraints.fresh.column, the column "
                              "of the days when items were added");
    }
    if (policy->calibration > 0 && policy->calibration_attribute == NJ_POLICY_NONE) {
        return nj_policy_fail(check->err, check->what, line_of(check, NJ_POLICY_KEY_CALIBRATION),
                              "rerank.calibration.weight wants rerank.calibration.by, a column of "
                              "words");
    }
    if (policy->borrow_levels > levels) {
        return nj_policy_fail(check->err, check->what, line_of(check, NJ_POLICY_KEY_BORROW_LEVELS),
                              "cold.borrow.levels is %u, the catalogue has %u levels",
                              policy->borrow_levels, levels);
    }
    const size_t key =
        line_of(check, NJ_POLICY_KEY_ALIKE) != 0 ? NJ_POLICY_KEY_ALIKE : NJ_POLICY_KEY_RELEVANCE;
    if (line_of(check, key) != 0 && line_of(check, NJ_POLICY_KEY_RERANK) == 0) {
        return refuse_idle(check, key, "rerank.method");
    }
    return NJ_OK;
}

static nj_status check_cold_keys(const checking *check)
{
    static const size_t KEYS[] = {NJ_POLICY_KEY_COLD_ITEMS, NJ_POLICY_KEY_COLD_FIRST,
                                  NJ_POLICY_KEY_COLD_LEAST, NJ_POLICY_KEY_COLD_AHEAD,
                                  NJ_POLICY_KEY_COLD_FADING};
    const bool borrows = line_of(check, NJ_POLICY_KEY_BORROW_LEVELS) != 0;
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const bool is_idle = line_of(check, NJ_POLICY_KEY_COLD_PLACES) == 0 &&
                             !(KEYS[i] == NJ_POLICY_KEY_COLD_ITEMS && borrows);
        if (line_of(check, KEYS[i]) != 0 && is_idle) {
            return refuse_idle(check, KEYS[i], "cold.places");
        }
    }
    return NJ_OK;
}

// ---- rules against each other ----

static bool is_same(const nj_policy_where *a, const nj_policy_where *b)
{
    return a->attribute == b->attribute && a->value == b->value;
}

// Whether the first names the items of the second, and perhaps more.
static bool covers(const checking *check, const nj_policy_where *where,
                   const nj_policy_where *other)
{
    if (is_same(where, other)) {
        return true;
    }
    return where->attribute != NJ_POLICY_NONE && other->attribute == NJ_POLICY_NONE &&
           check->names->attributes->columns[where->attribute].of_row[other->value] == where->value;
}

static nj_status refuse_pair(const checking *check, uint32_t line, const nj_policy_where *where,
                             const char *verb, uint32_t other_line)
{
    char text[NJ_POLICY_WORD_BYTES];
    return nj_policy_fail(check->err, check->what, line, "%s %s line %u: keep one of the two",
                          nj_policy_where_text(check->names, where, text), verb, other_line);
}

static nj_status check_boosts(const checking *check)
{
    const nj_policy *policy = check->policy;
    for (uint32_t i = 0; i < policy->boost_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (is_same(&policy->boosts[i].where, &policy->boosts[k].where)) {
                return refuse_pair(check, policy->lines.boosts[i], &policy->boosts[i].where,
                                   "is boosted already on", policy->lines.boosts[k]);
            }
        }
        for (uint32_t d = 0; d < policy->deny_count; d++) {
            if (covers(check, &policy->deny[d], &policy->boosts[i].where)) {
                return refuse_pair(check, policy->lines.boosts[i], &policy->boosts[i].where,
                                   "is boosted here and denied on", policy->lines.deny[d]);
            }
        }
    }
    return NJ_OK;
}

static nj_status check_denied(const checking *check)
{
    const nj_policy *policy = check->policy;
    for (uint32_t i = 0; i < policy->deny_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (is_same(&policy->deny[i], &policy->deny[k])) {
                return refuse_pair(check, policy->lines.deny[i], &policy->deny[i],
                                   "is denied already on", policy->lines.deny[k]);
            }
        }
    }
    return NJ_OK;
}

static nj_status check_pins(const checking *check)
{
    const nj_policy *policy = check->policy;
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        const nj_policy_pin *pin = &policy->pins[i];
        const nj_policy_where where = {.attribute = NJ_POLICY_NONE, .value = pin->row};
        for (uint32_t k = 0; k < i; k++) {
            if (policy->pins[k].row == pin->row) {
                return refuse_pair(check, policy->lines.pins[i], &where, "is pinned already on",
                                   policy->lines.pins[k]);
            }
            if (policy->pins[k].place == pin->place) {
                return refuse_pair(check, policy->lines.pins[i], &where,
                                   "is pinned to the place of the item on", policy->lines.pins[k]);
            }
        }
        for (uint32_t d = 0; d < policy->deny_count; d++) {
            if (covers(check, &policy->deny[d], &where)) {
                return refuse_pair(check, policy->lines.pins[i], &where,
                                   "is pinned here and denied on", policy->lines.deny[d]);
            }
        }
    }
    return NJ_OK;
}

// Pins that a cap counts under this value.
static uint32_t count_pins(const checking *check, const nj_policy_cap *cap, uint32_t value)
{
    const uint32_t *of_row = check->names->attributes->columns[cap->attribute].of_row;
    uint32_t count = 0;
    for (uint32_t i = 0; i < check->policy->pin_count; i++) {
        count += of_row[check->policy->pins[i].row] == value;
    }
    return count;
}

static nj_status check_pins_of_cap(const checking *check, uint32_t number)
{
    const nj_policy *policy = check->policy;
    const nj_policy_cap *cap = &policy->caps[number];
    for (uint32_t i = 0; cap->attribute != NJ_POLICY_NONE && i < policy->pin_count; i++) {
        const uint32_t value =
            check->names->attributes->columns[cap->attribute].of_row[policy->pins[i].row];
        const bool counts =
            value != NJ_ATTRIBUTE_NONE && (cap->value == NJ_POLICY_NONE || cap->value == value);
        const uint32_t pins = counts ? count_pins(check, cap, value) : 0;
        if (pins > cap->most) {
            char text[NJ_POLICY_WORD_BYTES];
            const nj_policy_where where = {.attribute = cap->attribute, .value = value};
            return nj_policy_fail(check->err, check->what, policy->lines.caps[number],
                                  "at most %u items of %s, and %u are pinned, one of them on line "
                                  "%u: raise the cap or drop a pin",
                                  cap->most, nj_policy_where_text(check->names, &where, text), pins,
                                  policy->lines.pins[i]);
        }
    }
    return NJ_OK;
}

static nj_status check_caps(const checking *check)
{
    const nj_policy *policy = check->policy;
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        const nj_policy_cap *cap = &policy->caps[i];
        for (uint32_t k = 0; k < i; k++) {
            const nj_policy_cap *other = &policy->caps[k];
            if (cap->attribute == other->attribute && cap->value == other->value &&
                cap->levels == other->levels) {
                return nj_policy_fail(check->err, check->what, policy->lines.caps[i],
                                      "at most %u of the same items as on line %u, which says %u: "
                                      "keep one of the two",
                                      cap->most, policy->lines.caps[k], other->most);
            }
        }
        nj_status status = check_pins_of_cap(check, i);
        if (status != NJ_OK) {
            return status;
        }
    }
    return NJ_OK;
}

nj_status nj_policy_check_rules(const nj_policy *policy, const nj_policy_names *names,
                                const char *what, nj_error *err)
{
    static nj_status (*const CHECKS[])(const checking *) = {
        check_switches, check_search, check_cold_keys, check_values, check_sections,
        check_boosts,   check_denied, check_pins,      check_caps};
    const checking check = {.policy = policy, .names = names, .what = what, .err = err};
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof CHECKS / sizeof CHECKS[0] && status == NJ_OK; i++) {
        status = CHECKS[i](&check);
    }
    return status;
}
