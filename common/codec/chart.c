#include "common/codec/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"

// Pixels.
#define LEFT_MIN 46.0 // room for the numbers of the upright axis
#define RIGHT 16.0
#define HEAD 30.0       // a title
#define LEGEND_ROW 20.0 //
#define AXIS_NAME 22.0  // the name of the upright axis, above it
#define BOTTOM 26.0     // the numbers of the level axis
#define LETTER 6.7      // mean width of one
#define SAMPLE 26.0     // of a line in the legend
#define WHISKER 4.0     // half its ends
#define DOTS_MAX 40     // a line of more points has no dots

#define NAME_BYTES 160
#define RUN_MAX 512u // points of a line that are drawn at a time

typedef struct {
    nj_svg *svg;
    const nj_chart *chart;
    double width, height;
    double left, top, right, bottom; // of the field
    double x_low, x_high;            // at left and right
    nj_chart_ticks x, y;
} plane;

typedef struct {
    double low, high; // NAN while nothing has been seen
} extent;

// Line, dots ...: what tells series apart on paper without colours.
static const char *const DASHES[] = {NULL, "7 4", "2 4", "10 3 2 3"};

static nj_svg_role role_of(size_t series)
{
    return (nj_svg_role)(NJ_SVG_SERIES + series % NJ_SERIES_COLOURS);
}

static double measure_text(const char *text)
{
    size_t letters = 0;
    for (const char *c = text; *c != '\0'; c++) {
        letters += ((unsigned char)*c & 0xc0) != 0x80;
    }
    return LETTER * (double)letters;
}

// Cuts a text that is wider than `width`, and says so with an ellipsis.
static void shorten(const char *text, double width, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "%s", text);
    if (strlen(text) < NAME_BYTES && measure_text(text) <= width) {
        return;
    }
    size_t bytes = 0;
    const double room = width - LETTER;
    for (double used = 0; text[bytes] != '\0' && bytes < NAME_BYTES - 8 && used + LETTER <= room;
         used += LETTER) {
        const size_t step = nj_utf8_sequence(text + bytes, strlen(text + bytes));
        bytes += step > 0 ? step : 1;
    }
    snprintf(out + bytes, NAME_BYTES - bytes, "\u2026");
}

static void format_tick(double value, const nj_chart_ticks *ticks, char *out, size_t size)
{
    const double last = fabs(ticks->values[ticks->count - 1]);
    const double first = fabs(ticks->values[0]);
    const double largest = last > first ? last : first;
    if (largest >= 1e7 || ticks->decimals > 6) {
        snprintf(out, size, "%.4g", value);
    } else {
        snprintf(out, size, "%.*f", ticks->decimals, value);
    }
}

static void grow(extent *e, double value)
{
    if (isfinite(value)) {
        e->low = isnan(e->low) || value < e->low ? value : e->low;
        e->high = isnan(e->high) || value > e->high ? value : e->high;
    }
}

static double across(const plane *p, double x)
{
    const double share = p->chart->x_log ? log(x / p->x_low) / log(p->x_high / p->x_low)
                                         : (x - p->x_low) / (p->x_high - p->x_low);
    return p->left + (p->right - p->left) * share;
}

static double up(const plane *p, double y)
{
    const double first = p->y.values[0];
    const double last = p->y.values[p->y.count - 1];
    return p->bottom - (p->bottom - p->top) * (y - first) / (last - first);
}

static bool is_drawable(const plane *p, double x, double y)
{
    return isfinite(x) && isfinite(y) && (!p->chart->x_log || x > 0);
}

// The picture, its title, and what is left of it for the field.
static void begin_plane(plane *p, nj_svg *svg, const nj_chart *chart)
{
    *p = (plane){.svg = svg, .chart = chart};
    p->width = chart->width > 0 ? chart->width : NJ_CHART_WIDTH;
    p->height = chart->height > 0 ? chart->height : NJ_CHART_HEIGHT;
    const char *title = chart->title != NULL ? chart->title : "";
    (chart->as_file ? nj_svg_begin : nj_svg_begin_inline)(svg, p->width, p->height, title);
    p->top = 8;
    if (*title != '\0') {
        nj_svg_text(svg, NJ_SVG_HEAD, NJ_SVG_START, chart->as_file ? 12 : 0, 18, "%s", title);
        p->top = HEAD;
    }
    p->right = p->width - RIGHT;
    p->bottom = p->height - BOTTOM - (chart->x_label != NULL ? 18 : 0);
}

