#include "common/policy/policy_reach.h"

#include <stdlib.h>
#include <string.h>

bool nj_policy_denies(const nj_policy *policy, const nj_attributes *attributes, uint32_t row)
{
    for (uint32_t i = 0; i < policy->deny_count; i++) {
        const nj_policy_where *where = &policy->deny[i];
        const uint32_t value = where->attribute == NJ_POLICY_NONE
                                   ? row
                                   : attributes->columns[where->attribute].of_row[row];
        if (value == where->value) {
            return true;
        }
    }
    return false;
}

static bool is_cold(const nj_policy *policy, const nj_catalogue_view *catalogue, uint32_t row,
                    uint32_t trained_item_count)
{
    if (policy->cold_items == NJ_COLD_ITEMS_ADDED) {
        return trained_item_count > 0 && row >= trained_item_count;
    }
    return catalogue->counts != NULL && catalogue->counts[row] == 0;
}

static void count_items(const nj_policy *policy, const nj_attributes *attributes,
                        const nj_catalogue_view *catalogue, uint32_t trained_item_count,
                        nj_policy_reach *reach)
{
    const nj_trie *trie = &catalogue->trie;
    const int32_t *days = policy->fresh_attribute != NJ_POLICY_NONE && policy->fresh_share > 0
                              ? attributes->columns[policy->fresh_attribute].day_of
                              : NULL;
    reach->sold = trie->item_count;
    for (uint32_t i = 0; i < trie->item_count; i++) {
        const uint32_t row = trie->items[i];
        if (nj_policy_denies(policy, attributes, row)) {
            reach->denied++;
            continue;
        }
        reach->left++;
        reach->fresh += days != NULL && nj_policy_is_fresh(policy, days[row]);
        reach->cold += is_cold(policy, catalogue, row, trained_item_count);
    }
}

// Items that are left of each run of leaves below a node, `most` of them at the most.
static uint32_t room_of_prefix(const nj_policy *policy, const nj_policy_cap *cap,
                               const nj_attributes *attributes, const nj_trie *trie)
{
    uint32_t room = 0;
    for (uint32_t node = 0; node < trie->node_count[cap->levels]; node++) {
        const nj_trie_range leaves = nj_trie_node_range(trie, cap->levels, node);
        const uint32_t first = nj_trie_leaf_range(trie, leaves.first).first;
        const uint32_t end = nj_trie_leaf_range(trie, leaves.end - 1).end;
        uint32_t count = 0;
        for (uint32_t i = first; i < end && count < cap->most; i++) {
            count += !nj_policy_denies(policy, attributes, trie->items[i]);
        }
        room += count;
    }
    return room;
}

// The same of each value; what has no value is not capped. `counts` is all zero, [values].
static uint32_t room_of_column(const nj_policy *policy, const nj_policy_cap *cap,
                               const nj_attributes *attributes, const nj_trie *trie,
                               uint32_t *counts)
{
    const uint32_t *of_row = attributes->columns[cap->attribute].of_row;
    uint32_t room = 0;
    for (uint32_t i = 0; i < trie->item_count; i++) {
        const uint32_t row = trie->items[i];
        const uint32_t value = of_row[row];
        if (nj_policy_denies(policy, attributes, row)) {
            continue;
        }
        const bool is_capped =
            value != NJ_ATTRIBUTE_NONE && (cap->value == NJ_POLICY_NONE || cap->value == value);
        room += !is_capped || counts[value] < cap->most;
        if (is_capped) {
            counts[value]++;
        }
    }
    return room;
}

static size_t count_values(const nj_policy *policy, const nj_attributes *attributes)
{
    size_t most = 1;
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        const uint32_t column = policy->caps[i].attribute;
        if (column != NJ_POLICY_NONE && attributes->columns[column].values.count > most) {
            most = attributes->columns[column].values.count;
        }
    }
    return most;
}

nj_status nj_policy_reach_count(const nj_policy *policy, const nj_attributes *attributes,
                                const nj_catalogue_view *catalogue, uint32_t trained_item_count,
                                nj_policy_reach *out, nj_error *err)
{
    const size_t values = count_values(policy, attributes);
    uint32_t *counts = calloc(values, sizeof *counts);
    nj_policy_reach reach = {0};
    if (counts == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu values of a policy", values);
    }
    count_items(policy, attributes, catalogue, trained_item_count, &reach);
    for (uint32_t i = 0; i < policy->cap_count; i++) {
        const nj_policy_cap *cap = &policy->caps[i];
        if (cap->attribute == NJ_POLICY_NONE) {
            reach.cap_room[i] = room_of_prefix(policy, cap, attributes, &catalogue->trie);
        } else {
            memset(counts, 0, values * sizeof *counts);
            reach.cap_room[i] = room_of_column(policy, cap, attributes, &catalogue->trie, counts);
        }
    }
    free(counts);
    *out = reach;
    return NJ_OK;
}
