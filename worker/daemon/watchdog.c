#include "worker/daemon/watchdog.h"

#define NS_PER_MS 1000000u

uint64_t nj_watchdog_look(nj_watchdog *watchdog, uint64_t ticket, uint32_t users_done,
                          uint64_t now_ns)
{
    const uint64_t pause_max_ns = (uint64_t)NJ_WATCHDOG_LOOK_MS_MAX * NS_PER_MS;
    const uint64_t pause_ns = now_ns - watchdog->look_ns;
    if (ticket == 0 || ticket != watchdog->ticket || users_done > 0) {
        *watchdog = (nj_watchdog){.ticket = ticket, .look_ns = now_ns};
        return 0;
    }
    watchdog->silent_ns += pause_ns < pause_max_ns ? pause_ns : pause_max_ns;
    watchdog->look_ns = now_ns;
    return watchdog->silent_ns / NS_PER_MS;
}
