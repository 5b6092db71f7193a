#include "ops/cli/catalogue_picture.h"

#include <math.h>

#include "common/base/file.h"
#include "common/codec/svg.h"

// Pixels.
#define WIDTH 960.0
#define MARGIN 32.0
#define HEAD 92.0
#define PANEL_HEIGHT 236.0
#define GAP 24.0
#define PANEL_WIDTH ((WIDTH - 2 * MARGIN - GAP) / 2)
#define AXIS_LEFT 58.0   // within a panel: where the chart begins
#define AXIS_TOP 58.0    //
#define AXIS_BOTTOM 34.0 // room for its labels
#define AXIS_RIGHT 14.0
#define STEPS_MAX 512u      // of an area's outline
#define EVEN_SHARES_MAX 5.0 // a code with more than so many times its even share is cut

typedef struct {
    double left, top, right, bottom; // of the chart
    double share_max;                // at its top
} chart;

// A number that is at least `value`, and whose quarters are short.
static double round_up(double value)
{
    static const double DIGITS[] = {1, 1.2, 1.6, 2, 2.4, 3, 4, 6, 8, 10};
    const double power = pow(10, floor(log10(value)));
    size_t i = 0;
    while (DIGITS[i] < value / power && DIGITS[i] < 10) {
        i++;
    }
    return power * DIGITS[i];
}

static double height_of(const chart *c, double share)
{
    return c->bottom - (c->bottom - c->top) * share / c->share_max;
}

static void draw_axes(nj_svg *svg, const chart *c, uint32_t code_count)
{
    for (int i = 0; i <= 4; i++) {
        const double share = c->share_max * i / 4;
        const double y = height_of(c, share);
        nj_svg_line(svg, NJ_SVG_GRID, (nj_svg_point){c->left, y}, (nj_svg_point){c->right, y},
                    false);
        nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_END, c->left - 6, y + 4, "%.3g %%", 100 * share);
    }
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, c->left, c->bottom + 18, "most used code");
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_END, c->right, c->bottom + 18, "%u codes", code_count);
}

// Steps: each code is as wide as any other; where there are more codes than steps, a step is the mean of its codes.
static void draw_use(nj_svg *svg, const chart *c, const nj_level_report *level, uint32_t item_count)
{
    nj_svg_point points[2 * STEPS_MAX];
    const uint32_t K = level->code_count;
    const uint32_t steps = K < STEPS_MAX ? K : STEPS_MAX;
    for (uint32_t i = 0; i < steps; i++) {
        const uint32_t first = (uint32_t)((uint64_t)i * K / steps);
        const uint32_t end = (uint32_t)((uint64_t)(i + 1) * K / steps);
        double items = 0;
        for (uint32_t k = first; k < end; k++) {
            items += level->counts[k];
        }
        const double share = items / (end - first) / item_count;
        const double y = height_of(c, share < c->share_max ? share : c->share_max);
        points[2 * i] = (nj_svg_point){c->left + (c->right - c->left) * first / K, y};
        points[2 * i + 1] = (nj_svg_point){c->left + (c->right - c->left) * end / K, y};
    }
    nj_svg_area(svg, NJ_SVG_MAIN, points, 2 * (size_t)steps, c->bottom);
}

// A code that would flatten all others is cut at the top, and says how much it has.
static void draw_cut(nj_svg *svg, const chart *c, const nj_level_report *level)
{
    if (level->largest_share > c->share_max) {
        nj_svg_text(svg, NJ_SVG_INK, NJ_SVG_END, c->right, c->top + 16,
                    "up to %.1f %% with one code", 100 * level->largest_share);
    }
}

static void draw_dead(nj_svg *svg, const chart *c, const nj_level_report *level)
{
    const uint32_t dead = level->code_count - level->used_count;
    if (dead > 0) {
        const double x = c->left + (c->right - c->left) * level->used_count / level->code_count;
        nj_svg_rect(svg, NJ_SVG_ALARM, x, c->bottom - 3, c->right - x, 3);
        nj_svg_text(svg, NJ_SVG_ALARM, NJ_SVG_END, c->right, c->bottom - 10, "%u without items",
                    dead);
    }
}

