#include "coordinator/bench.h"

#define NS_PER_MS 1000000u
#define DOUBLINGS_MAX 31

bool nj_bench_note_fault(nj_bench *bench, uint32_t shard)
{
    for (uint8_t i = 0; i < bench->fault_count; i++) {
        if (bench->faults[i] == shard) {
            return false;
        }
    }
    if (bench->fault_count < NJ_BENCH_FAULTS_MAX) {
        bench->faults[bench->fault_count++] = shard;
    }
    return bench->probation || bench->fault_count == NJ_BENCH_FAULTS_MAX;
}

uint32_t nj_bench_begin(nj_bench *bench, uint32_t bench_ms, uint32_t bench_max_ms, uint64_t now_ns)
{
    const uint64_t doubled_ms = (uint64_t)bench_ms << bench->times;
    const uint32_t wait_ms = doubled_ms < bench_max_ms ? (uint32_t)doubled_ms : bench_max_ms;
    if (bench->times < DOUBLINGS_MAX) {
        bench->times++;
    }
    bench->until_ns = now_ns + (uint64_t)wait_ms * NS_PER_MS;
    return wait_ms;
}

void nj_bench_end(nj_bench *bench)
{
    bench->probation = true;
    bench->fault_count = 0;
}