// Places the next name of the legend; a name that does not fit begins a row.
static void place_name(const plane *p, const char *name, double sample, double *x, double *row,
                       char out[NAME_BYTES])
{
    shorten(name, p->width / 2, out);
    const double wide = sample + 8 + measure_text(out);
    if (*x > 0 && *x + wide > p->width) {
        *x = 0;
        *row += LEGEND_ROW;
    }
}

static void draw_sample(const plane *p, size_t series, bool is_line, double x, double y)
{
    if (is_line) {
        const nj_svg_point ends[] = {{x, y - 4}, {x + SAMPLE - 4, y - 4}};
        nj_svg_curve(p->svg, role_of(series), ends, 2, DASHES[series % 4]);
    } else {
        nj_svg_rect(p->svg, role_of(series), x, y - 10, 12, 12);
    }
}

// `name_at` gives the name of a series, NULL for one without.
static void draw_legend(plane *p, const char *const *names, size_t count, bool is_line)
{
    const double indent = p->chart->as_file ? 12 : 0;
    const double sample = is_line ? SAMPLE : 18;
    double x = 0;
    double row = p->top + 12;
    bool is_there = false;
    for (size_t s = 0; s < count; s++) {
        if (names[s] == NULL) {
            continue;
        }
        char name[NAME_BYTES];
        place_name(p, names[s], sample, &x, &row, name);
        draw_sample(p, s, is_line, x + indent, row);
        nj_svg_text(p->svg, NJ_SVG_INK, NJ_SVG_START, x + indent + sample, row, "%s", name);
        x += sample + 18 + measure_text(name);
        is_there = true;
    }
    p->top = is_there ? row + 10 : p->top;
}

// Where the numbers of the upright axis end, and lines for them.
static void draw_upright_axis(plane *p)
{
    char number[32];
    double widest = LEFT_MIN - 10;
    for (size_t i = 0; i < p->y.count; i++) {
        format_tick(p->y.values[i], &p->y, number, sizeof number);
        const double wide = measure_text(number);
        widest = wide > widest ? wide : widest;
    }
    p->left = widest + 10 + (p->chart->as_file ? 8 : 0);
    if (p->chart->y_label != NULL) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_START, p->chart->as_file ? 12 : 0, p->top + 12,
                    "%s", p->chart->y_label);
        p->top += AXIS_NAME;
    }
    p->top += 6;
    for (size_t i = 0; i < p->y.count; i++) {
        const double y = up(p, p->y.values[i]);
        format_tick(p->y.values[i], &p->y, number, sizeof number);
        nj_svg_line(p->svg, i == 0 ? NJ_SVG_SECOND : NJ_SVG_GRID, (nj_svg_point){p->left, y},
                    (nj_svg_point){p->right, y}, false);
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_END, p->left - 8, y + 4, "%s", number);
    }
}

static void draw_level_axis(const plane *p)
{
    char number[32];
    double free_from = -1;
    for (size_t i = 0; i < p->x.count; i++) {
        const double x = across(p, p->x.values[i]);
        if (x < p->left - 0.01 || x > p->right + 0.01) {
            continue;
        }
        nj_svg_line(p->svg, NJ_SVG_SECOND, (nj_svg_point){x, p->bottom},
                    (nj_svg_point){x, p->bottom + 4}, false);
        if (p->chart->x_log) {
            snprintf(number, sizeof number, "%g", p->x.values[i]);
        } else {
            format_tick(p->x.values[i], &p->x, number, sizeof number);
        }
        const double half = measure_text(number) / 2;
        if (x - half > free_from) {
            nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x, p->bottom + 18, "%s", number);
            free_from = x + half + 6;
        }
    }
}

static void draw_level_name(const plane *p)
{
    if (p->chart->x_label != NULL) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, (p->left + p->right) / 2, p->bottom + 37,
                    "%s", p->chart->x_label);
    }
}

