#include "worker/train/t5_train.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "worker/train/checkpoint.h"
#include "worker/train/rows.h"

typedef struct {
    nj_train_t5 *model;
    const nj_train_samples *samples;
    nj_train_settings settings;
    const nj_train_hooks *hooks;
    nj_digest inputs; // with the settings
    nj_train_team *team;
    uint64_t steps_an_epoch;
    uint32_t *order; // [samples] of the epoch at hand
    nj_train_batch *shards;
    size_t shards_max;
    uint32_t *tokens; // [shards_max, shard_samples * tokens of one]
    uint32_t *offset; // [shards_max, shard_samples + 1]
    uint32_t *labels; // [shards_max, shard_samples * L]
    size_t tokens_stride;
    double epoch_loss; // sum over its steps so far, this process's
    uint64_t epoch_steps;
    uint64_t saved_ns;
    nj_train_state state;
} training;

// ---- setting up ----

static nj_status check_settings(const nj_train_settings *s, nj_error *err)
{
    if (s->epochs == 0 || s->batch_samples == 0 || s->shard_samples == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%u epochs of batches of %u samples in shards of %u: none may be 0",
                       s->epochs, s->batch_samples, s->shard_samples);
    }
    if (!(s->dropout >= 0 && s->dropout < 1) ||
        !(s->label_smoothing >= 0 && s->label_smoothing < 1)) {
        return nj_fail(err, NJ_INPUT,
                       "dropout %g and label smoothing %g must be at least 0 and below 1",
                       s->dropout, s->label_smoothing);
    }
    return NJ_OK;
}

// Whatever the weights depend on.
static nj_digest digest_inputs(const training *t, const nj_digest *inputs)
{
    const nj_train_settings *s = &t->settings;
    const double numbers[] = {s->schedule.rate, s->adamw.beta1,        s->adamw.beta2,
                              s->adamw.epsilon, s->adamw.weight_decay, s->clip,
                              s->dropout,       s->label_smoothing};
    const uint64_t counts[] = {
        s->epochs,        s->batch_samples,   s->shard_samples,        s->seed,
        s->schedule.kind, s->schedule.warmup, t->samples->history_max, t->samples->held_out,
        t->samples->count};
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, inputs, sizeof *inputs);
    nj_digester_update(&digester, numbers, sizeof numbers);
    nj_digester_update(&digester, counts, sizeof counts);
    return nj_digester_final(&digester);
}

static nj_status take_memory(training *t, nj_error *err)
{
    const uint32_t L = t->samples->tokens.level_count;
    const size_t per_shard = t->settings.shard_samples;
    const size_t tokens_max = nj_train_samples_tokens_max(t->samples);
    t->shards_max = (t->settings.batch_samples + per_shard - 1) / per_shard;
    t->tokens_stride = per_shard * tokens_max;
    t->order = calloc(t->samples->count, sizeof *t->order);
    t->shards = calloc(t->shards_max, sizeof *t->shards);
    t->tokens = calloc(t->shards_max * t->tokens_stride, sizeof *t->tokens);
    t->offset = calloc(t->shards_max * (per_shard + 1), sizeof *t->offset);
    t->labels = calloc(t->shards_max * per_shard * L, sizeof *t->labels);
    if (t->order == NULL || t->shards == NULL || t->tokens == NULL || t->offset == NULL ||
        t->labels == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for batches of %u samples",
                       t->settings.batch_samples);
    }
    nj_train_limits limits = {.samples_max = (uint32_t)per_shard,
                              .tokens_max = (uint32_t)t->tokens_stride,
                              .sequence_max = (uint32_t)tokens_max,
                              .T = L};
    return nj_train_team_new(t->model, &limits, t->shards_max, t->settings.threads, &t->team, err);
}

static void end_training(training *t)
{
    nj_train_team_free(&t->team);
    free(t->order);
    free(t->shards);
    free(t->tokens);
    free(t->offset);
    free(t->labels);
}

// ---- checkpoints ----

static nj_checkpoint checkpoint_of(training *t)
{
    return (nj_checkpoint){.inputs = t->inputs,
                           .step = t->state.step,
                           .count = t->model->count,
                           .values = t->model->values,
                           .mean = nj_train_team_mean(t->team),
                           .square = nj_train_team_square(t->team)};
}

static nj_status save(training *t, nj_error *err)
{
    t->saved_ns = nj_clock_mono_ns();
    if (t->settings.checkpoint == NULL) {
        return NJ_OK;
    }
    nj_checkpoint checkpoint = checkpoint_of(t);
    return nj_checkpoint_write(t->settings.checkpoint, &checkpoint, err);
}

static nj_status resume(training *t, nj_error *err)
{
    const char *path = t->settings.checkpoint;
    if (path == NULL || !nj_file_exists(path)) {
        return NJ_OK;
    }
    if (!t->settings.resume) {
        return nj_fail(err, NJ_AGAIN,
                       "%s is the checkpoint of a training that did not end: go on with --resume, "
                       "or remove it to begin anew",
                       path);
    }
    nj_checkpoint checkpoint = checkpoint_of(t);
    nj_status status = nj_checkpoint_read(path, &checkpoint, err);
    if (status == NJ_OK) {
        t->state.step = checkpoint.step;
        t->state.epoch = (uint32_t)(checkpoint.step / t->steps_an_epoch);
        nj_train_pack(t->model);
    }
    return status;
}

