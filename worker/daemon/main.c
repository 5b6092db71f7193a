// main.c - nightjar-worker: knows an address and a key, and computes what it is given.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/base/log.h"
#include "common/base/notify.h"
#include "common/cli/cli.h"
#include "common/math/kernels.h"
#include "worker/daemon/daemon.h"
#include "worker/daemon/signals.h"
#include "worker/engine/engine.h"

#define PROCS_MAX 1024
#define MEMORY_MB_MAX 100000000

static const nj_option OPTIONS[] = {
    {"connect", "ENDPOINT", NULL,
     "the coordinator: tcp://ADDRESS:PORT, or file:PATH, a file that says so; it is waited for, "
     "and "
     "read again when the coordinator is lost",
     true},
    {"server-key", "KEY[,KEY...]", NULL,
     "the coordinator's public key: 40 characters or a file; the old and the new one while it is "
     "replaced",
     false},
    {"key", "FILE", NULL, "this worker's secret key (nightjar keys)", false},
    {"insecure", NULL, NULL, "no encryption and no keys; for networks that nobody else is on",
     false},
    {"procs", "N", "1", "worker processes to run: one a core", false},
    {"pin", "auto|none|LIST", "none",
     "keep each process on one processor: auto takes a core each before any core twice (for a "
     "machine that nothing else computes on), a list such as 0,2,4-7 those",
     false},
    {"cache", "DIR", NULL, "where bundle sections are kept; default: ~/.cache/nightjar", false},
    {"kernels", "NAME", "auto",
     "auto: serve nights of every precision of this CPU; or one of " NJ_KERNELS_KNOWN, false},
    {"batch", "N", "16", "users decoded together", false},
    NJ_SAVINGS_OPTION,
    {"give-up-ms", "N", "600000", "end when no coordinator answers for this long", false},
    {"drain-ms", "N", "60000", "asked to end, finish what is computed for at most this long",
     false},
    {"memory-max", "MB", NULL, "refuse a night whose plan needs more; default: no limit", false},
    NJ_LOG_OPTION,
};

static nj_status read_keys(const nj_arguments *arguments, nj_keypair *keys,
                           nj_server_keys *server_keys, nj_error *err)
{
    const char *key = nj_argument(arguments, "key");
    const char *server = nj_argument(arguments, "server-key");
    if (nj_argument_flag(arguments, "insecure")) {
        return key == NULL && server == NULL
                   ? NJ_OK
                   : nj_fail(err, NJ_USAGE, "--insecure does not go with --key and --server-key");
    }
    if (key == NULL || server == NULL) {
        return nj_fail(err, NJ_USAGE,
                       "--key and --server-key are required (or --insecure, on purpose)");
    }
    nj_status status = nj_keypair_read(key, keys, err);
    return status == NJ_OK ? nj_server_keys_read(server, server_keys, err) : status;
}

// ---- several processes ----

static pid_t children[PROCS_MAX];
static size_t child_count; // in a child: those that were started before it

static void pass_on_signal(int number)
{
    for (size_t i = 0; i < child_count; i++) {
        kill(children[i], number);
    }
}

// Until a child may have ended, a signal came, or a service manager wants to hear of this process again.
static void doze(const sigset_t *child_signal)
{
    const uint32_t alive_ms = nj_notify_alive_ms();
    const struct timespec pause = {.tv_sec = alive_ms / 1000,
                                   .tv_nsec = (long)(alive_ms % 1000) * 1000000};
    nj_notify_alive(nj_clock_mono_ns());
    (void)sigtimedwait(child_signal, NULL, alive_ms > 0 ? &pause : NULL);
}

// The parent only waits: a worker that fails for good says so in its own log line, and the last bad status is ours.
static int wait_for_children(const sigset_t *child_signal)
{
    int exit_code = 0;
    for (size_t left = child_count; left > 0;) {
        int state = 0;
        pid_t pid = waitpid(-1, &state, WNOHANG);
        if (pid < 0 && errno != EINTR) {
            break;
        }
        if (pid <= 0) {
            doze(child_signal);
            continue;
        }
        left--;
        int code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
        if (code != 0) {
            nj_log(NJ_LOG_WARNING, "process %ld ended with exit %d", (long)pid, code);
            exit_code = code;
        }
    }
    return exit_code;
}

