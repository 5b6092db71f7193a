// chart.h - lines, bars and points with axes, as pictures of svg.h.
//
//   nj_chart_lines(&svg, &(nj_chart){.title = "Loss", .x_label = "epoch"}, series, count);
//   nj_html_svg_take(&page, &svg, NULL);            // or .as_file = true, nj_svg_end, and svg.bytes is a file
//
// Each function begins the picture; the caller ends it. Axes get round ticks around the values that are there. What is no number (NaN,
// infinite, 0 or less on a logarithmic axis) is left out: a line has a gap, a bar is missing and says so. A chart without any value
// says "no data". Series differ in colour, and lines in their dashes too. What is pointed at tells its values.
#ifndef NJ_CODEC_CHART_H
#define NJ_CODEC_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "common/codec/svg.h"

#define NJ_CHART_SERIES_MAX 12 // more are NJ_FAILED at nj_svg_end
#define NJ_CHART_TICKS_MAX 16
#define NJ_CHART_WIDTH 720.0 // pixels
#define NJ_CHART_HEIGHT 320.0

typedef struct {
    const char *title;
    const char *x_label; // NULL: none
    const char *y_label;
    double width;  // pixels; 0: NJ_CHART_WIDTH
    double height; // 0: NJ_CHART_HEIGHT
    bool x_log;
    bool x_whole; // ticks at whole numbers only: epochs
    bool y_zero;  // the axis begins at 0 (bars always do)
    bool has_mark;
    double mark; // an upright dashed line at this x: the best epoch
    const char *mark_label;
    bool as_file; // a picture with its own style, not for a page
} nj_chart;

// One line.
typedef struct {
    const char *name;  // in the legend; NULL: not there
    const double *x;   // [count]; NULL: 1, 2, 3 ...
    const double *y;   // [count]
    const double *low; // [count] an interval around y, NULL: none
    const double *high;
    size_t count;
} nj_chart_line;

// One bar in every group.
typedef struct {
    const char *name;
    const double *values; // [groups]
    const double *low;    // [groups] an interval around the value, NULL: none
    const double *high;
} nj_chart_bar;

typedef struct {
    double x, y;
    const char *label; // NULL: none
    size_t series;     // which name and colour
} nj_chart_dot;

void nj_chart_lines(nj_svg *svg, const nj_chart *chart, const nj_chart_line *lines, size_t count);
/// Groups side by side, within a group a bar of each series; [low, high] as a whisker.
void nj_chart_bars(nj_svg *svg, const nj_chart *chart, const char *const *groups,
                   size_t group_count, const nj_chart_bar *bars, size_t count);
/// `names`: of the series, in the legend where there are several.
void nj_chart_scatter(nj_svg *svg, const nj_chart *chart, const char *const *names,
                      size_t name_count, const nj_chart_dot *dots, size_t count);

typedef struct {
    double values[NJ_CHART_TICKS_MAX]; // rising; the first and the last are the ends of the axis
    size_t count;                      // 2 at least
    int decimals;                      // that tell neighbours apart
} nj_chart_ticks;

/// About `want` (2 to 12) round numbers from at most `low` to at least `high`: multiples of 1, 2, 2.5 or 5 times a power of ten, of whole
/// numbers where `whole`. Both ends are finite; low = high gets an axis around it.
/// Proof   tests/unit/codec/test_chart.c
void nj_chart_ticks_round(double low, double high, size_t want, bool whole, nj_chart_ticks *out);
/// Powers of ten, or 1, 2 and 5 times them where that is few, from at most `low` to at least `high`; both above 0.
void nj_chart_ticks_log(double low, double high, nj_chart_ticks *out);

#endif
