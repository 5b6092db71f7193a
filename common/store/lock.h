// lock.h - one writer at a time in a store: flock on STORE/lock, with the holder's name inside.
//
// It is taken around each write (a commit, a rename of CURRENT), not for the whole night, so that a rollback works
// while a night runs. Why LMDB's own lock is not enough: a process that is stopped inside a write transaction holds it
// until it is killed, and the next one waits without end and cannot say for whom.
#ifndef NJ_STORE_LOCK_H
#define NJ_STORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_STORE_LOCK_WAIT_MS 10000

typedef struct {
    int fd; // owned; -1 when neither held nor resting
    bool held;
} nj_store_lock;

/// Waits at most wait_ms. NJ_AGAIN names the holder as it described itself: process, host, purpose.
///
///   purpose  what the next process in line is told ("commit"); no newline
///
/// Two locks of one process exclude each other too. The kernel lets go of it when its holder dies.
/// Proof   tests/unit/store/test_lock.c
NJ_CHECKED nj_status nj_store_lock_take(const char *store_dir, const char *purpose,
                                        uint32_t wait_ms, nj_store_lock *out, nj_error *err);

/// The same with a lock that rests, or one whose fd is -1: a lock that rests opens no file, so that who writes all night can do it when
/// strangers have taken the last descriptor. It opens the file again where somebody has removed or replaced it.
NJ_CHECKED nj_status nj_store_lock_retake(const char *store_dir, const char *purpose,
                                          uint32_t wait_ms, nj_store_lock *lock, nj_error *err);

/// Lets go of it and keeps its file open for nj_store_lock_retake. Accepts a lock that is not held.
void nj_store_lock_rest(nj_store_lock *lock);

/// Lets go of it and closes its file. Accepts one that rests or was never taken.
void nj_store_lock_release(nj_store_lock *lock);

#endif
