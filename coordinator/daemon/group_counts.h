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

/// The users of a group that has `tonight` in the input and had `before`, where `carried` users whom the input lacks are there all the
/// same (--missing-users carry): nobody says which group those are in, so as many of them as it lacks may be its own.
uint64_t nj_group_counts_with(uint64_t tonight, uint64_t before, uint64_t carried);

/// Counts so for every group, against the generation that they are carried from. One whose groups cannot be read changes nothing.
///
/// Errors  NJ_NO_MEMORY
/// Proof   tests/integration/0458-missing-of-groups.t
NJ_CHECKED nj_status nj_group_counts_carry(nj_store_groups *groups, const char *store_dir,
                                           const nj_store_name *from, uint64_t carried,
                                           nj_error *err);

#endif
