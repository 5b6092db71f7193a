// plan.h - which users form which shard. Fixed by the inputs, never by who is connected.
//
//   users in key order:  | u0 u1 u2 u3 | u4 u5 u6 u7 | u8 |
//   shards:              |      0      |      1      | 2  |
//
// All shards but the last ones have the same size. When fewer than NJ_PLAN_SHARDS_LEFT shards of it are left, the next have half
// the size, and so on down to the least: workers that finish at different moments share what remains in small pieces, and none
// idles for long. The sizes follow from the number of users alone.
#ifndef NJ_COORDINATOR_PLAN_H
#define NJ_COORDINATOR_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/catalogue/users.h"
#include "common/codec/settings.h"

#define NJ_PLAN_SHARDS_MAX 4000000u
// A shard is closed before its packed users pass this, so that a lease fits in a message (NJ_SHARD_BYTES_MAX). The longest
// history (NJ_HISTORY_ITEMS_MAX) takes half of it.
#define NJ_PLAN_SHARD_BYTES_MAX (8u << 20)
// So many shards are enough for some 64 workers to end together; with 64 users a shard, halved twice, they are 256 shards more.
#define NJ_PLAN_SHARDS_LEFT 128

typedef struct {
    const nj_user_table *users; // borrowed
    uint32_t *order;            // owned; [user_count] indices into users, in store key order
    uint32_t *shard_first;      // owned; [shard_count + 1] positions in order
    size_t user_count; // users of the night (without those that --cold-users skip leaves out)
    size_t shard_count;
    size_t skipped_count;
    nj_digest digest; // of the bundle, the settings, every user and history, and the shards
} nj_plan;

/// Applies the users' limits to the settings (nj_user_table_apply), sorts, cuts and digests. `users` outlives the plan.
///
///   shard_users        1..NJ_SHARD_USERS_MAX, users of a shard
///   shard_users_least  at least 1: shards at the end are halved down to it; from shard_users on, all are equal
///
/// Errors  NJ_INPUT: --cold-users fail and a cold user (names the first and the count), or no user is left; NJ_CONFIG: more than
///         NJ_PLAN_SHARDS_MAX shards; NJ_NO_MEMORY
/// Proof   tests/unit/coordinator/test_plan.c
NJ_CHECKED nj_status nj_plan_make(const nj_user_table *users, nj_settings *settings,
                                  const nj_digest *bundle, uint32_t shard_users,
                                  uint32_t shard_users_least, nj_plan *out, nj_error *err);
/// Accepts a plan that is all zero, and leaves it so.
void nj_plan_fini(nj_plan *plan);

/// Users of the next shard when `users_left` are not in one yet; at least 1 where any is left.
uint32_t nj_plan_next_shard(size_t users_left, uint32_t shard_users, uint32_t shard_users_least);

static inline size_t nj_plan_shard_users(const nj_plan *plan, size_t shard)
{
    return plan->shard_first[shard + 1] - plan->shard_first[shard];
}

/// Users of the largest shard, at least 1.
size_t nj_plan_largest_shard(const nj_plan *plan);

/// User number `position` of the shard (0-based within it); borrowed from the users.
nj_request nj_plan_request(const nj_plan *plan, size_t shard, size_t position);

#endif
