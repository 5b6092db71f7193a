// page_workers.c - which worker did what and when: leases one by one where they are few, else how busy each was, else groups.
//
//   workers    leases     picture
//   1..24      few        a bar for each lease
//   1..24      many       a strip for each worker: its height is the share of time in which it held a lease
//   25..64                the same, in thinner strips
//   65..                  64 strips, each of several workers in the order they came: their mean
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/report/page_parts.h"

#define SPANS_DRAWN_MAX 1200u
#define ROWS_WITH_NAMES 24u
#define ROWS_MAX 64u
#define CELLS_MAX 512u // of a strip
#define TABLE_WORKERS 30u
#define NAME_CHARS 18u
#define CROSS 4.0 // pixels: half of it

// A picture with time across and a row for each worker or group.
typedef struct {
    nj_page *page;
    nj_svg svg;
    double left, right, top, row_height;
    size_t rows;
} rows_plane;

static double across(const rows_plane *p, double ms)
{
    const double share = ms / p->page->end_ms;
    return p->left + (p->right - p->left) * fmin(1, fmax(0, share));
}

static double row_top(const rows_plane *p, size_t row)
{
    return p->top + p->row_height * (double)row;
}

static double bottom_of(const rows_plane *p)
{
    return row_top(p, p->rows);
}

// "render-node-17/host…": what a row has room for.
static nj_page_text shorten(const char *name)
{
    nj_page_text out;
    size_t chars = 0;
    size_t bytes = 0;
    while (name[bytes] != '\0' && chars < NAME_CHARS) {
        bytes++;
        while (((unsigned char)name[bytes] & 0xc0u) == 0x80u) {
            bytes++;
        }
        chars++;
    }
    const bool whole = name[bytes] == '\0';
    const size_t size = bytes < sizeof out.text - 4 ? bytes : sizeof out.text - 4;
    memcpy(out.text, name, size);
    snprintf(out.text + size, 4, "%s", whole ? "" : "\u2026");
    return out;
}

static void begin_rows(rows_plane *p, nj_page *page, size_t rows, const char *title)
{
    const double heights[] = {rows <= 4 ? 26 : 17, rows <= 40 ? 11 : 8};
    *p = (rows_plane){.page = page,
                      .left = 138,
                      .right = NJ_CHART_WIDTH - 14,
                      .top = 40,
                      .row_height = rows <= ROWS_WITH_NAMES ? heights[0] : heights[1],
                      .rows = rows};
    nj_svg_begin_inline(&p->svg, NJ_CHART_WIDTH, bottom_of(p) + 44, title);
    nj_svg_text(&p->svg, NJ_SVG_HEAD, NJ_SVG_START, 0, 18, "%s", title);
    nj_svg_rect(&p->svg, NJ_SVG_PANEL, p->left, p->top, p->right - p->left, bottom_of(p) - p->top);
}

static void draw_time_axis(rows_plane *p)
{
    nj_chart_ticks ticks;
    const double end = p->page->end_ms / p->page->unit_ms;
    nj_chart_ticks_round(0, end, 6, false, &ticks);
    for (size_t i = 0; i < ticks.count && ticks.values[i] <= end; i++) {
        const double x = across(p, ticks.values[i] * p->page->unit_ms);
        nj_svg_line(&p->svg, NJ_SVG_GRID, (nj_svg_point){x, p->top},
                    (nj_svg_point){x, bottom_of(p)}, false);
        nj_svg_text(&p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, x, bottom_of(p) + 16, "%.*f",
                    ticks.decimals, ticks.values[i]);
    }
    nj_svg_text(&p->svg, NJ_SVG_QUIET, NJ_SVG_MIDDLE, (p->left + p->right) / 2, bottom_of(p) + 36,
                "%s", p->page->unit);
}

static void name_row(rows_plane *p, size_t row, const char *name)
{
    nj_svg_text(&p->svg, NJ_SVG_INK, NJ_SVG_END, p->left - 8,
                row_top(p, row) + p->row_height / 2 + 4, "%s", shorten(name).text);
}

