// origin.h - what a night tells ORIGIN (common/store/origin.h) about itself, besides what the store knows.
#ifndef NJ_COORDINATOR_DAEMON_ORIGIN_H
#define NJ_COORDINATOR_DAEMON_ORIGIN_H

#include "common/catalogue/job.h"
#include "common/store/origin.h"

/// The bundle's sections, the policy, the settings as they travel, and the options that the job was opened with. Borrows the job.
///
///   settings  nj_settings_pack of the job's
///
/// Errors  those of nj_policy_sections_open; NJ_NO_MEMORY
/// Proof   tests/integration/0445-audit.t
NJ_CHECKED nj_status nj_origin_tell(const nj_job *job, nj_slice settings, nj_origin_night *out,
                                    nj_error *err);

#endif
