// tell_night.h - the report of a night that was published or held back: what its process knows, handed to coordinator/report.
#ifndef NJ_COORDINATOR_DAEMON_TELL_NIGHT_H
#define NJ_COORDINATOR_DAEMON_TELL_NIGHT_H

#include "coordinator/daemon/effects.h"

/// Writes document and page of the generation that was published, and sets summary.report. What goes wrong is logged as a warning:
/// the generation is there without its report, and `nightjar report` can make one.
///
/// Cost    look-ups of some users (nj_study_step), and two files
/// Proof   tests/integration/0340-report.t
void nj_night_tell(nj_night *n);

#endif
