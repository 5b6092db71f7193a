// watchdog.h - whether a computation hangs.
//
// Pure: told every 100 ms or so what is being computed, how many users came out of it, and how much of a core its thread has used. A
// pause between two looks counts for NJ_WATCHDOG_LOOK_MS_MAX at the most: a process that was stopped for an hour has not computed in
// that hour either.
//
// Silence alone proves nothing on a machine with too much to do: a sound computation may then take longer than its lease, and what comes
// late is still taken. So a computation hangs when it was silent for as long as its lease lives and had a fair part of a core in that
// time, or when it was silent for many leases.
#ifndef NJ_WORKER_DAEMON_WATCHDOG_H
#define NJ_WORKER_DAEMON_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_WATCHDOG_LOOK_MS_MAX 300
#define NJ_WATCHDOG_CORE_PARTS 4 // this part of a core is a fair one
#define NJ_WATCHDOG_PATIENCES_MAX                                                                  \
    10 // silent for so many times the patience, it hangs whatever it used

typedef struct {
    uint64_t ticket; // of the computation looked at last; 0: none
    uint64_t look_ns;
    uint64_t silent_ns;
    uint64_t first_cpu_ns; // what the thread had used when the silence began
    uint64_t cpu_ns;       // and at the last look
} nj_watchdog;

/// Returns how many milliseconds the computation `ticket` (0: there is none) has gone without progress.
///
///   users_done  since the last look
///   cpu_ns      processor time of the computing thread so far
uint64_t nj_watchdog_look(nj_watchdog *watchdog, uint64_t ticket, uint32_t users_done,
                          uint64_t cpu_ns, uint64_t now_ns);

/// Whether the computation at hand hangs.
/// Proof   tests/unit/daemon/test_watchdog.c
bool nj_watchdog_hangs(const nj_watchdog *watchdog, uint32_t patience_ms);

#endif
