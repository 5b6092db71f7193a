#include "worker/train/sequences.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

// Positions of a history of n items: each but the last has a label.
static uint32_t count_positions(const nj_request *user, uint32_t held_out)
{
    return user->item_count > held_out + 1 ? user->item_count - held_out - 1 : 0;
}

static uint64_t count_windows(const nj_user_table *users, uint32_t length_max, uint32_t held_out)
{
    uint64_t count = 0;
    for (size_t u = 0; u < users->count; u++) {
        const nj_request user = nj_user_table_at(users, u);
        count += ((uint64_t)count_positions(&user, held_out) + length_max - 1) / length_max;
    }
    return count;
}

// The windows of one user; the first may be short.
static void cut_user(nj_sequences *s, uint32_t u, uint32_t positions)
{
    const uint32_t odd = positions % s->length_max;
    uint32_t at = 0;
    while (at < positions) {
        const uint32_t length = at == 0 && odd > 0 ? odd : s->length_max;
        s->sequences[s->count++] = (nj_sequence){u, at, length};
        at += length;
    }
    s->label_total += positions;
}

nj_status nj_sequences_init(const nj_user_table *users, uint32_t length_max, uint32_t held_out,
                            nj_sequences *out, nj_error *err)
{
    assert(length_max >= 1);
    const uint64_t count = count_windows(users, length_max, held_out);
    if (count == 0) {
        return nj_fail(err, NJ_INPUT,
                       "none of %zu users has the %u known items that make a sample: two, and %u "
                       "that are held out",
                       users->count, held_out + 2, held_out);
    }
    if (count > UINT32_MAX || users->count > UINT32_MAX) {
        return nj_fail(err, NJ_INPUT, "%llu samples of %zu users, must be at most %u",
                       (unsigned long long)count, users->count, UINT32_MAX);
    }
    nj_sequences s = {.users = users, .held_out = held_out, .length_max = length_max};
    s.sequences = calloc((size_t)count, sizeof *s.sequences);
    if (s.sequences == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %llu samples", (unsigned long long)count);
    }
    for (size_t u = 0; u < users->count; u++) {
        const nj_request user = nj_user_table_at(users, u);
        cut_user(&s, (uint32_t)u, count_positions(&user, held_out));
    }
    *out = s;
    return NJ_OK;
}

void nj_sequences_fini(nj_sequences *sequences)
{
    free(sequences->sequences);
    *sequences = (nj_sequences){0};
}

uint64_t nj_sequences_labels(const nj_sequences *sequences, const uint32_t *numbers, size_t count)
{
    uint64_t labels = 0;
    for (size_t i = 0; i < count; i++) {
        labels += sequences->sequences[numbers[i]].length;
    }
    return labels;
}

nj_sasrec_batch nj_sequences_fill(const nj_sequences *sequences, const uint32_t *numbers,
                                  uint32_t count, uint32_t *items, uint32_t *offset,
                                  uint32_t *labels)
{
    offset[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert(numbers[i] < sequences->count);
        const nj_sequence *s = &sequences->sequences[numbers[i]];
        const nj_request user = nj_user_table_at(sequences->users, s->user);
        memcpy(items + offset[i], user.items + s->first, s->length * sizeof *items);
        memcpy(labels + offset[i], user.items + s->first + 1, s->length * sizeof *labels);
        offset[i + 1] = offset[i] + s->length;
    }
    return (nj_sasrec_batch){count, items, offset, labels};
}
