// ready_file.h - a file that holds the endpoint for as long as workers can connect to it.
//
// A scheduler's jobs find each other by it (nightjar-worker --connect file:PATH), and a script may wait for it to appear.
#ifndef NJ_COORDINATOR_DAEMON_READY_FILE_H
#define NJ_COORDINATOR_DAEMON_READY_FILE_H

#include "common/base/error.h"

typedef struct {
    const char *path;     // borrowed; NULL: nothing is written
    const char *endpoint; // borrowed; NULL: not written yet
} nj_ready_file;

/// Writes one line, under another name first. Does nothing without a path. NJ_IO.
NJ_CHECKED nj_status nj_ready_file_write(nj_ready_file *file, const char *endpoint, nj_error *err);

/// Removes what was written, unless another coordinator, one that took the night over, has written its own since.
/// Proof   tests/integration/0420-ready-file.t
void nj_ready_file_remove(nj_ready_file *file);

#endif
