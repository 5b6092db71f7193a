#include "common/codec/palette.h"

#include <stdbool.h>
#include <string.h>

typedef struct {
    const char *name; // of the class and the variable
    const char *light;
    const char *dark;
} colour;

static const colour COLOURS[NJ_SVG_ROLE_COUNT] = {
    [NJ_SVG_PAPER] = {"paper", "#ffffff", "#14181e"},
    [NJ_SVG_PANEL] = {"panel", "#f4f6f9", "#1d232b"},
    [NJ_SVG_GRID] = {"grid", "#d5dae1", "#39424e"},
    [NJ_SVG_MAIN] = {"main", "#2f6fde", "#6ea2ff"},
    [NJ_SVG_SECOND] = {"second", "#5b6573", "#a3aebb"},
    [NJ_SVG_ALARM] = {"alarm", "#c8372d", "#ff7b70"},
    [NJ_SVG_INK] = {"ink", "#1c232c", "#e8ecf1"},
    [NJ_SVG_QUIET] = {"quiet", "#5b6573", "#a3aebb"},
    [NJ_SVG_HEAD] = {"head", "#1c232c", "#e8ecf1"},
    [NJ_SVG_TITLE] = {"title", "#1c232c", "#e8ecf1"},
    [NJ_SVG_SERIES + 0] = {"s0", "#2f6fde", "#6ea2ff"}, // blue
    [NJ_SVG_SERIES + 1] = {"s1", "#c25e00", "#f2a254"}, // orange
    [NJ_SVG_SERIES + 2] = {"s2", "#1b8558", "#4fc592"}, // green
    [NJ_SVG_SERIES + 3] = {"s3", "#8a4fc7", "#c39bf5"}, // violet
    [NJ_SVG_SERIES + 4] = {"s4", "#bf2f6b", "#f77fab"}, // rose
    [NJ_SVG_SERIES + 5] = {"s5", "#54606e", "#a9b4c0"}, // slate
};

// Fill and stroke have one colour; which of them shows is a matter of the element, not of the role.
static const char SHAPES[] =
    "svg text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu "
    "Sans',sans-serif;stroke-width:0}\n"
    "svg .head{font-size:14px;font-weight:600}svg .title{font-size:20px;font-weight:600}\n"
    "svg rect,svg path,svg circle{stroke-width:0}svg line{stroke-width:1}\n"
    "svg polyline{fill-opacity:0;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
    "svg .faint{fill-opacity:.16}\n";

const char *nj_palette_class(nj_svg_role role)
{
    return COLOURS[role].name;
}

static nj_status append_rules(nj_buffer *out, bool dark)
{
    nj_status status = NJ_OK;
    for (int i = 0; i < NJ_SVG_ROLE_COUNT && status == NJ_OK; i++) {
        const char *value = dark ? COLOURS[i].dark : COLOURS[i].light;
        status =
            nj_buffer_printf(out, "svg .%s{fill:%s;stroke:%s}\n", COLOURS[i].name, value, value);
    }
    return status;
}

static nj_status append_root(nj_buffer *out, bool dark)
{
    nj_status status = nj_buffer_append(out, ":root{", strlen(":root{"));
    for (int i = 0; i < NJ_SVG_SERIES && status == NJ_OK; i++) {
        status = nj_buffer_printf(out, "--%s:%s;", COLOURS[i].name,
                                  dark ? COLOURS[i].dark : COLOURS[i].light);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "}\n", 2);
}

// "screen", so that what is printed is dark on white whatever the viewer prefers.
static nj_status append_twice(nj_buffer *out, nj_status (*append)(nj_buffer *out, bool dark))
{
    nj_status status = append(out, false);
    if (status == NJ_OK) {
        status = nj_buffer_printf(out, "@media screen and (prefers-color-scheme:dark){\n");
    }
    if (status == NJ_OK) {
        status = append(out, true);
    }
    return status != NJ_OK ? status : nj_buffer_append(out, "}\n", 2);
}

nj_status nj_palette_append_svg_style(nj_buffer *out)
{
    const nj_status status = nj_buffer_append(out, SHAPES, sizeof SHAPES - 1);
    return status != NJ_OK ? status : append_twice(out, append_rules);
}

nj_status nj_palette_append_variables(nj_buffer *out)
{
    return append_twice(out, append_root);
}
