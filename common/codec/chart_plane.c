#include "common/codec/chart_plane.h"

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

const char *const NJ_PLANE_DASHES[NJ_PLANE_DASH_COUNT] = {NULL, "7 4", "2 4", "10 3 2 3"};

nj_svg_role nj_plane_role(size_t series)
{
    return (nj_svg_role)(NJ_SVG_SERIES + series % NJ_SERIES_COLOURS);
}

double nj_plane_measure_text(const char *text)
{
    size_t letters = 0;
    for (const char *c = text; *c != '\0'; c++) {
        letters += ((unsigned char)*c & 0xc0) != 0x80;
    }
    return LETTER * (double)letters;
}

void nj_plane_shorten(const char *text, double width, char out[NJ_PLANE_NAME_BYTES])
{
    snprintf(out, NJ_PLANE_NAME_BYTES, "%s", text);
    if (strlen(text) < NJ_PLANE_NAME_BYTES && nj_plane_measure_text(text) <= width) {
        return;
    }
    size_t bytes = 0;
    const double room = width - LETTER;
    for (double used = 0; text[bytes] != '\0' && bytes < NJ_PLANE_NAME_BYTES - 8 && used + LETTER <= room;
         used += LETTER) {
        const size_t step = nj_utf8_sequence(text + bytes, strlen(text + bytes));
        bytes += step > 0 ? step : 1;
    }
    snprintf(out + bytes, NJ_PLANE_NAME_BYTES - bytes, "\u2026");
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

void nj_extent_grow(nj_extent *e, double value)
{
    if (isfinite(value)) {
        e->low = isnan(e->low) || value < e->low ? value : e->low;
        e->high = isnan(e->high) || value > e->high ? value : e->high;
    }
}

double nj_plane_across(const nj_plane *p, double x)
{
    const double share = p->chart->x_log ? log(x / p->x_low) / log(p->x_high / p->x_low)
                                         : (x - p->x_low) / (p->x_high - p->x_low);
    return p->left + (p->right - p->left) * share;
}

double nj_plane_up(const nj_plane *p, double y)
{
    const double first = p->y.values[0];
    const double last = p->y.values[p->y.count - 1];
    return p->bottom - (p->bottom - p->top) * (y - first) / (last - first);
}

bool nj_plane_holds(const nj_plane *p, double x, double y)
{
    return isfinite(x) && isfinite(y) && (!p->chart->x_log || x > 0);
}

void nj_plane_begin(nj_plane *p, nj_svg *svg, const nj_chart *chart)
{
    *p = (nj_plane){.svg = svg, .chart = chart};
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
static void place_name(const nj_plane *p, const char *name, double sample, double *x, double *row,
                       char out[NJ_PLANE_NAME_BYTES])
{
    nj_plane_shorten(name, p->width / 2, out);
    const double wide = sample + 8 + nj_plane_measure_text(out);
    if (*x > 0 && *x + wide > p->width) {
        *x = 0;
        *row += LEGEND_ROW;
    }
}

static void draw_sample(const nj_plane *p, size_t series, bool is_line, double x, double y)
{
    if (is_line) {
        const nj_svg_point ends[] = {{x, y - 4}, {x + SAMPLE - 4, y - 4}};
        nj_svg_curve(p->svg, nj_plane_role(series), ends, 2, NJ_PLANE_DASHES[series % NJ_PLANE_DASH_COUNT]);
    } else {
        nj_svg_rect(p->svg, nj_plane_role(series), x, y - 10, 12, 12);
    }
}

// `name_at` gives the name of a series, NULL for one without.
void nj_plane_draw_legend(nj_plane *p, const char *const *names, size_t count, bool is_line)
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
        char name[NJ_PLANE_NAME_BYTES];
        place_name(p, names[s], sample, &x, &row, name);
        draw_sample(p, s, is_line, x + indent, row);
        nj_svg_text(p->svg, NJ_SVG_INK, NJ_SVG_START, x + indent + sample, row, "%s", name);
        x += sample + 18 + nj_plane_measure_text(name);
        is_there = true;
    }
    p->top = is_there ? row + 10 : p->top;
}

// Where the numbers of the upright axis end, and lines for them.
void nj_plane_draw_upright_axis(nj_plane *p)
{
    char number[32];
    double widest = LEFT_MIN - 10;
    for (size_t i = 0; i < p->y.count; i++) {
        format_tick(p->y.values[i], &p->y, number, sizeof number);
        const double wide = nj_plane_measure_text(number);
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
        const double y = nj_plane_up(p, p->y.values[i]);
        format_tick(p->y.values[i], &p->y, number, sizeof number);
        nj_svg_line(p->svg, i == 0 ? NJ_SVG_SECOND : NJ_SVG_GRID, (nj_svg_point){p->left, y},
                    (nj_svg_point){p->right, y}, false);
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_END, p->left - 8, y + 4, "%s", number);
    }
}

static void draw_level_axis(const nj_plane *p)
{
    char number[32];
    double free_from = -1;
    for (size_t i = 0; i < p->x.count; i++) {
        const double x = nj_plane_across(p, p->x.values[i]);
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
        const double half = nj_plane_measure_text(number) / 2;
        if (x - half > free_from) {
            nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x, p->bottom + 18, "%s", number);
            free_from = x + half + 6;
        }
    }
}

void nj_plane_draw_level_name(const nj_plane *p)
{
    if (p->chart->x_label != NULL) {
        nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, (p->left + p->right) / 2, p->bottom + 37,
                    "%s", p->chart->x_label);
    }
}

void nj_plane_draw_no_data(const nj_plane *p)
{
    nj_svg_rect(p->svg, NJ_SVG_PANEL, 0, p->top + 6, p->width, p->bottom - p->top);
    nj_svg_text(p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, p->width / 2, (p->top + p->bottom) / 2,
                "no data");
}

bool nj_plane_draw_axes(nj_plane *p, const nj_extent *x, nj_extent y, bool is_roomy)
{
    if (isnan(x->low) || isnan(y.low)) {
        nj_plane_draw_no_data(p);
        return false;
    }
    if (p->chart->y_zero) {
        nj_extent_grow(&y, 0);
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
    nj_plane_draw_upright_axis(p);
    draw_level_axis(p);
    nj_plane_draw_level_name(p);
    return true;
}

void nj_plane_draw_mark(const nj_plane *p)
{
    const nj_chart *chart = p->chart;
    if (!chart->has_mark || !(chart->mark >= p->x_low && chart->mark <= p->x_high)) {
        return;
    }
    const double x = nj_plane_across(p, chart->mark);
    nj_svg_line(p->svg, NJ_SVG_SECOND, (nj_svg_point){x, p->top}, (nj_svg_point){x, p->bottom},
                true);
    if (chart->mark_label != NULL) {
        const bool at_right = x + 10 + nj_plane_measure_text(chart->mark_label) > p->right;
        nj_svg_text(p->svg, NJ_SVG_QUIET, at_right ? NJ_SVG_END : NJ_SVG_START,
                    at_right ? x - 6 : x + 6, p->top + 10, "%s", chart->mark_label);
    }
}

bool nj_plane_refuses(nj_svg *svg, size_t count)
{
    if (count > NJ_CHART_SERIES_MAX && svg->status == NJ_OK) {
        svg->status = NJ_FAILED;
    }
    return count > NJ_CHART_SERIES_MAX;
}
