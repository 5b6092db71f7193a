// pace.h - how many commands go to a cache at once, and when the next ones may.
//
// A batch is sent, and its answers are awaited. One that took longer than the bound halves the next and is followed by a pause as
// long as it took; any other adds a step. So a server that others need gets room within a few batches and is filled again when it has
// caught up (additive increase, multiplicative decrease). Times come in as arguments.
#ifndef NJ_CACHE_PACE_H
#define NJ_CACHE_PACE_H

#include <stdint.h>

#define NJ_PACE_BATCH_MAX 1024
#define NJ_PACE_BATCH_FIRST 128
#define NJ_PACE_BATCH_STEP 32
#define NJ_PACE_RATE_MAX 100000000

typedef struct {
    uint64_t rate;           // commands a second; 0: no bound
    uint64_t latency_max_ns; // of a batch
    uint32_t batch_max;
    uint32_t batch;    // commands of the next batch
    uint64_t next_ns;  // when it may go
    uint64_t backoffs; // batches that took too long
} nj_pace;

/// `rate` at most NJ_PACE_RATE_MAX. Under a rate a batch is a tenth of a second's commands at most.
void nj_pace_init(nj_pace *pace, uint64_t rate, uint64_t latency_max_ns, uint64_t now_ns);

/// Nanoseconds to wait before the next batch.
uint64_t nj_pace_wait_ns(const nj_pace *pace, uint64_t now_ns);

/// A batch of `count` commands was sent `took_ns` ago and is answered now.
/// Proof  tests/unit/cache/test_pace.c
void nj_pace_took(nj_pace *pace, uint32_t count, uint64_t took_ns, uint64_t now_ns);

#endif
