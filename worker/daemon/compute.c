#include "worker/daemon/compute.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/failpoint.h"
#include "common/base/log.h"
#include "common/codec/row.h"
#include "common/codec/shard.h"
#include "worker/engine/engine.h"
#include "worker/items/item_desk.h"

typedef struct {
    nj_compute_kind kind;
    uint64_t ticket;
    uint32_t slot;
    nj_buffer users;           // SHARD
    nj_buffer plan;            // SET_UP of items
    bool items;                // SET_UP
    bool afresh;               // SHARD
    nj_sections sections;      // SET_UP
    nj_settings settings;      // SET_UP
    const nj_kernels *kernels; // SET_UP
    nj_compute_report
        *report; // owned; there before the work begins, so that its end can always be told
} task;

struct nj_compute {
    pthread_t thread;
    int event_fd;
    nj_engine_options options;
    atomic_uint users_done;
    atomic_uint_least64_t ticket;  // of the shard being decoded
    atomic_bool abandoned;         // nobody wants what is being decoded
    atomic_uint_least64_t dropped; // the shard that nobody wants any more

    pthread_mutex_t mutex; // over the rest of this block
    pthread_cond_t wake;
    bool stopping;
    task *tasks[NJ_COMPUTE_QUEUE_MAX];
    size_t task_first, task_count;
    nj_compute_report *reports[NJ_COMPUTE_QUEUE_MAX];
    size_t report_first, report_count;

    // the compute thread's alone; one of them or none
    nj_engine *engine;
    nj_item_desk *desk;
};

static void free_task(task *t)
{
    if (t != NULL) {
        nj_buffer_fini(&t->users);
        nj_buffer_fini(&t->plan);
        free(t->report);
        free(t);
    }
}

// ---- the compute thread ----

typedef struct {
    nj_compute *compute;
    nj_buffer *rows;
    nj_buffer row; // scratch
} packing;

static nj_status pack_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    (void)index;
    packing *p = context;
    if (atomic_load(&p->compute->abandoned)) {
        return nj_fail(err, NJ_AGAIN, "the worker ends");
    }
    nj_buffer_clear(&p->row);
    nj_status status = nj_engine_pack_row(p->compute->engine, list, &p->row);
    if (status == NJ_OK) {
        status = nj_rows_add(p->rows, nj_buffer_slice(&p->row));
    }
    if (status != NJ_OK && p->rows->size + p->row.size <= NJ_SHARD_BYTES_MAX) {
        return nj_fail(err, status, "no memory for the rows of a shard");
    }
    if (status != NJ_OK) {
        return nj_fail(err, status,
                       "the rows of a shard do not fit in %u bytes: use smaller shards",
                       NJ_SHARD_BYTES_MAX);
    }
    atomic_fetch_add(&p->compute->users_done, 1);
    return NJ_FAILPOINT_STEP(COMPUTE_USER, err);
}

static nj_status begin_rows(nj_buffer *rows, size_t count, nj_error *err)
{
    nj_status status = nj_rows_begin(rows, count);
    return status == NJ_OK ? NJ_OK : nj_fail(err, status, "no memory for the rows of a shard");
}

static nj_status decode_shard(nj_compute *compute, const task *t, nj_compute_report *report,
                              nj_error *err)
{
    nj_users users;
    packing p = {.compute = compute, .rows = &report->rows};
    if (compute->engine == NULL) {
        return nj_fail(err, NJ_FAILED, "no engine is set up");
    }
    nj_status status =
        nj_users_unpack(nj_buffer_slice(&t->users), nj_engine_item_count(compute->engine),
                        nj_engine_mask_count(compute->engine), &users, err);
    if (status != NJ_OK) {
        return status;
    }
    if (t->afresh) {
        nj_engine_forget(compute->engine);
    }
    nj_buffer_init(&p.row, NJ_ROW_BYTES_MAX);
    report->row_count = (uint32_t)users.count;
    status = NJ_FAILPOINT_STEP(COMPUTE_BEGUN, err);
    if (status == NJ_OK) {
        status = begin_rows(p.rows, users.count, err);
    }
    if (status == NJ_OK) {
        status = nj_engine_decode(compute->engine, users.requests, users.count, pack_list, &p, err);
    }
    if (status == NJ_OK) {
        report->digest = nj_digest_of(report->rows.bytes, report->rows.size);
    }
    nj_buffer_fini(&p.row);
    nj_users_fini(&users);
    return status;
}

