#include "worker/train/training_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/codec/chart.h"
#include "common/codec/html.h"
#include "common/codec/json.h"

#define TEXT_BYTES 256

// A number of every epoch.
typedef struct {
    const char *key;
    const char *title;
    const char *y_label;
    bool y_zero;
} curve;

static const curve CURVES[] = {
    {"loss", "Loss of training", "mean over the epoch", false},
    {"rate", "Learning rate", NULL, true},
    {"gradient_norm", "Length of the gradient, before clipping", NULL, true},
    {"samples_per_second", "Samples a second", NULL, true},
};

// What every epoch has beside its curves; the rest are figures of its validation.
static const char *const PLAIN_KEYS[] = {"epoch", "steps", "seconds"};

static const char *text_of(const nj_training_log *log, const char *key)
{
    const char *text = json_string_value(json_object_get(log->object, key));
    return text != NULL ? text : "";
}

static const json_t *epochs_of(const nj_training_log *log)
{
    return json_object_get(log->object, "epochs");
}

static bool is_figure(const char *key)
{
    for (size_t i = 0; i < sizeof CURVES / sizeof CURVES[0]; i++) {
        if (strcmp(key, CURVES[i].key) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof PLAIN_KEYS / sizeof PLAIN_KEYS[0]; i++) {
        if (strcmp(key, PLAIN_KEYS[i]) == 0) {
            return false;
        }
    }
    return true;
}

// Names of the figures, in the order of the first epoch that was validated; borrowed from the log.
static size_t list_figures(const nj_training_log *log, const char *out[NJ_TRAINING_FIGURES_MAX])
{
    size_t count = 0;
    const json_t *epochs = epochs_of(log);
    for (size_t i = 0; i < json_array_size(epochs) && count == 0; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(json_array_get(epochs, i), key, value)
        {
            if (is_figure(key) && count < NJ_TRAINING_FIGURES_MAX) {
                out[count++] = key;
            }
        }
    }
    return count;
}

// Of every epoch; NaN where it lacks the number.
static void fill_column(const nj_training_log *log, const char *key, double *out)
{
    const json_t *epochs = epochs_of(log);
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        const json_t *value = json_object_get(json_array_get(epochs, i), key);
        out[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
}

// The epochs that have the number, end to end, so that a line joins them over those that were not validated.
static size_t fill_points(const nj_training_log *log, const char *key, double *x, double *y)
{
    size_t count = 0;
    const json_t *epochs = epochs_of(log);
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        const json_t *epoch = json_array_get(epochs, i);
        const json_t *value = json_object_get(epoch, key);
        if (json_is_number(value)) {
            x[count] = json_number_value(json_object_get(epoch, "epoch"));
            y[count++] = json_number_value(value);
        }
    }
    return count;
}

static nj_chart chart_of(const nj_training_log *log, const char *title, const char *y_label,
                         bool y_zero)
{
    return (nj_chart){.title = title,
                      .x_label = "epoch",
                      .y_label = y_label,
                      .x_whole = true,
                      .y_zero = y_zero,
                      .has_mark = log->best_epoch > 0,
                      .mark = log->best_epoch,
                      .mark_label = "best"};
}

// ---- sections ----

static void add_summary(nj_html *page, const nj_training_log *log)
{
    const bool finished = json_is_true(json_object_get(log->object, "finished"));
    if (log->best_epoch > 0) {
        nj_html_figure(page, log->decides, "%.4f", log->best);
        nj_html_figure(page, "best epoch", "%u", log->best_epoch);
    }
    nj_html_figure(page, "epochs", "%u", log->epochs);
    nj_html_figure(page, "seconds", "%.0f", log->seconds);
    if (finished) {
        nj_html_paragraph(page, "Complete: ended by %s.", text_of(log, "ended_by"));
    } else {
        nj_html_paragraph(page, "Not complete: the same command goes on with --resume.");
    }
}

// `room` has 2 * NJ_TRAINING_FIGURES_MAX arrays of an epoch each.
static void add_figures(nj_html *page, const nj_training_log *log, double *room)
{
    const char *names[NJ_TRAINING_FIGURES_MAX];
    nj_chart_line lines[NJ_TRAINING_FIGURES_MAX];
    const size_t count = list_figures(log, names);
    const size_t epochs = json_array_size(epochs_of(log));
    const nj_chart chart = chart_of(log, "Validation", NULL, false);
    nj_svg svg;
    if (count == 0) {
        nj_html_paragraph(page, "No epoch was validated.");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        double *x = room + 2 * i * epochs;
        double *y = x + epochs;
        lines[i] = (nj_chart_line){.name = names[i], .x = x, .y = y};
        lines[i].count = fill_points(log, names[i], x, y);
    }
    nj_chart_lines(&svg, &chart, lines, count < NJ_CHART_SERIES_MAX ? count : NJ_CHART_SERIES_MAX);
    nj_html_svg_take(page, &svg, NULL);
}

static void add_curves(nj_html *page, const nj_training_log *log, double *room)
{
    const size_t epochs = json_array_size(epochs_of(log));
    for (size_t i = 0; i < sizeof CURVES / sizeof CURVES[0]; i++) {
        const nj_chart chart = chart_of(log, CURVES[i].title, CURVES[i].y_label, CURVES[i].y_zero);
        nj_chart_line line = {.x = room, .y = room + epochs};
        nj_svg svg;
        line.count = fill_points(log, CURVES[i].key, room, room + epochs);
        nj_chart_lines(&svg, &chart, &line, 1);
        nj_html_svg_take(page, &svg, NULL);
    }
}

static void add_object(nj_html *page, const nj_training_log *log, const char *key)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(log->object, key), name, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        nj_html_term(page, name, "%s", text != NULL ? text : "");
        free(text);
    }
}

