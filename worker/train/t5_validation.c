#include "worker/train/t5_validation.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/judge/metric.h"
#include "worker/engine/engine.h"
#include "worker/train/samples.h"

#define WEIGHTS_BYTES_MAX ((size_t)1 << 42)
#define BATCH_USERS 16 // searched together

struct nj_t5_validation {
    nj_t5_validation_request request;
    nj_settings settings;
    size_t count;         // users that are judged
    nj_request *requests; // [count]
    uint32_t *targets;    // [count] catalogue row of each one's held-out item
    uint32_t *ranks;      // [count] as metric.h has them
};

// One call on several threads.
typedef struct {
    nj_t5_validation *validation;
    const nj_kernels *kernels;
    nj_sections sections;
    atomic_size_t next; // first user that nobody has taken
    atomic_bool stopping;
    bool (*stop)(void *context);
    void *context;
    nj_error *errors; // [threads]
    size_t *failed;   // [threads] first user of the batch that failed
} judging;

// The batch that a thread searches.
typedef struct {
    nj_t5_validation *validation;
    size_t first;
} piece;

// ---- who is judged ----

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// The users in the order of the file: `count` of all, drawn without putting back.
static void choose_users(nj_t5_validation *v, uint32_t *order)
{
    const nj_held_out *held = v->request.held;
    nj_train_samples_order(held->users.count, v->request.seed, 0, order);
    qsort(order, v->count, sizeof *order, compare_numbers);
    for (size_t i = 0; i < v->count; i++) {
        v->requests[i] = nj_user_table_at(&held->users, order[i]);
        v->targets[i] = nj_held_out_targets(held)[order[i]];
    }
}

static nj_status take_users(nj_t5_validation *v, nj_error *err)
{
    const size_t all = v->request.held->users.count;
    v->count = v->request.users_max > 0 ? nj_min_size(all, v->request.users_max) : all;
    if (v->count == 0) {
        return nj_fail(err, NJ_INPUT, "nobody has an item to hold out for validation");
    }
    uint32_t *order = calloc(all, sizeof *order);
    v->requests = calloc(v->count, sizeof *v->requests);
    v->targets = calloc(v->count, sizeof *v->targets);
    v->ranks = calloc(v->count, sizeof *v->ranks);
    const bool complete =
        order != NULL && v->requests != NULL && v->targets != NULL && v->ranks != NULL;
    if (complete) {
        choose_users(v, order);
    }
    free(order);
    return complete ? NJ_OK : nj_fail(err, NJ_NO_MEMORY, "no memory for %zu users", v->count);
}

nj_status nj_t5_validation_new(const nj_t5_validation_request *request, nj_t5_validation **out,
                               nj_error *err)
{
    nj_t5_validation *v = calloc(1, sizeof *v);
    if (v == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a validation");
    }
    v->request = *request;
    v->settings = nj_settings_default();
    v->settings.beam = request->beam;
    v->settings.top = NJ_VALIDATION_CUTOFF;
    v->settings.keep_history = request->keep_history;
    nj_status status = nj_user_table_apply(&request->held->users, &v->settings, err);
    if (status == NJ_OK) {
        status = take_users(v, err);
    }
    if (status == NJ_OK) {
        *out = v;
        v = NULL;
    }
    nj_t5_validation_free(&v);
    return status;
}

void nj_t5_validation_free(nj_t5_validation **validation)
{
    nj_t5_validation *v = *validation;
    if (v != NULL) {
        free(v->requests);
        free(v->targets);
        free(v->ranks);
        free(v);
        *validation = NULL;
    }
}

size_t nj_t5_validation_users(const nj_t5_validation *validation)
{
    return validation->count;
}

// ---- searching ----

static nj_status take_list(void *context, size_t index, const nj_list *list, nj_error *err)
{
    const piece *p = context;
    const size_t user = p->first + index;
    (void)err;
    p->validation->ranks[user] = nj_rank_of(list->items, list->count, p->validation->targets[user]);
    return NJ_OK;
}

