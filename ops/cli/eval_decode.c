// eval_decode.c - the inputs of `nightjar eval` to lists: one engine, and copies of this process beside it.
//
//   open engine ──► fork ──► each process: take a piece of the users ──► decode ──► set their lists in shared memory ─┐
//                                           └──────────────────────── until none is left ◄────────────────────────────┘
//
// Processes and not threads, because OpenBLAS's serial build is not safe in threads: its lists come out wrong.
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cli/progress.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval.h"
#include "worker/engine/engine.h"

#define PIECE_BATCHES 4 // handed out at once: few enough that the processes end together

// What the processes share; each writes its own outcome only.
typedef struct {
    atomic_size_t next; // first request that is not handed out
    atomic_size_t done;
    atomic_bool stopping; // one of them failed
    struct {
        size_t first; // request of the piece that failed
        nj_error error;
    } outcomes[NJ_EVAL_PROCS_MAX];
} board;

typedef struct {
    nj_request *requests; // owned; [count]
    size_t *users;        // owned; [count] whose list each request's is
    size_t count;
    size_t piece; // requests handed out at once
    nj_lists *lists;
    nj_engine *engine;    // owned
    board *board;         // owned, mapped
    size_t first;         // request of the piece in hand
    nj_progress progress; // of the process that began
} work;

static nj_status set_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    work *w = context;
    (void)err;
    nj_lists_set(w->lists, w->users[w->first + index], list->items, list->count);
    return NJ_OK;
}

// Pieces are handed out in order and each is finished, so the first failure is the same whatever the number of processes.
static void decode_pieces(work *w, size_t process)
{
    board *b = w->board;
    while (!atomic_load(&b->stopping)) {
        w->first = atomic_fetch_add(&b->next, w->piece);
        if (w->first >= w->count) {
            return;
        }
        size_t left = w->count - w->first;
        size_t count = left < w->piece ? left : w->piece;
        nj_error *error = &b->outcomes[process].error;
        if (nj_engine_decode(w->engine, w->requests + w->first, count, set_list, w, error) !=
            NJ_OK) {
            b->outcomes[process].first = w->first;
            atomic_store(&b->stopping, true);
            return;
        }
        size_t done = atomic_fetch_add(&b->done, count) + count;
        if (process == 0) {
            nj_progress_update(&w->progress, done, nj_clock_mono_ns());
        }
    }
}

static nj_status start_process(work *w, size_t process, pid_t *out, nj_error *err)
{
    const pid_t parent = getpid();
    *out = fork();
    if (*out < 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot start process %zu", process + 1);
    }
    if (*out == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            decode_pieces(w, process);
        }
        _exit(0);
    }
    return NJ_OK;
}

// A process that ended otherwise has left users without a list.
static nj_status wait_for_process(pid_t pid, nj_error *err)
{
    int state;
    while (waitpid(pid, &state, 0) < 0) {
        if (errno != EINTR) {
            return nj_fail_errno(err, NJ_FAILED, errno, "cannot wait for process %d", (int)pid);
        }
    }
    if (WIFSIGNALED(state)) {
        return nj_fail(err, NJ_FAILED, "process %d was ended by signal %d", (int)pid,
                       WTERMSIG(state));
    }
    return state == 0
               ? NJ_OK
               : nj_fail(err, NJ_FAILED, "process %d ended with %d", (int)pid, WEXITSTATUS(state));
}

static nj_status first_failure(const board *b, size_t process_count, nj_error *err)
{
    size_t found = process_count;
    for (size_t i = 0; i < process_count; i++) {
        if (b->outcomes[i].error.status != NJ_OK &&
            (found == process_count || b->outcomes[i].first < b->outcomes[found].first)) {
            found = i;
        }
    }
    const nj_error *error = &b->outcomes[found].error;
    return found < process_count ? nj_fail(err, error->status, "%s", error->text) : NJ_OK;
}

// This process is the first of them.
static nj_status run_processes(work *w, size_t process_count, nj_error *err)
{
    pid_t children[NJ_EVAL_PROCS_MAX];
    size_t started = 1;
    nj_status status = NJ_OK;
    while (started < process_count && status == NJ_OK) {
        status = start_process(w, started, &children[started], err);
        started += status == NJ_OK;
    }
    if (status == NJ_OK) {
        decode_pieces(w, 0);
    } else {
        atomic_store(&w->board->stopping, true);
    }
    for (size_t i = 1; i < started; i++) {
        nj_status ended = wait_for_process(children[i], status == NJ_OK ? err : NULL);
        status = status == NJ_OK ? ended : status;
    }
    return status == NJ_OK ? first_failure(w->board, process_count, err) : status;
}

static nj_status decode_all(work *w, size_t process_count, nj_error *err)
{
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_progress_start(&w->progress, "users", w->count, 0, false, start_ns);
    nj_status status = run_processes(w, process_count, err);
    nj_progress_finish(&w->progress);
    if (status == NJ_OK) {
        double seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
        nj_log(NJ_LOG_INFO, "%zu users in %.2f s, %.1f users/s, %zu processes", w->count, seconds,
               seconds > 0 ? (double)w->count / seconds : 0, process_count);
    }
    return status;
}

static nj_status list_requests(const nj_job *job, const nj_held_out *held, work *w, nj_error *err)
{
    const nj_user_table *users = &held->users;
    w->requests = calloc(users->count + 1, sizeof *w->requests);
    w->users = calloc(users->count + 1, sizeof *w->users);
    if (w->requests == NULL || w->users == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", users->count);
    }
    for (size_t i = 0; i < users->count; i++) {
        nj_request request = nj_user_table_at(users, i);
        if (!nj_user_is_skipped(&request, &job->settings)) {
            w->users[w->count] = i;
            w->requests[w->count++] = request;
        }
    }
    return NJ_OK;
}

static nj_status map_board(work *w, nj_error *err)
{
    void *memory =
        mmap(NULL, sizeof *w->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return nj_fail_errno(err, NJ_NO_MEMORY, errno, "no memory to share between processes");
    }
    w->board = memory;
    return NJ_OK;
}

static void close_work(work *w)
{
    nj_engine_close(&w->engine);
    if (w->board != NULL) {
        munmap(w->board, sizeof *w->board);
    }
    free(w->requests);
    free(w->users);
}

nj_status nj_eval_decode(const nj_arguments *arguments, const nj_job *job, const nj_held_out *held,
                         size_t process_count, nj_lists *lists, nj_error *err)
{
    work w = {.lists = lists};
    nj_status status = list_requests(job, held, &w, err);
    if (status == NJ_OK) {
        status = map_board(&w, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_from(arguments, nj_bundle_sections(job->bundle), &job->settings,
                                &w.engine, err);
    }
    if (status == NJ_OK) {
        w.piece = (size_t)nj_engine_plan_of(w.engine)->B * PIECE_BATCHES;
        status = decode_all(&w, process_count, err);
    }
    close_work(&w);
    return status;
}