static void draw_no_data(const plane *p)
{
    nj_svg_rect(p->svg, NJ_SVG_PANEL, 0, p->top + 6, p->width, p->bottom - p->top);
    nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, p->width / 2, (p->top + p->bottom) / 2,
                "no data");
}

// Both axes around the values; false, and words instead, when there are none. `is_roomy`: the level axis, too, ends at ticks.
static bool draw_axes(plane *p, const extent *x, extent y, bool is_roomy)
{
    if (isnan(x->low) || isnan(y.low)) {
        draw_no_data(p);
        return false;
    }
    if (p->chart->y_zero) {
        grow(&y, 0);
    }
    nj_chart_ticks_round(y.low, y.high, 5, false, &p->y);
    if (p->chart->x_log) {
        nj_chart_ticks_log(x->low, x->high, &p->x);
    } else {
        nj_chart_ticks_round(x->low, x->high, 8, p->chart->x_whole, &p->x);
    }
    is_roomy = is_roomy || !(x->high > x->low);
    p->x_low = is_roomy ? p->x.values[0] : x->low;
    p->x_high = is_roomy ? p->x.values[p->x.count - 1] : x->high;
    draw_upright_axis(p);
    draw_level_axis(p);
    draw_level_name(p);
    return true;
}

static void draw_mark(const plane *p)
{
    const nj_chart *chart = p->chart;
    if (!chart->has_mark || !(chart->mark >= p->x_low && chart->mark <= p->x_high)) {
        return;
    }
    const double x = across(p, chart->mark);
    nj_svg_line(p->svg, NJ_SVG_SECOND, (nj_svg_point){x, p->top}, (nj_svg_point){x, p->bottom},
                true);
    if (chart->mark_label != NULL) {
        const bool at_right = x + 10 + measure_text(chart->mark_label) > p->right;
        nj_svg_text(p->svg, NJ_SVG_QUIET, at_right ? NJ_SVG_END : NJ_SVG_START,
                    at_right ? x - 6 : x + 6, p->top + 10, "%s", chart->mark_label);
    }
}

static double line_x(const nj_chart_line *line, size_t i)
{
    return line->x != NULL ? line->x[i] : (double)(i + 1);
}

// One stretch of a line without gaps, at most RUN_MAX points from `first` on. Returns where the next begins.
static size_t draw_run(const plane *p, const nj_chart_line *line, size_t series, size_t first)
{
    nj_svg_point points[RUN_MAX];
    size_t count = 0;
    size_t i = first;
    for (; i < line->count && count < RUN_MAX; i++) {
        const double x = line_x(line, i);
        if (!is_drawable(p, x, line->y[i])) {
            break;
        }
        points[count++] = (nj_svg_point){across(p, x), up(p, line->y[i])};
    }
    if (count > 0) {
        nj_svg_curve(p->svg, role_of(series), points, count, DASHES[series % 4]);
    }
    return count == RUN_MAX && i < line->count ? i - 1
                                               : i + 1; // a long line goes on where it stopped
}

static void draw_interval(const plane *p, const nj_chart_line *line, size_t series)
{
    nj_svg_point upper[RUN_MAX];
    nj_svg_point lower[RUN_MAX];
    size_t count = 0;
    for (size_t i = 0; i < line->count && count < RUN_MAX; i++) {
        const double x = line_x(line, i);
        if (is_drawable(p, x, line->low[i]) && isfinite(line->high[i])) {
            upper[count] = (nj_svg_point){across(p, x), up(p, line->high[i])};
            lower[count++] = (nj_svg_point){across(p, x), up(p, line->low[i])};
        }
    }
    if (count > 0) {
        nj_svg_band(p->svg, role_of(series), upper, lower, count);
    }
}

static void draw_dots(const plane *p, const nj_chart_line *line, size_t series)
{
    for (size_t i = 0; i < line->count; i++) {
        const double x = line_x(line, i);
        if (is_drawable(p, x, line->y[i])) {
            nj_svg_tip(p->svg, "%s%s%g: %.5g", line->name != NULL ? line->name : "",
                       line->name != NULL ? ", " : "", x, line->y[i]);
            nj_svg_dot(p->svg, role_of(series), (nj_svg_point){across(p, x), up(p, line->y[i])}, 3);
            nj_svg_tip_end(p->svg);
        }
    }
}

