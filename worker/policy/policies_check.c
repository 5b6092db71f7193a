// policies_check.c - a policy speaks of rows, columns and sections: all of them are there before a list is made.
#include "worker/policy/policies_internal.h"

static bool is_column(const nj_policies_inputs *inputs, uint32_t attribute, nj_attribute_kind kind)
{
    return inputs->attributes != NULL && attribute < inputs->attributes->count &&
           inputs->attributes->columns[attribute].kind == kind;
}

static bool is_value(const nj_policies_inputs *inputs, uint32_t attribute, uint32_t value)
{
    return is_column(inputs, attribute, NJ_ATTRIBUTE_WORDS) &&
           value < inputs->attributes->columns[attribute].values.count;
}

static nj_status check_where(const nj_policies_inputs *inputs, const nj_policy_where *where,
                             const char *rule, nj_error *err)
{
    const uint32_t N = inputs->catalogue->sids.row_count;
    if (where->attribute == NJ_POLICY_NONE) {
        return where->value < N
                   ? NJ_OK
                   : nj_fail(err, NJ_CONFIG, "policy: %s names row %u, the catalogue has %u", rule,
                             where->value, N);
    }
    return is_value(inputs, where->attribute, where->value)
               ? NJ_OK
               : nj_fail(err, NJ_CONFIG,
                         "policy: %s names value %u of column %u, the bundle's section "
                         "\"attributes\" has no such words: pack the policy again",
                         rule, where->value, where->attribute);
}

static nj_status check_cap(const nj_policies_inputs *inputs, const nj_policy_cap *cap,
                           nj_error *err)
{
    const uint32_t L = inputs->catalogue->sids.level_count;
    if (cap->attribute == NJ_POLICY_NONE) {
        return cap->levels >= 1 && cap->levels <= L
                   ? NJ_OK
                   : nj_fail(err, NJ_CONFIG, "policy: a cap is on %u codes, items have %u",
                             cap->levels, L);
    }
    const bool known = cap->value == NJ_POLICY_NONE
                           ? is_column(inputs, cap->attribute, NJ_ATTRIBUTE_WORDS)
                           : is_value(inputs, cap->attribute, cap->value);
    return known ? NJ_OK
                 : nj_fail(err, NJ_CONFIG,
                           "policy: a cap is on value %u of column %u, the bundle's section "
                           "\"attributes\" has no such words: pack the policy again",
                           cap->value, cap->attribute);
}

static nj_status check_pins(const nj_policies_inputs *inputs, nj_error *err)
{
    const nj_policy *policy = inputs->policy;
    for (uint32_t i = 0; i < policy->pin_count; i++) {
        const nj_policy_where where = {NJ_POLICY_NONE, policy->pins[i].row};
        const nj_status status = check_where(inputs, &where, "a pin", err);
        if (status != NJ_OK) {
            return status;
        }
        if (policy->pins[i].place >= inputs->top) {
            return nj_fail(err, NJ_CONFIG, "policy: a pin has place %u, a list has %u places",
                           policy->pins[i].place + 1, inputs->top);
        }
    }
    return NJ_OK;
}

static nj_status check_rules(const nj_policies_inputs *inputs, nj_error *err)
{
    const nj_policy *policy = inputs->policy;
    nj_status status = check_pins(inputs, err);
    for (uint32_t i = 0; i < policy->boost_count && status == NJ_OK; i++) {
        status = check_where(inputs, &policy->boosts[i].where, "a boost", err);
    }
    for (uint32_t i = 0; i < policy->deny_count && status == NJ_OK; i++) {
        status = check_where(inputs, &policy->deny[i], "deny", err);
    }
    for (uint32_t i = 0; i < policy->cap_count && status == NJ_OK; i++) {
        status = check_cap(inputs, &policy->caps[i], err);
    }
    return status;
}

nj_status nj_policies_check(const nj_policies_inputs *inputs, nj_error *err)
{
    const nj_policy *policy = inputs->policy;
    if (policy->neighbour_weight > 0 && inputs->neighbours == NULL) {
        return nj_fail(err, NJ_CONFIG,
                       "policy: candidates.neighbours needs the bundle's section \"neighbours\", "
                       "there is none: pack it with --neighbours");
    }
    if (nj_policy_has_prior(policy) && inputs->catalogue->counts == NULL) {
        return nj_fail(
            err, NJ_CONFIG,
            "policy: adjust.prefix_prior needs the bundle's section \"counts\", there is "
            "none: pack it with --histories");
    }
    if (policy->fresh_share > 0 && !is_column(inputs, policy->fresh_attribute, NJ_ATTRIBUTE_DAYS)) {
        return nj_fail(err, NJ_CONFIG,
                       "policy: constraints.fresh needs a column of days, column %u of the "
                       "bundle's section \"attributes\" is none: pack it with --attributes",
                       policy->fresh_attribute);
    }
    return check_rules(inputs, err);
}
