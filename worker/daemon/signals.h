// signals.h - how often a worker was asked to end: the first time it drains, the second it does not.
//
// A scheduler that ends a job, and a terminal's Ctrl-C, signal every process of a group: the worker hears it once itself, and once
// more because the process that started it (nightjar-worker --procs, a job script) passes its own signal on. That is one request. So
// the parent's signals and everybody else's are counted apart, and the larger number counts.
#ifndef NJ_WORKER_DAEMON_SIGNALS_H
#define NJ_WORKER_DAEMON_SIGNALS_H

/// From here on SIGINT and SIGTERM are counted, from none. `pass_on` (may be NULL) is called with each that is a new request, from the
/// signal's handler.
/// Proof   tests/integration/0410-signalled-twice.t
void nj_signals_catch(void (*pass_on)(int number));
/// Requests so far.
int nj_signals_count(void);
/// SIGINT or SIGTERM, whichever came last; 0: none.
int nj_signals_last(void);

#endif
