#include "ops/cli/train.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/daemon/stop.h"
#include "ops/cli/commands.h"
#include "worker/train/checkpoint.h"
#include "worker/train/training_report.h"

#define CHECKPOINT_NAME "checkpoint.nj"
#define LOG_NAME "training.json"
#define REPORT_NAME "report.html"
#define BEST_BYTES 64 // of the best figure in the progress

static double seconds_since(uint64_t began_ns)
{
    return (double)(nj_clock_mono_ns() - began_ns) / 1e9;
}

// Of all runs of this training.
static double total_seconds(const nj_training *training)
{
    return training->seconds_before + seconds_since(training->began_ns);
}

static nj_status write_log(const nj_training *training, const nj_training_log *log, nj_error *err)
{
    nj_status status = nj_training_log_write(log, training->log_path.text, err);
    return status == NJ_OK ? nj_training_report_write(log, training->report_path.text, err)
                           : status;
}

// ---- opening ----

static nj_status make_paths(nj_training *training, nj_error *err)
{
    nj_path out;
    nj_status status = nj_path_copy(training->options.out, &out, err);
    if (status == NJ_OK) {
        status = nj_folder_make(out.text, err);
    }
    if (status == NJ_OK) {
        status = nj_store_lock_take(out.text, "train", 0, &training->lock, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(out.text, CHECKPOINT_NAME, &training->checkpoint, err);
    }
    if (status == NJ_OK) {
        status = nj_path_join(out.text, LOG_NAME, &training->log_path, err);
    }
    return status == NJ_OK ? nj_path_join(out.text, REPORT_NAME, &training->report_path, err)
                           : status;
}

// What killed runs have left under temporary names.
static void sweep(const nj_training *training, const char *const *files)
{
    nj_path path;
    nj_file_sweep(training->checkpoint.text);
    nj_file_sweep(training->log_path.text);
    nj_file_sweep(training->report_path.text);
    for (; *files != NULL; files++) {
        if (nj_path_join(training->options.out, *files, &path, NULL) == NJ_OK) {
            nj_file_sweep(path.text);
        }
    }
}

static nj_status resume_log(nj_training *training, nj_error *err)
{
    nj_buffer notes;
    const char *path = training->checkpoint.text;
    nj_buffer_init(&notes, NJ_TRAINING_LOG_BYTES_MAX);
    nj_status status = nj_checkpoint_read_notes(path, &notes, err);
    if (status == NJ_OK) {
        status = nj_training_log_resume(&training->log, nj_buffer_slice(&notes), path, err);
    }
    nj_buffer_fini(&notes);
    training->seconds_before = training->log.seconds;
    return status;
}

// --resume of a training that is complete has nothing to do.
static nj_status take_finished(nj_training *training, const json_t *old, nj_error *err)
{
    const char *path = training->log_path.text;
    char *text = json_dumps(old, 0);
    const nj_slice notes = {text, text != NULL ? strlen(text) : 0};
    nj_status status = text == NULL ? nj_fail(err, NJ_NO_MEMORY, "no memory for %s", path)
                                    : nj_training_log_resume(&training->log, notes, path, err);
    free(text);
    training->complete = status == NJ_OK;
    return status;
}

// A model that is complete is not trained over because somebody repeated a command.
static nj_status look_for_finished(nj_training *training, nj_error *err)
{
    const char *path = training->log_path.text;
    json_t *old = NULL;
    if (training->options.overwrite || !nj_file_exists(path)) {
        return NJ_OK;
    }
    nj_status status = nj_json_load(path, NJ_TRAINING_LOG_BYTES_MAX, &old, err);
    if (status == NJ_OK && json_is_true(json_object_get(old, "finished"))) {
        status = training->options.resume
                     ? take_finished(training, old, err)
                     : nj_fail(err, NJ_INPUT,
                               "%s: has a model whose training is complete; --overwrite would "
                               "train another in its place",
                               training->options.out);
    }
    json_decref(old);
    return status;
}

// The best model is nowhere else: where it is gone, no epoch that is worse would be kept in its place.
static nj_status check_model(const nj_training *training, const char *const *files, nj_error *err)
{
    nj_path path;
    nj_status status = NJ_OK;
    for (; *files != NULL && training->log.best_epoch > 0 && status == NJ_OK; files++) {
        status = nj_path_join(training->options.out, *files, &path, err);
        if (status == NJ_OK && !nj_file_exists(path.text)) {
            status = nj_fail(err, NJ_INPUT,
                             "%s is gone, of the best epoch (%" PRIu32 " of %" PRIu32
                             " done): put it back, or remove checkpoint and training.json to begin "
                             "anew",
                             path.text, training->log.best_epoch, training->log.epochs);
        }
    }
    return status;
}

static nj_status find_state(nj_training *training, nj_error *err)
{
    const char *path = training->checkpoint.text;
    if (training->options.overwrite && unlink(path) != 0 && errno != ENOENT) {
        return nj_fail_errno(err, NJ_IO, errno, "%s", path);
    }
    if (!nj_file_exists(path)) {
        return look_for_finished(training, err);
    }
    return training->options.resume
               ? resume_log(training, err)
               : nj_fail(err, NJ_AGAIN,
                         "%s is the checkpoint of a training that did not end: go on with "
                         "--resume, or begin anew with --overwrite",
                         path);
}

nj_status nj_training_open(nj_training_request *request, const nj_training_options *options,
                           uint64_t began_ns, nj_training *out, nj_error *err)
{
    nj_training training = {.options = *options,
                            .lock = {.fd = -1},
                            .sample_count = request->sample_count,
                            .began_ns = began_ns,
                            .step_ns = nj_clock_mono_ns()};
    nj_buffer_init(&training.notes, NJ_TRAINING_LOG_BYTES_MAX);
    nj_training_options_to_json(options, request->settings);
    nj_status status =
        nj_training_log_begin(request->kind, &request->settings, &request->inputs, request->decides,
                              request->less_is_better, &training.log, err);
    if (status == NJ_OK) {
        status = make_paths(&training, err);
    }
    if (status == NJ_OK) {
        sweep(&training, request->files);
        status = find_state(&training, err);
    }
    if (status == NJ_OK) {
        status = check_model(&training, request->files, err);
    }
    if (status == NJ_OK && !training.complete) {
        status = write_log(&training, &training.log, err);
    }
    if (status != NJ_OK) {
        nj_store_lock_release(&training.lock);
        nj_training_log_fini(&training.log);
        nj_buffer_fini(&training.notes);
        return status;
    }
    nj_stop_catch();
    *out = training;
    return NJ_OK;
}

void nj_training_close(nj_training *training)
{
    if (training->log.object == NULL) {
        return;
    }
    nj_stop_release();
    nj_progress_finish(&training->progress);
    nj_store_lock_release(&training->lock);
    nj_training_log_fini(&training->log);
    nj_buffer_fini(&training->notes);
}

// ---- steps ----

static uint64_t steps_an_epoch(const nj_training *training)
{
    const uint64_t batch = training->options.batch_samples;
    return (training->sample_count + batch - 1) / batch;
}

// Samples behind `step` steps: the last batch of an epoch may be short.
static uint64_t samples_at(const nj_training *training, uint64_t step)
{
    const uint64_t epoch = step / steps_an_epoch(training);
    const uint64_t in_epoch = step % steps_an_epoch(training) * training->options.batch_samples;
    return epoch * training->sample_count + in_epoch;
}

nj_status nj_training_check_stop(const nj_training *training, const nj_train_state *state,
                                 nj_error *err)
{
    const int number = nj_stop_signal();
    if (number != 0) {
        return nj_fail(err, number == SIGINT ? NJ_INTERRUPTED : NJ_TERMINATED,
                       "ended by %s behind step %" PRIu64 " of %" PRIu64
                       ": the same command goes on with --resume",
                       number == SIGINT ? "SIGINT" : "SIGTERM", state->step, state->step_count);
    }
    const uint32_t limit = training->options.time_limit_s;
    if (limit > 0 && state->samples > 0 && seconds_since(training->began_ns) >= limit) {
        return nj_fail(err, NJ_AGAIN,
                       "the time limit of %" PRIu32 " s is over behind step %" PRIu64 " of %" PRIu64
                       ": the same command goes on with --resume",
                       limit, state->step, state->step_count);
    }
    return NJ_OK;
}

static void show(nj_training *training, const nj_train_state *state, uint64_t now_ns)
{
    nj_progress *progress = &training->progress;
    const uint64_t done = samples_at(training, state->step);
    if (progress->what == NULL) {
        nj_progress_start(progress, "samples",
                          training->sample_count * (uint64_t)training->options.epochs,
                          done - state->samples, training->options.quiet, training->began_ns);
    }
    char best[BEST_BYTES] = "";
    if (training->log.best_epoch > 0) {
        snprintf(best, sizeof best, ", best %s %.4f", training->log.decides, training->log.best);
    }
    nj_progress_note(progress, "epoch %" PRIu32 " of %" PRIu32 ", loss %.4f, rate %.2e%s",
                     state->epoch + 1, training->options.epochs, state->loss, state->rate, best);
    nj_progress_update(progress, done, now_ns);
}

nj_status nj_training_stepped(nj_training *training, const nj_train_state *state, nj_error *err)
{
    const uint64_t now_ns = nj_clock_mono_ns();
    training->epoch_seconds += (double)(now_ns - training->step_ns) / 1e9;
    training->step_ns = now_ns;
    show(training, state, now_ns);
    return nj_training_check_stop(training, state, err);
}

// ---- epochs ----

bool nj_training_validates(const nj_training *training, const nj_train_state *state)
{
    const uint32_t every = training->options.validate_every;
    return every > 0 && (state->epoch % every == 0 || state->epoch == training->options.epochs);
}

static void tell_epoch(const nj_training *training, const nj_training_epoch *epoch, bool better)
{
    char text[256];
    size_t used = 0;
    for (size_t i = 0; i < epoch->figure_count && used < sizeof text; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, ", %s %.4f",
                                 epoch->figures[i].name, epoch->figures[i].value);
    }
    text[used < sizeof text ? used : sizeof text - 1] = '\0';
    if (!training->options.quiet) {
        nj_log(NJ_LOG_INFO,
               "epoch %" PRIu32 " of %" PRIu32 ": loss %.4f, %.0f samples/s%s%s, %.0f s",
               epoch->epoch, training->options.epochs, epoch->loss, epoch->samples_per_second,
               epoch->figure_count > 0 ? text : "", better ? " (best)" : "", epoch->seconds);
    }
}

