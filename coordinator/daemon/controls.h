// controls.h - the popular and the co-visitation list of a sample of the night's users, for the grade (common/store/controls.h).
//
//   --controls 1% or 2000 ─► users by the place of a salted hash ─┐
//   histories of all users ─► counts, neighbours ─────────────────┴─► lists ─► CONTROLS.jsonl beside the manifest
//
// The same users are in the sample every night, as far as they are there. Their lists are of what they might have been given: not of
// retired items, of what their mask, exclusions or candidates leave out, nor of their own histories where the night leaves those out.
#ifndef NJ_COORDINATOR_DAEMON_CONTROLS_H
#define NJ_COORDINATOR_DAEMON_CONTROLS_H

#include "common/catalogue/job.h"
#include "common/store/controls.h"

// How many users; all zero: none.
typedef struct {
    double share;   // of the users, above 0 to 1; 0: `count` says
    uint32_t count; // at most; up to NJ_CONTROLS_USERS_MAX
} nj_controls_wish;

/// Reads --controls: "1%", "0.01" (a share has a point or a percent sign) or "2000" users; NULL is none. NJ_USAGE.
/// Proof   tests/cli/1115-grade-stored.t, as the next
NJ_CHECKED nj_status nj_controls_wish_parse(const char *text, nj_controls_wish *out, nj_error *err);

/// Writes the file into `folder`. A share of more than NJ_CONTROLS_USERS_MAX users is cut to so many, those of the least places.
///
/// Memory  as nj_neighbours_build, 13 bytes an interaction and more; 16 bytes a user
/// Errors  NJ_IO, NJ_NO_MEMORY
NJ_CHECKED nj_status nj_controls_make(const nj_job *job, const nj_controls_wish *wish,
                                      const char *folder, uint64_t *out_users, nj_error *err);

#endif
