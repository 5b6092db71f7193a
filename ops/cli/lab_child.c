#include "ops/cli/lab_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/cli/cli.h"
#include "coordinator/daemon/stop.h"

extern char **environ;

typedef struct {
    const nj_lab_child *child;
    char **environment; // owned; the strings are the process's
    nj_file_draft output;
    int log;
    int pipe[2]; // what the child says
    pid_t pid;
    sigset_t mask_before;
    bool is_catching;
    bool was_told; // of a signal
} running;

// What is printed is all that counts for a step: a setting of the lab's caller must not reach it unseen.
static nj_status copy_environment(running *r, nj_error *err)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    r->environment = calloc(count + 1, sizeof *r->environment);
    if (r->environment == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a step's environment");
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], NJ_ENVIRONMENT_PREFIX, strlen(NJ_ENVIRONMENT_PREFIX)) != 0) {
            r->environment[kept++] = environ[i];
        }
    }
    return NJ_OK;
}

static nj_status open_ends(running *r, nj_error *err)
{
    r->log = open(r->child->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (r->log < 0) {
        return nj_fail_errno(err, NJ_IO, errno, "%s", r->child->log);
    }
    if (pipe2(r->pipe, O_CLOEXEC) != 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "no pipe for a step");
    }
    return r->child->output != NULL ? nj_file_draft_begin(r->child->output, &r->output, err)
                                    : NJ_OK;
}

// Between fork and exec: only calls that are safe there.
static void exec_child(const running *r, pid_t parent)
{
    const int output = r->output.stream != NULL ? fileno(r->output.stream) : r->pipe[1];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); // an interrupt at the terminal reaches the lab, which passes it on
    if (getppid() == parent && chdir(r->child->folder) == 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(r->pipe[1], STDERR_FILENO) >= 0) {
        execve("/proc/self/exe", (char *const *)(uintptr_t)r->child->argv, r->environment);
    }
    _exit(127);
}

static nj_status start_child(running *r, nj_error *err)
{
    const pid_t parent = getpid();
    sigset_t asked;
    sigemptyset(&asked);
    sigaddset(&asked, SIGINT);
    sigaddset(&asked, SIGTERM);
    sigprocmask(SIG_BLOCK, &asked, &r->mask_before);
    nj_stop_catch();
    r->is_catching = true;
    r->pid = fork();
    if (r->pid < 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot start a step");
    }
    if (r->pid == 0) {
        exec_child(r, parent);
    }
    close(r->pipe[1]);
    r->pipe[1] = -1;
    return NJ_OK;
}

static void pass_signal_on(running *r)
{
    if (nj_stop_signal() != 0 && !r->was_told) {
        kill(r->pid, nj_stop_signal());
        r->was_told = true;
    }
}

static nj_status write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno != EINTR) {
            return NJ_IO;
        }
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return NJ_OK;
}

// Until the child and all who inherited its end of the pipe have closed it. A log that cannot be written does not stop the listening:
// the child would wait for us for ever.
static nj_status listen(running *r, nj_error *err)
{
    char bytes[4096];
    nj_status status = NJ_OK;
    sigset_t none;
    sigemptyset(&none);
    for (;;) {
        pass_signal_on(r);
        struct pollfd said = {.fd = r->pipe[0], .events = POLLIN};
        if (ppoll(&said, 1, NULL, &none) < 0) { // a signal, which gets through only here
            continue;
        }
        const ssize_t size = read(r->pipe[0], bytes, sizeof bytes);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size <= 0) {
            return status;
        }
        if (!r->child->quiet) {
            (void)write_all(STDERR_FILENO, bytes,
                            (size_t)size); // whoever closed it does not want it
        }
        if (status == NJ_OK && write_all(r->log, bytes, (size_t)size) != NJ_OK) {
            status = nj_fail_errno(err, NJ_IO, errno, "%s", r->child->log);
        }
    }
}

static nj_status wait_for_child(running *r, nj_error *err)
{
    int state = 0;
    while (waitpid(r->pid, &state, 0) < 0) {
        if (errno != EINTR) {
            return nj_fail_errno(err, NJ_FAILED, errno, "cannot wait for a step");
        }
    }
    if (WIFSIGNALED(state)) {
        return nj_fail(err, NJ_FAILED, "was ended by signal %d", WTERMSIG(state));
    }
    const nj_status status = nj_status_of_exit_code(WEXITSTATUS(state));
    return status == NJ_OK ? NJ_OK
                           : nj_fail(err, status, "ended with exit %d (its message stands above)",
                                     WEXITSTATUS(state));
}

static void end_running(running *r)
{
    if (r->is_catching) {
        sigprocmask(SIG_SETMASK, &r->mask_before, NULL); // one that came late is still noted
        nj_stop_release();
    }
    nj_file_draft_abort(&r->output);
    for (int i = 0; i < 2; i++) {
        if (r->pipe[i] >= 0) {
            close(r->pipe[i]);
        }
    }
    if (r->log >= 0) {
        close(r->log);
    }
    free(r->environment);
}

nj_status nj_lab_child_run(const nj_lab_child *child, nj_error *err)
{
    running r = {.child = child, .log = -1, .pipe = {-1, -1}};
    nj_status status = copy_environment(&r, err);
    if (status == NJ_OK) {
        status = open_ends(&r, err);
    }
    if (status == NJ_OK) {
        status = start_child(&r, err);
    }
    if (status == NJ_OK) {
        const nj_status heard = listen(&r, err);
        status = wait_for_child(&r, heard == NJ_OK ? err : NULL);
        status = heard == NJ_OK ? status : heard;
    }
    if (status == NJ_OK && child->output != NULL) {
        status = nj_file_draft_commit(&r.output, err);
    }
    end_running(&r);
    return status;
}
