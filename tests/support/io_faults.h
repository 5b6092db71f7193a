// io_faults.h - the n-th system call that touches a file fails, falls short or kills the process.
//
// A test that links nj_test_io_faults has its own open, pwrite, fsync and so on, which the program's code and LMDB's call
// too. Calls that libc makes inside itself are not seen; of stdio, fopen and fflush are.
#ifndef NJ_TEST_IO_FAULTS_H
#define NJ_TEST_IO_FAULTS_H

#include <stdbool.h>

typedef enum {
    IO_FAULT_ONCE,  // the n-th call fails with EIO, the rest works
    IO_FAULT_SHORT, // the n-th call, where it writes, writes half and says so; else as ONCE
    IO_FAULT_FULL,  // from the n-th call on, whatever needs room fails with ENOSPC
    IO_FAULT_DEAD,  // from the n-th call on, everything fails with EIO
    IO_FAULT_KILL,  // SIGKILL instead of the n-th call
    IO_FAULT_KINDS
} io_fault_kind;

/// "once", "short", ...
const char *io_fault_name(io_fault_kind kind);

/// Counts calls from now on; the n-th (from 1) is where it begins.
void io_faults_arm(io_fault_kind kind, unsigned n);

/// Ends counting. True when the n-th call came.
bool io_faults_disarm(void);

#endif