// ---- leases one by one ----

static bool is_bad(const char *end)
{
    return strcmp(end, "failed") == 0 || strcmp(end, "lost") == 0;
}

// Tells a bar apart without colours too.
static void draw_cross(nj_svg *svg, double x, double y)
{
    nj_svg_line(svg, NJ_SVG_INK, (nj_svg_point){x - CROSS, y - CROSS},
                (nj_svg_point){x + CROSS, y + CROSS}, false);
    nj_svg_line(svg, NJ_SVG_INK, (nj_svg_point){x - CROSS, y + CROSS},
                (nj_svg_point){x + CROSS, y - CROSS}, false);
}

static void draw_span(rows_plane *p, const json_t *row)
{
    const double worker = nj_page_element(row, 0);
    const double began = nj_page_element(row, 5);
    const double ended = nj_page_element(row, 6);
    const char *end = json_string_value(json_array_get(row, 7));
    if (!(worker >= 0 && worker < (double)p->rows) || !(ended >= began) || end == NULL) {
        return;
    }
    const bool second = nj_page_element(row, 8) > 0;
    const bool audit = nj_page_element(row, 9) > 0;
    const double from = across(p, began);
    const double width = fmax(across(p, ended) - from - 0.6, 0.8);
    const double whole = p->row_height - 5;
    const double height = second || audit ? whole / 2 : whole;
    const double top = row_top(p, (size_t)worker) + 2.5 + (whole - height);
    nj_svg_tip(&p->svg, "shard %s, attempt %s, %s users: %s%s%s, %s to %s",
               nj_page_say_count(nj_page_element(row, 1)).text,
               nj_page_say_count(nj_page_element(row, 2)).text,
               nj_page_say_count(nj_page_element(row, 3)).text,
               strcmp(end, "past") == 0 ? "stored by an earlier process" : end,
               second ? ", second lease" : "", audit ? ", decoded again" : "",
               nj_page_say_seconds(began / 1000).text, nj_page_say_seconds(ended / 1000).text);
    nj_svg_rect(&p->svg,
                is_bad(end)       ? NJ_SVG_ALARM
                : second || audit ? NJ_SVG_SECOND
                                  : NJ_SVG_MAIN,
                from, top, width, height);
    if (is_bad(end)) {
        draw_cross(&p->svg, from + width, top + height / 2);
    }
    nj_svg_tip_end(&p->svg);
}

static void draw_spans(nj_page *page, const json_t *listed, const json_t *spans)
{
    rows_plane p;
    const json_t *rows = nj_page_at(spans, "rows");
    begin_rows(&p, page, json_array_size(listed), "Leases, by worker");
    draw_time_axis(&p);
    for (size_t i = 0; i < p.rows; i++) {
        name_row(&p, i, nj_page_word(json_array_get(listed, i), "name"));
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        draw_span(&p, json_array_get(rows, i));
    }
    nj_html_svg_take(&page->html, &p.svg,
                     "A bar is a lease whose rows were good, from when its worker was free for it. "
                     "Low bars are second leases and users decoded again to be compared. Red and "
                     "\u00d7: failed, or lost with its worker. Of earlier processes only the "
                     "moments are known at which rows were stored.");
}

// ---- strips ----

// Mean busy share of the workers first .. end-1 in one cell, and the worst mark.
static double read_cell(const json_t *listed, size_t first, size_t end, size_t cell, char *out_mark)
{
    static const char WORST_FIRST[] = "LFGBSJ";
    double sum = 0;
    size_t worst = sizeof WORST_FIRST - 1;
    for (size_t w = first; w < end; w++) {
        const json_t *worker = json_array_get(listed, w);
        const char *busy = nj_page_word(worker, "busy");
        const char *marks = nj_page_word(worker, "marks");
        if (cell < strlen(busy) && busy[cell] >= '0' && busy[cell] <= '9') {
            sum += (busy[cell] - '0' + 1) / 10.0;
        }
        const char *found = cell < strlen(marks) ? strchr(WORST_FIRST, marks[cell]) : NULL;
        if (found != NULL && (size_t)(found - WORST_FIRST) < worst) {
            worst = (size_t)(found - WORST_FIRST);
        }
    }
    *out_mark = worst < sizeof WORST_FIRST - 1 ? WORST_FIRST[worst] : ' ';
    return sum / (double)(end - first);
}