// Called by the work, between blocks of rows.
static nj_status step_items(void *context, size_t rows, nj_error *err)
{
    nj_compute *compute = context;
    atomic_fetch_add(&compute->users_done, (unsigned)rows);
    if (atomic_load(&compute->abandoned)) {
        return nj_fail(err, NJ_AGAIN, "the worker ends");
    }
    if (atomic_load(&compute->dropped) == atomic_load(&compute->ticket)) {
        return nj_fail(err, NJ_AGAIN, "nobody wants these items any more");
    }
    return NJ_OK;
}

static nj_status compute_items(nj_compute *compute, const task *t, nj_compute_report *report,
                               nj_error *err)
{
    nj_status status = NJ_FAILPOINT_STEP(COMPUTE_BEGUN, err);
    if (status == NJ_OK) {
        status = nj_item_desk_run(compute->desk, nj_buffer_slice(&t->users), &report->rows,
                                  &report->row_count, err);
    }
    if (status == NJ_OK) {
        status = NJ_FAILPOINT_STEP(COMPUTE_USER, err);
    }
    if (status == NJ_OK) {
        atomic_fetch_add(&compute->users_done, 1); // however short the shard was
        report->digest = nj_digest_of(report->rows.bytes, report->rows.size);
    }
    return status;
}

static void log_plan(const nj_kernels *kernels, const nj_engine_plan *plan)
{
    nj_log_event(NJ_EVENT_ENGINE_READY,
                 NJ_FIELDS(nj_log_text("kernels", kernels->name),
                           nj_log_text("class", kernels->numeric_class),
                           nj_log_uint("planned_bytes", nj_engine_plan_bytes(plan))),
                 "ready: kernels %s (class %s); memory %.1f MB mapped, %.1f MB model, %.1f MB "
                 "scratch for %u users of %u tokens with %u beams, widened to at most %u",
                 kernels->name, kernels->numeric_class, (double)plan->mapped_bytes / 1e6,
                 (double)plan->model_bytes / 1e6, (double)plan->scratch_bytes / 1e6, plan->B,
                 plan->S, plan->W, plan->W_wide);
}

static nj_status set_up_engine(nj_compute *compute, const task *t, nj_compute_report *report,
                               nj_error *err)
{
    compute->options.kernels = t->kernels;
    nj_status status =
        nj_engine_open(&t->sections, &t->settings, &compute->options, &compute->engine, err);
    if (status == NJ_OK) {
        log_plan(t->kernels, nj_engine_plan_of(compute->engine));
        report->planned_bytes = nj_engine_plan_bytes(nj_engine_plan_of(compute->engine));
    }
    return status;
}

static nj_status set_up(nj_compute *compute, const task *t, nj_compute_report *report,
                        nj_error *err)
{
    nj_engine_close(&compute->engine);
    nj_item_desk_close(&compute->desk);
    if (!t->items) {
        return set_up_engine(compute, t, report, err);
    }
    const nj_item_step step = {compute, step_items};
    return nj_item_desk_open(&t->sections, nj_buffer_slice(&t->plan), t->kernels, step,
                             &compute->desk, err);
}

static task *wait_for_task(nj_compute *compute)
{
    task *t = NULL;
    pthread_mutex_lock(&compute->mutex);
    while (compute->task_count == 0 && !compute->stopping) {
        pthread_cond_wait(&compute->wake, &compute->mutex);
    }
    if (!compute->stopping) {
        t = compute->tasks[compute->task_first];
        compute->task_first = (compute->task_first + 1) % NJ_COMPUTE_QUEUE_MAX;
        compute->task_count--;
    }
    pthread_mutex_unlock(&compute->mutex);
    return t;
}

static void hand_over(nj_compute *compute, nj_compute_report *report)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&compute->mutex);
    // A task leaves room for its report: there are never more tasks and reports together than the queue holds.
    compute->reports[(compute->report_first + compute->report_count++) % NJ_COMPUTE_QUEUE_MAX] =
        report;
    pthread_mutex_unlock(&compute->mutex);
    if (write(compute->event_fd, &one, sizeof one) < 0) {
        nj_log(NJ_LOG_ERROR, "cannot wake the socket thread: %s", strerror(errno));
    }
}

