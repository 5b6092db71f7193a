#include "worker/train/training_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/codec/json.h"

#define FORMAT_VERSION 1
// 15 digits read well: 0.05 stays 0.05.
#define DIGITS 15
#define DUMP_FLAGS JSON_REAL_PRECISION(DIGITS)
#define SHOWN_BYTES 64 // of a value in a message

static nj_status fail_memory(nj_error *err)
{
    return nj_fail(err, NJ_NO_MEMORY, "no memory for the log of a training");
}

// ---- beginning ----

nj_status nj_training_log_begin(const char *kind, json_t **settings, json_t **inputs,
                                const char *decides, bool less_is_better, nj_training_log *out,
                                nj_error *err)
{
    json_t *object = json_pack("{s:i, s:s, s:b, s:n, s:f, s:s, s:s, s:n, s:n, s:i}", "version",
                               FORMAT_VERSION, "kind", kind, "finished", 0, "ended_by", "seconds",
                               0.0, "decides", decides, "better", less_is_better ? "less" : "more",
                               "best_epoch", "best", "validations_without_better", 0);
    int failed = object == NULL;
    failed = failed || json_object_set(object, "settings", *settings) != 0 ||
             json_object_set(object, "inputs", *inputs) != 0 ||
             json_object_set_new(object, "epochs", json_array()) != 0;
    json_decref(*settings);
    json_decref(*inputs);
    *settings = NULL;
    *inputs = NULL;
    if (failed) {
        json_decref(object);
        return fail_memory(err);
    }
    *out =
        (nj_training_log){.object = object, .decides = decides, .less_is_better = less_is_better};
    return NJ_OK;
}

void nj_training_log_fini(nj_training_log *log)
{
    json_decref(log->object);
    *log = (nj_training_log){0};
}

// ---- going on ----

// The text of a value, "nothing" for a key that is not there; NULL where memory is short. The caller frees it.
static char *text_of(const json_t *value)
{
    return value != NULL ? json_dumps(value, DUMP_FLAGS | JSON_ENCODE_ANY | JSON_SORT_KEYS)
                         : strdup("nothing");
}

static nj_status compare_values(const json_t *now, const json_t *then, const char *what,
                                const char *key, nj_error *err)
{
    char *given = text_of(now);
    char *begun = text_of(then);
    nj_status status = NJ_OK;
    if (given == NULL || begun == NULL) {
        status = fail_memory(err);
    } else if (strcmp(given, begun) != 0) {
        status = nj_fail(err, NJ_CONFIG,
                         "%s: the training was begun with %s %.*s, now it is %.*s: give what it "
                         "was begun with, or remove the checkpoint to begin anew",
                         what, key, SHOWN_BYTES, begun, SHOWN_BYTES, given);
    }
    free(given);
    free(begun);
    return status;
}

// Both objects have the same keys with the same values.
static nj_status compare_objects(json_t *now, json_t *then, const char *what, nj_error *err)
{
    const char *key;
    json_t *value;
    nj_status status = NJ_OK;
    json_object_foreach(now, key, value)
    {
        if (status == NJ_OK) {
            status = compare_values(value, json_object_get(then, key), what, key, err);
        }
    }
    json_object_foreach(then, key, value)
    {
        if (status == NJ_OK && json_object_get(now, key) == NULL) {
            status = compare_values(NULL, value, what, key, err);
        }
    }
    return status;
}

static nj_status compare_logs(const nj_training_log *log, json_t *old, const char *what,
                              nj_error *err)
{
    static const char *const OBJECTS[] = {"inputs", "settings"};
    nj_status status = compare_values(json_object_get(log->object, "kind"),
                                      json_object_get(old, "kind"), what, "kind", err);
    for (size_t i = 0; i < sizeof OBJECTS / sizeof OBJECTS[0] && status == NJ_OK; i++) {
        status = compare_objects(json_object_get(log->object, OBJECTS[i]),
                                 json_object_get(old, OBJECTS[i]), what, err);
    }
    return status;
}

// The numbers that go on, checked: the notes are a file's.
static nj_status take_progress(nj_training_log *log, json_t *old, const char *what, nj_error *err)
{
    nj_json_keys keys;
    nj_json_keys_open(&keys, old, what, err);
    json_t *epochs = json_object_get(old, "epochs");
    const uint32_t best_epoch =
        (uint32_t)nj_json_int_or(&keys, "best_epoch", 1, (int64_t)UINT32_MAX, 0);
    const uint32_t without =
        (uint32_t)nj_json_int(&keys, "validations_without_better", 0, (int64_t)UINT32_MAX);
    const double best = nj_json_real_or(&keys, "best", 0);
    const double seconds = nj_json_real_or(&keys, "seconds", 0);
    if (keys.status == NJ_OK && !json_is_array(epochs)) {
        return nj_fail(err, NJ_INPUT, "%s: \"epochs\" is not a list", what);
    }
    if (keys.status == NJ_OK) {
        json_object_set(log->object, "epochs", epochs);
        json_object_set(log->object, "best_epoch", json_object_get(old, "best_epoch"));
        json_object_set(log->object, "best", json_object_get(old, "best"));
        json_object_set(log->object, "validations_without_better",
                        json_object_get(old, "validations_without_better"));
        log->epochs = (uint32_t)json_array_size(epochs);
        log->best_epoch = best_epoch;
        log->best = best;
        log->without_better = without;
        nj_training_log_set_seconds(log, seconds);
    }
    return keys.status;
}

