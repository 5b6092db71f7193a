// svg.h - pictures for people: a few shapes and words as an SVG file that reads well in light and in dark.
//
//   nj_svg_begin ──► nj_svg_rect, nj_svg_line, nj_svg_area, nj_svg_text ... ──► nj_svg_end
//
// Colours are roles, not values: the file carries both palettes, and the viewer's preference chooses. Coordinates are pixels, from the
// upper left. The first failure sticks: look at nj_svg_end's status only.
//
// Source  W3C, "Scalable Vector Graphics (SVG) 1.1", second edition: chapters 8, 9 and 10; prefers-color-scheme: W3C, "Media Queries
//         Level 5", section 12.5
#ifndef NJ_CODEC_SVG_H
#define NJ_CODEC_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"

#define NJ_SVG_BYTES_MAX ((size_t)64 << 20)

// What a shape or a text is.
typedef enum {
    NJ_SVG_PAPER,  // behind everything
    NJ_SVG_PANEL,  // behind a chart
    NJ_SVG_GRID,   // thin lines
    NJ_SVG_MAIN,   // what the picture is about
    NJ_SVG_SECOND, // what it is compared with
    NJ_SVG_ALARM,  // what is wrong
    NJ_SVG_INK,    // words
    NJ_SVG_QUIET,  // words that may be passed over
    NJ_SVG_TITLE,  // words in large
    NJ_SVG_ROLE_COUNT,
} nj_svg_role;

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
void nj_svg_rect(nj_svg *svg, nj_svg_role role, double x, double y, double width, double height);
/// A line; `dashed` for what is not measured but meant.
void nj_svg_line(nj_svg *svg, nj_svg_role role, nj_svg_point from, nj_svg_point to, bool dashed);
/// What lies between the points, in their order, and the height `base`.
void nj_svg_area(nj_svg *svg, nj_svg_role role, const nj_svg_point *points, size_t count,
                 double base);
void nj_svg_text(nj_svg *svg, nj_svg_role role, nj_svg_anchor anchor, double x, double y,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));

/// Closes the picture. svg->bytes is the file from now on, until nj_svg_fini. NJ_NO_MEMORY.
/// Proof   tests/unit/codec/test_svg.c
NJ_CHECKED nj_status nj_svg_end(nj_svg *svg);
void nj_svg_fini(nj_svg *svg);

#endif
