// run.c - `nightjar run`: the coordinator in this process, workers beside it, keys drawn for this night alone.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "coordinator/daemon/night.h"
#include "coordinator/daemon/night_options.h"
#include "ops/cli/commands.h"
#include "ops/cli/engine_options.h"

#define WORKERS_MAX 1024
// of all workers together; beyond it something is wrong with the machine or the bundle
#define RESTARTS_MAX 20
#define STOP_MS 5000

typedef struct {
    const nj_arguments *arguments;
    nj_path program;    // nightjar-worker
    char **environment; // of the workers: see copy_environment
    int key_fd;         // holds the workers' secret key, in memory alone; the workers inherit it
    char key_path[32];  // what they call it
    char server_key[sizeof "--server-key=" + NJ_KEY_TEXT_BYTES]; // option and key in one word
    char endpoint[256];
    pid_t workers[WORKERS_MAX]; // 0: ended
    size_t worker_count;
    unsigned restarts;
} fleet;

// The worker's program stands beside this one.
static nj_status find_program(nj_path *out, nj_error *err)
{
    char self[NJ_PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "/proc/self/exe");
    }
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    nj_status status = nj_path_join(self, "nightjar-worker", out, err);
    if (status == NJ_OK && access(out->text, X_OK) != 0) {
        status = nj_fail_errno(err, NJ_NOT_FOUND, errno, "%s", out->text);
    }
    return status;
}

// The workers' options stand on their command line alone. NIGHTJAR_CONFIG, NIGHTJAR_PROCS and the like speak to this command: a
// worker would take them for its own.
static nj_status copy_environment(fleet *f, nj_error *err)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    f->environment = calloc(count + 1, sizeof *f->environment);
    if (f->environment == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the workers' environment");
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], NJ_ENVIRONMENT_PREFIX, strlen(NJ_ENVIRONMENT_PREFIX)) != 0) {
            f->environment[kept++] = environ[i];
        }
    }
    return NJ_OK;
}

// A file without a name, so that nothing is left behind however the night ends.
static nj_status keep_secret(fleet *f, const nj_keypair *worker, nj_error *err)
{
    f->key_fd = memfd_create("nightjar-worker-key", 0);
    if (f->key_fd < 0 || fchmod(f->key_fd, S_IRUSR | S_IWUSR) != 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "no memory file for the workers' key");
    }
    snprintf(f->key_path, sizeof f->key_path, "/proc/self/fd/%d", f->key_fd);
    return nj_keypair_write_fd(worker, f->key_fd, err);
}

static nj_status make_keys(fleet *f, nj_keypair *server, nj_allowlist *allowed, nj_error *err)
{
    nj_keypair worker = {0};
    nj_status status = nj_keypair_make(server, err);
    if (status == NJ_OK) {
        status = nj_keypair_make(&worker, err);
    }
    if (status == NJ_OK) {
        status = keep_secret(f, &worker, err);
    }
    if (status == NJ_OK) {
        const char *keys[] = {worker.public_key};
        status = nj_allowlist_of(keys, 1, allowed, err);
        snprintf(f->server_key, sizeof f->server_key, "--server-key=%s", server->public_key);
    }
    nj_keypair_wipe(&worker);
    return status;
}

// ---- processes ----

// Between fork and exec only calls that are safe after a fork of a process with threads.
static void exec_worker(const fleet *f, pid_t parent)
{
    static const char *const PASSED_ON[] = {"--kernels", "--batch", "--log-format", "--cache",
                                            "--memory-max"};
    enum { PASSED_ON_COUNT = sizeof PASSED_ON / sizeof PASSED_ON[0] };
    const char *argv[6 + 2 * PASSED_ON_COUNT + 1] = {f->program.text, "--connect", f->endpoint,
                                                     f->server_key,   "--key",     f->key_path};
    size_t count = 6;
    for (size_t i = 0; i < PASSED_ON_COUNT; i++) {
        const char *value = nj_argument(f->arguments, PASSED_ON[i] + strlen("--"));
        if (value != NULL) {
            argv[count++] = PASSED_ON[i];
            argv[count++] = value;
        }
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); // an interrupt at the terminal reaches the coordinator, which drains the workers
    if (getppid() == parent) {
        execve(f->program.text, (char *const *)(uintptr_t)argv, f->environment);
    }
    _exit(127);
}

static nj_status start_worker(fleet *f, size_t index, nj_error *err)
{
    const pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot start worker %zu of %zu", index + 1,
                             f->worker_count);
    }
    if (pid == 0) {
        exec_worker(f, parent);
    }
    f->workers[index] = pid;
    return NJ_OK;
}

static nj_status start_workers(void *context, const char *endpoint, nj_error *err)
{
    fleet *f = context;
    snprintf(f->endpoint, sizeof f->endpoint, "%s", endpoint);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < f->worker_count && status == NJ_OK; i++) {
        status = start_worker(f, i, err);
    }
    return status;
}