static void run_task(nj_compute *compute, task *t)
{
    nj_error err = {0};
    nj_compute_report *report = t->report;
    t->report = NULL; // the taker's
    *report = (nj_compute_report){.kind = t->kind, .ticket = t->ticket, .slot = t->slot};
    nj_buffer_init(&report->rows, NJ_SHARD_BYTES_MAX);
    if (t->kind == NJ_COMPUTE_SET_UP) {
        report->status = set_up(compute, t, report, &err);
    } else {
        atomic_store(&compute->ticket, t->ticket);
        report->status = compute->desk != NULL ? compute_items(compute, t, report, &err)
                                               : decode_shard(compute, t, report, &err);
        atomic_store(&compute->ticket, 0);
    }
    if (report->status != NJ_OK) {
        nj_buffer_fini(&report->rows);
        memcpy(report->text, err.text, sizeof report->text);
    }
    hand_over(compute, report);
}

static void *run_thread(void *argument)
{
    nj_compute *compute = argument;
    for (task *t = wait_for_task(compute); t != NULL; t = wait_for_task(compute)) {
        run_task(compute, t);
        free_task(t);
    }
    nj_engine_close(&compute->engine);
    nj_item_desk_close(&compute->desk);
    return NULL;
}

// ---- the socket's side ----

// Signals are for the socket thread.
static int start_thread(nj_compute *compute)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&compute->thread, NULL, run_thread, compute);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

nj_status nj_compute_start(const nj_engine_options *options, nj_compute **out, nj_error *err)
{
    nj_compute *compute = calloc(1, sizeof *compute);
    if (compute == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the compute thread");
    }
    compute->options = *options;
    compute->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&compute->mutex, NULL);
    pthread_cond_init(&compute->wake, NULL);
    int failure = compute->event_fd < 0 ? errno : start_thread(compute);
    if (failure != 0) {
        if (compute->event_fd >= 0) {
            close(compute->event_fd);
        }
        free(compute);
        return nj_fail_errno(err, NJ_FAILED, failure, "cannot start the compute thread");
    }
    *out = compute;
    return NJ_OK;
}

static bool join_within(pthread_t thread, uint32_t wait_ms)
{
    const uint64_t end_ns = nj_clock_mono_ns() + wait_ms * 1000000ull;
    const struct timespec end = {.tv_sec = (time_t)(end_ns / 1000000000u),
                                 .tv_nsec = (long)(end_ns % 1000000000u)};
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end) == 0;
}

bool nj_compute_stop(nj_compute **compute, uint32_t wait_ms)
{
    nj_compute *c = *compute;
    nj_compute_report report;
    if (c == NULL) {
        return true;
    }
    *compute = NULL;
    atomic_store(&c->abandoned, true);
    pthread_mutex_lock(&c->mutex);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mutex);
    if (!join_within(c->thread, wait_ms)) {
        return false;
    }
    for (; c->task_count > 0; c->task_count--) {
        free_task(c->tasks[c->task_first]);
        c->task_first = (c->task_first + 1) % NJ_COMPUTE_QUEUE_MAX;
    }
    while (nj_compute_take_report(c, &report)) {
        nj_buffer_fini(&report.rows);
    }
    close(c->event_fd);
    pthread_mutex_destroy(&c->mutex);
    pthread_cond_destroy(&c->wake);
    free(c);
    *compute = NULL;
    return true;
}

int nj_compute_fd(const nj_compute *compute)
{
    return compute->event_fd;
}

static nj_status queue_task(nj_compute *compute, task *t, nj_error *err)
{
    pthread_mutex_lock(&compute->mutex);
    bool has_room = compute->task_count + compute->report_count + 1 < NJ_COMPUTE_QUEUE_MAX;
    if (has_room) {
        compute->tasks[(compute->task_first + compute->task_count++) % NJ_COMPUTE_QUEUE_MAX] = t;
        pthread_cond_signal(&compute->wake);
    }
    pthread_mutex_unlock(&compute->mutex);
    return has_room
               ? NJ_OK
               : nj_fail(err, NJ_AGAIN, "%d tasks are waiting already", NJ_COMPUTE_QUEUE_MAX - 1);
}

