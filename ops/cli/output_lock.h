// output_lock.h - one process at a time works on an output: flock on OUT.lock, which is there as long as somebody does.
#ifndef NJ_OPS_CLI_OUTPUT_LOCK_H
#define NJ_OPS_CLI_OUTPUT_LOCK_H

#include "common/base/file.h"

typedef struct {
    int fd; // owned; -1: not held
    nj_path path;
} nj_output_lock;

#define NJ_OUTPUT_LOCK_NONE                                                                        \
    {                                                                                              \
        .fd = -1                                                                                   \
    }

/// Does not wait. NJ_AGAIN: another process has it, which the kernel lets go of when its holder dies; NJ_IO; NJ_INPUT: the path is too long.
/// Proof   tests/cli/0180-catalogue-fit.t
NJ_CHECKED nj_status nj_output_lock_take(const char *out, nj_output_lock *lock, nj_error *err);

/// Removes the file and lets go of it. Accepts one that is not held.
void nj_output_lock_release(nj_output_lock *lock);

#endif
