#include "common/codec/svg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/id.h"

#define TEXT_BYTES 512

static const char *const CLASSES[NJ_SVG_ROLE_COUNT] = {"paper", "panel", "grid",  "main", "second",
                                                       "alarm", "ink",   "quiet", "title"};
static const char *const ANCHORS[] = {"start", "middle", "end"};

// Contrast of words against paper and panel is at least 4.5 in both palettes (WCAG 2.1, 1.4.3). Values stand twice, because not every
// viewer knows variables.
static const char STYLE[] =
    "<style>\n"
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\n"
    ".title{font-size:20px;font-weight:600}line{stroke-width:1}\n"
    ".paper{fill:#ffffff}.panel{fill:#f4f6f9}.grid{fill:#d5dae1}.main{fill:#2f6fde}.second{fill:#"
    "5b6573}.alarm{fill:#c8372d}\n"
    ".ink,.title{fill:#1c232c}.quiet{fill:#5b6573}\n"
    "line.grid{stroke:#d5dae1}line.main{stroke:#2f6fde}line.second{stroke:#5b6573}line.alarm{"
    "stroke:#c8372d}\n"
    "@media (prefers-color-scheme:dark){\n"
    ".paper{fill:#14181e}.panel{fill:#1d232b}.grid{fill:#39424e}.main{fill:#6ea2ff}.second{fill:#"
    "a3aebb}.alarm{fill:#ff7b70}\n"
    ".ink,.title{fill:#e8ecf1}.quiet{fill:#a3aebb}\n"
    "line.grid{stroke:#39424e}line.main{stroke:#6ea2ff}line.second{stroke:#a3aebb}line.alarm{"
    "stroke:#ff7b70}\n"
    "}\n</style>\n";

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
    char printable[TEXT_BYTES];
    snprintf(printable, sizeof printable, "%s", text);
    nj_text_make_printable(printable);
    for (const char *c = printable; *c != '\0' && svg->status == NJ_OK; c++) {
        const char *escaped = *c == '<' ? "&lt;" : *c == '>' ? "&gt;" : *c == '&' ? "&amp;" : NULL;
        svg->status = escaped != NULL ? nj_buffer_append(&svg->bytes, escaped, strlen(escaped))
                                      : nj_buffer_append(&svg->bytes, c, 1);
    }
}

void nj_svg_begin(nj_svg *svg, double width, double height, const char *title)
{
    nj_buffer_init(&svg->bytes, NJ_SVG_BYTES_MAX);
    svg->status = NJ_OK;
    add_format(svg,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.10g %.10g\" "
               "width=\"%.10g\" height=\"%.10g\" role=\"img\">\n<title>",
               width, height, width, height);
    add_text(svg, title);
    add_format(svg, "</title>\n");
    if (svg->status == NJ_OK) {
        svg->status = nj_buffer_append(&svg->bytes, STYLE, sizeof STYLE - 1);
    }
    nj_svg_rect(svg, NJ_SVG_PAPER, 0, 0, width, height);
}

void nj_svg_rect(nj_svg *svg, nj_svg_role role, double x, double y, double width, double height)
{
    add_format(svg, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
               CLASSES[role], x, y, width, height);
}

void nj_svg_line(nj_svg *svg, nj_svg_role role, nj_svg_point from, nj_svg_point to, bool dashed)
{
    add_format(svg, "<line class=\"%s\" x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\"%s/>\n",
               CLASSES[role], from.x, from.y, to.x, to.y,
               dashed ? " stroke-dasharray=\"4 3\"" : "");
}

void nj_svg_area(nj_svg *svg, nj_svg_role role, const nj_svg_point *points, size_t count,
                 double base)
{
    if (count == 0) {
        return;
    }
    add_format(svg, "<path class=\"%s\" d=\"M%.2f %.2f", CLASSES[role], points[0].x, base);
    for (size_t i = 0; i < count; i++) {
        add_format(svg, "L%.2f %.2f", points[i].x, points[i].y);
    }
    add_format(svg, "L%.2f %.2fZ\"/>\n", points[count - 1].x, base);
}

void nj_svg_text(nj_svg *svg, nj_svg_role role, nj_svg_anchor anchor, double x, double y,
                 const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_format(svg, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.2f\" y=\"%.2f\">", CLASSES[role],
               ANCHORS[anchor], x, y);
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
