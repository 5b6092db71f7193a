// bench_train_samples.h - samples made up for `nightjar bench train`, as a learner that a team trains.
#ifndef NJ_OPS_CLI_BENCH_TRAIN_SAMPLES_H
#define NJ_OPS_CLI_BENCH_TRAIN_SAMPLES_H

#include "worker/train/learner.h"
#include "worker/train/t5_gradient.h"

typedef struct {
    nj_train_t5 *model; // borrowed
    double dropout;
    double flops;         // of a gradient of them all
    uint32_t count;       // of samples
    uint32_t tokens_most; // of one sample
    uint32_t T;           // labels of each
    uint32_t *tokens;     // owned; [first[count]]
    uint32_t *labels;     // owned; [count, T]
    size_t *first;        // owned; [count + 1] sample i's tokens are first[i] .. first[i + 1]
} nj_bench_samples;

/// `count` samples whose lengths are those of `lengths` in turn, in the order of a shuffled epoch. NJ_NO_MEMORY; fini even then.
NJ_CHECKED nj_status nj_bench_samples_init(nj_train_t5 *model, uint32_t count,
                                           const uint32_t *lengths, uint32_t length_count,
                                           uint32_t T, double dropout, nj_bench_samples *out,
                                           nj_error *err);
void nj_bench_samples_fini(nj_bench_samples *samples);

/// Borrows `samples`.
nj_learner nj_bench_samples_learner(nj_bench_samples *samples);
/// Of a scratch of that learner: nj_train_scratch_times.
const uint64_t *nj_bench_samples_times(const void *scratch);

#endif