static nj_training_epoch describe_epoch(const nj_training *training, const nj_train_state *state,
                                        const nj_training_figure *figures, size_t figure_count)
{
    const double seconds = training->epoch_seconds;
    const uint64_t samples = state->samples - training->epoch_samples;
    nj_training_epoch epoch = {.epoch = state->epoch,
                               .steps = state->step,
                               .seconds = total_seconds(training),
                               .samples_per_second = seconds > 0 ? (double)samples / seconds : 0,
                               .loss = state->loss,
                               .rate = state->rate,
                               .gradient_norm = state->gradient_norm,
                               .figure_count = figure_count};
    if (figure_count > 0) {
        memcpy(epoch.figures, figures, figure_count * sizeof *figures);
    }
    return epoch;
}

nj_status nj_training_end_epoch(nj_training *training, const nj_train_state *state,
                                const nj_training_figure *figures, size_t figure_count,
                                nj_status (*keep)(void *context, nj_error *err), void *context,
                                bool *out_enough, nj_error *err)
{
    const nj_training_epoch epoch = describe_epoch(training, state, figures, figure_count);
    const bool better = nj_training_log_is_better(&training->log, &epoch);
    nj_training_log log = {0};
    nj_status status = NJ_OK;
    if (better || training->log.best_epoch == 0) {
        status = keep(context, err);
    }
    if (status == NJ_OK) {
        status = nj_training_log_add(&training->log, &epoch, &log, err);
    }
    if (status == NJ_OK) {
        status = write_log(training, &log, err);
    }
    if (status != NJ_OK) {
        nj_training_log_fini(&log);
        return status;
    }
    nj_training_log_fini(&training->log);
    training->log = log;
    nj_progress_finish(&training->progress);
    tell_epoch(training, &epoch, better);
    *out_enough =
        training->options.patience > 0 && log.without_better >= training->options.patience;
    training->epoch_samples = state->samples;
    training->epoch_seconds = 0;
    training->step_ns = nj_clock_mono_ns();
    return NJ_OK;
}