static void add_epochs(nj_html *page, const nj_training_log *log, double *room)
{
    nj_html_column columns[4 + NJ_TRAINING_FIGURES_MAX] = {{"epoch", NJ_HTML_NUMBER},
                                                           {"seconds", NJ_HTML_NUMBER},
                                                           {"loss", NJ_HTML_NUMBER},
                                                           {"rate", NJ_HTML_NUMBER}};
    const char *figures[NJ_TRAINING_FIGURES_MAX];
    const size_t figure_count = list_figures(log, figures);
    const size_t count = 4 + figure_count;
    const size_t epochs = json_array_size(epochs_of(log));
    for (size_t i = 0; i < figure_count; i++) {
        columns[4 + i] = (nj_html_column){figures[i], NJ_HTML_NUMBER};
    }
    for (size_t i = 0; i < count; i++) {
        fill_column(log, columns[i].title, room + i * epochs);
    }
    nj_html_fold(page, "Every epoch");
    nj_html_table_begin(page, NULL, columns, count);
    for (size_t e = 0; e < epochs; e++) {
        const nj_html_cell_kind kind =
            room[e] == (double)log->best_epoch ? NJ_HTML_BEST : NJ_HTML_PLAIN;
        nj_html_row(page);
        nj_html_cell(page, kind, "%.0f", room[e]);
        nj_html_cell(page, kind, "%.0f", room[epochs + e]);
        nj_html_cell(page, kind, "%.4f", room[2 * epochs + e]);
        nj_html_cell(page, kind, "%.3g", room[3 * epochs + e]);
        for (size_t i = 4; i < count; i++) {
            const double value = room[i * epochs + e];
            if (isnan(value)) {
                nj_html_cell(page, kind, "%s", "");
            } else {
                nj_html_cell(page, kind, "%.4f", value);
            }
        }
    }
    nj_html_table_end(page);
    nj_html_fold_end(page);
}

static nj_status fill_page(nj_html *page, const nj_training_log *log)
{
    char title[TEXT_BYTES];
    const size_t epochs = json_array_size(epochs_of(log));
    double *room = calloc(2 * NJ_TRAINING_FIGURES_MAX * (epochs + 1), sizeof *room);
    if (room == NULL) {
        return NJ_NO_MEMORY;
    }
    snprintf(title, sizeof title, "Training of %s", text_of(log, "kind"));
    nj_html_begin(page, title, NULL);
    nj_html_section(page, "result", "Result");
    add_summary(page, log);
    nj_html_section(page, "validation", "Validation");
    add_figures(page, log, room);
    nj_html_section(page, "curves", "Curves");
    add_curves(page, log, room);
    nj_html_section(page, "settings", "Settings");
    add_object(page, log, "settings");
    nj_html_heading(page, "Inputs");
    add_object(page, log, "inputs");
    nj_html_section(page, "epochs", "Epochs");
    add_epochs(page, log, room);
    free(room);
    return nj_html_end(page);
}

nj_status nj_training_report_write(const nj_training_log *log, const char *path, nj_error *err)
{
    nj_html page = {0};
    nj_status status = fill_page(&page, log);
    if (status == NJ_OK) {
        status = nj_file_write(path, page.bytes.bytes, page.bytes.size, err);
    } else {
        nj_fail(err, status, "no memory for the page of a training");
    }
    nj_html_fini(&page);
    return status;
}
