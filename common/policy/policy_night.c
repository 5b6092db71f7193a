// policy_night.c - a policy against the settings and the items of a night (policy_check.h).
#include "common/policy/policy_check.h"

#include <string.h>

#include "common/catalogue/prompt_head.h"
#include "common/policy/policy_keys.h"
#include "common/policy/policy_reach.h"
#include "common/policy/policy_resolve.h"

typedef struct {
    const nj_policy *policy;
    const nj_attributes *attributes;
    const nj_catalogue_view *catalogue;
    uint32_t beam;
    uint32_t top;
    const char *what;
    nj_error *err;
} night_check;

static uint32_t line_of(const night_check *night, size_t key)
{
    return night->policy->lines.keys[key];
}

// A search is as wide as the beam, or as the list where that is longer.
static nj_status check_widths(const night_check *night)
{
    const nj_policy *policy = night->policy;
    const uint32_t width = night->beam > night->top ? night->beam : night->top;
    if (policy->search == NJ_SEARCH_DIVERSE && width % policy->groups != 0) {
        return nj_policy_fail(night->err, night->what, line_of(night, NJ_POLICY_KEY_GROUPS),
                              "candidates.diverse.groups is %u, which does not divide %u beams "
                              "(--beam %u, --top %u): take a divisor",
                              policy->groups, width, night->beam, night->top);
    }
    if (policy->pool > 0 && policy->pool < night->top) {
        return nj_policy_fail(night->err, night->what, line_of(night, NJ_POLICY_KEY_POOL),
                              "candidates.pool is %u, and a list has %u places (--top): raise it",
                              policy->pool, night->top);
    }
    return NJ_OK;
}

// Items of equal SIDs share a leaf, and one of them may be retired.
static bool is_sold(const nj_catalogue_view *catalogue, uint32_t row)
{
    const size_t first_code = (size_t)row * catalogue->sids.level_count;
    const uint32_t leaf = nj_trie_find(&catalogue->trie, catalogue->sids.codes + first_code);
    uint32_t count = 0;
    const uint32_t *rows =
        leaf != NJ_TRIE_NONE ? nj_trie_leaf_items(&catalogue->trie, leaf, &count) : NULL;
    bool is_there = false;
    for (uint32_t i = 0; i < count; i++) {
        is_there = is_there || rows[i] == row;
    }
    return is_there;
}

static nj_status check_pinned_items(const night_check *night)
{
    const nj_policy *policy = night->policy;
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        const nj_policy_pin *pin = &policy->pins[i];
        const nj_slice id = nj_idlist_at(&night->catalogue->items, pin->row);
        if (pin->place >= night->top) {
            return nj_policy_fail(night->err, night->what, policy->lines.pins[i],
                                  "constraints.pins: place %u, and a list has %u places (--top): "
                                  "pin it further up, or make lists longer",
                                  pin->place + 1, night->top);
        }
        if (!is_sold(night->catalogue, pin->row)) {
            return nj_policy_fail(night->err, night->what, policy->lines.pins[i],
                                  "constraints.pins: item \"%.*s\" is retired: drop the pin",
                                  NJ_SLICE_ARGS(id));
        }
    }
    return NJ_OK;
}

// Pins whose items begin with the same codes as this row, its own included.
static uint32_t count_pins_beside(const night_check *night, uint32_t row, uint32_t levels)
{
    const nj_policy *policy = night->policy;
    const size_t L = night->catalogue->sids.level_count;
    const uint16_t *codes = night->catalogue->sids.codes;
    uint32_t count = 0;
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        count +=
            memcmp(codes + policy->pins[i].row * L, codes + row * L, levels * sizeof *codes) == 0;
    }
    return count;
}

// Caps of a column are held against the pins when the file is read (policy_check.c); these need the SIDs.
static nj_status check_pins_of_prefix(const night_check *night)
{
    const nj_policy *policy = night->policy;
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        const nj_policy_cap *cap = &policy->caps[i];
        for (uint32_t k = 0; cap->attribute == NJ_POLICY_NONE && k < policy->pin_count; k++) {
            const uint32_t pins = count_pins_beside(night, policy->pins[k].row, cap->levels);
            if (pins > cap->most) {
                return nj_policy_fail(night->err, night->what, policy->lines.caps[i],
                                      "at most %u items that begin with the same %u codes, and %u "
                                      "are pinned, one of them on line %u: raise the cap or drop a "
                                      "pin",
                                      cap->most, cap->levels, pins, policy->lines.pins[k]);
            }
        }
    }
    return NJ_OK;
}

static uint32_t count_pins_not_fresh(const night_check *night)
{
    const nj_policy *policy = night->policy;
    const int32_t *days = night->attributes->columns[policy->fresh_attribute].day_of;
    uint32_t count = 0;
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        count += !nj_policy_is_fresh(policy, days[policy->pins[i].row]);
    }
    return count;
}

