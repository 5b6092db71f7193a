#include "worker/train/train_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/checked.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "worker/train/checkpoint.h"
#include "worker/train/deal.h"
#include "worker/train/rows.h"
#include "worker/train/samples.h"

// Of a batch that cannot be learned from.
#define USERS_NAMED 5
#define USER_BYTES_SHOWN 60
#define USERS_BYTES (USERS_NAMED * (USER_BYTES_SHOWN + 16))

typedef struct {
    const nj_learner *learner;
    nj_train_settings settings;
    const nj_train_hooks *hooks;
    nj_digest inputs; // with the settings
    nj_train_team *team;
    uint64_t steps_an_epoch;
    uint32_t *order;        // [epoch_samples] of the epoch at hand
    nj_sized_sample *sized; // [batch_samples, or epoch_samples if less] for dealing them out
    nj_train_shard *shards;
    size_t shards_max;
    double epoch_loss; // sum over its steps so far
    bool is_complete;
    uint64_t saved_ns;
    nj_train_state state;
} training;

// ---- setting up ----

static nj_status check_settings(const nj_learner *learner, const nj_train_settings *s,
                                nj_error *err)
{
    if (s->epochs == 0 || s->batch_samples == 0 || s->shard_samples == 0 ||
        learner->epoch_samples == 0) {
        return nj_fail(err, NJ_INPUT,
                       "%u epochs of %zu samples in batches of %u and shards of %u: none may be 0",
                       s->epochs, learner->epoch_samples, s->batch_samples, s->shard_samples);
    }
    return NJ_OK;
}

// Whatever the weights depend on.
static nj_digest digest_inputs(const training *t, const nj_digest *inputs)
{
    const nj_train_settings *s = &t->settings;
    const double numbers[] = {s->schedule.rate, s->adamw.beta1,        s->adamw.beta2,
                              s->adamw.epsilon, s->adamw.weight_decay, s->clip};
    const uint64_t counts[] = {
        s->epochs,        s->batch_samples,   s->shard_samples,         s->seed,
        s->schedule.kind, s->schedule.warmup, t->learner->sample_count, t->learner->epoch_samples};
    nj_digester digester;
    nj_digester_init(&digester);
    nj_digester_update(&digester, inputs, sizeof *inputs);
    nj_digester_update(&digester, numbers, sizeof numbers);
    nj_digester_update(&digester, counts, sizeof counts);
    return nj_digester_final(&digester);
}

static nj_status take_memory(training *t, nj_error *err)
{
    const nj_train_settings *s = &t->settings;
    const size_t batch = nj_min_size(s->batch_samples, t->learner->epoch_samples);
    const uint32_t shard_samples = (uint32_t)nj_min_size(s->shard_samples, batch);
    t->shards_max = (batch + s->shard_samples - 1) / s->shard_samples;
    t->order = calloc(t->learner->epoch_samples, sizeof *t->order);
    t->shards = calloc(t->shards_max, sizeof *t->shards);
    t->sized = calloc(batch, sizeof *t->sized);
    if (t->order == NULL || t->shards == NULL || t->sized == NULL) {
        return nj_fail(err, NJ_NO_MEMORY, "no memory for the order of %zu samples",
                       t->learner->epoch_samples);
    }
    return nj_train_team_new(t->learner, shard_samples, t->shards_max, s->threads, &t->team, err);
}

static void end_training(training *t)
{
    nj_train_team_free(&t->team);
    free(t->order);
    free(t->sized);
    free(t->shards);
}

// ---- checkpoints ----

static nj_checkpoint checkpoint_of(training *t)
{
    return (nj_checkpoint){.inputs = t->inputs,
                           .step = t->state.step,
                           .epoch = t->state.epoch,
                           .is_complete = t->is_complete,
                           .epoch_loss = t->epoch_loss,
                           .gradient_norm = t->state.gradient_norm,
                           .count = t->learner->count,
                           .values = t->learner->values,
                           .mean = nj_train_team_mean(t->team),
                           .square = nj_train_team_square(t->team),
                           .kept = t->hooks->kept,
                           .kept_size = t->hooks->kept_size};
}