nj_slice nj_training_notes(nj_training *training)
{
    nj_buffer_clear(&training->notes);
    nj_training_log_set_seconds(&training->log, total_seconds(training));
    nj_status status = nj_training_log_text(&training->log, &training->notes, NULL);
    return status == NJ_OK ? nj_buffer_slice(&training->notes) : (nj_slice){NULL, 0};
}

nj_status nj_training_finish(nj_training *training, const nj_train_state *state, nj_error *err)
{
    const bool whole = state->epoch >= training->options.epochs;
    nj_training_log_set_seconds(&training->log, total_seconds(training));
    nj_training_log_finish(&training->log, whole ? "all epochs" : "patience");
    nj_status status = write_log(training, &training->log, err);
    if (status == NJ_OK && unlink(training->checkpoint.text) != 0 && errno != ENOENT) {
        status = nj_fail_errno(err, NJ_IO, errno, "cannot remove %s", training->checkpoint.text);
    }
    return status;
}

nj_digest nj_training_digest(const nj_training *training)
{
    static const char *const KEYS[] = {"kind", "settings", "inputs"};
    nj_digester digester;
    nj_digester_init(&digester);
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        char *text = json_dumps(json_object_get(training->log.object, KEYS[i]),
                                JSON_SORT_KEYS | JSON_ENCODE_ANY);
        nj_digester_update_sized(&digester, text, text != NULL ? strlen(text) : 0);
        free(text);
    }
    return nj_digester_final(&digester);
}

