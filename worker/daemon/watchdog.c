#include "worker/daemon/watchdog.h"

#define NS_PER_MS UINT64_C(1000000)

void nj_watchdog_look(nj_watchdog *watchdog, uint64_t ticket, uint32_t users_done, uint64_t cpu_ns,
                      uint64_t now_ns)
{
    const uint64_t pause_max_ns = NJ_WATCHDOG_LOOK_MS_MAX * NS_PER_MS;
    const uint64_t pause_ns = now_ns - watchdog->look_ns;
    if (ticket == 0 || ticket != watchdog->ticket || users_done > 0) {
        *watchdog = (nj_watchdog){.ticket = ticket, .cpu_first_ns = cpu_ns};
    } else {
        watchdog->silent_ns += pause_ns < pause_max_ns ? pause_ns : pause_max_ns;
    }
    watchdog->cpu_ns = cpu_ns;
    watchdog->look_ns = now_ns;
}

bool nj_watchdog_barks(const nj_watchdog *watchdog, uint32_t patience_ms, uint32_t lease_ms)
{
    const uint64_t patience_ns = patience_ms * NS_PER_MS;
    const uint64_t computed_ns = watchdog->cpu_ns - watchdog->cpu_first_ns;
    const bool computes = computed_ns >= patience_ns / NJ_WATCHDOG_CORE_PARTS;
    return watchdog->ticket != 0 &&
           ((watchdog->silent_ns >= patience_ns && computes) ||
            watchdog->silent_ns >= NJ_WATCHDOG_LEASES * lease_ms * NS_PER_MS);
}

uint64_t nj_watchdog_silent_ms(const nj_watchdog *watchdog)
{
    return watchdog->silent_ns / NS_PER_MS;
}
