// eval_decode.c - the inputs of `nightjar eval` to lists: one engine a thread.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cli/progress.h"
#include "ops/cli/engine_options.h"
#include "ops/cli/eval.h"
#include "worker/engine/engine.h"

#define PIECE_BATCHES 4 // handed out at once: few enough that the threads end together

typedef struct {
    nj_request *requests; // owned; [count]
    size_t *users;        // owned; [count] whose list each request's is
    size_t count;
    size_t piece; // requests handed out at once
    nj_lists *lists;

    pthread_mutex_t mutex; // over the rest
    size_t next;           // first request that is not handed out
    size_t done;
    size_t failed_first; // the failed piece that comes first; count: none
    nj_error failure;
    nj_progress progress;
} work;

typedef struct {
    work *work;
    nj_engine *engine;
    size_t first; // request of the piece in hand
    pthread_t thread;
} hand;

static nj_status set_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    hand *h = context;
    (void)err;
    nj_lists_set(h->work->lists, h->work->users[h->first + index], list->items, list->count);
    return NJ_OK;
}

// Pieces are handed out in order and each is finished, so the first failure is the same whatever the number of threads.
static size_t take_piece(work *w, size_t *out_first)
{
    pthread_mutex_lock(&w->mutex);
    size_t left = w->failed_first == w->count ? w->count - w->next : 0;
    size_t count = left < w->piece ? left : w->piece;
    *out_first = w->next;
    w->next += count;
    pthread_mutex_unlock(&w->mutex);
    return count;
}

static void end_piece(work *w, size_t first, size_t count, nj_status status, const nj_error *err)
{
    pthread_mutex_lock(&w->mutex);
    if (status == NJ_OK) {
        w->done += count;
        nj_progress_update(&w->progress, w->done, nj_clock_mono_ns());
    } else if (first < w->failed_first) {
        w->failed_first = first;
        w->failure = *err;
    }
    pthread_mutex_unlock(&w->mutex);
}

static void *decode_pieces(void *context)
{
    hand *h = context;
    size_t count;
    while ((count = take_piece(h->work, &h->first)) > 0) {
        nj_error err = {0};
        nj_status status = nj_engine_decode(h->engine, h->work->requests + h->first, count,
                                            set_list, h, &err);
        end_piece(h->work, h->first, count, status, &err);
    }
    return NULL;
}

// The calling thread is one of them. What a thread that cannot be started would do, the others do.
static nj_status run_hands(work *w, hand *hands, size_t hand_count, nj_error *err)
{
    size_t started = 1;
    uint64_t start_ns = nj_clock_mono_ns();
    nj_progress_start(&w->progress, "users", w->count, 0, false, start_ns);
    while (started < hand_count && pthread_create(&hands[started].thread, NULL, decode_pieces,
                                                  &hands[started]) == 0) {
        started++;
    }
    decode_pieces(&hands[0]);
    for (size_t i = 1; i < started; i++) {
        pthread_join(hands[i].thread, NULL);
    }
    nj_progress_finish(&w->progress);
    if (w->failed_first < w->count) {
        return nj_fail(err, w->failure.status, "%s", w->failure.text);
    }
    double seconds = (double)(nj_clock_mono_ns() - start_ns) / 1e9;
    nj_log(NJ_LOG_INFO, "%zu users in %.2f s, %.1f users/s, %zu threads", w->count, seconds,
           seconds > 0 ? (double)w->count / seconds : 0, started);
    return NJ_OK;
}

static nj_status open_engines(const nj_arguments *arguments, const nj_job *job, work *w,
                              hand *hands, size_t hand_count, nj_error *err)
{
    const nj_sections *sections = nj_bundle_sections(job->bundle);
    nj_status status = NJ_OK;
    for (size_t i = 0; i < hand_count && status == NJ_OK; i++) {
        hands[i].work = w;
        status = i == 0 ? nj_engine_from(arguments, sections, &job->settings, &hands[i].engine, err)
                        : nj_engine_again(arguments, sections, &job->settings, &hands[i].engine, err);
    }
    if (status == NJ_OK) {
        w->piece = (size_t)nj_engine_plan_of(hands[0].engine)->B * PIECE_BATCHES;
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
    w->failed_first = w->count;
    return NJ_OK;
}

nj_status nj_eval_decode(const nj_arguments *arguments, const nj_job *job, const nj_held_out *held,
                         size_t thread_count, nj_lists *lists, nj_error *err)
{
    work w = {.lists = lists, .mutex = PTHREAD_MUTEX_INITIALIZER};
    hand *hands = calloc(thread_count, sizeof *hands);
    nj_status status = hands != NULL ? list_requests(job, held, &w, err)
                                     : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu threads", thread_count);
    if (status == NJ_OK) {
        status = open_engines(arguments, job, &w, hands, thread_count, err);
    }
    if (status == NJ_OK) {
        status = run_hands(&w, hands, thread_count, err);
    }
    for (size_t i = 0; hands != NULL && i < thread_count; i++) {
        nj_engine_close(&hands[i].engine);
    }
    free(hands);
    free(w.requests);
    free(w.users);
    return status;
}
