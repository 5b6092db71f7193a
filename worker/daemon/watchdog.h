// watchdog.h - whether a computation that makes no progress hangs.
//
// Pure: told every 100 ms or so what is being computed, how many users came out of it and how much of a core its thread has used.
// A pause between two looks counts for NJ_WATCHDOG_LOOK_MS_MAX at the most: a process that was stopped for an hour has not
// computed in that hour either.
#ifndef NJ_WORKER_DAEMON_WATCHDOG_H
#define NJ_WORKER_DAEMON_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_WATCHDOG_LOOK_MS_MAX 300
#define NJ_WATCHDOG_CORE_PARTS 4 // of a core: a thread that had so much of it was computing
#define NJ_WATCHDOG_LEASES 10    // after which one that hardly computed (it sleeps) is given up too

typedef struct {
    uint64_t ticket; // of the computation looked at last; 0: none
    uint64_t look_ns;
    uint64_t silent_ns;    // without progress
    uint64_t cpu_first_ns; // of the thread, when the silence began
    uint64_t cpu_ns;       // when it was looked at last
} nj_watchdog;

/// `ticket` 0: nothing is being computed.
void nj_watchdog_look(nj_watchdog *watchdog, uint64_t ticket, uint32_t users_done, uint64_t cpu_ns,
                      uint64_t now_ns);

/// True when no user was done for `patience_ms` although the thread had a fair part of a core, or for many times `lease_ms` whatever
/// it had. On a machine with too much to do a sound computation may take longer than its lease; it goes on, because what comes
/// late is still taken.
///
/// Proof   tests/unit/daemon/test_watchdog.c
bool nj_watchdog_barks(const nj_watchdog *watchdog, uint32_t patience_ms, uint32_t lease_ms);

uint64_t nj_watchdog_silent_ms(const nj_watchdog *watchdog);

#endif