// Returns 0 in a child; in the parent, never.
static nj_status fork_children(uint64_t procs, nj_error *err)
{
    const pid_t parent = getpid();
    sigset_t child_signal;
    sigset_t before;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, &before); // it waits for doze
    for (uint64_t i = 0; i < procs; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            pass_on_signal(SIGTERM);
            return nj_fail_errno(err, NJ_FAILED, errno, "cannot start process %zu of %zu",
                                 (size_t)i + 1, (size_t)procs);
        }
        if (pid == 0) {
            sigprocmask(SIG_SETMASK, &before, NULL);
            nj_notify_close();
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            return getppid() == parent ? NJ_OK : nj_fail(err, NJ_TERMINATED, "the parent is gone");
        }
        children[child_count++] = pid;
    }
    nj_signals_catch(pass_on_signal);
    nj_notify_ready();
    _exit(wait_for_children(&child_signal));
}

// Before anything is allocated, so that all memory of the process is near its processor.
static nj_status pin(const nj_cpu_list *cpus, nj_error *err)
{
    return cpus->count > 0 ? nj_cpu_pin(cpus->cpus[child_count], err) : NJ_OK;
}

static nj_status run(const nj_arguments *arguments, nj_error *err)
{
    nj_keypair keys = {0};
    nj_server_keys server_keys = {.count = 0};
    nj_cpu_list cpus;
    nj_savings savings = NJ_SAVINGS_ALL;
    uint64_t procs = 0;
    uint64_t batch = 0;
    uint64_t give_up_ms = 0;
    uint64_t drain_ms = 0;
    uint64_t memory_mb = 0;
    nj_status status = read_keys(arguments, &keys, &server_keys, err);
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "procs", 1, PROCS_MAX, &procs, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "batch", 1, NJ_ENGINE_BATCH_MAX, &batch, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "give-up-ms", 1000, UINT32_MAX / 2, &give_up_ms, err);
    }
    if (status == NJ_OK) {
        status = nj_cpus_choose(nj_argument(arguments, "pin"), (uint32_t)procs, &cpus, err);
    }
    if (status == NJ_OK && procs > 1) {
        status = fork_children(procs, err);
    }
    if (status == NJ_OK) {
        status = pin(&cpus, err);
    }
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "drain-ms", 0, UINT32_MAX / 2, &drain_ms, err);
    }
    if (status == NJ_OK && nj_argument(arguments, "memory-max") != NULL) {
        status = nj_argument_uint(arguments, "memory-max", 1, MEMORY_MB_MAX, &memory_mb, err);
    }
    if (status == NJ_OK) {
        status = nj_savings_without(nj_argument(arguments, "without"), &savings, err);
    }
    const bool insecure = nj_argument_flag(arguments, "insecure");
    const nj_worker_options options = {.endpoint = nj_argument(arguments, "connect"),
                                       .keys = insecure ? NULL : &keys,
                                       .server_keys = insecure ? NULL : &server_keys,
                                       .insecure = insecure,
                                       .cache_folder = nj_argument(arguments, "cache"),
                                       .kernels = nj_argument(arguments, "kernels"),
                                       .batch_users = (uint32_t)batch,
                                       .savings = savings,
                                       .memory_bytes_max = memory_mb * 1000000u,
                                       .drain_ms = (uint32_t)drain_ms,
                                       .give_up_ms = (uint32_t)give_up_ms};
    if (status == NJ_OK) {
        status = nj_worker_run(&options, err);
    }
    nj_keypair_wipe(&keys);
    return status;
}

int main(int argc, char **argv)
{
    static const nj_command COMMAND = {
        "",
        "Connects to a coordinator, fetches the bundle, decodes the shards it is leased.",
        NULL,
        OPTIONS,
        sizeof OPTIONS / sizeof OPTIONS[0],
        run};
    static const nj_program PROGRAM = {.name = "nightjar-worker",
                                       .summary = "nightjar-worker",
                                       .commands = &COMMAND,
                                       .command_count = 1};
    nj_log_setup("nightjar-worker", NJ_LOG_INFO);
    return nj_cli_main(&PROGRAM, argc, argv);
}
