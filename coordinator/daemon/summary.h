// summary.h - what a night came to: filled by night.c, printed for people and scripts (nj_night_print).
#ifndef NJ_COORDINATOR_DAEMON_SUMMARY_H
#define NJ_COORDINATOR_DAEMON_SUMMARY_H

#include "common/store/staging.h"
#include "coordinator/daemon/night.h"

#define NJ_SUMMARY_JSON_USERS_MAX 10000 // quarantined users in the JSON summary
#define NJ_SUMMARY_TEXT_USERS_MAX 20    // and in the text
#define NJ_SUMMARY_NAMES_MAX 5          // and in an error
#define NJ_SUMMARY_GROUPS_MAX 20        // groups in the text

/// Lists the quarantined users of a staged night. `out` is initialised with nj_night_summary_init.
///
///   out_names  the first of them, with commas between, for an error
NJ_CHECKED nj_status nj_night_list_quarantined(nj_staging *staging, nj_night_summary *out,
                                               nj_buffer *out_names, nj_error *err);

void nj_night_summary_init(nj_night_summary *summary);

#endif
