// watchdog.h - for how long a computation has made no progress.
//
// Pure: told every 100 ms or so what is being computed and how many users came out of it. A pause between two looks counts for
// NJ_WATCHDOG_LOOK_MS_MAX at the most: a process that was stopped for an hour has not computed in that hour either.
#ifndef NJ_WORKER_DAEMON_WATCHDOG_H
#define NJ_WORKER_DAEMON_WATCHDOG_H

#include <stdint.h>

#define NJ_WATCHDOG_LOOK_MS_MAX 300

typedef struct {
    uint64_t ticket; // of the computation looked at last; 0: none
    uint64_t look_ns;
    uint64_t silent_ns;
} nj_watchdog;

/// Returns how many milliseconds the computation `ticket` (0: there is none) has gone without progress.
/// Proof   tests/unit/daemon/test_watchdog.c
uint64_t nj_watchdog_look(nj_watchdog *watchdog, uint64_t ticket, uint32_t users_done,
                          uint64_t now_ns);

#endif
