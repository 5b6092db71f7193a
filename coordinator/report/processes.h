// processes.h - which processes have worked on a night, for its report: begun, ended in order, or killed.
//
//   STORE/staging/processes      begin 1 1763839530000
//                                end 1 1763839590000 INTERRUPTED
//                                begin 2 1763839600000
//
// One line when the staging area is open, one when a process ends in order; a line that is missing is a process that was killed. The
// file goes with the staging area. It is for people: it is not synced, and nothing depends on it.
#ifndef NJ_COORDINATOR_REPORT_PROCESSES_H
#define NJ_COORDINATOR_REPORT_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

#define NJ_PROCESSES_MAX 64 // of a night; of more the last are known
#define NJ_PROCESSES_BYTES_MAX ((size_t)1 << 20)
#define NJ_PROCESS_END_BYTES 32

typedef struct {
    uint64_t epoch;
    uint64_t began_ms;              // since 1970
    uint64_t ended_ms;              // 0: it did not say
    char end[NJ_PROCESS_END_BYTES]; // name of its status; "" likewise
    uint64_t users;                 // stored by it
    uint64_t last_ms;               // since 1970; when the last of them were; 0: none
} nj_process;

typedef struct {
    nj_process processes[NJ_PROCESSES_MAX]; // by epoch
    size_t count;
} nj_processes;

/// Reads what the processes before left. Lines that are none are passed over, and so is a file that cannot be read.
void nj_processes_read(const char *staging_dir, nj_processes *out);

/// Adds this process, in memory and in the file.
void nj_processes_begin(nj_processes *processes, const char *staging_dir, uint64_t epoch,
                        uint64_t now_ms);

/// Notes how the youngest process ends, likewise. Nothing where none has begun.
void nj_processes_end(nj_processes *processes, const char *staging_dir, nj_status status,
                      uint64_t now_ms);

/// Users that were stored at this time, by the process that ran then.
/// Proof   tests/unit/report/test_processes.c
void nj_processes_count(nj_processes *processes, uint64_t at_ms, uint64_t users);

#endif
