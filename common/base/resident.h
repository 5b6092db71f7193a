// resident.h - what the system says of memory: of this process, of another, of the machine.
#ifndef NJ_BASE_RESIDENT_H
#define NJ_BASE_RESIDENT_H

#include <stdint.h>

/// Bytes; 0 where the system does not say (no /proc). About 10 us.
uint64_t nj_resident_bytes(void);

/// The number behind `key` ("VmHWM:") in a file of "Key:   123 kB" lines such as /proc/PID/status and /proc/meminfo, in bytes; 0: it
/// is not there.
/// Proof   tests/cli/0870-plan.t, tests/integration/0330-planned-night.t
uint64_t nj_proc_bytes(const char *path, const char *key);

#endif
