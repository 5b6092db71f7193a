#include "ops/cli/local_fleet.h"

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
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/cpus.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/resident.h"
#include "coordinator/daemon/log_gate.h"

// A worker that ended is replaced, after a pause that doubles while the night gets no further. So many ends without anything
// committed, split or quarantined between them say that something is wrong with the machine or the bundle. A user who kills
// his worker takes NJ_NIGHT_LOSSES_MAX of them before his shard is split, and each worker may meet another such user.
#define RESTARTS_IN_VAIN_MIN 8
#define RESTARTS_IN_VAIN_A_WORKER NJ_NIGHT_LOSSES_MAX
#define RESTART_MS_FIRST 100
#define RESTART_MS_MAX 1000
#define STOP_MS 5000

// A place for one worker process.
typedef struct {
    pid_t pid;         // 0: none runs
    uint64_t due_ns;   // none runs: when one is started; 0: never again
    uint64_t progress; // of the night, when the last one was started
    unsigned pauses;   // doublings of its pause
    char pin[8];       // its processor, "none" for any
} worker_slot;

struct nj_local_fleet {
    const nj_arguments *arguments;
    nj_path program;    // nightjar-worker
    char **environment; // of the workers: see copy_environment
    int key_fd;         // holds the workers' secret key, in memory alone; the workers inherit it
    char key_path[32];  // what they call it
    char server_key[sizeof "--server-key=" + NJ_KEY_TEXT_BYTES]; // option and key in one word
    char endpoint[256];
    worker_slot workers[NJ_LOCAL_FLEET_MAX];
    size_t worker_count;
    uint64_t progress;         // of the night, when a worker was last replaced
    unsigned restarts_in_vain; // since then
    nj_log_gate gate;
    nj_keypair server;
    nj_allowlist allowed;
};

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
static nj_status copy_environment(nj_local_fleet *f, nj_error *err)
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
static nj_status keep_secret(nj_local_fleet *f, const nj_keypair *worker, nj_error *err)
{
    f->key_fd = memfd_create("nightjar-worker-key", 0);
    if (f->key_fd < 0 || fchmod(f->key_fd, S_IRUSR | S_IWUSR) != 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "no memory file for the workers' key");
    }
    snprintf(f->key_path, sizeof f->key_path, "/proc/self/fd/%d", f->key_fd);
    return nj_keypair_write_fd(worker, f->key_fd, err);
}

static nj_status make_keys(nj_local_fleet *f, nj_error *err)
{
    nj_keypair worker = {0};
    nj_status status = nj_keypair_make(&f->server, err);
    if (status == NJ_OK) {
        status = nj_keypair_make(&worker, err);
    }
    if (status == NJ_OK) {
        status = keep_secret(f, &worker, err);
    }
    if (status == NJ_OK) {
        const char *keys[] = {worker.public_key};
        status = nj_allowlist_of(keys, 1, &f->allowed, err);
        snprintf(f->server_key, sizeof f->server_key, "--server-key=%s", f->server.public_key);
    }
    nj_keypair_wipe(&worker);
    return status;
}

// ---- processes ----

// Between fork and exec only calls that are safe after a fork of a process with threads.
static void exec_worker(const nj_local_fleet *f, const worker_slot *slot, pid_t parent)
{
    static const char *const PASSED_ON[] = {"--kernels",    "--batch", "--without",
                                            "--log-format", "--cache", "--memory-max"};
    enum { PASSED_ON_COUNT = sizeof PASSED_ON / sizeof PASSED_ON[0] };
    const char *argv[8 + 2 * PASSED_ON_COUNT + 1] = {f->program.text, "--connect", f->endpoint,
                                                     f->server_key,   "--key",     f->key_path,
                                                     "--pin",         slot->pin};
    size_t count = 8;
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

static nj_status start_worker(nj_local_fleet *f, worker_slot *slot, nj_error *err)
{
    const pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot start worker %td of %zu",
                             slot - f->workers + 1, f->worker_count);
    }
    if (pid == 0) {
        exec_worker(f, slot, parent);
    }
    slot->pid = pid;
    return NJ_OK;
}

static nj_status start_workers(void *context, const char *endpoint, nj_error *err)
{
    nj_local_fleet *f = context;
    snprintf(f->endpoint, sizeof f->endpoint, "%s", endpoint);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < f->worker_count && status == NJ_OK; i++) {
        status = start_worker(f, &f->workers[i], err);
    }
    return status;
}

