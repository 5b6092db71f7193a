#include "worker/train/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"

#define SLICE 32768 // parameters that a task adds up or changes

struct nj_train_team {
    nj_learner learner; // what it points to is borrowed
    nj_pool *pool;
    void **scratch; // [threads]
    size_t shards_max;
    float **gradients;   // [shards_max] of [count]; the first becomes the sum
    double *losses;      // [shards_max]
    double *slice_norms; // [slice_count] squared
    size_t slice_count;
    float *mean;
    float *square;
    double norm; // of the last gradient

    // The call at hand.
    const nj_train_shard *shards;
    size_t shard_count;
    const nj_adamw *adamw;
    double rate;
    uint64_t step;
    float shorten;
};

static size_t slice_length(const nj_train_team *team, size_t slice)
{
    return nj_min_size(SLICE, team->learner.count - slice * SLICE);
}

// ---- memory ----

static nj_status take_memory(nj_train_team *team, uint32_t samples_max, nj_error *err)
{
    const size_t count = team->learner.count;
    const size_t threads = nj_pool_threads(team->pool);
    team->slice_count = count / SLICE + (count % SLICE != 0);
    team->scratch = calloc(threads, sizeof *team->scratch);
    team->gradients = calloc(team->shards_max, sizeof(float *));
    team->losses = calloc(team->shards_max, sizeof *team->losses);
    team->slice_norms = calloc(team->slice_count, sizeof *team->slice_norms);
    team->mean = calloc(count, sizeof *team->mean);
    team->square = calloc(count, sizeof *team->square);
    bool complete = team->scratch != NULL && team->gradients != NULL && team->losses != NULL &&
                    team->slice_norms != NULL && team->mean != NULL && team->square != NULL;
    for (size_t i = 0; i < team->shards_max && complete; i++) {
        team->gradients[i] = malloc(count * sizeof(float));
        complete = team->gradients[i] != NULL;
    }
    if (!complete) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for %zu gradients of %zu parameters",
                       team->shards_max, count);
    }
    nj_status status = NJ_OK;
    for (size_t i = 0; i < threads && status == NJ_OK; i++) {
        status =
            team->learner.scratch_new(team->learner.context, samples_max, &team->scratch[i], err);
    }
    return status;
}

nj_status nj_train_team_new(const nj_learner *learner, uint32_t samples_max, size_t shards_max,
                            size_t threads, nj_train_team **out, nj_error *err)
{
    if (shards_max == 0) {
        return nj_fail(err, NJ_INPUT, "a batch of no shards");
    }
    nj_train_team *team = calloc(1, sizeof *team);
    if (team == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for a team");
    }
    team->learner = *learner;
    team->shards_max = shards_max;
    nj_status status = nj_pool_new(threads, &team->pool, err);
    if (status == NJ_OK) {
        status = take_memory(team, samples_max, err);
    }
    if (status == NJ_OK) {
        *out = team;
        team = NULL;
    }
    nj_train_team_free(&team);
    return status;
}

void nj_train_team_free(nj_train_team **team)
{
    nj_train_team *t = *team;
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; t->scratch != NULL && i < nj_pool_threads(t->pool); i++) {
        t->learner.scratch_free(&t->scratch[i]);
    }
    for (size_t i = 0; t->gradients != NULL && i < t->shards_max; i++) {
        free(t->gradients[i]);
    }
    nj_pool_free(&t->pool);
    free(t->scratch);
    free(t->gradients);
    free(t->losses);
    free(t->slice_norms);
    free(t->mean);
    free(t->square);
    free(t);
    *team = NULL;
}

// ---- the gradient ----

static void compute_shard(void *context, size_t shard, size_t thread)
{
    nj_train_team *team = context;
    if (!team->learner.overwrites) {
        memset(team->gradients[shard], 0, team->learner.count * sizeof(float));
    }
    team->losses[shard] = team->learner.gradient(team->learner.context, team->scratch[thread],
                                                 &team->shards[shard], team->gradients[shard]);
}

static void add_slice(void *context, size_t slice, size_t thread)
{
    (void)thread;
    nj_train_team *team = context;
    const size_t length = slice_length(team, slice);
    float *sum = team->gradients[0] + slice * SLICE;
    for (size_t shard = 1; shard < team->shard_count; shard++) {
        const float *more = team->gradients[shard] + slice * SLICE;
        for (size_t i = 0; i < length; i++) {
            sum[i] += more[i];
        }
    }
    double square = 0;
    for (size_t i = 0; i < length; i++) {
        square += (double)sum[i] * (double)sum[i];
    }
    team->slice_norms[slice] = square;
}

nj_train_measure nj_train_team_gradient(nj_train_team *team, const nj_train_shard *shards,
                                        size_t shard_count)
{
    team->shards = shards;
    team->shard_count = shard_count;
    nj_pool_run(team->pool, shard_count, compute_shard, team);
    nj_pool_run(team->pool, team->slice_count, add_slice, team);
    nj_train_measure measure = {0};
    for (size_t i = 0; i < shard_count; i++) {
        measure.loss += team->losses[i];
    }
    double square = 0;
    for (size_t i = 0; i < team->slice_count; i++) {
        square += team->slice_norms[i];
    }
    measure.norm = sqrt(square);
    team->norm = measure.norm;
    return measure;
}

// ---- the change ----

// AdamW over values from .. to - 1.
static void step_values(nj_train_team *team, const nj_adamw *adamw, size_t from, size_t to)
{
    nj_adamw_step(adamw, team->rate, team->step, to - from, team->gradients[0] + from,
                  team->mean + from, team->square + from, team->learner.values + from);
}

static void change_slice(void *context, size_t slice, size_t thread)
{
    (void)thread;
    nj_train_team *team = context;
    size_t at = slice * SLICE;
    const size_t end = at + slice_length(team, slice);
    for (size_t i = at; i < end && team->shorten != 1.0f; i++) {
        team->gradients[0][i] *= team->shorten;
    }
    nj_adamw undecaying = *team->adamw;
    undecaying.weight_decay = 0;
    for (size_t i = 0; i < team->learner.undecayed_count; i++) {
        const nj_train_span *span = &team->learner.undecayed[i];
        if (span->at + span->count > at && span->at < end) {
            const size_t from = nj_max_size(span->at, at);
            const size_t to = nj_min_size(span->at + span->count, end);
            step_values(team, team->adamw, at, from);
            step_values(team, &undecaying, from, to);
            at = to;
        }
    }
    step_values(team, team->adamw, at, end);
}

static void change_part(void *context, size_t part, size_t thread)
{
    (void)thread;
    nj_train_team *team = context;
    team->learner.changed(team->learner.context, part);
}

void nj_train_team_changed(nj_train_team *team)
{
    nj_pool_run(team->pool, team->learner.part_count, change_part, team);
}

void nj_train_team_apply(nj_train_team *team, const nj_adamw *adamw, double rate, double clip,
                         uint64_t step)
{
    team->adamw = adamw;
    team->rate = rate;
    team->step = step;
    team->shorten = clip > 0 && team->norm > clip ? (float)(clip / team->norm) : 1.0f;
    nj_pool_run(team->pool, team->slice_count, change_slice, team);
    nj_train_team_changed(team);
}

const float *nj_train_team_sum(const nj_train_team *team)
{
    return team->gradients[0];
}

float *nj_train_team_mean(nj_train_team *team)
{
    return team->mean;
}

float *nj_train_team_square(nj_train_team *team)
{
    return team->square;
}

nj_pool *nj_train_team_pool(nj_train_team *team)
{
    return team->pool;
}
