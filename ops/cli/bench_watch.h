// bench_watch.h - measures rounds between two probes of the machine, and says when somebody else used it meanwhile.
//
//   probe   round   probe   round   probe           a round's peak is the mean of the probes around it, so that a core that clocks
//   ──▓────────────▓────────────▓───────           down for heat or a neighbour lowers both and not their ratio
//
// A measurement is disturbed when the probes differ, when another hyperthread of the core is busy, when the round waited
// for a core that others used, or when the host took the core away. Each is a number in the result, and the first words.
#ifndef NJ_OPS_CLI_BENCH_WATCH_H
#define NJ_OPS_CLI_BENCH_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/codec/json.h"

#define NJ_BENCH_PROBE_SECONDS 0.05
#define NJ_BENCH_WHY_BYTES 256

// What makes a measurement disturbed: shares of 1.
#define NJ_BENCH_PROBES_DIFFER_MAX 0.05
#define NJ_BENCH_SIBLING_BUSY_MAX 0.10
#define NJ_BENCH_WAITED_MAX 0.05
#define NJ_BENCH_STEAL_MAX 0.02

typedef struct {
    double seconds;      // by the clock
    double core_seconds; // of all threads of this process
    double peak_gflops;  // mean of the probes before and after
} nj_bench_round;

// Processor time in the kernel's ticks, since the machine started.
typedef struct {
    uint64_t busy, steal, all;
} nj_bench_ticks;

typedef struct {
    bool
        computes; // the rounds use one core all the time: waiting, and who uses the core's other half, disturbs them
    double probe_seconds;
    double peak_gflops;           // the last probe
    double probes_least;          // GFLOP/s
    double probes_most;           // of this process so far, other watches included
    double seconds, core_seconds; // of all rounds
    nj_bench_ticks here, sibling; // of the core's processors during the rounds
    // The round that runs.
    int cpu; // where it began
    uint64_t begun_ns, begun_core_ns;
    nj_bench_ticks begun_here, begun_sibling;
} nj_bench_watch;

/// Begins with a probe. `computes`: the rounds do nothing but compute, on this thread. `probe_seconds`: NJ_BENCH_PROBE_SECONDS, or less
/// where rounds are short. Process-wide: one thread measures at a time.
void nj_bench_watch_begin(nj_bench_watch *watch, bool computes, double probe_seconds);
void nj_bench_round_begin(nj_bench_watch *watch);
void nj_bench_round_end(nj_bench_watch *watch, nj_bench_round *out);

/// False: undisturbed. True: `why` says by what, with numbers.
bool nj_bench_watch_judge(const nj_bench_watch *watch, char why[NJ_BENCH_WHY_BYTES]);

/// Sets "noisy", "why" (null when not noisy) and the numbers: "probes_least", "probes_most", "waited", "sibling_busy", "steal" (null
/// where the kernel does not say, or it means nothing).
void nj_bench_watch_tell(const nj_bench_watch *watch, json_t *row);

/// The middle of `count` numbers (of two, the higher); sorts them.
double nj_bench_median(double *numbers, size_t count);
/// The width of the middle half / median; sorts them. What a difference between two runs has to exceed.
double nj_bench_spread(double *numbers, size_t count);

#endif