// What a worker's end says. NJ_OK: the night is finished. NJ_AGAIN: another may take its place, because it was killed, asked to end
// or lost the coordinator. Anything else will not pass.
static nj_status judge_end(int state)
{
    if (WIFSIGNALED(state)) {
        return NJ_AGAIN;
    }
    nj_status status = nj_status_of_exit_code(WEXITSTATUS(state));
    return status == NJ_INTERRUPTED || status == NJ_TERMINATED ? NJ_AGAIN : status;
}

static nj_status replace_worker(fleet *f, size_t index, int state, nj_error *err)
{
    const long pid = (long)f->workers[index];
    const nj_status verdict = judge_end(state);
    f->workers[index] = 0;
    if (verdict == NJ_OK) {
        return NJ_OK;
    }
    if (verdict != NJ_AGAIN) {
        return nj_fail(err, verdict, "worker %ld ended with exit %d (its message stands above)",
                       pid, WEXITSTATUS(state));
    }
    if (++f->restarts > RESTARTS_MAX) {
        return nj_fail(err, NJ_FAILED,
                       "workers ended %u times: something is wrong with the machine or the bundle",
                       f->restarts);
    }
    const bool killed = WIFSIGNALED(state);
    const int number = killed ? WTERMSIG(state) : WEXITSTATUS(state);
    nj_log_event(NJ_EVENT_WORKER_REPLACED,
                 NJ_FIELDS(nj_log_uint("worker_pid", (uint64_t)pid),
                           nj_log_uint(killed ? "signal" : "exit", (uint64_t)number)),
                 "worker %ld ended (%s %d): starting another", pid, killed ? "signal" : "exit",
                 number);
    return start_worker(f, index, err);
}

static nj_status watch_workers(void *context, nj_error *err)
{
    fleet *f = context;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < f->worker_count && status == NJ_OK; i++) {
        int state = 0;
        if (f->workers[i] != 0 && waitpid(f->workers[i], &state, WNOHANG) == f->workers[i]) {
            status = replace_worker(f, i, state, err);
        }
    }
    return status;
}

static size_t reap_workers(fleet *f)
{
    size_t alive = 0;
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i] != 0 && waitpid(f->workers[i], NULL, WNOHANG) == f->workers[i]) {
            f->workers[i] = 0;
        }
        alive += f->workers[i] != 0;
    }
    return alive;
}

static void signal_workers(const fleet *f, int number)
{
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i] != 0) {
            kill(f->workers[i], number);
        }
    }
}

// Workers leave by themselves when the coordinator drains them; what does not is asked, then killed.
static void end_workers(fleet *f)
{
    for (int ms = 0; ms < STOP_MS && reap_workers(f) > 0; ms += 20) {
        if (ms == STOP_MS / 2) {
            signal_workers(f, SIGTERM);
        }
        usleep(20000);
    }
    signal_workers(f, SIGKILL);
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i] != 0) {
            waitpid(f->workers[i], NULL, 0);
        }
    }
}

// ---- the command ----

static nj_status run_fleet(fleet *f, nj_night_options *options, nj_job *job,
                           nj_night_summary *summary, nj_error *err)
{
    nj_keypair server = {0};
    nj_allowlist allowed = {0};
    nj_status status = find_program(&f->program, err);
    if (status == NJ_OK) {
        status = copy_environment(f, err);
    }
    if (status == NJ_OK) {
        status = make_keys(f, &server, &allowed, err);
    }
    if (status == NJ_OK) {
        options->endpoint = "tcp://127.0.0.1:*";
        options->keys = &server;
        options->allowed = &allowed;
        options->hooks = (nj_night_hooks){f, start_workers, watch_workers};
        status = nj_night_run(job, options, summary, err);
    }
    end_workers(f);
    if (f->key_fd >= 0) {
        close(f->key_fd);
    }
    free(f->environment);
    nj_allowlist_fini(&allowed);
    nj_keypair_wipe(&server);
    return status;
}

nj_status nj_command_run(const nj_arguments *arguments, nj_error *err)
{
    nj_job job = {0};
    nj_night_options options;
    nj_night_summary summary;
    uint64_t workers = 0;
    fleet *f = calloc(1, sizeof *f);
    nj_status status = f != NULL ? nj_night_options_from(arguments, &options, err)
                                 : nj_fail(err, NJ_NO_MEMORY, "no memory for the workers' list");
    if (status == NJ_OK) {
        status = nj_argument_uint(arguments, "workers", 1, WORKERS_MAX, &workers, err);
    }
    if (status == NJ_OK) {
        // The workers' options: better wrong here than in each of them.
        status = nj_engine_options_check(arguments, err);
    }
    if (status == NJ_OK) {
        status = nj_job_open(arguments, &job, err);
    }
    if (status == NJ_OK) {
        f->arguments = arguments;
        f->key_fd = -1;
        f->worker_count = (size_t)workers;
        status = run_fleet(f, &options, &job, &summary, err);
    }
    if (status == NJ_OK) {
        nj_night_print(&summary, nj_argument_flag(arguments, "json"));
    }
    nj_job_close(&job);
    free(f);
    return status;
}
