// lab_child.h - another command of this program, run as a child and listened to.
#ifndef NJ_OPS_CLI_LAB_CHILD_H
#define NJ_OPS_CLI_LAB_CHILD_H

#include <stdbool.h>

#include "common/base/error.h"

typedef struct {
    const char *const *argv; // [..., NULL]; argv[0] is "nightjar"
    const char *folder;      // where it runs
    const char *log;         // path: everything it says, beside standard error
    const char *output;      // path: its standard output, whole or not at all; NULL: the log
    bool quiet;              // the log alone hears it
} nj_lab_child;

/// Runs this very program (/proc/self/exe) with argv, without the environment's NIGHTJAR_ variables, and waits for it. What it says goes to
/// our standard error as well. SIGINT and SIGTERM are passed on to it once, and it is waited for all the same; it gets SIGTERM
/// when this process dies. nj_stop_signal (coordinator/daemon/stop.h) tells afterwards whether one came.
///
/// Errors  the status of its exit code; NJ_FAILED: a signal ended it, or there was no process; NJ_IO: the log or the output cannot be
///         written; NJ_NO_MEMORY
NJ_CHECKED nj_status nj_lab_child_run(const nj_lab_child *child, nj_error *err);

#endif
