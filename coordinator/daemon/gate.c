#include "coordinator/daemon/gate.h"

#include <signal.h>

#include "common/base/log.h"

static volatile sig_atomic_t asked;

static void note_signal(int number)
{
    (void)number;
    asked = 1;
}

static void handle_hangup(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(SIGHUP, &action, NULL);
}

void nj_gate_open(void)
{
    asked = 0;
    handle_hangup(note_signal);
}

void nj_gate_close(void)
{
    handle_hangup(SIG_DFL);
}

void nj_gate_tick(nj_router *router, nj_allow_watch *watch, uint64_t now_ns)
{
    nj_error err = {0};
    nj_allowlist fresh = {0};
    const bool now = asked != 0;
    asked = 0;
    nj_status status = nj_allow_watch_poll(watch, now, now_ns, &fresh, &err);
    if (status == NJ_AGAIN) {
        return;
    }
    if (status == NJ_OK) {
        status = nj_router_allow(router, &fresh, &err);
    }
    if (status == NJ_OK) {
        nj_log(NJ_LOG_INFO, "%s was read again: %zu workers may connect", watch->path, fresh.count);
    } else {
        nj_log(NJ_LOG_ERROR, "%s: the list of workers stays as it was", err.text);
    }
    nj_allowlist_fini(&fresh);
}
