#include "common/cache/pace.h"

#define NS_A_SECOND 1000000000u
#define BATCHES_A_SECOND_MIN 10

void nj_pace_init(nj_pace *pace, uint64_t rate, uint64_t latency_max_ns, uint64_t now_ns)
{
    *pace = (nj_pace){.rate = rate, .latency_max_ns = latency_max_ns, .next_ns = now_ns};
    pace->batch_max = NJ_PACE_BATCH_MAX;
    if (rate != 0 && rate / BATCHES_A_SECOND_MIN < NJ_PACE_BATCH_MAX) {
        const uint32_t share = (uint32_t)(rate / BATCHES_A_SECOND_MIN);
        pace->batch_max = share == 0 ? 1 : share;
    }
    pace->batch = pace->batch_max < NJ_PACE_BATCH_FIRST ? pace->batch_max : NJ_PACE_BATCH_FIRST;
}

uint64_t nj_pace_wait_ns(const nj_pace *pace, uint64_t now_ns)
{
    return pace->next_ns > now_ns ? pace->next_ns - now_ns : 0;
}

void nj_pace_took(nj_pace *pace, uint32_t count, uint64_t took_ns, uint64_t now_ns)
{
    const uint64_t sent_ns = now_ns - took_ns;
    pace->next_ns = sent_ns;
    if (pace->rate != 0) {
        pace->next_ns += (uint64_t)count * NS_A_SECOND / pace->rate;
    }
    if (took_ns > pace->latency_max_ns) {
        pace->backoffs++;
        pace->batch = pace->batch > 1 ? pace->batch / 2 : 1;
        if (pace->next_ns < now_ns + took_ns) {
            pace->next_ns = now_ns + took_ns;
        }
    } else if (pace->batch < pace->batch_max) {
        pace->batch += NJ_PACE_BATCH_STEP;
        if (pace->batch > pace->batch_max) {
            pace->batch = pace->batch_max;
        }
    }
}