// What a worker's end says. NJ_OK: the night is finished. NJ_AGAIN: another may take its place, because it was killed, asked to
// end, lost the coordinator or ran out of something. Anything else will not pass.
static nj_status judge_end(int state)
{
    if (WIFSIGNALED(state)) {
        return NJ_AGAIN;
    }
    const int code = WEXITSTATUS(state);
    const nj_status status = nj_status_of_exit_code(code);
    return status == NJ_INTERRUPTED || status == NJ_TERMINATED ||
                   code == nj_status_exit_code(NJ_FAILED)
               ? NJ_AGAIN
               : status;
}

static bool has_workers(const nj_local_fleet *f)
{
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i].pid != 0 || f->workers[i].due_ns != 0) {
            return true;
        }
    }
    return false;
}

// It will not work, nor will another in its place. The night goes on as long as others work.
static nj_status close_slot(const nj_local_fleet *f, long pid, int code, nj_error *err)
{
    nj_status verdict = nj_status_of_exit_code(code);
    if (!has_workers(f)) {
        return nj_fail(
            err, verdict,
            "worker %ld ended with exit %d (its message stands above), and no other works", pid,
            code);
    }
    nj_log(NJ_LOG_WARNING, "worker %ld ended with exit %d and is not replaced", pid, code);
    return NJ_OK;
}

static nj_status plan_restart(nj_local_fleet *f, worker_slot *slot, const nj_night_pulse *pulse,
                              nj_error *err)
{
    const unsigned limit =
        RESTARTS_IN_VAIN_MIN + RESTARTS_IN_VAIN_A_WORKER * (unsigned)f->worker_count;
    if (pulse->progress != f->progress || pulse->paused) {
        f->progress = pulse->progress;
        f->restarts_in_vain = 0;
    }
    if (++f->restarts_in_vain > limit) {
        return nj_fail(err, NJ_FAILED,
                       "workers ended %u times without anything committed between: something is "
                       "wrong with the machine or the bundle",
                       f->restarts_in_vain);
    }
    uint64_t pause_ms = 0;
    if (pulse->progress != slot->progress) {
        slot->progress = pulse->progress;
        slot->pauses = 0;
    } else {
        pause_ms = (uint64_t)RESTART_MS_FIRST << slot->pauses;
        slot->pauses += pause_ms < RESTART_MS_MAX;
        pause_ms = pause_ms < RESTART_MS_MAX ? pause_ms : RESTART_MS_MAX;
    }
    slot->due_ns = nj_clock_mono_ns() + pause_ms * 1000000;
    return NJ_OK;
}

static nj_status take_end(nj_local_fleet *f, worker_slot *slot, int state,
                          const nj_night_pulse *pulse, nj_error *err)
{
    const long pid = (long)slot->pid;
    const nj_status verdict = judge_end(state);
    slot->pid = 0;
    slot->due_ns = 0;
    if (verdict == NJ_OK) {
        return NJ_OK;
    }
    if (verdict != NJ_AGAIN) {
        return close_slot(f, pid, WEXITSTATUS(state), err);
    }
    if (nj_log_gate_pass(&f->gate, "ends of workers", nj_clock_mono_ns())) {
        const char *how = WIFSIGNALED(state) ? "signal" : "exit";
        const int number = WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state);
        nj_log_event(
            NJ_EVENT_WORKER_REPLACED,
            NJ_FIELDS(nj_log_uint("worker_pid", (uint64_t)pid), nj_log_uint(how, (uint64_t)number)),
            "worker %ld ended (%s %d): starting another", pid, how, number);
    }
    return plan_restart(f, slot, pulse, err);
}

static nj_status watch_workers(void *context, const nj_night_pulse *pulse, nj_error *err)
{
    nj_local_fleet *f = context;
    nj_status status = NJ_OK;
    for (size_t i = 0; i < f->worker_count && status == NJ_OK; i++) {
        worker_slot *slot = &f->workers[i];
        int state = 0;
        if (slot->pid != 0 && waitpid(slot->pid, &state, WNOHANG) == slot->pid) {
            status = take_end(f, slot, state, pulse, err);
        } else if (slot->pid == 0 && slot->due_ns != 0 && nj_clock_mono_ns() >= slot->due_ns) {
            slot->due_ns = 0;
            status = start_worker(f, slot, err);
        }
    }
    return status;
}

