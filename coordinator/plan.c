#include "coordinator/plan.h"

#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/id.h"

static int compare_users(const void *a, const void *b, void *users)
{
    nj_request user_a = nj_user_table_at(users, *(const uint32_t *)a);
    nj_request user_b = nj_user_table_at(users, *(const uint32_t *)b);
    return nj_id_compare(user_a.user, user_b.user);
}

static nj_status choose_users(nj_plan *plan, const nj_settings *settings, nj_error *err)
{
    const nj_user_table *users = plan->users;
    plan->order = malloc((users->count + 1) * sizeof *plan->order);
    if (plan->order == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to order %zu users", users->count);
    }
    for (size_t i = 0; i < users->count; i++) {
        nj_request user = nj_user_table_at(users, i);
        if (nj_user_is_skipped(users, &user, settings)) {
            plan->skipped_count++;
        } else {
            plan->order[plan->user_count++] = (uint32_t)i;
        }
    }
    if (plan->user_count == 0) {
        return nj_fail(err, NJ_INPUT, "no user is left: %zu read, %zu skipped as cold",
                       users->count, plan->skipped_count);
    }
    qsort_r(plan->order, plan->user_count, sizeof *plan->order, compare_users,
            (void *)(uintptr_t)users);
    return NJ_OK;
}

// Moves the users who are copied out of `order`. Both keep the order of keys.
static nj_status take_out_copied(nj_plan *plan, const nj_plan_copying *copying, nj_error *err)
{
    const size_t count = plan->user_count;
    plan->copied = malloc(count * sizeof *plan->copied);
    plan->copied_ages = calloc(count, sizeof *plan->copied_ages);
    if (plan->copied == NULL || plan->copied_ages == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory to choose among %zu users", count);
    }
    nj_status status =
        copying->choose(copying->context, plan->users, plan->order, count, plan->copied_ages, err);
    plan->user_count = 0;
    for (size_t i = 0; i < count && status == NJ_OK; i++) {
        if (plan->copied_ages[i] == 0) {
            plan->order[plan->user_count++] = plan->order[i];
        } else {
            plan->copied[plan->copied_count] = plan->order[i];
            plan->copied_ages[plan->copied_count++] = plan->copied_ages[i];
        }
    }
    return status;
}

// The most that a user takes in nj_users_pack: heads of the array, id, counts, mask, bytes and text, and what they hold.
static uint64_t packed_bytes(const nj_request *user)
{
    const uint64_t rows = (uint64_t)user->item_count + user->exclude_count + user->candidate_count;
    return 1 + 3 + user->user.size + 5 + 5 + 5 + 5 + 5 + 5 + user->text.size +
           rows * sizeof *user->items;
}

uint32_t nj_plan_next_shard(size_t users_left, uint32_t shard_users, uint32_t shard_users_least)
{
    uint32_t size = shard_users;
    while (size / 2 >= shard_users_least && users_left < (size_t)size * NJ_PLAN_SHARDS_LEFT) {
        size /= 2;
    }
    return users_left < size ? (uint32_t)users_left : size;
}

static nj_status cut_shards(nj_plan *plan, uint32_t shard_users, uint32_t shard_users_least,
                            nj_error *err)
{
    plan->shard_first = malloc((plan->user_count + 1) * sizeof *plan->shard_first);
    if (plan->shard_first == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the shards of %zu users",
                       plan->user_count);
    }
    // What is answered in words is longer than a list, and travels in one message too.
    const uint64_t answer_bytes =
        (plan->users->needs & NJ_PROMPT_ANSWERS_TEXT) != 0 ? NJ_ROW_TEXT_BYTES_MAX : 0;
    uint64_t shard_bytes = 0;
    size_t in_shard = 0;
    size_t shard_size = 0;
    for (size_t i = 0; i < plan->user_count; i++) {
        nj_request user = nj_user_table_at(plan->users, plan->order[i]);
        const uint64_t bytes = nj_max_size(packed_bytes(&user), answer_bytes);
        if (in_shard == shard_size || shard_bytes + bytes > NJ_PLAN_SHARD_BYTES_MAX) {
            plan->shard_first[plan->shard_count++] = (uint32_t)i;
            in_shard = 0;
            shard_size = nj_plan_next_shard(plan->user_count - i, shard_users, shard_users_least);
            shard_bytes = 0;
        }
        shard_bytes += bytes;
        in_shard++;
    }
    plan->shard_first[plan->shard_count] = (uint32_t)plan->user_count;
    if (plan->shard_count > NJ_PLAN_SHARDS_MAX) {
        return nj_fail(err, NJ_CONFIG, "%zu shards, at most %u: raise --shard-users",
                       plan->shard_count, NJ_PLAN_SHARDS_MAX);
    }
    return NJ_OK;
}

