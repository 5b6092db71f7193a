#include "worker/train/samples.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "worker/train/rows.h"

// A history of n items that may be learned from has n - 1 targets.
static uint64_t count_of(const nj_request *user, uint32_t held_out)
{
    return user->item_count > held_out + 1 ? user->item_count - held_out - 1 : 0;
}

nj_status nj_train_samples_init(const nj_user_table *users, const nj_template *template,
                                const nj_token_table *tokens, uint32_t history_max,
                                uint32_t held_out, nj_train_samples *out, nj_error *err)
{
    assert(history_max >= 1);
    uint64_t *first = calloc(users->count + 1, sizeof *first);
    if (first == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the samples of %zu users", users->count);
    }
    for (size_t u = 0; u < users->count; u++) {
        nj_request user = nj_user_table_at(users, u);
        first[u + 1] = first[u] + count_of(&user, held_out);
    }
    uint64_t count = first[users->count];
    if (count == 0 || count > NJ_SAMPLES_MAX) {
        free(first);
        return count == 0
                   ? nj_fail(err, NJ_INPUT,
                             "none of %zu users has the %u known items that make a sample: two, "
                             "and %u that are held out",
                             users->count, held_out + 2, held_out)
                   : nj_fail(err, NJ_INPUT, "%llu samples, must be at most %u",
                             (unsigned long long)count, (unsigned)NJ_SAMPLES_MAX);
    }
    *out = (nj_train_samples){.users = users,
                              .template = template,
                              .tokens = *tokens,
                              .history_max = history_max,
                              .held_out = held_out,
                              .first = first,
                              .count = count};
    return NJ_OK;
}

void nj_train_samples_fini(nj_train_samples *samples)
{
    free(samples->first);
    *samples = (nj_train_samples){0};
}

void nj_train_samples_order(size_t count, uint64_t seed, uint64_t epoch, uint32_t *order)
{
    assert(count <= NJ_SAMPLES_MAX);
    const uint64_t key = nj_dropout_key(seed, 0) ^ nj_dropout_key(epoch, 1);
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    for (size_t left = count; left > 1; left--) {
        uint64_t random = nj_dropout_key(key, (uint32_t)left) >> 32;
        size_t chosen = (size_t)(random * left >> 32);
        uint32_t last = order[left - 1];
        order[left - 1] = order[chosen];
        order[chosen] = last;
    }
}

size_t nj_train_samples_tokens_max(const nj_train_samples *samples)
{
    return nj_template_tokens_max(samples->template, samples->tokens.level_count,
                                  samples->history_max);
}

// The user whose samples contain number `sample`.
static size_t find_user(const nj_train_samples *samples, uint32_t sample)
{
    size_t low = 0;
    size_t high = samples->users->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (samples->first[middle] <= sample) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

nj_request nj_train_samples_user(const nj_train_samples *samples, uint32_t number)
{
    return nj_user_table_at(samples->users, find_user(samples, number));
}

uint32_t nj_train_samples_items(const nj_train_samples *samples, uint32_t number)
{
    const size_t target = number - samples->first[find_user(samples, number)] + 1;
    return (uint32_t)nj_min_size(target, samples->history_max);
}

nj_train_batch nj_train_samples_fill(const nj_train_samples *samples, const uint32_t *numbers,
                                     uint32_t count, uint32_t *tokens, uint32_t *offset,
                                     uint32_t *labels)
{
    const uint32_t L = samples->tokens.level_count;
    offset[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert(numbers[i] < samples->count);
        size_t u = find_user(samples, numbers[i]);
        nj_request user = nj_user_table_at(samples->users, u);
        size_t target = numbers[i] - samples->first[u] + 1;
        size_t length = nj_min_size(target, samples->history_max);
        offset[i + 1] = offset[i] + (uint32_t)nj_template_tokens(
                                        samples->template, &samples->tokens, user.user,
                                        user.items + target - length, length, tokens + offset[i]);
        for (uint32_t l = 0; l < L; l++) {
            labels[(size_t)i * L + l] = samples->tokens.level_token_base[l] +
                                        samples->tokens.codes[(size_t)user.items[target] * L + l];
        }
    }
    return (nj_train_batch){count, tokens, offset, labels};
}
