// run_kept.h - the bundle that the current generation was made with, kept beside the one that takes its place.
//
//   STORE/night/bundle/   night.njb     tonight's
//                         before.njb    the current generation's, where that is another: a second name (hard link) of the file
//
// A delta night after a refresh compares the two (run --since; coordinator/daemon/since_refresh.h). One is kept, until the next bundle is
// made: while its night is not published, an interrupted one can go on. Without it nothing is wrong: everybody is decoded.
#ifndef NJ_OPS_CLI_RUN_KEPT_H
#define NJ_OPS_CLI_RUN_KEPT_H

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"

#define NJ_RUN_BUNDLE "bundle" // the phase
#define NJ_RUN_BUNDLE_FILE "night.njb"
#define NJ_RUN_KEPT_FILE "before.njb"

/// The name of a bundle: of its sections. As nj_bundle_open.
NJ_CHECKED nj_status nj_run_bundle_digest(const char *path, nj_digest *out, nj_error *err);

/// Links the file of the phase that the current generation was made with into `folder`, the draft of the phase, whose bundle has this
/// path. Where there is none, nothing; where it cannot be linked, a warning.
/// Proof  tests/integration/0310-whole-night.t, tests/integration/0320-whole-night-killed.t
void nj_run_keep_bundle(const char *store, const char *folder, const char *tonight);

#endif