static void draw_line(const plane *p, const nj_chart_line *line, size_t series)
{
    if (line->low != NULL && line->high != NULL) {
        draw_interval(p, line, series);
    }
    for (size_t i = 0; i < line->count;) {
        i = draw_run(p, line, series, i);
    }
    if (line->count <= DOTS_MAX) {
        draw_dots(p, line, series);
    }
}

static void measure_lines(const nj_chart *chart, const nj_chart_line *lines, size_t count,
                          extent *x, extent *y)
{
    *x = *y = (extent){NAN, NAN};
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; i < lines[s].count; i++) {
            const double at = line_x(&lines[s], i);
            if (!isfinite(at) || (chart->x_log && at <= 0) || !isfinite(lines[s].y[i])) {
                continue;
            }
            grow(x, at);
            grow(y, lines[s].y[i]);
            if (lines[s].low != NULL && lines[s].high != NULL) {
                grow(y, lines[s].low[i]);
                grow(y, lines[s].high[i]);
            }
        }
    }
}

static bool refuse_series(nj_svg *svg, size_t count)
{
    if (count > NJ_CHART_SERIES_MAX && svg->status == NJ_OK) {
        svg->status = NJ_FAILED;
    }
    return count > NJ_CHART_SERIES_MAX;
}

void nj_chart_lines(nj_svg *svg, const nj_chart *chart, const nj_chart_line *lines, size_t count)
{
    plane p;
    begin_plane(&p, svg, chart);
    if (refuse_series(svg, count)) {
        return;
    }
    const char *names[NJ_CHART_SERIES_MAX] = {NULL};
    for (size_t s = 0; s < count; s++) {
        names[s] = lines[s].name;
    }
    draw_legend(&p, names, count, true);
    extent x;
    extent y;
    measure_lines(chart, lines, count, &x, &y);
    if (draw_axes(&p, &x, y, false)) {
        draw_mark(&p);
        for (size_t s = 0; s < count; s++) {
            draw_line(&p, &lines[s], s);
        }
    }
}

static void draw_whisker(const plane *p, double middle, double low, double high)
{
    const double y[] = {up(p, low), up(p, high)};
    nj_svg_line(p->svg, NJ_SVG_INK, (nj_svg_point){middle, y[0]}, (nj_svg_point){middle, y[1]},
                false);
    for (int i = 0; i < 2; i++) {
        nj_svg_line(p->svg, NJ_SVG_INK, (nj_svg_point){middle - WHISKER, y[i]},
                    (nj_svg_point){middle + WHISKER, y[i]}, false);
    }
}

// A bar from `x` on, its whisker, and its value above both where there is room.
static void draw_bar(const plane *p, const nj_chart_bar *bar, size_t series, const char *group,
                     size_t g, double x, double wide)
{
    const double value = bar->values[g];
    if (!isfinite(value)) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x + wide / 2, up(p, 0) - 4, "\u2013");
        return;
    }
    const bool has_interval =
        bar->low != NULL && bar->high != NULL && isfinite(bar->low[g]) && isfinite(bar->high[g]);
    const double top = up(p, value > 0 ? value : 0);
    double above = top;
    if (has_interval) {
        nj_svg_tip(p->svg, "%s, %s: %.4g (%.4g to %.4g)", group, bar->name != NULL ? bar->name : "",
                   value, bar->low[g], bar->high[g]);
    } else {
        nj_svg_tip(p->svg, "%s, %s: %.4g", group, bar->name != NULL ? bar->name : "", value);
    }
    nj_svg_rect(p->svg, role_of(series), x, top, wide, up(p, value < 0 ? value : 0) - top);
    if (has_interval) {
        draw_whisker(p, x + wide / 2, bar->low[g], bar->high[g]);
        above = up(p, bar->high[g]) < above ? up(p, bar->high[g]) : above;
    }
    nj_svg_tip_end(p->svg);
    char number[32];
    snprintf(number, sizeof number, "%.3g", value);
    if (measure_text(number) <= wide + 6) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x + wide / 2, above - 5, "%s", number);
    }
}

