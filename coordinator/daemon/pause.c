#include "coordinator/daemon/pause.h"

#define NS_PER_MS UINT64_C(1000000)

bool nj_pause_fail(nj_pause *pause, uint64_t wait_ms, uint64_t now_ns)
{
    if (!pause->active) {
        pause->active = true;
        pause->since_ns = now_ns;
        pause->backoff_ms = NJ_PAUSE_MS_FIRST;
    } else if (pause->backoff_ms < NJ_PAUSE_MS_MAX) {
        pause->backoff_ms *= 2;
        pause->backoff_ms =
            pause->backoff_ms < NJ_PAUSE_MS_MAX ? pause->backoff_ms : NJ_PAUSE_MS_MAX;
    }
    const uint64_t end_ns = pause->since_ns + wait_ms * NS_PER_MS;
    if (now_ns >= end_ns) {
        return false;
    }
    pause->due_ns = now_ns + pause->backoff_ms * NS_PER_MS;
    pause->due_ns = pause->due_ns < end_ns ? pause->due_ns : end_ns; // a last try at the end
    return true;
}

uint64_t nj_pause_end(nj_pause *pause, uint64_t now_ns)
{
    if (!pause->active) {
        return 0;
    }
    const uint64_t length_ns = now_ns - pause->since_ns;
    pause->active = false;
    pause->past_ns += length_ns;
    return length_ns;
}

uint64_t nj_pause_total_ns(const nj_pause *pause, uint64_t now_ns)
{
    return pause->past_ns + (pause->active ? now_ns - pause->since_ns : 0);
}
