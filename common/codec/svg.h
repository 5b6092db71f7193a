// svg.h - pictures for people: a few shapes and words as an SVG file that reads well in light and in dark.
//
//   nj_svg_begin ──► nj_svg_rect, nj_svg_line, nj_svg_area, nj_svg_text ... ──► nj_svg_end
//
// Colours are roles, not values (palette.h): the file carries both palettes, and the viewer's preference chooses. Inside a page of
// html.h the page carries them: nj_svg_begin_inline. Coordinates are pixels, from the upper left. The first failure sticks: look at
// nj_svg_end's status only.
//
// Source  W3C, "Scalable Vector Graphics (SVG) 1.1", second edition: chapters 8, 9 and 10; prefers-color-scheme: W3C, "Media Queries
//         Level 5", section 12.5
#ifndef NJ_CODEC_SVG_H
#define NJ_CODEC_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/codec/palette.h"

#define NJ_SVG_BYTES_MAX ((size_t)64 << 20)

typedef enum { NJ_SVG_START, NJ_SVG_MIDDLE, NJ_SVG_END } nj_svg_anchor; // of a text at x

typedef struct {
    double x, y;
} nj_svg_point;

typedef struct {
    nj_buffer bytes; // owned
    nj_status status;
} nj_svg;

/// `title` is what a screen reader says, and a browser's tab. Control characters and what is not UTF-8 are shown as '?'.
void nj_svg_begin(nj_svg *svg, double width, double height, const char *title);
/// The same without a style and a background of its own, for nj_html_svg_take.
void nj_svg_begin_inline(nj_svg *svg, double width, double height, const char *title);
void nj_svg_rect(nj_svg *svg, nj_svg_role role, double x, double y, double width, double height);
/// A line; `dashed` for what is not measured but meant.
void nj_svg_line(nj_svg *svg, nj_svg_role role, nj_svg_point from, nj_svg_point to, bool dashed);
/// What lies between the points, in their order, and the height `base`.
void nj_svg_area(nj_svg *svg, nj_svg_role role, const nj_svg_point *points, size_t count,
                 double base);
/// The same, hardly there: an interval behind a line.
void nj_svg_band(nj_svg *svg, nj_svg_role role, const nj_svg_point *upper,
                 const nj_svg_point *lower, size_t count);
/// A line through the points. `dash` is a stroke-dasharray, NULL for a line without gaps.
void nj_svg_curve(nj_svg *svg, nj_svg_role role, const nj_svg_point *points, size_t count,
                  const char *dash);
void nj_svg_dot(nj_svg *svg, nj_svg_role role, nj_svg_point centre, double radius);
/// What is drawn until nj_svg_tip_end shows these words when it is pointed at. Tips do not nest.
void nj_svg_tip(nj_svg *svg, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nj_svg_tip_end(nj_svg *svg);
void nj_svg_text(nj_svg *svg, nj_svg_role role, nj_svg_anchor anchor, double x, double y,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));

/// Closes the picture. svg->bytes is the file from now on, until nj_svg_fini. NJ_NO_MEMORY.
/// Proof   tests/unit/codec/test_svg.c
NJ_CHECKED nj_status nj_svg_end(nj_svg *svg);
void nj_svg_fini(nj_svg *svg);

#endif