// ---- steps ----

// The shards of the batch that begins at `first` of the epoch's order.
static size_t fill_shards(training *t, size_t first, size_t samples)
{
    const uint32_t L = t->samples->tokens.level_count;
    const size_t per_shard = t->settings.shard_samples;
    size_t count = 0;
    for (size_t done = 0; done < samples; done += per_shard, count++) {
        t->shards[count] = nj_train_samples_fill(
            t->samples, t->order + first + done, (uint32_t)nj_min_size(per_shard, samples - done),
            t->tokens + count * t->tokens_stride, t->offset + count * (per_shard + 1),
            t->labels + count * per_shard * L);
    }
    return count;
}

static nj_status run_step(training *t, nj_error *err)
{
    const uint64_t step = t->state.step + 1;
    const size_t first = (size_t)(t->state.step % t->steps_an_epoch) * t->settings.batch_samples;
    const size_t samples = nj_min_size(t->settings.batch_samples, t->samples->count - first);
    const double labels = (double)(samples * t->samples->tokens.level_count);
    const size_t shards = fill_shards(t, first, samples);
    nj_train_options options = {.dropout = t->settings.dropout,
                                .label_smoothing = t->settings.label_smoothing,
                                .weight = (float)(1.0 / labels),
                                .seed = nj_dropout_key(t->settings.seed, (uint32_t)step)};
    nj_train_measure measure = nj_train_team_gradient(t->team, t->shards, shards, &options);
    if (!isfinite(measure.loss) || !isfinite(measure.norm)) {
        return nj_fail(err, NJ_FAILED,
                       "step %" PRIu64 " (epoch %u, samples %zu to %zu of it): the loss is %g and "
                       "its gradient %g long; try a lower rate, more warm-up steps or clipping",
                       step, t->state.epoch + 1, first, first + samples - 1, measure.loss / labels,
                       measure.norm);
    }
    t->state.rate = nj_schedule_rate(&t->settings.schedule, step);
    nj_train_team_apply(t->team, &t->settings.adamw, t->state.rate, t->settings.clip, step);
    t->state.step = step;
    t->state.samples += samples;
    t->state.loss = measure.loss / labels;
    t->state.gradient_norm = measure.norm;
    t->epoch_loss += t->state.loss;
    t->epoch_steps++;
    return NJ_OK;
}

// Behind a step: the hook, and a checkpoint when one is due or the hook ends the training.
static nj_status tell(training *t, nj_error *err)
{
    nj_error unsaved;
    nj_status status = t->hooks->stepped(t->hooks->context, &t->state, err);
    if (status != NJ_OK) {
        nj_status saved = save(t, &unsaved);
        return saved == NJ_OK ? status : nj_fail(err, saved, "%s", unsaved.text);
    }
    const uint64_t waited = nj_clock_mono_ns() - t->saved_ns;
    return waited > (uint64_t)t->settings.checkpoint_s * 1000000000u ? save(t, err) : NJ_OK;
}

// The rest of the epoch in which the next step lies.
static nj_status run_epoch(training *t, nj_error *err)
{
    nj_status status = NJ_OK;
    const uint64_t end = (uint64_t)(t->state.epoch + 1) * t->steps_an_epoch;
    nj_train_samples_order(t->samples->count, t->settings.seed, t->state.epoch, t->order);
    t->epoch_loss = 0;
    t->epoch_steps = 0;
    while (status == NJ_OK && t->state.step < end) {
        status = run_step(t, err);
        if (status == NJ_OK) {
            status = tell(t, err);
        }
    }
    return status;
}

static nj_status end_epoch(training *t, bool *out_enough, nj_error *err)
{
    t->state.epoch++;
    nj_train_state state = t->state;
    state.loss = t->epoch_steps > 0 ? t->epoch_loss / (double)t->epoch_steps : 0;
    nj_status status = save(t, err);
    return status == NJ_OK
               ? t->hooks->epoch_ended(t->hooks->context, &state, t->model, out_enough, err)
               : status;
}

nj_status nj_train_run(nj_train_t5 *model, const nj_train_samples *samples,
                       const nj_train_settings *settings, const nj_digest *inputs,
                       const nj_train_hooks *hooks, nj_train_state *out, nj_error *err)
{
    training t = {.model = model, .samples = samples, .settings = *settings, .hooks = hooks};
    nj_status status = check_settings(settings, err);
    if (status == NJ_OK) {
        t.steps_an_epoch = (samples->count + settings->batch_samples - 1) / settings->batch_samples;
        t.state.step_count = t.steps_an_epoch * settings->epochs;
        t.settings.schedule.steps = t.state.step_count;
        t.inputs = digest_inputs(&t, inputs);
        t.saved_ns = nj_clock_mono_ns();
        status = take_memory(&t, err);
    }
    if (status == NJ_OK) {
        status = resume(&t, err);
    }
    bool enough = false;
    while (status == NJ_OK && !enough && t.state.epoch < settings->epochs) {
        status = run_epoch(&t, err);
        if (status == NJ_OK) {
            status = end_epoch(&t, &enough, err);
        }
    }
    *out = t.state;
    end_training(&t);
    return status;
}