// ---- the result ----

static json_t *result_to_json(const nj_training *training)
{
    json_t *result = json_copy(training->log.object);
    json_t *epochs = json_object_get(training->log.object, "epochs");
    const size_t count = json_array_size(epochs);
    if (result != NULL) {
        json_object_set_new(result, "epochs", json_integer((json_int_t)count));
        json_object_set_new(result, "out", json_string(training->options.out));
        json_object_set(result, "last",
                        count > 0 ? json_array_get(epochs, count - 1) : json_null());
        json_object_set(result, "best_figures",
                        training->log.best_epoch > 0
                            ? json_array_get(epochs, training->log.best_epoch - 1)
                            : json_null());
    }
    return result;
}

nj_status nj_training_print(const nj_training *training, nj_error *err)
{
    const nj_training_log *log = &training->log;
    if (training->options.json) {
        json_t *result = result_to_json(training);
        return nj_print_json_take(&result, err);
    }
    printf("%s: %" PRIu32 " epochs in %.0f s%s\n", training->options.out, log->epochs, log->seconds,
           training->complete ? ", complete since an earlier run" : "");
    if (log->best_epoch > 0) {
        printf("best: epoch %" PRIu32 ", %s %.4f\n", log->best_epoch, log->decides, log->best);
    }
    return NJ_OK;
}
