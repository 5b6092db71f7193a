// pool.h - threads that share out numbered tasks.
//
//   nj_pool_run(pool, 24, run, context) ──► run(context, task 0..23, thread) on any thread, in any order ──► all are done
//
// Which thread does what is chance; a result that must not be is computed per task and put together by the caller, in task order.
#ifndef NJ_BASE_POOL_H
#define NJ_BASE_POOL_H

#include <stddef.h>

#include "common/base/error.h"

#define NJ_POOL_THREADS_MAX 1024

typedef struct nj_pool nj_pool;

/// `threads` in all, the caller's among them; 1 starts none.
/// Errors  NJ_INPUT: 0 or more than NJ_POOL_THREADS_MAX; NJ_NO_MEMORY; NJ_FAILED: a thread could not be started
NJ_CHECKED nj_status nj_pool_new(size_t threads, nj_pool **out, nj_error *err);
/// Accepts NULL in *pool.
void nj_pool_free(nj_pool **pool);

size_t nj_pool_threads(const nj_pool *pool);

/// Runs every task once and returns when all are done; `thread` is below nj_pool_threads. One call at a time; a task starts no other.
/// Proof   tests/unit/base/test_pool.c
void nj_pool_run(nj_pool *pool, size_t tasks,
                 void (*run)(void *context, size_t task, size_t thread), void *context);

#endif
