// bench.h - whether a worker is at fault, from the shards that it failed.
//
//   faults  0 ── fault of another shard ──► 1 ──► 2 ──► 3: benched for bench_ms, then on probation:
//           ▲                                           one more fault and it is benched for twice as long
//           └──────────── a good result ──────────────┘
//
// Different shards, because one shard may carry a user that no worker can compute. The roster keeps one of these a worker and asks
// it; it knows no states.
#ifndef NJ_COORDINATOR_BENCH_H
#define NJ_COORDINATOR_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define NJ_BENCH_FAULTS_MAX 3

typedef struct {
    uint8_t fault_count;
    uint8_t times;                        // benched since the last good result
    bool probation;                       // came back from the bench and has not yet proved itself
    uint32_t faults[NJ_BENCH_FAULTS_MAX]; // shards of the plan, all different
    uint64_t until_ns;                    // end of the bench, while it is on it
} nj_bench;                               // all zero: nothing is held against it

/// Notes that the worker failed a piece of this shard. True when that is one too many.
bool nj_bench_note_fault(nj_bench *bench, uint32_t shard);

/// How long it is to sit out now: bench_ms, doubled each time, at most bench_max_ms.
uint32_t nj_bench_begin(nj_bench *bench, uint32_t bench_ms, uint32_t bench_max_ms, uint64_t now_ns);

/// It is back, on probation.
void nj_bench_end(nj_bench *bench);

/// Proof   tests/unit/coordinator/test_bench.c
#endif
