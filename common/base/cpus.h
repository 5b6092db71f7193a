// cpus.h - which processors there are for this process, how they share cores and memory, and in which order to take them.
//
//   node 0                     node 1
//   ┌ core ────┐ ┌ core ────┐  ┌ core ────┐
//   │ cpu0 cpu4│ │ cpu1 cpu5│  │ cpu2 cpu6│ ...      order: 0 1 2 .. then 4 5 6 ..: a core each before any core twice,
//   └──────────┘ └──────────┘  └──────────┘                 one node filled before the next
//
// What Linux says stands in /sys/devices/system; a machine that hides it has one processor a core and one node.
#ifndef NJ_BASE_CPUS_H
#define NJ_BASE_CPUS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define NJ_CPUS_MAX 4096
#define NJ_CPUS_SYSTEM "/sys/devices/system"
#define NJ_CPU_MODEL_BYTES 128

typedef struct {
    uint32_t count;
    uint16_t cpus[NJ_CPUS_MAX]; // numbers as in /proc/cpuinfo, each once
} nj_cpu_list;

/// Reads "0-3,8", the form of the kernel and of taskset, in the order written. NJ_INPUT names the text: not such a list, a number of
/// NJ_CPUS_MAX and more, or one that comes twice.
/// Proof   tests/unit/base/test_cpus.c
NJ_CHECKED nj_status nj_cpu_list_read(const char *text, nj_cpu_list *out, nj_error *err);

/// The processors that this process may use, ascending (sched_getaffinity: taskset, a container's cpuset). NJ_FAILED.
NJ_CHECKED nj_status nj_cpus_allowed(nj_cpu_list *out, nj_error *err);

/// The processors of `cpu`'s core, itself among them; it alone where `system` (NJ_CPUS_SYSTEM) does not say.
void nj_cpu_siblings(const char *system, uint32_t cpu, nj_cpu_list *out);

/// Sorts `list` as drawn above and returns how many different cores it has: the first so many are on cores of their own.
uint32_t nj_cpus_order(const char *system, nj_cpu_list *list);

/// The processors for `count` processes, the value of --pin: "none" gives an empty list, and so does "auto" where there are fewer
/// processors than processes; else "auto" gives the first of nj_cpus_order, a list such as "0,2,4-7" those named, in its order.
/// NJ_USAGE: not one of these, or fewer are named than there are processes; NJ_FAILED as nj_cpus_allowed.
NJ_CHECKED nj_status nj_cpus_choose(const char *pin, uint32_t count, nj_cpu_list *out,
                                    nj_error *err);

/// Lets the calling thread, and all that it starts, run on `cpu` only. NJ_CONFIG: this process may not use it.
NJ_CHECKED nj_status nj_cpu_pin(uint32_t cpu, nj_error *err);

/// What the processor calls itself ("Intel(R) Xeon(R) ..."), or the machine's architecture where it does not.
void nj_cpu_model(char out[NJ_CPU_MODEL_BYTES]);

#endif
