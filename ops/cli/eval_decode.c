// eval_decode.c - the inputs of `nightjar eval` to lists: one engine, and copies of this process beside it.
//
//   open engine ──► fork ──► each process: take a piece of the users ──► decode ──► set their lists in shared memory ─┐
//                                           └──────────────────────── until none is left ◄────────────────────────────┘
//
// A pass decodes the users who still lack a list:
//
//   deep     all           history kept, as many items as the beams hold: the first `top` are the kept list, and the first `top` that
//                          the user has not had before are the masked one, which excludes at the last step only
//   kept     some          whose deep list is not the one that a night makes: items that they must not get were in its way, and so
//                          it was widened for more places than a night wants
//   masked   some          likewise, and those to whom the deep list leaves too few items: a night widens their search
//
// Under a policy the list for `top` places is no part of a list for more, and the masked one no part of the kept: there is no deep pass,
// and each is decoded as it is. Nor is there one where only one of the two is asked for.
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

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/catalogue/section_names.h"
#include "common/cli/progress.h"
#include "common/codec/row.h"
#include "common/judge/metric.h"
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
    const nj_eval_inputs *inputs;
    const nj_eval_lists *lists;
    const nj_lists *lacking; // users who have a list here are left out
    uint32_t *masked;        // owned; [top] scratch of set_both
    nj_list_sink sink;
    nj_engine *engine; // owned
    board *board;      // owned, mapped
    size_t first;      // request of the piece in hand
    // of the process that began
    nj_progress progress;
    pid_t children[NJ_EVAL_PROCS_MAX]; // 0: ended
    size_t child_count;
    nj_error ended_badly; // status NJ_OK: none
} work;

static bool has_row(const nj_request *request, uint32_t row)
{
    for (uint32_t i = 0; i < request->item_count; i++) {
        if (request->items[i] == row) {
            return true;
        }
    }
    return false;
}

static void note_score(const work *w, size_t user, const nj_list *list)
{
    const uint32_t place =
        nj_rank_of(list->items, list->count, nj_held_out_targets(&w->inputs->held)[user]);
    if (w->lists->scores != NULL && place != NJ_RANK_NONE) {
        w->lists->scores[user] = list->scores[place - 1];
    }
}

static nj_status set_kept(void *context, size_t index, const nj_list *list, nj_error *err)
{
    work *w = context;
    const size_t user = w->users[w->first + index];
    (void)err;
    nj_lists_set(w->lists->kept, user, list->items, list->count);
    note_score(w, user, list);
    return NJ_OK;
}

static nj_status set_masked(void *context, size_t index, const nj_list *list, nj_error *err)
{
    work *w = context;
    const size_t user = w->users[w->first + index];
    (void)err;
    nj_lists_set(w->lists->masked, user, list->items, list->count);
    note_score(w, user, list);
    return NJ_OK;
}

// Sets what a deep list decides of its user.
static nj_status set_both(void *context, size_t index, const nj_list *list, nj_error *err)
{
    work *w = context;
    const nj_request *request = &w->requests[w->first + index];
    const size_t user = w->users[w->first + index];
    const uint32_t top = w->lists->masked->depth;
    uint32_t count = 0;
    (void)err;
    if ((list->flags & NJ_ROW_WIDENED) != 0) {
        return NJ_OK;
    }
    for (uint32_t i = 0; i < list->count && count < top; i++) {
        if (!has_row(request, list->items[i])) {
            w->masked[count++] = list->items[i];
        }
    }
    nj_lists_set(w->lists->kept, user, list->items, list->count);
    if (count == top || request->item_count == 0) {
        nj_lists_set(w->lists->masked, user, w->masked, count);
    }
    note_score(w, user, list);
    return NJ_OK;
}

// A process that ended otherwise than it should has left users without a list: the others need not go on.
static void note_end(work *w, pid_t pid, int state)
{
    if (WIFSIGNALED(state)) {
        (void)nj_fail(&w->ended_badly, NJ_FAILED, "process %d was ended by signal %d", (int)pid,
                      WTERMSIG(state));
    } else if (state != 0) {
        (void)nj_fail(&w->ended_badly, NJ_FAILED, "process %d ended with %d", (int)pid,
                      WEXITSTATUS(state));
    }
    if (w->ended_badly.status != NJ_OK) {
        atomic_store(&w->board->stopping, true);
    }
}

// `options` as of waitpid: 0 waits for all.
static void reap_children(work *w, int options)
{
    for (size_t i = 0; i < w->child_count; i++) {
        int state = 0;
        pid_t ended = w->children[i] != 0 ? waitpid(w->children[i], &state, options) : 0;
        if (ended > 0) {
            w->children[i] = 0;
            note_end(w, ended, state);
        }
    }
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
        if (nj_engine_decode(w->engine, w->requests + w->first, count, w->sink, w, error) !=
            NJ_OK) {
            b->outcomes[process].first = w->first;
            atomic_store(&b->stopping, true);
            return;
        }
        size_t done = atomic_fetch_add(&b->done, count) + count;
        if (process == 0) {
            reap_children(w, WNOHANG);
            nj_progress_update(&w->progress, done, nj_clock_mono_ns());
        }
    }
}