static void draw_strip(rows_plane *p, const json_t *listed, size_t row, size_t first, size_t end,
                       size_t cells, double strip_ms)
{
    nj_svg_point points[2 * CELLS_MAX] = {{0, 0}};
    char marks[CELLS_MAX];
    const double base = row_top(p, row) + p->row_height - 1;
    const double high = p->row_height - 2;
    for (size_t c = 0; c < cells; c++) {
        const double y = base - high * read_cell(listed, first, end, c, &marks[c]);
        points[2 * c] = (nj_svg_point){across(p, (double)c * strip_ms), y};
        points[2 * c + 1] = (nj_svg_point){across(p, (double)(c + 1) * strip_ms), y};
    }
    nj_svg_area(&p->svg, NJ_SVG_MAIN, points, 2 * cells, base);
    for (size_t c = 0; c < cells; c++) {
        const bool bad = marks[c] != ' ' && strchr("LFGB", marks[c]) != NULL;
        const double x = across(p, ((double)c + 0.5) * strip_ms);
        if (bad || marks[c] == 'S') {
            const double top = row_top(p, row) + (bad ? 0 : high / 2);
            nj_svg_rect(&p->svg, bad ? NJ_SVG_ALARM : NJ_SVG_SECOND, x - 1.2, top, 2.4, base - top);
        }
    }
}

static void draw_strips(nj_page *page, const json_t *listed, double strip_ms)
{
    rows_plane p;
    const size_t total = json_array_size(listed);
    const size_t rows = total < ROWS_MAX ? total : ROWS_MAX;
    size_t cells = strlen(nj_page_word(json_array_get(listed, 0), "busy"));
    cells = cells < CELLS_MAX ? cells : CELLS_MAX;
    begin_rows(&p, page, rows,
               total > rows ? "How busy groups of workers were" : "How busy each worker was");
    draw_time_axis(&p);
    for (size_t r = 0; r < rows && cells > 0; r++) {
        const size_t first = r * total / rows;
        const size_t end = (r + 1) * total / rows;
        draw_strip(&p, listed, r, first, end, cells, strip_ms);
        if (rows <= ROWS_WITH_NAMES) {
            name_row(&p, r, nj_page_word(json_array_get(listed, first), "name"));
        } else if (r % 4 == 0) {
            char name[NJ_PAGE_TEXT_BYTES];
            snprintf(name, sizeof name, total > rows ? "workers %zu\u2013%zu" : "worker %zu",
                     first + 1, end);
            name_row(&p, r, name);
        }
    }
    nj_html_svg_take(
        &page->html, &p.svg,
        "The height of a strip is the share of time in which its worker held a lease. "
        "Red lines: a lease failed or was lost, the worker vanished or was benched. "
        "Short grey lines: a second lease. Workers stand in the order they came, as in the "
        "document.");
}

// ---- the table ----

static int compare_users(const void *a, const void *b)
{
    const json_t *x = *(const json_t *const *)a;
    const json_t *y = *(const json_t *const *)b;
    const double trouble_x = nj_page_count(x, "failures") + nj_page_count(x, "losses") +
                             nj_page_count(x, "vanished") + nj_page_count(x, "benches");
    const double trouble_y = nj_page_count(y, "failures") + nj_page_count(y, "losses") +
                             nj_page_count(y, "vanished") + nj_page_count(y, "benches");
    if ((trouble_x > 0) != (trouble_y > 0)) {
        return trouble_x > 0 ? -1 : 1;
    }
    const double users_x = nj_page_count(x, "users");
    const double users_y = nj_page_count(y, "users");
    return (users_x < users_y) - (users_x > users_y);
}