static void draw_level(nj_svg *svg, const nj_report *report, uint32_t l, double x, double y)
{
    const nj_level_report *level = &report->levels[l];
    const double even = 1.0 / level->code_count;
    const chart c = {
        x + AXIS_LEFT, y + AXIS_TOP, x + PANEL_WIDTH - AXIS_RIGHT, y + PANEL_HEIGHT - AXIS_BOTTOM,
        round_up(level->largest_share < even * EVEN_SHARES_MAX ? level->largest_share
                                                               : even * EVEN_SHARES_MAX)};
    nj_svg_rect(svg, NJ_SVG_PANEL, x, y, PANEL_WIDTH, PANEL_HEIGHT);
    nj_svg_text(svg, NJ_SVG_INK, NJ_SVG_START, x + 14, y + 22,
                "Level %u: %u of %u codes used, perplexity %.1f (%.0f %%)", l, level->used_count,
                level->code_count, level->perplexity, 100 * level->perplexity / level->code_count);
    if (report->has_embeddings && report->square_mean > 0) {
        nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, x + 14, y + 40,
                    "leaves %.1f %% of the embeddings' squared length",
                    100 * level->error / report->square_mean);
    }
    draw_axes(svg, &c, level->code_count);
    draw_use(svg, &c, level, report->item_count);
    nj_svg_line(svg, NJ_SVG_SECOND, (nj_svg_point){c.left, height_of(&c, even)},
                (nj_svg_point){c.right, height_of(&c, even)}, true);
    draw_cut(svg, &c, level);
    draw_dead(svg, &c, level);
}

static void draw_collisions(nj_svg *svg, const nj_report *report, double x, double y)
{
    const nj_collision_outcome *leaves = &report->leaves;
    const double share = (double)leaves->colliding_count / leaves->item_count;
    const double width = PANEL_WIDTH - 28;
    nj_svg_rect(svg, NJ_SVG_PANEL, x, y, PANEL_WIDTH, PANEL_HEIGHT);
    x += 14;
    nj_svg_text(svg, NJ_SVG_INK, NJ_SVG_START, x, y + 22,
                "Collisions: %u of %u items (%.2f %%), at most %u in one", leaves->colliding_count,
                leaves->item_count, 100 * share, leaves->largest_count);
    nj_svg_rect(svg, NJ_SVG_MAIN, x, y + 40, width, 16);
    nj_svg_rect(svg, NJ_SVG_ALARM, x, y + 40, width * share, 16);
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, x, y + 74, "share codes with another");
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_END, x + width, y + 74, "have their own");
    nj_svg_text(svg, NJ_SVG_INK, NJ_SVG_START, x, y + 110, "suffix");
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, x + 76, y + 110, "a counter of %u codes",
                leaves->largest_count);
    nj_svg_text(svg, NJ_SVG_INK, NJ_SVG_START, x, y + 136, "relocate");
    if (report->has_relocation) {
        const double error = report->levels[report->level_count - 1].error;
        nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, x + 76, y + 136,
                    "%u items move, %u to another prefix; error +%.2f %%",
                    report->relocation.moved_count, report->relocation.moved_prefix_count,
                    error > 0 ? 100 * report->relocation.extra_error / leaves->item_count / error
                              : 0);
    } else {
        nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, x + 76, y + 136, "not tried (--policies)");
    }
    nj_svg_text(svg, NJ_SVG_INK, NJ_SVG_START, x, y + 162, "leaves");
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, x + 76, y + 162, "%u SIDs for %u items",
                leaves->distinct_count, leaves->item_count);
}

static void draw_head(nj_svg *svg, const char *name, const nj_report *report)
{
    nj_svg_text(svg, NJ_SVG_TITLE, NJ_SVG_START, MARGIN, 42, "Use of codes: %s", name);
    nj_svg_text(svg, NJ_SVG_QUIET, NJ_SVG_START, MARGIN, 66,
                "Share of %u items with each code, most used first. Dashed: all codes used evenly.",
                report->item_count);
}

nj_status nj_catalogue_picture_write(const char *path, const char *name, const nj_report *report,
                                     nj_error *err)
{
    const uint32_t rows =
        report->level_count / 2 + 1; // of two panels; the last panel is the collisions'
    nj_svg svg;
    nj_svg_begin(&svg, WIDTH, HEAD + rows * (PANEL_HEIGHT + GAP) + MARGIN - GAP, name);
    draw_head(&svg, name, report);
    for (uint32_t l = 0; l < report->level_count; l++) {
        draw_level(&svg, report, l, MARGIN + l % 2 * (PANEL_WIDTH + GAP),
                   HEAD + l / 2 * (PANEL_HEIGHT + GAP));
    }
    const uint32_t last = report->level_count;
    draw_collisions(&svg, report, MARGIN + last % 2 * (PANEL_WIDTH + GAP),
                    HEAD + last / 2 * (PANEL_HEIGHT + GAP));
    nj_status status = nj_svg_end(&svg);
    status = status == NJ_OK ? nj_file_write(path, svg.bytes.bytes, svg.bytes.size, err)
                             : nj_fail(err, status, "%s: no memory for the picture", path);
    nj_svg_fini(&svg);
    return status;
}
