// palette.h - the colours of pictures and pages, by role, in light and in dark.
//
// One table for svg.h and html.h, so that a picture inside a page looks like a part of it. A viewer's preference chooses between the
// two palettes; print is always light. Contrast against paper and panel is at least 4.5 for words and 3 for shapes, in both palettes
// (WCAG 2.1, 1.4.3 and 1.4.11). Series are told apart without colour vision too: charts give them dashes and marks as well.
#ifndef NJ_CODEC_PALETTE_H
#define NJ_CODEC_PALETTE_H

#include "common/base/buffer.h"

#define NJ_SERIES_COLOURS 6 // series s takes colour s % NJ_SERIES_COLOURS

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
    NJ_SVG_HEAD,   // words above a chart
    NJ_SVG_TITLE,  // words in large
    NJ_SVG_SERIES, // the first series of several; NJ_SVG_SERIES + 1 the second ...
    NJ_SVG_ROLE_COUNT = NJ_SVG_SERIES + NJ_SERIES_COLOURS,
} nj_svg_role;

/// The class of a role in both style sheets ("main", "s0").
const char *nj_palette_class(nj_svg_role role);

/// CSS that colours every element inside an <svg> by its class. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_palette_append_svg_style(nj_buffer *out);

/// CSS variables of the page's own elements: --paper, --panel, --grid, --main, --second, --alarm, --ink, --quiet. NJ_NO_MEMORY.
NJ_CHECKED nj_status nj_palette_append_variables(nj_buffer *out);

#endif
