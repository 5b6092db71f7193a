#include "common/catalogue/item_threads.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

// One place of the window; that of shard i is i % window.
typedef struct {
    nj_buffer answer;
    nj_error error;
    nj_status status;
    bool is_done;
} slot;

typedef struct {
    const nj_item_round *round;
    nj_item_task task;
    size_t shard_count;

    pthread_mutex_t mutex; // over the rest
    pthread_cond_t done;   // a shard is done
    pthread_cond_t taken;  // the window has moved, or nothing more is wanted
    slot *slots;           // [window] owned
    size_t window;
    size_t begun;     // shards
    size_t delivered; // shards
    bool stopping;
} pass;

typedef struct {
    size_t first;
    size_t count;
} range;

static range shard_range(const pass *p, size_t shard)
{
    const size_t shard_rows = p->round->shard_rows;
    const size_t first = shard * shard_rows;
    const size_t left = p->task.rows.shape[0] - first;
    return (range){first, left < shard_rows ? left : shard_rows};
}

static nj_status open_state(const pass *p, void **out_state, nj_error *err)
{
    const nj_item_work *work = p->round->work;
    *out_state = NULL;
    return work->open == NULL ? NJ_OK : work->open(&p->task, out_state, err);
}

static void close_state(const pass *p, void *state)
{
    if (p->round->work->close != NULL) {
        p->round->work->close(state);
    }
}

static nj_status run_shard(const pass *p, void *state, size_t shard, nj_buffer *answer,
                           nj_error *err)
{
    const range rows = shard_range(p, shard);
    nj_buffer_clear(answer);
    return p->round->work->run(&p->task, state, rows.first, rows.count, answer, err);
}

// ---- the caller's thread alone ----

static nj_status run_alone(pass *p, nj_item_take take, void *take_context, nj_error *err)
{
    void *state = NULL;
    nj_buffer answer;
    nj_buffer_init(&answer, NJ_ITEM_ANSWER_BYTES_MAX);
    nj_status status = open_state(p, &state, err);
    for (size_t shard = 0; shard < p->shard_count && status == NJ_OK; shard++) {
        const range rows = shard_range(p, shard);
        status = run_shard(p, state, shard, &answer, err);
        if (status == NJ_OK) {
            status =
                take(take_context, shard, rows.first, rows.count, nj_buffer_slice(&answer), err);
        }
    }
    close_state(p, state);
    nj_buffer_fini(&answer);
    return status;
}

// ---- several threads ----

// False: no shard is left to begin.
static bool begin_shard(pass *p, size_t *out_shard)
{
    pthread_mutex_lock(&p->mutex);
    while (!p->stopping && p->begun < p->shard_count && p->begun - p->delivered >= p->window) {
        pthread_cond_wait(&p->taken, &p->mutex);
    }
    const bool begins = !p->stopping && p->begun < p->shard_count;
    if (begins) {
        *out_shard = p->begun++;
    }
    pthread_mutex_unlock(&p->mutex);
    return begins;
}

static void end_shard(pass *p, slot *s, nj_status status)
{
    pthread_mutex_lock(&p->mutex);
    s->status = status;
    s->is_done = true;
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->mutex);
}

// A thread without a state says so for every shard that falls to it: the first of them ends the round.
static void *run_thread(void *argument)
{
    pass *p = argument;
    void *state = NULL;
    nj_error open_error = {0};
    const nj_status opened = open_state(p, &state, &open_error);
    size_t shard = 0;
    while (begin_shard(p, &shard)) {
        slot *s = &p->slots[shard % p->window];
        nj_status status = opened;
        if (opened == NJ_OK) {
            status = run_shard(p, state, shard, &s->answer, &s->error);
        } else {
            s->error = open_error;
        }
        end_shard(p, s, status);
    }
    close_state(p, state);
    return NULL;
}