// With its report; NULL: no memory.
static task *make_task(nj_compute_kind kind, uint64_t ticket, nj_error *err)
{
    task *t = calloc(1, sizeof *t);
    nj_compute_report *report = calloc(1, sizeof *report);
    if (t == NULL || report == NULL) {
        free(report);
        free(t);
        nj_fail(err, NJ_NO_MEMORY, "no memory for a task of the compute thread");
        return NULL;
    }
    t->kind = kind;
    t->ticket = ticket;
    t->report = report;
    return t;
}

static task *make_set_up(uint64_t ticket, const nj_sections *sections, const nj_kernels *kernels,
                         nj_error *err)
{
    task *t = make_task(NJ_COMPUTE_SET_UP, ticket, err);
    if (t != NULL) {
        t->sections = *sections;
        t->kernels = kernels;
    }
    return t;
}

static nj_status queue_task_take(nj_compute *compute, task *t, nj_error *err)
{
    nj_status status = queue_task(compute, t, err);
    if (status != NJ_OK) {
        free_task(t);
    }
    return status;
}

nj_status nj_compute_set_up(nj_compute *compute, uint64_t ticket, const nj_sections *sections,
                            const nj_settings *settings, const nj_kernels *kernels, nj_error *err)
{
    task *t = make_set_up(ticket, sections, kernels, err);
    if (t == NULL) {
        return NJ_NO_MEMORY;
    }
    t->settings = *settings;
    return queue_task_take(compute, t, err);
}

nj_status nj_compute_set_up_items(nj_compute *compute, uint64_t ticket, const nj_sections *sections,
                                  nj_slice plan, const nj_kernels *kernels, nj_error *err)
{
    task *t = make_set_up(ticket, sections, kernels, err);
    if (t == NULL) {
        return NJ_NO_MEMORY;
    }
    t->items = true;
    nj_buffer_init(&t->plan, plan.size);
    if (nj_buffer_append(&t->plan, plan.bytes, plan.size) != NJ_OK) {
        free_task(t);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the plan of a round");
    }
    return queue_task_take(compute, t, err);
}

nj_status nj_compute_shard_take(nj_compute *compute, uint64_t ticket, uint32_t slot, bool afresh,
                                nj_buffer *users, nj_error *err)
{
    task *t = make_task(NJ_COMPUTE_SHARD, ticket, err);
    if (t == NULL) {
        return NJ_NO_MEMORY;
    }
    t->slot = slot;
    t->afresh = afresh;
    t->users = *users;
    nj_status status = queue_task(compute, t, err);
    if (status == NJ_OK) {
        nj_buffer_init(users, users->bytes_max);
    } else {
        nj_buffer_init(&t->users, 0); // they stay the caller's
        free_task(t);
    }
    return status;
}

void nj_compute_drop(nj_compute *compute, uint64_t ticket)
{
    atomic_store(&compute->dropped, ticket);
}

bool nj_compute_take_report(nj_compute *compute, nj_compute_report *out)
{
    uint64_t count;
    nj_compute_report *report = NULL;
    pthread_mutex_lock(&compute->mutex);
    if (compute->report_count > 0) {
        report = compute->reports[compute->report_first];
        compute->report_first = (compute->report_first + 1) % NJ_COMPUTE_QUEUE_MAX;
        compute->report_count--;
    } else {
        (void)!read(compute->event_fd, &count,
                    sizeof count); // resets the descriptor; nothing to read is fine
    }
    pthread_mutex_unlock(&compute->mutex);
    if (report == NULL) {
        return false;
    }
    *out = *report;
    free(report);
    return true;
}

uint32_t nj_compute_take_progress(nj_compute *compute)
{
    return atomic_exchange(&compute->users_done, 0);
}

uint64_t nj_compute_ticket(nj_compute *compute)
{
    return atomic_load(&compute->ticket);
}

uint64_t nj_compute_cpu_ns(const nj_compute *compute)
{
    clockid_t clock;
    struct timespec used = {0};
    if (pthread_getcpuclockid(compute->thread, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}