// Batches are taken in order and each is finished, so the first failure is the same whatever the number of threads.
static nj_status search_users(judging *j, nj_engine *engine, size_t *first, nj_error *err)
{
    nj_t5_validation *v = j->validation;
    nj_status status = NJ_OK;
    while (status == NJ_OK && !atomic_load(&j->stopping)) {
        *first = atomic_fetch_add(&j->next, BATCH_USERS);
        if (*first >= v->count) {
            return NJ_OK;
        }
        piece p = {v, *first};
        status = nj_engine_decode(engine, v->requests + p.first,
                                  nj_min_size(BATCH_USERS, v->count - p.first), take_list, &p, err);
        if (status == NJ_OK && j->stop != NULL && j->stop(j->context)) {
            status = nj_fail(err, NJ_AGAIN, "the validation was ended");
        }
    }
    return status;
}

static void judge_on_thread(void *context, size_t task, size_t thread)
{
    (void)thread;
    judging *j = context;
    nj_engine *engine = NULL;
    if (atomic_load(&j->next) >= j->validation->count) {
        return; // others were faster
    }
    nj_engine_options options = nj_engine_options_default(j->kernels);
    options.batch_users = BATCH_USERS;
    options.savings &= ~(nj_savings)NJ_SAVING_SAME_HISTORY; // lists of other weights
    nj_status status =
        nj_engine_open(&j->sections, &j->validation->settings, &options, &engine, &j->errors[task]);
    if (status == NJ_OK) {
        status = search_users(j, engine, &j->failed[task], &j->errors[task]);
    }
    if (status != NJ_OK) {
        atomic_store(&j->stopping, true);
    }
    nj_engine_close(&engine);
}

static nj_status first_error(const judging *j, size_t threads, nj_error *err)
{
    const nj_error *first = NULL;
    size_t user = SIZE_MAX;
    for (size_t i = 0; i < threads; i++) {
        if (j->errors[i].status != NJ_OK && (first == NULL || j->failed[i] < user)) {
            first = &j->errors[i];
            user = j->failed[i];
        }
    }
    return first == NULL ? NJ_OK : nj_fail(err, first->status, "%s", first->text);
}

static nj_status judge_all(judging *j, nj_pool *pool, nj_t5_figures *out, nj_error *err)
{
    const nj_t5_validation *v = j->validation;
    const size_t batches = (v->count + BATCH_USERS - 1) / BATCH_USERS;
    const size_t threads = nj_min_size(nj_pool_threads(pool), batches);
    j->errors = calloc(threads, sizeof *j->errors);
    j->failed = calloc(threads, sizeof *j->failed);
    nj_status status = NJ_OK;
    if (j->errors == NULL || j->failed == NULL) {
        status = nj_fail(err, NJ_NO_MEMORY, "no memory for a validation on %zu threads", threads);
    } else {
        nj_pool_run(pool, threads, judge_on_thread, j);
        status = first_error(j, threads, err);
    }
    if (status == NJ_OK) {
        double recall = 0;
        double ndcg = 0;
        for (size_t i = 0; i < v->count; i++) {
            recall += nj_recall_at(v->ranks[i], NJ_VALIDATION_CUTOFF);
            ndcg += nj_ndcg_at(v->ranks[i], NJ_VALIDATION_CUTOFF);
        }
        *out = (nj_t5_figures){recall / (double)v->count, ndcg / (double)v->count};
    }
    free(j->errors);
    free(j->failed);
    return status;
}

nj_status nj_t5_validation_run(nj_t5_validation *validation, const nj_train_t5 *model,
                               nj_pool *pool, bool (*stop)(void *context), void *context,
                               nj_t5_figures *out, nj_error *err)
{
    nj_buffer weights;
    judging j = {
        .validation = validation, .kernels = model->kernels, .stop = stop, .context = context};
    nj_buffer_init(&weights, WEIGHTS_BYTES_MAX);
    nj_status status = nj_train_t5_write(model, &weights, err);
    if (status == NJ_OK) {
        nj_catalogue_sections_list(validation->request.made, validation->request.catalogue, NULL,
                                   validation->request.model_json, nj_buffer_slice(&weights),
                                   &j.sections);
        status = judge_all(&j, pool, out, err);
    }
    nj_buffer_fini(&weights);
    return status;
}