static size_t reap_workers(nj_local_fleet *f)
{
    size_t alive = 0;
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i].pid != 0 &&
            waitpid(f->workers[i].pid, NULL, WNOHANG) == f->workers[i].pid) {
            f->workers[i].pid = 0;
        }
        alive += f->workers[i].pid != 0;
    }
    return alive;
}

static void signal_workers(const nj_local_fleet *f, int number)
{
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i].pid != 0) {
            kill(f->workers[i].pid, number);
        }
    }
}

// Workers leave by themselves when the coordinator drains them; what does not is asked, then killed.
static void end_workers(nj_local_fleet *f)
{
    for (int ms = 0; ms < STOP_MS && reap_workers(f) > 0; ms += 20) {
        if (ms == STOP_MS / 2) {
            signal_workers(f, SIGTERM);
        }
        usleep(20000);
    }
    signal_workers(f, SIGKILL);
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i].pid != 0) {
            waitpid(f->workers[i].pid, NULL, 0);
        }
    }
}

// ---- what they use ----

// The most memory that a process has held so far.
static uint64_t read_peak_bytes(pid_t pid)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return nj_proc_bytes(path, "VmHWM:");
}

static double read_core_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec used = {0};
    return clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0
               ? (double)used.tv_sec + (double)used.tv_nsec / 1e9
               : 0;
}

static nj_worker_use sum_use(void *context)
{
    const nj_local_fleet *f = context;
    nj_worker_use use = {0};
    for (size_t i = 0; i < f->worker_count; i++) {
        if (f->workers[i].pid != 0) {
            const uint64_t bytes = read_peak_bytes(f->workers[i].pid);
            use.bytes_most = bytes > use.bytes_most ? bytes : use.bytes_most;
            use.core_seconds += read_core_seconds(f->workers[i].pid);
        }
    }
    return use;
}

// ---- the whole ----

static nj_status choose_cpus(nj_local_fleet *f, nj_error *err)
{
    nj_cpu_list cpus;
    nj_status status =
        nj_cpus_choose(nj_argument(f->arguments, "pin"), (uint32_t)f->worker_count, &cpus, err);
    for (size_t i = 0; i < f->worker_count && status == NJ_OK; i++) {
        char *pin = f->workers[i].pin;
        snprintf(pin, sizeof f->workers[i].pin, "none");
        if (cpus.count > 0) {
            snprintf(pin, sizeof f->workers[i].pin, "%u", cpus.cpus[i]);
        }
    }
    return status;
}

static nj_status open_fleet(nj_local_fleet *f, nj_error *err)
{
    nj_status status = choose_cpus(f, err);
    if (status == NJ_OK) {
        status = find_program(&f->program, err);
    }
    if (status == NJ_OK) {
        status = copy_environment(f, err);
    }
    return status == NJ_OK ? make_keys(f, err) : status;
}

nj_status nj_local_fleet_new(const nj_arguments *arguments, size_t worker_count,
                             nj_local_fleet **out, nj_error *err)
{
    nj_local_fleet *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the workers' list");
    }
    f->arguments = arguments;
    f->key_fd = -1;
    f->worker_count = worker_count;
    nj_status status = open_fleet(f, err);
    if (status == NJ_OK) {
        *out = f;
        f = NULL;
    }
    nj_local_fleet_free(&f);
    return status;
}

void nj_local_fleet_free(nj_local_fleet **fleet)
{
    nj_local_fleet *f = *fleet;
    if (f == NULL) {
        return;
    }
    end_workers(f);
    nj_log_gate_tell(&f->gate, "ends of workers", UINT64_MAX);
    if (f->key_fd >= 0) {
        close(f->key_fd);
    }
    free(f->environment);
    nj_allowlist_fini(&f->allowed);
    nj_keypair_wipe(&f->server);
    free(f);
    *fleet = NULL;
}

nj_local_access nj_local_fleet_access(nj_local_fleet *fleet)
{
    return (nj_local_access){.endpoint = "tcp://127.0.0.1:*",
                             .keys = &fleet->server,
                             .allowed = &fleet->allowed,
                             .hooks = {.context = fleet,
                                       .ready = start_workers,
                                       .tick = watch_workers,
                                       .worker_use = sum_use}};
}
