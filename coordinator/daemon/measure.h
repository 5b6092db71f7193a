// measure.h - the night's numbers: collected about once a second for the metrics page, and once more at the end for the file.
#ifndef NJ_COORDINATOR_DAEMON_MEASURE_H
#define NJ_COORDINATOR_DAEMON_MEASURE_H

#include "coordinator/daemon/effects.h"

/// Opens the page if the options ask for one, and says where it is. Errors as nj_http_open.
NJ_CHECKED nj_status nj_measure_begin(nj_night *n, nj_error *err);

/// Collects and shows, if a second has passed; cheap otherwise.
void nj_measure_now_and_then(nj_night *n, uint64_t now_ns);

/// The night has ended with `status`: writes the file if the options ask for one, shows the page until it was read, for
/// at most --metrics-wait-ms or until a signal comes, and closes it. A file that cannot be
/// written is logged; the night is what it is.
/// Proof   tests/integration/0230-metrics.t
void nj_measure_end(nj_night *n, nj_status status);

#endif
