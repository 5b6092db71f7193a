// gate.h - who may connect while the night runs: the allow-list, read again when its file changes or SIGHUP asks for it.
#ifndef NJ_COORDINATOR_DAEMON_GATE_H
#define NJ_COORDINATOR_DAEMON_GATE_H

#include <stdint.h>

#include "common/wire/allow_watch.h"
#include "common/wire/socket.h"

/// From here on SIGHUP asks for the list to be read again. One gate a process.
void nj_gate_open(void);
/// SIGHUP is as it was before any program asked.
void nj_gate_close(void);

/// Every 100 ms or so. A new list counts from the next message of every worker; a broken one changes nothing and is logged.
/// Proof   tests/fault/0700-keys-change.t
void nj_gate_tick(nj_router *router, nj_allow_watch *watch, uint64_t now_ns);

#endif
