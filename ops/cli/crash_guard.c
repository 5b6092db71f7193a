#include "ops/cli/crash_guard.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "common/base/status.h"

static const int FAULTS[] = {SIGSEGV, SIGBUS, SIGABRT};

// Only what a signal handler may call. What stands in the buffer of standard output is lost, as it should be.
static void end_damaged(int number)
{
    static const char TEXT[] =
        "nightjar: error: data.mdb, or the delta that is read, is damaged or was cut short under "
        "the "
        "reader: LMDB failed in it; `nightjar store verify` says more, and a delta is fetched "
        "again\n";
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, TEXT, sizeof TEXT - 1);
    (void)ignored;
    _exit(nj_status_exit_code(NJ_REFUSED));
}

void nj_crash_guard_begin(void)
{
    struct sigaction action = {.sa_handler = end_damaged, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        sigaction(FAULTS[i], &action, NULL);
    }
}

void nj_crash_guard_end(void)
{
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        signal(FAULTS[i], SIG_DFL);
    }
}
