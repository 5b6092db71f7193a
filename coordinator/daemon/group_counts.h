// group_counts.h - how many users of a night each group of --groups has. Changes nothing.
#ifndef NJ_COORDINATOR_DAEMON_GROUP_COUNTS_H
#define NJ_COORDINATOR_DAEMON_GROUP_COUNTS_H

#include "common/catalogue/job.h"
#include "common/store/groups.h"

/// Every group that the job has a mask of, in that order, also one with no user. Owned by the caller.
///
/// Errors  NJ_NO_MEMORY
/// Proof   tests/integration/0430-gates.t
NJ_CHECKED nj_status nj_group_counts_make(const nj_job *job, nj_store_groups *out, nj_error *err);

/// The users of a group; 0 where it is not there.
uint64_t nj_group_counts_of(const nj_store_groups *groups, const char *name);

#endif
