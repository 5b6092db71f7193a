// chart_plane.h - what the charts of chart.h share: a field with axes, a title and a legend. For the files of chart.h only.
#ifndef NJ_CODEC_CHART_PLANE_H
#define NJ_CODEC_CHART_PLANE_H

#include "common/codec/chart.h"

#define NJ_PLANE_NAME_BYTES 160
#define NJ_PLANE_DASH_COUNT 4

typedef struct {
    nj_svg *svg;
    const nj_chart *chart;
    double width, height;
    double left, top, right, bottom; // of the field
    double x_low, x_high;            // at left and right
    nj_chart_ticks x, y;
} nj_plane;

typedef struct {
    double low, high; // NAN while nothing has been seen
} nj_extent;

// Line, dots ...: what tells series apart on paper without colours.
extern const char *const NJ_PLANE_DASHES[NJ_PLANE_DASH_COUNT];

nj_svg_role nj_plane_role(size_t series);
/// About how wide a text is, in pixels.
double nj_plane_measure_text(const char *text);
/// Cuts a text that is wider than `width`, and says so with an ellipsis.
void nj_plane_shorten(const char *text, double width, char out[NJ_PLANE_NAME_BYTES]);

/// Takes in a value that is finite.
void nj_extent_grow(nj_extent *e, double value);

/// Begins the picture, draws its title, and finds what is left of it for the field.
void nj_plane_begin(nj_plane *p, nj_svg *svg, const nj_chart *chart);
/// Sets NJ_FAILED where there are more series than NJ_CHART_SERIES_MAX.
bool nj_plane_refuses(nj_svg *svg, size_t count);
/// A name of NULL is not there.
void nj_plane_draw_legend(nj_plane *p, const char *const *names, size_t count, bool is_line);
/// Draws both axes around the values; false, and words instead, when there are none. `is_roomy`: the level axis, too, ends at ticks.
bool nj_plane_draw_axes(nj_plane *p, const nj_extent *x, nj_extent y, bool is_roomy);
/// The parts of it, for a level axis of names.
void nj_plane_draw_upright_axis(nj_plane *p);
void nj_plane_draw_level_name(const nj_plane *p);
void nj_plane_draw_no_data(const nj_plane *p);
/// The line at chart->mark.
void nj_plane_draw_mark(const nj_plane *p);

/// Where a value stands, and whether a point has a place at all.
double nj_plane_across(const nj_plane *p, double x);
double nj_plane_up(const nj_plane *p, double y);
bool nj_plane_holds(const nj_plane *p, double x, double y);

#endif
