#include "worker/policy/prior_table.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/math/vecmath.h"

size_t nj_prior_table_bytes(const nj_trie *trie, const nj_policy *policy)
{
    size_t nodes = 0;
    size_t bytes;
    for (uint32_t l = 0; l < trie->level_count; l++) {
        if (policy->prior_alpha[l] != 0 && !nj_add_size(nodes, trie->node_count[l + 1], &nodes)) {
            return SIZE_MAX;
        }
    }
    return nj_mul_size(nodes, sizeof(float), &bytes) ? bytes : SIZE_MAX;
}

// below[leaf] is what all leaves before it hold.
static uint64_t *sum_leaves(const nj_trie *trie, const uint32_t *counts)
{
    const uint32_t leaves = trie->node_count[trie->level_count];
    uint64_t *before = malloc(((size_t)leaves + 1) * sizeof *before);
    if (before == NULL) {
        return NULL;
    }
    before[0] = 0;
    for (uint32_t leaf = 0; leaf < leaves; leaf++) {
        uint32_t count;
        const uint32_t *items = nj_trie_leaf_items(trie, leaf, &count);
        before[leaf + 1] = before[leaf];
        for (uint32_t i = 0; i < count; i++) {
            before[leaf + 1] += counts[items[i]];
        }
    }
    return before;
}

// Items of the leaves first .. end - 1, which stand one behind the other.
static uint32_t count_items(const nj_trie *trie, nj_trie_range leaves)
{
    return nj_trie_leaf_range(trie, leaves.end - 1).end -
           nj_trie_leaf_range(trie, leaves.first).first;
}

static void fill_level(const nj_trie *trie, const uint64_t *before, const nj_policy *policy,
                       uint32_t level, float *bias)
{
    const double smoothing = (double)policy->prior_smoothing;
    const double all =
        (double)before[trie->node_count[trie->level_count]] + smoothing * (double)trie->item_count;
    for (uint32_t node = 0; node < trie->node_count[level + 1]; node++) {
        const nj_trie_range leaves = nj_trie_node_range(trie, level + 1, node);
        const double count = (double)(before[leaves.end] - before[leaves.first]) +
                             smoothing * (double)count_items(trie, leaves);
        bias[node] = -policy->prior_alpha[level] * nj_log((float)(count / all));
    }
}

nj_status nj_prior_table_init(const nj_trie *trie, const uint32_t *counts, const nj_policy *policy,
                              nj_prior_table *out, nj_error *err)
{
    const size_t bytes = nj_prior_table_bytes(trie, policy);
    nj_prior_table table = {0};
    if (bytes > 0) {
        uint64_t *before = sum_leaves(trie, counts);
        table.memory = bytes < SIZE_MAX ? malloc(bytes) : NULL;
        if (before == NULL || table.memory == NULL) {
            free(before);
            free(table.memory);
            return nj_fail(err, NJ_NO_MEMORY, "no memory for the priors of prefixes (%zu bytes)",
                           bytes);
        }
        float *at = table.memory;
        for (uint32_t l = 0; l < trie->level_count; l++) {
            if (policy->prior_alpha[l] != 0) {
                fill_level(trie, before, policy, l, at);
                table.bias[l] = at;
                at += trie->node_count[l + 1];
            }
        }
        free(before);
    }
    *out = table;
    return NJ_OK;
}

void nj_prior_table_fini(nj_prior_table *table)
{
    free(table->memory);
    *table = (nj_prior_table){0};
}