static void wait_for_shard(pass *p, const slot *s)
{
    pthread_mutex_lock(&p->mutex);
    while (!s->is_done) {
        pthread_cond_wait(&p->done, &p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
}

static void free_slot(pass *p, slot *s)
{
    pthread_mutex_lock(&p->mutex);
    s->is_done = false;
    p->delivered++;
    pthread_cond_broadcast(&p->taken);
    pthread_mutex_unlock(&p->mutex);
}

static nj_status take_all(pass *p, nj_item_take take, void *take_context, nj_error *err)
{
    nj_status status = NJ_OK;
    for (size_t shard = 0; shard < p->shard_count && status == NJ_OK; shard++) {
        const range rows = shard_range(p, shard);
        slot *s = &p->slots[shard % p->window];
        wait_for_shard(p, s);
        status = s->status;
        if (status != NJ_OK) {
            nj_fail(err, status, "%s", s->error.text);
        } else {
            status =
                take(take_context, shard, rows.first, rows.count, nj_buffer_slice(&s->answer), err);
        }
        free_slot(p, s);
    }
    return status;
}

static void stop_threads(pass *p, pthread_t *threads, size_t count)
{
    pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    pthread_cond_broadcast(&p->taken);
    pthread_mutex_unlock(&p->mutex);
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

static nj_status run_threads(pass *p, pthread_t *threads, size_t thread_count, nj_item_take take,
                             void *take_context, nj_error *err)
{
    size_t started = 0;
    int failure = 0;
    while (started < thread_count && failure == 0) {
        failure = pthread_create(&threads[started], NULL, run_thread, p);
        started += failure == 0;
    }
    nj_status status = started > 0 ? take_all(p, take, take_context, err)
                                   : nj_fail_errno(err, NJ_FAILED, failure,
                                                   "no thread can be started to compute items");
    stop_threads(p, threads, started);
    return status;
}

static nj_status run_together(pass *p, size_t thread_count, nj_item_take take, void *take_context,
                              nj_error *err)
{
    p->window = thread_count * NJ_ITEM_WINDOW_A_THREAD;
    p->slots = calloc(p->window, sizeof *p->slots);
    pthread_t *threads = calloc(thread_count, sizeof *threads);
    nj_status status = NJ_OK;
    if (p->slots == NULL || threads == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for %zu threads", thread_count);
    } else {
        for (size_t i = 0; i < p->window; i++) {
            nj_buffer_init(&p->slots[i].answer, NJ_ITEM_ANSWER_BYTES_MAX);
        }
        pthread_mutex_init(&p->mutex, NULL);
        pthread_cond_init(&p->done, NULL);
        pthread_cond_init(&p->taken, NULL);
        status = run_threads(p, threads, thread_count, take, take_context, err);
        pthread_cond_destroy(&p->taken);
        pthread_cond_destroy(&p->done);
        pthread_mutex_destroy(&p->mutex);
        for (size_t i = 0; i < p->window; i++) {
            nj_buffer_fini(&p->slots[i].answer);
        }
    }
    free(threads);
    free(p->slots);
    return status;
}

static nj_status run_round(void *context, const nj_item_round *round, nj_item_take take,
                           void *take_context, nj_error *err)
{
    const nj_item_threads *config = context;
    nj_sections sections;
    pass p = {.round = round};
    nj_status status = nj_item_round_check(round, &sections, err);
    if (status == NJ_OK) {
        status = nj_item_task_open(round->work, &sections, round->parameters,
                                   nj_item_rows_name(round), config->kernels, &p.task, err);
    }
    if (status != NJ_OK) {
        return status;
    }
    assert(config->thread_count >= 1 && config->thread_count <= NJ_ITEM_THREADS_MAX);
    p.shard_count = nj_item_shard_count(p.task.rows.shape[0], round->shard_rows);
    if (p.shard_count > NJ_ITEM_SHARDS_MAX) {
        return nj_fail(err, NJ_INPUT, "%zu shards of %zu rows, the limit is %u", p.shard_count,
                       round->shard_rows, NJ_ITEM_SHARDS_MAX);
    }
    const size_t thread_count =
        p.shard_count < config->thread_count ? p.shard_count : config->thread_count;
    status = nj_item_task_share(round->work, &p.task, err);
    if (status == NJ_OK) {
        status = thread_count <= 1 ? run_alone(&p, take, take_context, err)
                                   : run_together(&p, thread_count, take, take_context, err);
    }
    nj_item_task_unshare(round->work, &p.task);
    return status;
}

nj_item_executor nj_item_threads_executor(const nj_item_threads *threads)
{
    return (nj_item_executor){.context = (void *)(uintptr_t)threads, .run = run_round};
}