static nj_status save(training *t, nj_error *err)
{
    t->saved_ns = nj_clock_mono_ns();
    if (t->settings.checkpoint == NULL) {
        return NJ_OK;
    }
    nj_checkpoint checkpoint = checkpoint_of(t);
    if (t->hooks->notes != NULL) {
        checkpoint.notes = t->hooks->notes(t->hooks->context);
    }
    return nj_checkpoint_write(t->settings.checkpoint, &checkpoint, err);
}

// A hook's status, behind a checkpoint; or why there is none.
static nj_status save_and_end(training *t, nj_status why, nj_error *err)
{
    nj_error unsaved;
    nj_status saved = save(t, &unsaved);
    return saved == NJ_OK ? why : nj_fail(err, saved, "%s", unsaved.text);
}

// A step of its epoch, or the end of it: no other would ever come to an end.
static nj_status check_place(const training *t, const nj_checkpoint *checkpoint, nj_error *err)
{
    const uint64_t epochs = t->settings.epochs;
    const uint64_t first = checkpoint->epoch * t->steps_an_epoch;
    if (checkpoint->epoch > epochs || checkpoint->step < first ||
        checkpoint->step - first > t->steps_an_epoch ||
        (checkpoint->epoch == epochs && !checkpoint->is_complete)) {
        return nj_fail(
            err, NJ_INPUT,
            "%s: stands at step %" PRIu64 " of epoch %" PRIu64 ", the training has %" PRIu64
            " epochs of %" PRIu64 " steps: remove it to begin anew",
            t->settings.checkpoint, checkpoint->step, checkpoint->epoch, epochs, t->steps_an_epoch);
    }
    return NJ_OK;
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
        status = check_place(t, &checkpoint, err);
    }
    if (status == NJ_OK) {
        t->state.step = checkpoint.step;
        t->state.epoch = (uint32_t)checkpoint.epoch;
        t->state.gradient_norm = checkpoint.gradient_norm;
        t->state.rate = nj_schedule_rate(&t->settings.schedule, checkpoint.step);
        t->epoch_loss = checkpoint.epoch_loss;
        t->is_complete = checkpoint.is_complete;
        nj_train_team_changed(t->team);
    }
    return status;
}

// ---- steps ----

// Cuts the batch of these numbers into shards of alike effort, and sorts it by them.
static size_t cut_batch(training *t, uint32_t *numbers, size_t samples, double labels,
                        uint64_t seed)
{
    const size_t shards =
        nj_train_deal(t->learner, t->settings.shard_samples, samples, numbers, t->sized, t->shards);
    for (size_t i = 0; i < shards; i++) {
        t->shards[i].weight = (float)(1.0 / labels);
        t->shards[i].seed = nj_dropout_key(seed, (uint32_t)i);
    }
    return shards;
}

// Names the batch: whose samples broke it is the first question.
static nj_status refuse_step(const training *t, size_t first, size_t samples, double loss,
                             double norm, nj_error *err)
{
    char users[USERS_BYTES] = "";
    const nj_learner *learner = t->learner;
    size_t used = 0;
    for (size_t i = 0; i < nj_min_size(samples, USERS_NAMED) && learner->name_user != NULL; i++) {
        const nj_slice user = learner->name_user(learner->context, t->order[first + i]);
        used += (size_t)snprintf(users + used, sizeof users - used, "%s\"%.*s\"",
                                 i > 0 ? ", " : ", users ",
                                 (int)nj_min_size(user.size, USER_BYTES_SHOWN), user.bytes);
    }
    return nj_fail(err, NJ_FAILED,
                   "step %" PRIu64 " (epoch %u, samples %zu to %zu of it%s%s): the loss is %g and "
                   "its gradient %g long; try a lower rate, more warm-up steps or clipping",
                   t->state.step + 1, t->state.epoch + 1, first, first + samples - 1, users,
                   used > 0 && samples > USERS_NAMED ? ", ..." : "", loss, norm);
}