nj_status nj_training_log_resume(nj_training_log *log, nj_slice notes, const char *what,
                                 nj_error *err)
{
    json_t *old = NULL;
    nj_status status = nj_json_parse(notes.bytes, notes.size, what, &old, err);
    if (status == NJ_OK) {
        status = compare_logs(log, old, what, err);
    }
    if (status == NJ_OK) {
        status = take_progress(log, old, what, err);
    }
    json_decref(old);
    return status;
}

// ---- epochs ----

static json_t *epoch_to_json(const nj_training_epoch *epoch)
{
    json_t *object =
        json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "epoch", (json_int_t)epoch->epoch, "steps",
                  (json_int_t)epoch->steps, "seconds", epoch->seconds, "samples_per_second",
                  epoch->samples_per_second, "loss", epoch->loss, "rate", epoch->rate,
                  "gradient_norm", epoch->gradient_norm);
    for (size_t i = 0; i < epoch->figure_count && object != NULL; i++) {
        json_object_set_new(object, epoch->figures[i].name, json_real(epoch->figures[i].value));
    }
    return object;
}

static const nj_training_figure *find_deciding(const nj_training_log *log,
                                               const nj_training_epoch *epoch)
{
    for (size_t i = 0; i < epoch->figure_count; i++) {
        if (strcmp(epoch->figures[i].name, log->decides) == 0) {
            return &epoch->figures[i];
        }
    }
    return NULL;
}

// As it is read back: a run that was resumed must not find an equal figure better.
static double round_as_written(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.*g", DIGITS, value);
    return strtod(text, NULL);
}

bool nj_training_log_is_better(const nj_training_log *log, const nj_training_epoch *epoch)
{
    const nj_training_figure *figure = find_deciding(log, epoch);
    if (figure == NULL || log->best_epoch == 0) {
        return figure != NULL;
    }
    const double value = round_as_written(figure->value);
    return log->less_is_better ? value < log->best : value > log->best;
}

static void set_best(nj_training_log *log, const nj_training_epoch *epoch)
{
    const nj_training_figure *figure = find_deciding(log, epoch);
    if (nj_training_log_is_better(log, epoch)) {
        log->best_epoch = epoch->epoch;
        log->best = round_as_written(figure->value);
        log->without_better = 0;
        json_object_set_new(log->object, "best_epoch", json_integer(epoch->epoch));
        json_object_set_new(log->object, "best", json_real(log->best));
    } else if (figure != NULL) {
        log->without_better++;
    }
    json_object_set_new(log->object, "validations_without_better",
                        json_integer(log->without_better));
}

nj_status nj_training_log_add(const nj_training_log *log, const nj_training_epoch *epoch,
                              nj_training_log *out, nj_error *err)
{
    nj_training_log more = *log;
    more.object = json_deep_copy(log->object);
    if (more.object == NULL ||
        json_array_append_new(json_object_get(more.object, "epochs"), epoch_to_json(epoch)) != 0) {
        json_decref(more.object);
        return fail_memory(err);
    }
    more.epochs++;
    set_best(&more, epoch);
    nj_training_log_set_seconds(&more, epoch->seconds);
    *out = more;
    return NJ_OK;
}

void nj_training_log_set_seconds(nj_training_log *log, double seconds)
{
    log->seconds = seconds;
    json_object_set_new(log->object, "seconds", json_real(seconds));
}

void nj_training_log_finish(nj_training_log *log, const char *reason)
{
    json_object_set_new(log->object, "finished", json_true());
    json_object_set_new(log->object, "ended_by", json_string(reason));
}

// ---- text ----

nj_status nj_training_log_text(const nj_training_log *log, nj_buffer *out, nj_error *err)
{
    char *text = json_dumps(log->object, DUMP_FLAGS | JSON_INDENT(1));
    nj_status status = text != NULL ? nj_buffer_printf(out, "%s\n", text) : NJ_NO_MEMORY;
    free(text);
    return status == NJ_OK ? NJ_OK : fail_memory(err);
}

nj_status nj_training_log_write(const nj_training_log *log, const char *path, nj_error *err)
{
    nj_buffer text;
    nj_buffer_init(&text, NJ_TRAINING_LOG_BYTES_MAX);
    nj_status status = nj_training_log_text(log, &text, err);
    if (status == NJ_OK) {
        status = nj_file_write(path, text.bytes, text.size, err);
    }
    nj_buffer_fini(&text);
    return status;
}
