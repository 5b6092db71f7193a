#include "worker/daemon/watchdog.h"

#define NS_PER_MS 1000000u

uint64_t nj_watchdog_look(nj_watchdog *watchdog, uint64_t ticket, uint32_t users_done,
                          uint64_t cpu_ns, uint64_t now_ns)
{
    const uint64_t pause_max_ns = (uint64_t)NJ_WATCHDOG_LOOK_MS_MAX * NS_PER_MS;
    const uint64_t pause_ns = now_ns - watchdog->look_ns;
    if (ticket == 0 || ticket != watchdog->ticket || users_done > 0) {
        *watchdog = (nj_watchdog){
            .ticket = ticket, .look_ns = now_ns, .first_cpu_ns = cpu_ns, .cpu_ns = cpu_ns};
        return 0;
    }
    watchdog->silent_ns += pause_ns < pause_max_ns ? pause_ns : pause_max_ns;
    watchdog->look_ns = now_ns;
    watchdog->cpu_ns = cpu_ns;
    return watchdog->silent_ns / NS_PER_MS;
}

bool nj_watchdog_hangs(const nj_watchdog *watchdog, uint32_t patience_ms)
{
    const uint64_t patience_ns = (uint64_t)patience_ms * NS_PER_MS;
    const uint64_t used_ns = watchdog->cpu_ns - watchdog->first_cpu_ns;
    return (watchdog->silent_ns >= patience_ns &&
            used_ns >= patience_ns / NJ_WATCHDOG_CORE_PARTS) ||
           watchdog->silent_ns >= NJ_WATCHDOG_PATIENCES_MAX * patience_ns;
}
