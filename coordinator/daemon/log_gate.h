// log_gate.h - how often one kind of line may stand in the log: thousands of workers that all say the same must not fill a disk.
#ifndef NJ_COORDINATOR_DAEMON_LOG_GATE_H
#define NJ_COORDINATOR_DAEMON_LOG_GATE_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_LOG_GATE_LINES 20         // of one kind
#define NJ_LOG_GATE_WINDOW_MS 10000u // in so long

// All zero at first.
typedef struct {
    uint64_t begun_ns; // of the window
    unsigned passed;   // lines in it
    uint64_t kept;     // lines left out in it
} nj_log_gate;

/// True when a line may be written now. Says first how many lines of the kind were left out in the window before.
///
///   what   the kind, for that: "failed leases"
///
/// Proof   tests/unit/daemon/test_log_gate.c
bool nj_log_gate_pass(nj_log_gate *gate, const char *what, uint64_t now_ns);

/// Says how many lines were left out, if any were and their window is over (or `now_ns` is UINT64_MAX: at the end).
void nj_log_gate_tell(nj_log_gate *gate, const char *what, uint64_t now_ns);

#endif