static void add_worker_row(nj_page *page, const json_t *worker)
{
    static const char *const COUNTS[] = {"shards", "users",        "failures",
                                         "losses", "speculations", "vanished"};
    nj_html *html = &page->html;
    const bool before = nj_page_count(worker, "joins") == 0; // it worked for an earlier process
    const double shards = before ? 0 : nj_page_count(worker, "shards");
    const double here_ms =
        before ? 0 : nj_page_count(worker, "last_ms") - nj_page_count(worker, "first_ms");
    nj_html_row(html);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_word(worker, "name"));
    for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
        const double count = nj_page_count(worker, COUNTS[c]);
        const bool is_trouble = c == 2 || c == 3 || c == 5;
        nj_html_cell(html, count > 0 && is_trouble ? NJ_HTML_ALARM : NJ_HTML_PLAIN, "%s",
                     nj_page_say_count(count).text);
    }
    nj_html_cell(
        html, NJ_HTML_PLAIN, "%s",
        nj_page_say_seconds(shards > 0 ? nj_page_count(worker, "work_ms") / shards / 1000 : NAN)
            .text);
    nj_html_cell(
        html, NJ_HTML_PLAIN, "%s",
        nj_page_say_share(here_ms > 0 ? fmin(1, nj_page_count(worker, "busy_ms") / here_ms) : NAN)
            .text);
    nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                 nj_page_say_bytes(nj_page_number(worker, "peak_bytes")).text);
}

static void add_table(nj_page *page, const json_t *workers, const json_t *listed)
{
    static const nj_html_column COLUMNS[] = {
        {"worker", NJ_HTML_WORDS},    {"shards", NJ_HTML_NUMBER},
        {"users", NJ_HTML_NUMBER},    {"failed", NJ_HTML_NUMBER},
        {"lost", NJ_HTML_NUMBER},     {"second", NJ_HTML_NUMBER},
        {"vanished", NJ_HTML_NUMBER}, {"per\u00a0shard", NJ_HTML_NUMBER},
        {"busy", NJ_HTML_NUMBER},     {"memory", NJ_HTML_NUMBER},
    };
    const size_t count = json_array_size(listed);
    const json_t **order = calloc(count + 1, sizeof *order);
    if (order == NULL) {
        page->html.status = NJ_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = json_array_get(listed, i);
    }
    qsort(order, count, sizeof *order, compare_users);
    nj_html_table_begin(&page->html, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    for (size_t i = 0; i < count && i < TABLE_WORKERS; i++) {
        add_worker_row(page, order[i]);
    }
    nj_html_table_end(&page->html);
    free(order);
    const double total = nj_page_count(workers, "total");
    if (total > TABLE_WORKERS) {
        nj_html_note(&page->html,
                     "%u of %s workers: those with trouble first, then those with most users. The "
                     "document has %zu of them.",
                     TABLE_WORKERS, nj_page_say_count(total).text, count);
    }
}

void nj_page_add_workers(nj_page *page)
{
    const json_t *workers = nj_page_at(page->document, "workers");
    const json_t *listed = nj_page_at(workers, "listed");
    const json_t *spans = nj_page_at(page->document, "spans");
    const double total = nj_page_count(spans, "total");
    nj_html_section(&page->html, "workers", "Workers");
    if (json_array_size(listed) == 0 || page->end_ms <= 0) {
        nj_html_note(&page->html, "Not recorded.");
        return;
    }
    const bool has_all = total <= (double)json_array_size(nj_page_at(spans, "rows"));
    if (json_array_size(listed) <= ROWS_WITH_NAMES && total <= SPANS_DRAWN_MAX && has_all) {
        draw_spans(page, listed, spans);
    } else {
        const json_t *series = nj_page_at(page->document, "series");
        draw_strips(page, listed, 2 * nj_page_number(series, "width_ms"));
    }
    add_table(page, workers, listed);
}