static nj_status start_child(work *w, nj_error *err)
{
    const pid_t parent = getpid();
    const size_t process = w->child_count + 1;
    const pid_t pid = fork();
    if (pid < 0) {
        return nj_fail_errno(err, NJ_FAILED, errno, "cannot start process %zu", process + 1);
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            decode_pieces(w, process);
        }
        _exit(0);
    }
    w->children[w->child_count++] = pid;
    return NJ_OK;
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
    nj_status status = NJ_OK;
    while (w->child_count + 1 < process_count && status == NJ_OK) {
        status = start_child(w, err);
    }
    if (status == NJ_OK) {
        decode_pieces(w, 0);
    } else {
        atomic_store(&w->board->stopping, true);
    }
    reap_children(w, 0);
    if (status == NJ_OK) {
        status = first_failure(w->board, process_count, err);
    }
    if (status == NJ_OK && w->ended_badly.status != NJ_OK) {
        status = nj_fail(err, w->ended_badly.status, "%s", w->ended_badly.text);
    }
    return status;
}

static nj_status decode_all(work *w, const char *what, size_t process_count, nj_error *err)
{
    const uint64_t start_ns = nj_clock_mono_ns();
    nj_progress_start(&w->progress, what, w->count, 0, false, start_ns);
    nj_status status = run_processes(w, process_count, err);
    nj_progress_finish(&w->progress);
    if (status == NJ_OK) {
        double seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
        nj_log(NJ_LOG_INFO, "%zu %s in %.2f s, %.1f users/s, %zu processes", w->count, what,
               seconds, seconds > 0 ? (double)w->count / seconds : 0, process_count);
    }
    return status;
}

// The users who lack a list, but for those who never get one.
static nj_status list_requests(work *w, nj_error *err)
{
    const nj_user_table *users = &w->inputs->held.users;
    w->requests = calloc(users->count + 1, sizeof *w->requests);
    w->users = calloc(users->count + 1, sizeof *w->users);
    if (w->requests == NULL || w->users == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", users->count);
    }
    for (size_t i = 0; i < users->count; i++) {
        nj_request request = nj_user_table_at(users, i);
        if (w->lacking->counts[i] == NJ_LIST_ABSENT &&
            !nj_user_is_skipped(users, &request, &w->inputs->settings)) {
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
    free(w->masked);
}

typedef struct {
    const char *what; // of progress lines
    bool keep_history;
    uint32_t top;
    nj_list_sink sink;
    const nj_lists *lacking; // NULL: the pass is left out
} pass;

static nj_status run_pass(const nj_arguments *arguments, const nj_eval_inputs *inputs,
                          const pass *p, size_t process_count, const nj_eval_lists *lists,
                          nj_error *err)
{
    nj_settings settings = inputs->settings;
    work w = {.inputs = inputs, .lists = lists, .lacking = p->lacking, .sink = p->sink};
    settings.keep_history = p->keep_history;
    settings.top = p->top;
    nj_status status = list_requests(&w, err);
    if (status == NJ_OK && w.count == 0) {
        close_work(&w);
        return NJ_OK;
    }
    if (status == NJ_OK) {
        status = map_board(&w, err);
    }
    if (status == NJ_OK) {
        w.masked = calloc(inputs->settings.top, sizeof *w.masked);
        status = w.masked != NULL ? nj_user_table_apply(&inputs->held.users, &settings, err)
                                  : nj_fail(err, NJ_NO_MEMORY, "no memory for a list");
    }
    if (status == NJ_OK) {
        status = nj_engine_from(arguments, &inputs->job.sections, &settings, &w.engine, err);
    }
    if (status == NJ_OK) {
        w.piece = (size_t)nj_engine_plan_of(w.engine)->B * PIECE_BATCHES;
        status = decode_all(&w, p->what, process_count, err);
    }
    close_work(&w);
    return status;
}

nj_status nj_eval_decode(const nj_arguments *arguments, const nj_eval_inputs *inputs,
                         size_t process_count, const nj_eval_lists *lists, nj_error *err)
{
    const nj_settings *settings = &inputs->settings;
    const size_t beams = nj_max_size(settings->beam, settings->top);
    const bool deep = lists->kept != NULL && lists->masked != NULL &&
                      nj_sections_find(&inputs->job.sections, NJ_SECTION_POLICY) == NULL;
    const pass passes[] = {
        {"users", true, (uint32_t)nj_min_size(beams, NJ_ROW_ITEMS_MAX), set_both,
         deep ? lists->kept : NULL},
        {deep ? "users again, history kept" : "users, history kept", true, settings->top, set_kept,
         lists->kept},
        {deep ? "users again, history masked" : "users, history masked", false, settings->top,
         set_masked, lists->masked},
    };
    nj_status status = NJ_OK;
    for (size_t i = 0; i < sizeof passes / sizeof passes[0] && status == NJ_OK; i++) {
        if (passes[i].lacking != NULL) {
            status = run_pass(arguments, inputs, &passes[i], process_count, lists, err);
        }
    }
    return status;
}
