// clock.h - the clocks. State machines never call these: times come in as arguments.
#ifndef NJ_BASE_CLOCK_H
#define NJ_BASE_CLOCK_H

#include <stdint.h>

/// Monotonic nanoseconds; for intervals.
uint64_t nj_clock_mono_ns(void);
/// What all threads of this process have used of processors.
uint64_t nj_clock_process_ns(void);
/// What this thread has used; a system call, some 200 ns.
uint64_t nj_clock_thread_ns(void);
/// Milliseconds since 1970 UTC; for names and manifests, never for intervals.
uint64_t nj_clock_wall_ms(void);

#endif
