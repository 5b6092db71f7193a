#include "common/codec/chart_plane.h"

#include <math.h>
#include <stdio.h>

#define WHISKER 4.0  // pixels: half its ends
#define DOTS_MAX 40  // a line of more points has no dots
#define RUN_MAX 512u // points of a line that are drawn at a time

static double line_x(const nj_chart_line *line, size_t i)
{
    return line->x != NULL ? line->x[i] : (double)(i + 1);
}

// One stretch of a line without gaps, at most RUN_MAX points from `first` on. Returns where the next begins.
static size_t draw_run(const nj_plane *p, const nj_chart_line *line, size_t series, size_t first)
{
    nj_svg_point points[RUN_MAX];
    size_t count = 0;
    size_t i = first;
    for (; i < line->count && count < RUN_MAX; i++) {
        const double x = line_x(line, i);
        if (!nj_plane_holds(p, x, line->y[i])) {
            break;
        }
        points[count++] = (nj_svg_point){nj_plane_across(p, x), nj_plane_up(p, line->y[i])};
    }
    if (count > 0) {
        nj_svg_curve(p->svg, nj_plane_role(series), points, count,
                     NJ_PLANE_DASHES[series % NJ_PLANE_DASH_COUNT]);
    }
    return count == RUN_MAX && i < line->count ? i - 1
                                               : i + 1; // a long line goes on where it stopped
}

// The band around one stretch of values, as draw_run draws its line; where the next one begins.
static size_t draw_interval(const nj_plane *p, const nj_chart_line *line, size_t series,
                            size_t first)
{
    nj_svg_point upper[RUN_MAX];
    nj_svg_point lower[RUN_MAX];
    size_t count = 0;
    size_t i = first;
    for (; i < line->count && count < RUN_MAX; i++) {
        const double x = line_x(line, i);
        if (!nj_plane_holds(p, x, line->low[i]) || !isfinite(line->high[i])) {
            break;
        }
        upper[count] = (nj_svg_point){nj_plane_across(p, x), nj_plane_up(p, line->high[i])};
        lower[count++] = (nj_svg_point){nj_plane_across(p, x), nj_plane_up(p, line->low[i])};
    }
    if (count > 0) {
        nj_svg_band(p->svg, nj_plane_role(series), upper, lower, count);
    }
    return count == RUN_MAX && i < line->count ? i - 1 : i + 1;
}

static void draw_dots(const nj_plane *p, const nj_chart_line *line, size_t series)
{
    for (size_t i = 0; i < line->count; i++) {
        const double x = line_x(line, i);
        if (nj_plane_holds(p, x, line->y[i])) {
            nj_svg_tip(p->svg, "%s%s%g: %.5g", line->name != NULL ? line->name : "",
                       line->name != NULL ? ", " : "", x, line->y[i]);
            nj_svg_dot(p->svg, nj_plane_role(series),
                       (nj_svg_point){nj_plane_across(p, x), nj_plane_up(p, line->y[i])}, 3);
            nj_svg_tip_end(p->svg);
        }
    }
}

static void draw_line(const nj_plane *p, const nj_chart_line *line, size_t series)
{
    const bool has_interval = line->low != NULL && line->high != NULL;
    for (size_t i = 0; has_interval && i < line->count;) {
        i = draw_interval(p, line, series, i);
    }
    for (size_t i = 0; i < line->count;) {
        i = draw_run(p, line, series, i);
    }
    if (line->count <= DOTS_MAX) {
        draw_dots(p, line, series);
    }
}

static void measure_lines(const nj_chart *chart, const nj_chart_line *lines, size_t count,
                          nj_extent *x, nj_extent *y)
{
    *x = *y = (nj_extent){NAN, NAN};
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; i < lines[s].count; i++) {
            const double at = line_x(&lines[s], i);
            if (!isfinite(at) || (chart->x_log && at <= 0) || !isfinite(lines[s].y[i])) {
                continue;
            }
            nj_extent_grow(x, at);
            nj_extent_grow(y, lines[s].y[i]);
            if (lines[s].low != NULL && lines[s].high != NULL) {
                nj_extent_grow(y, lines[s].low[i]);
                nj_extent_grow(y, lines[s].high[i]);
            }
        }
    }
}

