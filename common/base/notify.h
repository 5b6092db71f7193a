// notify.h - tells the service manager how this process is: the sd_notify(3) protocol, without its library.
//
//   READY=1        what others may wait for is there: workers can connect
//   STOPPING=1     no new work is begun
//   STATUS=...     one line for `systemctl status`
//   WATCHDOG=1     alive; the manager kills who is silent for the time in $WATCHDOG_USEC
//
// One datagram a call to the socket named in $NOTIFY_SOCKET. Where nobody asks for it every call does nothing, and no call waits or
// fails: a night does not end because its manager is busy. Open once before threads; then one thread uses it.
#ifndef NJ_BASE_NOTIFY_H
#define NJ_BASE_NOTIFY_H

#include <stdint.h>

#define NJ_NOTIFY_BYTES_MAX 512 // of one datagram; what is longer is cut

/// Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that a process started by this one does not
/// speak for it. Called again it begins anew.
///
/// Source  sd_notify(3) and sd_watchdog_enabled(3) of systemd 252
/// Proof   tests/unit/base/test_notify.c
void nj_notify_open(void);

/// For a child that was forked and goes its own way. Every later call does nothing.
void nj_notify_close(void);

void nj_notify_ready(void);
void nj_notify_stopping(void);

/// Ends at the first line break.
void nj_notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// To be called from the loop whose progress is to be watched, at least every nj_notify_alive_ms; says so at most that often.
void nj_notify_alive(uint64_t now_ns);

/// A third of what the manager is told to wait; 0: nobody watches.
uint32_t nj_notify_alive_ms(void);

/// What follows has no loop that could say it is alive: the manager waits for so long, if it did not already.
void nj_notify_busy(uint32_t patience_ms);

#endif
