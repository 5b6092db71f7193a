#include "common/base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct nj_pool {
    size_t threads;
    pthread_t *ids;          // owned; [threads - 1] those that were started
    size_t started;          // of them
    size_t named;            // of them, those that know their number
    pthread_mutex_t mutex;   // over the rest
    pthread_cond_t begin;    // there are tasks, or it is over
    pthread_cond_t finished; // the last task is done
    void (*run)(void *context, size_t task, size_t thread);
    void *context;
    size_t tasks;
    size_t next; // the first that nobody has taken
    size_t done;
    bool ending;
};

// With the mutex held. Does tasks until none is left to take.
static void work(nj_pool *pool, size_t thread)
{
    while (pool->next < pool->tasks) {
        size_t task = pool->next++;
        pthread_mutex_unlock(&pool->mutex);
        pool->run(pool->context, task, thread);
        pthread_mutex_lock(&pool->mutex);
        pool->done++;
        if (pool->done == pool->tasks) {
            pthread_cond_signal(&pool->finished);
        }
    }
}

static void *run_thread(void *argument)
{
    nj_pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    size_t thread = ++pool->named;
    while (!pool->ending) {
        work(pool, thread);
        if (!pool->ending) {
            pthread_cond_wait(&pool->begin, &pool->mutex);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static nj_status start_threads(nj_pool *pool, nj_error *err)
{
    while (pool->started + 1 < pool->threads) {
        if (pthread_create(&pool->ids[pool->started], NULL, run_thread, pool) != 0) {
            return nj_fail(err, NJ_FAILED, "thread %zu of %zu could not be started",
                           pool->started + 2, pool->threads);
        }
        pool->started++;
    }
    return NJ_OK;
}

nj_status nj_pool_new(size_t threads, nj_pool **out, nj_error *err)
{
    if (threads < 1 || threads > NJ_POOL_THREADS_MAX) {
        return nj_fail(err, NJ_INPUT, "%zu threads, must be 1 to %d", threads, NJ_POOL_THREADS_MAX);
    }
    nj_pool *pool = calloc(1, sizeof *pool);
    pthread_t *ids = calloc(threads, sizeof *ids);
    if (pool == NULL || ids == NULL) {
        free(pool);
        free(ids);
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu threads", threads);
    }
    pool->threads = threads;
    pool->ids = ids;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->finished, NULL);
    nj_status status = start_threads(pool, err);
    if (status == NJ_OK) {
        *out = pool;
        pool = NULL;
    }
    nj_pool_free(&pool);
    return status;
}

void nj_pool_free(nj_pool **pool)
{
    nj_pool *p = *pool;
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&p->mutex);
    p->ending = true;
    pthread_cond_broadcast(&p->begin);
    pthread_mutex_unlock(&p->mutex);
    for (size_t i = 0; i < p->started; i++) {
        pthread_join(p->ids[i], NULL);
    }
    pthread_cond_destroy(&p->finished);
    pthread_cond_destroy(&p->begin);
    pthread_mutex_destroy(&p->mutex);
    free(p->ids);
    free(p);
    *pool = NULL;
}

size_t nj_pool_threads(const nj_pool *pool)
{
    return pool->threads;
}

void nj_pool_run(nj_pool *pool, size_t tasks,
                 void (*run)(void *context, size_t task, size_t thread), void *context)
{
    pthread_mutex_lock(&pool->mutex);
    pool->run = run;
    pool->context = context;
    pool->tasks = tasks;
    pool->next = 0;
    pool->done = 0;
    pthread_cond_broadcast(&pool->begin);
    work(pool, 0);
    while (pool->done < pool->tasks) {
        pthread_cond_wait(&pool->finished, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}