static nj_status check_places(const night_check *night)
{
    const nj_policy *policy = night->policy;
    const uint32_t fresh = nj_policy_fresh_places(policy, night->top);
    if (policy->cold_places > 0 && policy->cold_first + policy->cold_places > night->top) {
        return nj_policy_fail(night->err, night->what, line_of(night, NJ_POLICY_KEY_COLD_PLACES),
                              "cold.places is %u from place %u on, and a list has %u places "
                              "(--top): take fewer, or begin further up",
                              policy->cold_places, policy->cold_first + 1, night->top);
    }
    if (policy->cold_places > 0 && policy->pin_count + policy->cold_places > night->top) {
        return nj_policy_fail(night->err, night->what, line_of(night, NJ_POLICY_KEY_COLD_PLACES),
                              "%u pins and %u cold places, and a list has %u places (--top): take "
                              "fewer",
                              policy->pin_count, policy->cold_places, night->top);
    }
    if (policy->fresh_share > 0 && fresh + count_pins_not_fresh(night) > night->top) {
        return nj_policy_fail(night->err, night->what, line_of(night, NJ_POLICY_KEY_FRESH_SHARE),
                              "constraints.fresh.share asks for %u places, %u pins are not fresh, "
                              "and a list has %u places (--top): take a smaller share",
                              fresh, count_pins_not_fresh(night), night->top);
    }
    return NJ_OK;
}

static nj_status check_caps(const night_check *night, const nj_policy_reach *reach)
{
    const nj_policy *policy = night->policy;
    const uint32_t wanted = night->top < reach->left ? night->top : reach->left;
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        if (reach->cap_room[i] >= wanted) {
            continue;
        }
        return nj_policy_fail(night->err, night->what, policy->lines.caps[i],
                              "constraints.caps: with at most %u of a kind a list of the %u items "
                              "left has at most %u places, and it should have %u (--top): raise "
                              "the cap, or make lists shorter",
                              policy->caps[i].most, reach->left, reach->cap_room[i], night->top);
    }
    return NJ_OK;
}

// A shop with fewer items than places has short lists with and without rules, but not empty ones.
static nj_status check_reach(const night_check *night)
{
    const nj_policy *policy = night->policy;
    nj_policy_reach reach;
    if (policy->deny_count == 0 && policy->cap_count == 0) {
        return NJ_OK;
    }
    nj_status status =
        nj_policy_reach_count(policy, night->attributes, night->catalogue, 0, &reach, night->err);
    if (status != NJ_OK) {
        return status;
    }
    const uint32_t least = reach.sold >= night->top ? night->top : reach.sold > 0;
    if (reach.left < least) {
        return nj_policy_fail(night->err, night->what, policy->lines.deny[0],
                              "constraints.deny leaves %u of %u items, and a list has %u places "
                              "(--top): deny fewer, or make lists shorter",
                              reach.left, reach.sold, night->top);
    }
    return check_caps(night, &reach);
}

nj_status nj_policy_check_answers(const nj_policy *policy, uint32_t needs, const char *what,
                                  nj_error *err)
{
    const char *stage = policy->search == NJ_SEARCH_DIVERSE      ? "a diverse search"
                        : policy->search == NJ_SEARCH_STOCHASTIC ? "a stochastic search"
                        : nj_policy_has_prior(policy)            ? "adjust.prefix_prior"
                                                                 : NULL;
    if ((needs & NJ_PROMPT_ANSWERS_TEXT) != 0 && nj_policy_acts(policy)) {
        return nj_fail(err, NJ_CONFIG,
                       "%s: a policy makes lists, and the bundle's model answers in text: pack it "
                       "without one",
                       what);
    }
    return (needs & NJ_PROMPT_ANSWERS_STRINGS) == 0 || stage == NULL
               ? NJ_OK
               : nj_fail(err, NJ_CONFIG,
                         "%s: the policy wants %s, which chooses by semantic IDs, and the bundle's "
                         "model answers by strings: leave it out",
                         what, stage);
}

nj_status nj_policy_check_night(const nj_policy *policy, const nj_attributes *attributes,
                                const nj_catalogue_view *catalogue, uint32_t beam, uint32_t top,
                                const char *what, nj_error *err)
{
    const night_check night = {.policy = policy,
                               .attributes = attributes,
                               .catalogue = catalogue,
                               .beam = beam,
                               .top = top,
                               .what = what,
                               .err = err};
    nj_status status = nj_policy_check_answers(policy, catalogue->needs, what, err);
    if (status == NJ_OK) {
        status = check_widths(&night);
    }
    if (status == NJ_OK) {
        status = check_pinned_items(&night);
    }
    if (status == NJ_OK) {
        status = check_pins_of_prefix(&night);
    }
    if (status == NJ_OK) {
        status = check_places(&night);
    }
    return status == NJ_OK ? check_reach(&night) : status;
}
