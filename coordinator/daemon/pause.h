// pause.h - waiting for a store that does not write: when to try again, and when to give up. Pure: times come in.
//
//   fail ─► paused ── is_due ─► (the caller tries again) ─┬─► end: it worked
//             ▲                                           │
//             └────────────── fail ◄──────────────────────┘   past wait_ms: over
#ifndef NJ_COORDINATOR_DAEMON_PAUSE_H
#define NJ_COORDINATOR_DAEMON_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_PAUSE_MS_FIRST 250u // before the second try; it doubles
#define NJ_PAUSE_MS_MAX 10000u // up to this

// All zero at first.
typedef struct {
    bool active;
    uint64_t since_ns;   // of the first failure
    uint64_t due_ns;     // of the next try
    uint64_t backoff_ms; // before it
    uint64_t past_ns;    // of pauses that ended
} nj_pause;

/// The write failed. False: it has failed for `wait_ms` and more; give up.
bool nj_pause_fail(nj_pause *pause, uint64_t wait_ms, uint64_t now_ns);

/// The write worked. Returns how long the pause was, 0 without one.
uint64_t nj_pause_end(nj_pause *pause, uint64_t now_ns);

/// True when a try may be made: no pause, or its next try is due.
static inline bool nj_pause_is_due(const nj_pause *pause, uint64_t now_ns)
{
    return !pause->active || now_ns >= pause->due_ns;
}

/// All pauses together, the present one included.
/// Proof   tests/unit/daemon/test_pause.c
uint64_t nj_pause_total_ns(const nj_pause *pause, uint64_t now_ns);

#endif
