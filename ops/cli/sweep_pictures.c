// sweep_pictures.c - a sweep's curves: what hits cost, and what is had for them.
#include <math.h>
#include <stdio.h>

#include "common/base/file.h"
#include "ops/cli/sweep.h"

#define HEIGHT 420.0

// What a picture has across, and its file's name.
typedef struct {
    const char *word;
    const char *label;
    double (*at)(const nj_balance *balance);
} axis;

static double diversity_of(const nj_balance *balance)
{
    return balance->diversity.value;
}

static double lift_of(const nj_balance *balance)
{
    return balance->lift.value;
}

static double coverage_of(const nj_balance *balance)
{
    return balance->exposure.coverage;
}

static const axis AXES[] = {
    {"diversity", "intra-list diversity: mean of 1 - cosine", diversity_of},
    {"lift", "popularity lift over the history, natural logarithm", lift_of},
    {"coverage", "share of the catalogue that is shown", coverage_of},
};

// One line's numbers.
typedef struct {
    double x[NJ_SWEEP_VALUES_MAX], y[NJ_SWEEP_VALUES_MAX];
    double low[NJ_SWEEP_VALUES_MAX], high[NJ_SWEEP_VALUES_MAX];
} numbers;

static void add_point(const nj_balance *balance, const axis *across, size_t metric, numbers *n,
                      nj_chart_line *line)
{
    const nj_estimate *up = &balance->metrics[metric];
    n->x[line->count] = across->at(balance);
    n->y[line->count] = up->value;
    n->low[line->count] = up->has_interval ? up->low : (double)NAN;
    n->high[line->count] = up->has_interval ? up->high : (double)NAN;
    line->count++;
}

static nj_chart_line begin_line(const char *name, numbers *n)
{
    return (nj_chart_line){.name = name, .x = n->x, .y = n->y, .low = n->low, .high = n->high};
}

static nj_status draw(const nj_sweep *sweep, const axis *across, size_t metric, const char *path,
                      nj_error *err)
{
    numbers n[NJ_SWEEP_CURVES_MAX + 1];
    nj_chart_line lines[NJ_SWEEP_CURVES_MAX + 1];
    char title[2 * NJ_SWEEP_NAME_BYTES];
    char label[NJ_SWEEP_NAME_BYTES];
    size_t count = 0;
    lines[count] = begin_line(sweep->off.name, &n[count]);
    add_point(&sweep->off.balance, across, metric, &n[count], &lines[count]);
    count++;
    for (size_t i = 0; i < sweep->plan.curve_count; i++, count++) {
        lines[count] = begin_line(sweep->plan.curves[i].name, &n[count]);
        for (uint32_t v = 0; v < sweep->plan.curves[i].value_count; v++) {
            add_point(&sweep->points[i][v].balance, across, metric, &n[count], &lines[count]);
        }
    }
    snprintf(label, sizeof label, "%s@%u", NJ_METRICS[metric].name, sweep->cutoff);
    snprintf(title, sizeof title, "%s against %s: %s, %s", label, across->word, sweep->target,
             sweep->history);
    const nj_chart chart = {.title = title,
                            .x_label = across->label,
                            .y_label = label,
                            .height = HEIGHT,
                            .as_file = true};
    nj_svg svg;
    nj_chart_lines(&svg, &chart, lines, count);
    nj_status status = nj_svg_end(&svg);
    status = status == NJ_OK ? nj_file_write(path, svg.bytes.bytes, svg.bytes.size, err)
                             : nj_fail(err, status, "%s: no memory for the picture", path);
    nj_svg_fini(&svg);
    return status;
}

nj_status nj_sweep_draw(const nj_sweep *sweep, const char *folder, nj_error *err)
{
    nj_status status = nj_folder_make(folder, err);
    for (size_t a = sweep->has_diversity ? 0 : 1; a < sizeof AXES / sizeof AXES[0]; a++) {
        for (size_t metric = 0; metric < 2 && status == NJ_OK; metric++) { // recall and NDCG
            char name[NJ_SWEEP_NAME_BYTES];
            nj_path path;
            snprintf(name, sizeof name, "%s-%s.svg", NJ_METRICS[metric].name, AXES[a].word);
            status = nj_path_join(folder, name, &path, err);
            if (status == NJ_OK) {
                status = draw(sweep, &AXES[a], metric, path.text, err);
            }
        }
    }
    return status;
}
