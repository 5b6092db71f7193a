// plan_machine.h - what this machine has for a night: processors, memory that may be used, room on the store's disk.
#ifndef NJ_OPS_CLI_PLAN_MACHINE_H
#define NJ_OPS_CLI_PLAN_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/file.h"

typedef struct {
    uint32_t cpus;         // that this process may use
    uint64_t memory_bytes; // that a night may take; 0: not known
    const char *
        memory_limit; // what says so: "the control group's limit" or "the memory that is available"
    bool has_disk;    // disk_bytes is known; a full disk has 0
    uint64_t disk_bytes;     // free for this user where the store is, or will be
    nj_path disk;            // the folder that was asked; "": no store was named
    uint64_t resident_bytes; // of this process at its highest
    uint64_t own_bytes;      // that it has now, mapped files left out
} nj_plan_machine;

/// Looks. What cannot be found out stays 0.
///
///   store_dir  need not be there yet; NULL: none
///
/// Source  Linux: Documentation/admin-guide/cgroup-v2.rst (memory.max), cgroup-v1/memory.rst (limit_in_bytes); proc(5) (meminfo)
void nj_plan_machine_look(const char *store_dir, nj_plan_machine *out);

#endif