static nj_status run_step(training *t, nj_error *err)
{
    const nj_learner *learner = t->learner;
    const uint64_t step = t->state.step + 1;
    const size_t first = (size_t)(t->state.step % t->steps_an_epoch) * t->settings.batch_samples;
    const size_t samples = nj_min_size(t->settings.batch_samples, learner->epoch_samples - first);
    const double labels =
        (double)learner->count_labels(learner->context, t->order + first, samples);
    const size_t shards = cut_batch(t, t->order + first, samples, labels,
                                    nj_dropout_key(t->settings.seed, (uint32_t)step));
    nj_train_measure measure = nj_train_team_gradient(t->team, t->shards, shards);
    if (!isfinite(measure.loss) || !isfinite(measure.norm)) {
        return refuse_step(t, first, samples, measure.loss / labels, measure.norm, err);
    }
    t->state.rate = nj_schedule_rate(&t->settings.schedule, step);
    nj_train_team_apply(t->team, &t->settings.adamw, t->state.rate, t->settings.clip, step);
    t->state.step = step;
    t->state.samples += samples;
    t->state.loss = measure.loss / labels;
    t->state.gradient_norm = measure.norm;
    t->epoch_loss += t->state.loss;
    return NJ_OK;
}

// Behind a step: the hook, and a checkpoint when one is due or the hook ends the training.
static nj_status tell(training *t, nj_error *err)
{
    nj_status status = t->hooks->stepped(t->hooks->context, &t->state, err);
    if (status != NJ_OK) {
        return save_and_end(t, status, err);
    }
    const uint64_t waited = nj_clock_mono_ns() - t->saved_ns;
    return waited > (uint64_t)t->settings.checkpoint_s * 1000000000u ? save(t, err) : NJ_OK;
}

// The rest of the epoch in which the next step lies.
static nj_status run_epoch(training *t, nj_error *err)
{
    nj_status status = NJ_OK;
    const nj_learner *learner = t->learner;
    const uint64_t end = (uint64_t)(t->state.epoch + 1) * t->steps_an_epoch;
    if (learner->order != NULL) {
        learner->order(learner->context, t->settings.seed, t->state.epoch, t->order);
    } else {
        nj_train_samples_order(learner->epoch_samples, t->settings.seed, t->state.epoch, t->order);
    }
    while (status == NJ_OK && t->state.step < end) {
        status = run_step(t, err);
        if (status == NJ_OK) {
            status = tell(t, err);
        }
    }
    return status;
}

static nj_status end_epoch(training *t, nj_error *err)
{
    bool enough = false;
    nj_train_state state = t->state;
    state.epoch++;
    state.loss = t->epoch_loss / (double)t->steps_an_epoch;
    nj_status status = t->hooks->epoch_ended(t->hooks->context, &state, t->team, &enough, err);
    if (status != NJ_OK) {
        return save_and_end(t, status, err);
    }
    nj_train_team_changed(t->team);
    t->state.epoch++;
    t->epoch_loss = 0;
    t->is_complete = enough || t->state.epoch == t->settings.epochs;
    return save(t, err);
}

nj_status nj_train_run(const nj_learner *learner, const nj_train_settings *settings,
                       const nj_digest *inputs, const nj_train_hooks *hooks, nj_train_state *out,
                       nj_error *err)
{
    training t = {.learner = learner, .settings = *settings, .hooks = hooks};
    nj_status status = check_settings(learner, settings, err);
    if (status == NJ_OK) {
        t.steps_an_epoch =
            (learner->epoch_samples + settings->batch_samples - 1) / settings->batch_samples;
        t.state.step_count = t.steps_an_epoch * settings->epochs;
        t.settings.schedule.steps = t.state.step_count;
        t.inputs = digest_inputs(&t, inputs);
        t.saved_ns = nj_clock_mono_ns();
        status = take_memory(&t, err);
    }
    if (status == NJ_OK) {
        status = resume(&t, err);
    }
    while (status == NJ_OK && !t.is_complete) {
        status = run_epoch(&t, err);
        if (status == NJ_OK) {
            status = end_epoch(&t, err);
        }
    }
    *out = t.state;
    end_training(&t);
    return status;
}
