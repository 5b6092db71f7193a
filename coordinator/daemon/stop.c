#include "coordinator/daemon/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t last_signal;

static void note_signal(int number)
{
    last_signal = number;
}

static void handle(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void nj_stop_catch(void)
{
    last_signal = 0;
    handle(note_signal);
}

void nj_stop_release(void)
{
    handle(SIG_DFL);
}

int nj_stop_signal(void)
{
    return last_signal;
}
