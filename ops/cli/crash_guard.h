// crash_guard.h - damage that LMDB follows into a crash, as a sentence and an exit code.
#ifndef NJ_OPS_CLI_CRASH_GUARD_H
#define NJ_OPS_CLI_CRASH_GUARD_H

/// LMDB follows damaged pages into a crash, and a disk that fails under a mapped file is a signal too, as is a
/// delta that somebody copies anew while it is mapped. Between these two calls such a
/// crash ends the process with a message and the exit code of NJ_REFUSED.
void nj_crash_guard_begin(void);
void nj_crash_guard_end(void);

#endif
