// audit.h - the sample of users that workers decode again before the night is packed: which, and whether the rows agree.
#ifndef NJ_COORDINATOR_DAEMON_AUDIT_H
#define NJ_COORDINATOR_DAEMON_AUDIT_H

#include "common/store/staging.h"
#include "coordinator/ledger.h" // nj_piece_range
#include "coordinator/plan.h"

#define NJ_AUDIT_USERS_MAX 4096
#define NJ_AUDIT_RANGE_USERS 4                 // of one piece
#define NJ_AUDIT_RANGES_MAX NJ_AUDIT_USERS_MAX // shards of one user each

/// Chooses users of the plan, `user_max` of them (0 .. NJ_AUDIT_USERS_MAX, rounded up to whole NJ_AUDIT_RANGE_USERS) or all, in ranges
/// of neighbours of one shard. The plan is cut into equal parts, and its digest says where in each part the neighbours lie:
/// the same night is audited at the same places, and nobody knows them before the plan is made.
///
/// Returns  the number of ranges, set in out_ranges
/// Proof    tests/unit/daemon/test_audit.c
size_t nj_audit_choose(const nj_plan *plan, uint32_t user_max,
                       nj_piece_range out_ranges[NJ_AUDIT_RANGES_MAX]);

/// Cuts a range down to its longest beginning whose users have staged rows; count may become 0.
NJ_CHECKED nj_status nj_audit_trim(nj_staging *staging, const nj_plan *plan, nj_piece_range *range,
                                   nj_error *err);

/// Compares rows with the staged ones, byte for byte.
///
///   rows        [range.count] decoded again
///   out_differs the position in the range of the first user whose row differs; range.count: none
NJ_CHECKED nj_status nj_audit_compare(nj_staging *staging, const nj_plan *plan,
                                      const nj_piece_range *range, const nj_slice *rows,
                                      uint32_t *out_differs, nj_error *err);

#endif