void nj_chart_lines(nj_svg *svg, const nj_chart *chart, const nj_chart_line *lines, size_t count)
{
    nj_plane p;
    nj_plane_begin(&p, svg, chart);
    if (nj_plane_refuses(svg, count)) {
        return;
    }
    const char *names[NJ_CHART_SERIES_MAX] = {NULL};
    for (size_t s = 0; s < count; s++) {
        names[s] = lines[s].name;
    }
    nj_plane_draw_legend(&p, names, count, true);
    nj_extent x;
    nj_extent y;
    measure_lines(chart, lines, count, &x, &y);
    if (nj_plane_draw_axes(&p, &x, y, false)) {
        nj_plane_draw_mark(&p);
        for (size_t s = 0; s < count; s++) {
            draw_line(&p, &lines[s], s);
        }
    }
}

static void draw_whisker(const nj_plane *p, double middle, double low, double high)
{
    const double y[] = {nj_plane_up(p, low), nj_plane_up(p, high)};
    nj_svg_line(p->svg, NJ_SVG_INK, (nj_svg_point){middle, y[0]}, (nj_svg_point){middle, y[1]},
                false);
    for (int i = 0; i < 2; i++) {
        nj_svg_line(p->svg, NJ_SVG_INK, (nj_svg_point){middle - WHISKER, y[i]},
                    (nj_svg_point){middle + WHISKER, y[i]}, false);
    }
}

// A bar from `x` on, its whisker, and its value above both where there is room.
static void draw_bar(const nj_plane *p, const nj_chart_bar *bar, size_t series, const char *group,
                     size_t g, double x, double wide)
{
    const double value = bar->values[g];
    if (!isfinite(value)) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x + wide / 2, nj_plane_up(p, 0) - 4,
                    "\u2013");
        return;
    }
    const bool has_interval =
        bar->low != NULL && bar->high != NULL && isfinite(bar->low[g]) && isfinite(bar->high[g]);
    const double top = nj_plane_up(p, value > 0 ? value : 0);
    double above = top;
    if (has_interval) {
        nj_svg_tip(p->svg, "%s, %s: %.4g (%.4g to %.4g)", group, bar->name != NULL ? bar->name : "",
                   value, bar->low[g], bar->high[g]);
    } else {
        nj_svg_tip(p->svg, "%s, %s: %.4g", group, bar->name != NULL ? bar->name : "", value);
    }
    nj_svg_rect(p->svg, nj_plane_role(series), x, top, wide,
                nj_plane_up(p, value < 0 ? value : 0) - top);
    if (has_interval) {
        draw_whisker(p, x + wide / 2, bar->low[g], bar->high[g]);
        above = nj_plane_up(p, bar->high[g]) < above ? nj_plane_up(p, bar->high[g]) : above;
    }
    nj_svg_tip_end(p->svg);
    char number[32];
    snprintf(number, sizeof number, "%.3g", value);
    if (nj_plane_measure_text(number) <= wide + 6) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x + wide / 2, above - 5, "%s", number);
    }
}

static void measure_bars(const nj_chart_bar *bars, size_t count, size_t group_count, nj_extent *y)
{
    *y = (nj_extent){NAN, NAN};
    for (size_t s = 0; s < count; s++) {
        for (size_t g = 0; g < group_count; g++) {
            if (isfinite(bars[s].values[g])) {
                nj_extent_grow(y, bars[s].values[g]);
                nj_extent_grow(y, bars[s].low != NULL ? bars[s].low[g] : NAN);
                nj_extent_grow(y, bars[s].high != NULL ? bars[s].high[g] : NAN);
            }
        }
    }
    if (!isnan(y->low)) {
        nj_extent_grow(y, 0);
        y->high += (y->high - y->low) / 20; // room for a value above the highest bar
    }
}