static void digest_user(nj_digester *digester, const nj_request *user)
{
    nj_digester_update_sized(digester, user->user.bytes, user->user.size);
    nj_digester_update_u64(digester, user->unknown_count);
    nj_digester_update_sized(digester, user->items, user->item_count * sizeof *user->items);
    nj_digester_update_u64(digester, user->mask);
    nj_digester_update_sized(digester, user->exclude, user->exclude_count * sizeof *user->items);
    nj_digester_update_u64(digester, user->candidates != NULL);
    nj_digester_update_sized(digester, user->candidates,
                             user->candidate_count * sizeof *user->candidates);
    nj_digester_update_u64(digester, user->text.bytes != NULL);
    nj_digester_update_sized(digester, user->text.bytes, user->text.size);
}

// Nothing where nobody is copied: such a night has the digest that it would have without --since.
static void digest_copied(const nj_plan *plan, const nj_digest *base, nj_digester *digester)
{
    if (plan->copied_count == 0) {
        return;
    }
    nj_digester_update(digester, base->bytes, sizeof base->bytes);
    nj_digester_update_u64(digester, plan->copied_count);
    for (size_t i = 0; i < plan->copied_count; i++) {
        nj_request user = nj_user_table_at(plan->users, plan->copied[i]);
        digest_user(digester, &user);
        nj_digester_update_u64(digester, plan->copied_ages[i]);
    }
}

static nj_status digest_plan(nj_plan *plan, const nj_settings *settings, const nj_digest *bundle,
                             const nj_plan_copying *copying, nj_error *err)
{
    nj_buffer bytes;
    nj_buffer_init(&bytes, 4096);
    if (nj_settings_pack(settings, &bytes) != NJ_OK) {
        nj_buffer_fini(&bytes);
        return nj_fail(err, NJ_NO_MEMORY, "no memory to digest the plan");
    }
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, bundle->bytes, sizeof bundle->bytes);
    nj_digester_update_sized(&digester, bytes.bytes, bytes.size);
    nj_digester_update_u64(&digester, plan->shard_count);
    for (size_t s = 0; s < plan->shard_count; s++) {
        size_t count = nj_plan_shard_users(plan, s);
        nj_digester_update_u64(&digester, count);
        for (size_t i = 0; i < count; i++) {
            nj_request user = nj_plan_request(plan, s, i);
            digest_user(&digester, &user);
        }
    }
    if (copying != NULL) {
        digest_copied(plan, &copying->base, &digester);
    }
    plan->digest = nj_digester_final(&digester);
    nj_buffer_fini(&bytes);
    return NJ_OK;
}

nj_status nj_plan_make(const nj_user_table *users, nj_settings *settings, const nj_digest *bundle,
                       const nj_plan_copying *copying, uint32_t shard_users,
                       uint32_t shard_users_least, nj_plan *out, nj_error *err)
{
    nj_plan plan = {.users = users};
    nj_status status = nj_user_table_apply(users, settings, err);
    if (status == NJ_OK) {
        status = choose_users(&plan, settings, err);
    }
    if (status == NJ_OK && copying != NULL) {
        status = take_out_copied(&plan, copying, err);
    }
    if (status == NJ_OK) {
        status = cut_shards(&plan, shard_users, shard_users_least, err);
    }
    if (status == NJ_OK) {
        status = digest_plan(&plan, settings, bundle, copying, err);
    }
    if (status != NJ_OK) {
        nj_plan_fini(&plan);
        return status;
    }
    *out = plan;
    return NJ_OK;
}

void nj_plan_fini(nj_plan *plan)
{
    free(plan->order);
    free(plan->shard_first);
    free(plan->copied);
    free(plan->copied_ages);
    *plan = (nj_plan){0};
}

nj_request nj_plan_request(const nj_plan *plan, size_t shard, size_t position)
{
    return nj_user_table_at(plan->users, plan->order[plan->shard_first[shard] + position]);
}

size_t nj_plan_largest_shard(const nj_plan *plan)
{
    size_t largest = 1;
    for (size_t shard = 0; shard < plan->shard_count; shard++) {
        largest = nj_max_size(largest, nj_plan_shard_users(plan, shard));
    }
    return largest;
}
