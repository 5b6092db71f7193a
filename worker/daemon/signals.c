#include "worker/daemon/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t last_signal;
static volatile sig_atomic_t parents_count;
static volatile sig_atomic_t others_count;
static void (*pass_on_signal)(int number);

int nj_signals_count(void)
{
    const int parents = parents_count;
    const int others = others_count;
    return parents > others ? parents : others;
}

int nj_signals_last(void)
{
    return last_signal;
}

static void note_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    const int before = nj_signals_count();
    if (info->si_code == SI_USER && info->si_pid == getppid()) {
        parents_count = parents_count + 1;
    } else {
        others_count = others_count + 1;
    }
    last_signal = number;
    if (pass_on_signal != NULL && nj_signals_count() > before) {
        pass_on_signal(number);
    }
}

void nj_signals_catch(void (*pass_on)(int number))
{
    struct sigaction action = {.sa_sigaction = note_signal, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask); // both are held back while one is noted
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    last_signal = 0;
    parents_count = 0;
    others_count = 0;
    pass_on_signal = pass_on;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