void nj_chart_bars(nj_svg *svg, const nj_chart *chart, const char *const *groups,
                   size_t group_count, const nj_chart_bar *bars, size_t count)
{
    nj_plane p;
    nj_plane_begin(&p, svg, chart);
    if (nj_plane_refuses(svg, count)) {
        return;
    }
    const char *names[NJ_CHART_SERIES_MAX] = {NULL};
    for (size_t s = 0; s < count; s++) {
        names[s] = count > 1 ? bars[s].name : NULL;
    }
    nj_plane_draw_legend(&p, names, count, false);
    nj_extent y;
    measure_bars(bars, count, group_count, &y);
    if (isnan(y.low)) {
        nj_plane_draw_no_data(&p);
        return;
    }
    nj_chart_ticks_round(y.low, y.high, 5, false, &p.y);
    nj_plane_draw_upright_axis(&p);
    nj_plane_draw_level_name(&p);
    const double wide = (p.right - p.left) / (double)group_count;
    const double bar_wide = fmin(0.8 * wide / (double)count, 64);
    for (size_t g = 0; g < group_count; g++) {
        const double middle = p.left + wide * ((double)g + 0.5);
        const double first = middle - bar_wide * (double)count / 2;
        for (size_t s = 0; s < count; s++) {
            draw_bar(&p, &bars[s], s, groups[g], g, first + bar_wide * (double)s + 1, bar_wide - 2);
        }
        char name[NJ_PLANE_NAME_BYTES];
        nj_plane_shorten(groups[g], wide - 4, name);
        nj_svg_text(p.svg, NJ_SVG_INK, NJ_SVG_MIDDLE, middle, p.bottom + 18, "%s", name);
    }
}

static void draw_labelled_dot(const nj_plane *p, const nj_chart_dot *dot, const char *series)
{
    const nj_svg_point at = {nj_plane_across(p, dot->x), nj_plane_up(p, dot->y)};
    nj_svg_tip(p->svg, "%s%s%.5g, %.5g",
               dot->label != NULL ? dot->label
               : series != NULL   ? series
                                  : "",
               dot->label != NULL || series != NULL ? ": " : "", dot->x, dot->y);
    nj_svg_dot(p->svg, nj_plane_role(dot->series), at, dot->label != NULL ? 5 : 3);
    nj_svg_tip_end(p->svg);
    if (dot->label != NULL) {
        char label[NJ_PLANE_NAME_BYTES];
        nj_plane_shorten(dot->label, p->width / 3, label);
        const bool at_right = at.x + 10 + nj_plane_measure_text(label) > p->width;
        nj_svg_text(p->svg, NJ_SVG_INK, at_right ? NJ_SVG_END : NJ_SVG_START,
                    at_right ? at.x - 9 : at.x + 9, at.y + 4, "%s", label);
    }
}

void nj_chart_scatter(nj_svg *svg, const nj_chart *chart, const char *const *names,
                      size_t name_count, const nj_chart_dot *dots, size_t count)
{
    nj_plane p;
    nj_plane_begin(&p, svg, chart);
    if (nj_plane_refuses(svg, name_count)) {
        return;
    }
    nj_plane_draw_legend(&p, names, name_count > 1 ? name_count : 0, false);
    nj_extent x = {NAN, NAN};
    nj_extent y = {NAN, NAN};
    for (size_t i = 0; i < count; i++) {
        if (nj_plane_holds(&p, dots[i].x, dots[i].y)) {
            nj_extent_grow(&x, dots[i].x);
            nj_extent_grow(&y, dots[i].y);
        }
    }
    if (!nj_plane_draw_axes(&p, &x, y, true)) {
        return;
    }
    nj_plane_draw_mark(&p);
    for (size_t i = 0; i < count; i++) {
        if (nj_plane_holds(&p, dots[i].x, dots[i].y)) {
            draw_labelled_dot(&p, &dots[i],
                              dots[i].series < name_count ? names[dots[i].series] : NULL);
        }
    }
}
