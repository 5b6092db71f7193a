#include "common/codec/svg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/codec/markup.h"

#define TEXT_BYTES 512

static const char *const ANCHORS[] = {"start", "middle", "end"};

static void add_format(nj_svg *svg, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_format(nj_svg *svg, const char *format, ...)
{
    char line[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (svg->status == NJ_OK) {
        svg->status = nj_buffer_append(&svg->bytes, line, strlen(line));
    }
}

static void add_text(nj_svg *svg, const char *text)
{
    if (svg->status == NJ_OK) {
        svg->status = nj_markup_append(&svg->bytes, text, strlen(text));
    }
}

void nj_svg_begin_inline(nj_svg *svg, double width, double height, const char *title)
{
    nj_buffer_init(&svg->bytes, NJ_SVG_BYTES_MAX);
    svg->status = NJ_OK;
    add_format(svg,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.10g %.10g\" "
               "width=\"%.10g\" height=\"%.10g\" role=\"img\">\n<title>",
               width, height, width, height);
    add_text(svg, title);
    add_format(svg, "</title>\n");
}

void nj_svg_begin(nj_svg *svg, double width, double height, const char *title)
{
    nj_svg_begin_inline(svg, width, height, title);
    add_format(svg, "<style>\n");
    if (svg->status == NJ_OK) {
        svg->status = nj_palette_append_svg_style(&svg->bytes);
    }
    add_format(svg, "</style>\n");
    nj_svg_rect(svg, NJ_SVG_PAPER, 0, 0, width, height);
}

void nj_svg_rect(nj_svg *svg, nj_svg_role role, double x, double y, double width, double height)
{
    add_format(svg, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
               nj_palette_class(role), x, y, width, height);
}

void nj_svg_line(nj_svg *svg, nj_svg_role role, nj_svg_point from, nj_svg_point to, bool dashed)
{
    add_format(svg, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"%s/>\n",
               nj_palette_class(role), from.x, from.y, to.x, to.y,
               dashed ? " stroke-dasharray=\"4 3\"" : "");
}

void nj_svg_area(nj_svg *svg, nj_svg_role role, const nj_svg_point *points, size_t count,
                 double base)
{
    if (count == 0) {
        return;
    }
    add_format(svg, "<path class=\"%s\" d=\"M%.2f %.2f", nj_palette_class(role), points[0].x, base);
    for (size_t i = 0; i < count; i++) {
        add_format(svg, "L%.2f %.2f", points[i].x, points[i].y);
    }
    add_format(svg, "L%.2f %.2fZ\"/>\n", points[count - 1].x, base);
}

void nj_svg_band(nj_svg *svg, nj_svg_role role, const nj_svg_point *upper,
                 const nj_svg_point *lower, size_t count)
{
    if (count == 0) {
        return;
    }
    add_format(svg, "<path class=\"%s faint\" d=\"", nj_palette_class(role));
    for (size_t i = 0; i < count; i++) {
        add_format(svg, "%s%.2f %.2f", i == 0 ? "M" : "L", upper[i].x, upper[i].y);
    }
    for (size_t i = count; i-- > 0;) {
        add_format(svg, "L%.2f %.2f", lower[i].x, lower[i].y);
    }
    add_format(svg, "Z\"/>\n");
}

void nj_svg_curve(nj_svg *svg, nj_svg_role role, const nj_svg_point *points, size_t count,
                  const char *dash)
{
    if (count == 0) {
        return;
    }
    add_format(svg, "<polyline class=\"%s\"", nj_palette_class(role));
    if (dash != NULL) {
        add_format(svg, " stroke-dasharray=\"%s\"", dash);
    }
    add_format(svg, " points=\"");
    for (size_t i = 0; i < count; i++) {
        add_format(svg, "%s%.2f,%.2f", i == 0 ? "" : " ", points[i].x, points[i].y);
    }
    add_format(svg, "\"/>\n");
}

void nj_svg_dot(nj_svg *svg, nj_svg_role role, nj_svg_point centre, double radius)
{
    add_format(svg, "<circle class=\"%s\" cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"/>\n",
               nj_palette_class(role), centre.x, centre.y, radius);
}

void nj_svg_tip(nj_svg *svg, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_format(svg, "<g><title>");
    add_text(svg, text);
    add_format(svg, "</title>\n");
}

void nj_svg_tip_end(nj_svg *svg)
{
    add_format(svg, "</g>\n");
}

void nj_svg_text(nj_svg *svg, nj_svg_role role, nj_svg_anchor anchor, double x, double y,
                 const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_format(svg, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.2f\" y=\"%.2f\">",
               nj_palette_class(role), ANCHORS[anchor], x, y);
    add_text(svg, text);
    add_format(svg, "</text>\n");
}

nj_status nj_svg_end(nj_svg *svg)
{
    add_format(svg, "</svg>\n");
    return svg->status;
}

void nj_svg_fini(nj_svg *svg)
{
    nj_buffer_fini(&svg->bytes);
}