static void measure_bars(const nj_chart_bar *bars, size_t count, size_t group_count, extent *y)
{
    *y = (extent){NAN, NAN};
    for (size_t s = 0; s < count; s++) {
        for (size_t g = 0; g < group_count; g++) {
            if (isfinite(bars[s].values[g])) {
                grow(y, bars[s].values[g]);
                grow(y, bars[s].low != NULL ? bars[s].low[g] : NAN);
                grow(y, bars[s].high != NULL ? bars[s].high[g] : NAN);
            }
        }
    }
    if (!isnan(y->low)) {
        grow(y, 0);
        y->high += (y->high - y->low) / 20; // room for a value above the highest bar
    }
}

void nj_chart_bars(nj_svg *svg, const nj_chart *chart, const char *const *groups,
                   size_t group_count, const nj_chart_bar *bars, size_t count)
{
    plane p;
    begin_plane(&p, svg, chart);
    if (refuse_series(svg, count)) {
        return;
    }
    const char *names[NJ_CHART_SERIES_MAX] = {NULL};
    for (size_t s = 0; s < count; s++) {
        names[s] = count > 1 ? bars[s].name : NULL;
    }
    draw_legend(&p, names, count, false);
    extent y;
    measure_bars(bars, count, group_count, &y);
    if (isnan(y.low)) {
        draw_no_data(&p);
        return;
    }
    nj_chart_ticks_round(y.low, y.high, 5, false, &p.y);
    draw_upright_axis(&p);
    draw_level_name(&p);
    const double wide = (p.right - p.left) / (double)group_count;
    const double bar_wide = fmin(0.8 * wide / (double)count, 64);
    for (size_t g = 0; g < group_count; g++) {
        const double middle = p.left + wide * ((double)g + 0.5);
        const double first = middle - bar_wide * (double)count / 2;
        for (size_t s = 0; s < count; s++) {
            draw_bar(&p, &bars[s], s, groups[g], g, first + bar_wide * (double)s + 1, bar_wide - 2);
        }
        char name[NAME_BYTES];
        shorten(groups[g], wide - 4, name);
        nj_svg_text(p.svg, NJ_SVG_INK, NJ_SVG_MIDDLE, middle, p.bottom + 18, "%s", name);
    }
}

static void draw_labelled_dot(const plane *p, const nj_chart_dot *dot, const char *series)
{
    const nj_svg_point at = {across(p, dot->x), up(p, dot->y)};
    nj_svg_tip(p->svg, "%s%s%.5g, %.5g",
               dot->label != NULL ? dot->label
               : series != NULL   ? series
                                  : "",
               dot->label != NULL || series != NULL ? ": " : "", dot->x, dot->y);
    nj_svg_dot(p->svg, role_of(dot->series), at, dot->label != NULL ? 5 : 3);
    nj_svg_tip_end(p->svg);
    if (dot->label != NULL) {
        char label[NAME_BYTES];
        shorten(dot->label, p->width / 3, label);
        const bool at_right = at.x + 10 + measure_text(label) > p->width;
        nj_svg_text(p->svg, NJ_SVG_INK, at_right ? NJ_SVG_END : NJ_SVG_START,
                    at_right ? at.x - 9 : at.x + 9, at.y + 4, "%s", label);
    }
}

void nj_chart_scatter(nj_svg *svg, const nj_chart *chart, const char *const *names,
                      size_t name_count, const nj_chart_dot *dots, size_t count)
{
    plane p;
    begin_plane(&p, svg, chart);
    if (refuse_series(svg, name_count)) {
        return;
    }
    draw_legend(&p, names, name_count > 1 ? name_count : 0, false);
    extent x = {NAN, NAN};
    extent y = {NAN, NAN};
    for (size_t i = 0; i < count; i++) {
        if (is_drawable(&p, dots[i].x, dots[i].y)) {
            grow(&x, dots[i].x);
            grow(&y, dots[i].y);
        }
    }
    if (!draw_axes(&p, &x, y, true)) {
        return;
    }
    draw_mark(&p);
    for (size_t i = 0; i < count; i++) {
        if (is_drawable(&p, dots[i].x, dots[i].y)) {
            draw_labelled_dot(&p, &dots[i],
                              dots[i].series < name_count ? names[dots[i].series] : NULL);
        }
    }
}
