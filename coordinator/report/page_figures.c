// page_figures.c - throughput, shard latency and memory: a chart each, and the table behind it.
#include <math.h>
#include <stdlib.h>

#include "coordinator/recorder.h"
#include "coordinator/report/page_parts.h"

#define MS_PER_S 1000.0
#define POINTS_LEAST 12.0
#define POINTS_MOST 128.0
#define SHARDS_A_POINT 6.0

// Columns of the series, at most NJ_RECORDER_BINS long.
typedef struct {
    const json_t *series;
    double width_ms;
    size_t count;
    double at[NJ_RECORDER_BINS]; // the middle of each bin, in the page's unit
} axis;

static bool read_axis(const nj_page *page, axis *out)
{
    out->series = nj_page_at(page->document, "series");
    out->width_ms = nj_page_number(out->series, "width_ms");
    out->count = json_array_size(nj_page_at(out->series, "users"));
    if (!(out->width_ms > 0) || out->count == 0 || page->end_ms <= 0) {
        return false;
    }
    out->count = out->count < NJ_RECORDER_BINS ? out->count : NJ_RECORDER_BINS;
    for (size_t i = 0; i < out->count; i++) {
        out->at[i] = ((double)i + 0.5) * out->width_ms / page->unit_ms;
    }
    return true;
}

// How long bin i lasted: the last one may have been cut short.
static double bin_seconds(const nj_page *page, const axis *a, size_t i)
{
    const double from = (double)i * a->width_ms;
    const double until = fmin(from + a->width_ms, page->end_ms);
    return fmax(until - from, 1) / MS_PER_S;
}

// ---- throughput ----

static double sum_bins(const json_t *column, size_t first, size_t end)
{
    double sum = 0;
    for (size_t i = first; i < end; i++) {
        const double value = nj_page_element(column, i);
        sum += isnan(value) ? 0 : value;
    }
    return sum;
}

static double max_bins(const json_t *column, size_t first, size_t end)
{
    double most = NAN;
    for (size_t i = first; i < end; i++) {
        most = fmax(most, nj_page_element(column, i));
    }
    return most;
}

static size_t bins_a_row(const axis *a)
{
    return (a->count + NJ_PAGE_TABLE_ROWS - 1) / NJ_PAGE_TABLE_ROWS;
}

static void add_throughput_table(nj_page *page, const axis *a)
{
    static const nj_html_column COLUMNS[] = {
        {"from", NJ_HTML_WORDS},    {"users", NJ_HTML_NUMBER},  {"users/s", NJ_HTML_NUMBER},
        {"shards", NJ_HTML_NUMBER}, {"leases", NJ_HTML_NUMBER}, {"failed", NJ_HTML_NUMBER},
        {"lost", NJ_HTML_NUMBER},   {"second", NJ_HTML_NUMBER}, {"workers", NJ_HTML_NUMBER},
    };
    static const char *const SUMS[] = {"shards", "leases", "failures", "losses", "speculations"};
    const size_t step = bins_a_row(a);
    nj_html *html = &page->html;
    nj_html_fold(html, "The numbers of this chart");
    nj_html_table_begin(html, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    for (size_t first = 0; first < a->count; first += step) {
        const size_t end = first + step < a->count ? first + step : a->count;
        double seconds = 0;
        for (size_t i = first; i < end; i++) {
            seconds += bin_seconds(page, a, i);
        }
        const double users = sum_bins(nj_page_at(a->series, "users"), first, end);
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_seconds((double)first * a->width_ms / MS_PER_S).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_count(users).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_rate(users / seconds).text);
        for (size_t s = 0; s < sizeof SUMS / sizeof SUMS[0]; s++) {
            const double sum = sum_bins(nj_page_at(a->series, SUMS[s]), first, end);
            nj_html_cell(html, sum > 0 ? NJ_HTML_PLAIN : NJ_HTML_FAINT, "%s",
                         nj_page_say_count(sum).text);
        }
        nj_html_cell(
            html, NJ_HTML_PLAIN, "%s",
            nj_page_say_count(max_bins(nj_page_at(a->series, "workers"), first, end)).text);
    }
    nj_html_table_end(html);
    nj_html_fold_end(html);
}

// Points of the line: bins are joined until a point has some shards, or single shards would make its shape. Returns how many.
static size_t read_rates(const nj_page *page, const axis *a, double *at, double *rates)
{
    const json_t *users = nj_page_at(a->series, "users");
    const double shards = sum_bins(nj_page_at(a->series, "shards"), 0, a->count);
    const double wanted = fmin(POINTS_MOST, fmax(POINTS_LEAST, shards / SHARDS_A_POINT));
    const size_t step = (size_t)fmax(1, ceil((double)a->count / wanted));
    size_t count = 0;
    for (size_t first = 0; first < a->count; first += step) {
        const size_t end = first + step < a->count ? first + step : a->count;
        double seconds = 0;
        for (size_t i = first; i < end; i++) {
            seconds += bin_seconds(page, a, i);
        }
        at[count] = (a->at[first] + a->at[end - 1]) / 2;
        rates[count++] = sum_bins(users, first, end) / seconds;
    }
    return count;
}

void nj_page_add_throughput(nj_page *page)
{
    axis a;
    double at[NJ_RECORDER_BINS];
    double rates[NJ_RECORDER_BINS];
    nj_html *html = &page->html;
    nj_html_section(html, "throughput", "Throughput");
    if (!read_axis(page, &a)) {
        nj_html_note(html, "Not recorded.");
        return;
    }
    const size_t count = read_rates(page, &a, at, rates);
    nj_svg svg;
    const nj_chart_line line = {.x = at, .y = rates, .count = count};
    const json_t *processes = nj_page_at(page->document, "processes");
    const size_t process_count = json_array_size(processes);
    const json_t *last = json_array_get(processes, process_count > 0 ? process_count - 1 : 0);
    const double taken_ms =
        nj_page_number(last, "began_ms") - nj_page_number(json_array_get(processes, 0), "began_ms");
    const nj_chart chart = {.title = "Users a second, as they were stored",
                            .x_label = page->unit,
                            .y_label = "users/s",
                            .height = 260,
                            .y_zero = true,
                            .has_mark = process_count > 1 && taken_ms > 0,
                            .mark = taken_ms / page->unit_ms,
                            .mark_label = "taken up again"};
    nj_chart_lines(&svg, &chart, &line, 1);
    nj_html_svg_take(html, &svg,
                     "Users count when their rows are on disk: pieces are committed "
                     "together, so the line has steps.");
    add_throughput_table(page, &a);
}

// ---- latency ----

#define GROUPS_MAX 13u  // bars of the histogram: neighbouring buckets are joined
#define SHORT_OCTAVES 4 // below 2^4 ms

typedef struct {
    double shares[GROUPS_MAX];
    nj_page_text names[GROUPS_MAX];
    const char *words[GROUPS_MAX];
    double counts[GROUPS_MAX];
    size_t count;
} histogram;

static double bucket_from(const json_t *buckets, size_t i)
{
    return nj_page_element(json_array_get(buckets, i), 0);
}

// Buckets are a quarter of an octave wide; groups as many of them as keeps them few.
static void read_histogram(const json_t *durations, histogram *out)
{
    const json_t *buckets = nj_page_at(durations, "buckets");
    const double total = nj_page_count(durations, "count");
    const size_t size = json_array_size(buckets);
    out->count = 0;
    if (size == 0 || !(total > 0)) {
        return;
    }
    const double first = floor(4 * log2(fmax(1, bucket_from(buckets, 0))) + 0.5);
    const double last = floor(4 * log2(fmax(1, bucket_from(buckets, size - 1))) + 0.5);
    // Whole milliseconds leave gaps between short durations: there a group is an octave.
    if (!(last >= first)) { // not in order: no document of ours
        return;
    }
    const double least = first < 4 * SHORT_OCTAVES ? 4 : 1;
    const double step = fmax(least, ceil((last - first + 1) / GROUPS_MAX));
    out->count = (size_t)((last - first) / step) + 1;
    for (size_t g = 0; g < out->count; g++) {
        out->counts[g] = 0;
        out->names[g] = nj_page_say_seconds(exp2((first + (double)g * step) / 4) / MS_PER_S);
        out->words[g] = out->names[g].text;
    }
    for (size_t i = 0; i < size; i++) {
        const double at = floor(4 * log2(fmax(1, bucket_from(buckets, i))) + 0.5);
        const double group = (at - first) / step;
        const double count = nj_page_element(json_array_get(buckets, i), 1);
        if (group >= 0 && group < (double)out->count && count > 0) {
            out->counts[(size_t)group] += count;
        }
    }
    for (size_t g = 0; g < out->count; g++) {
        out->shares[g] = 100 * out->counts[g] / total;
    }
}

static void add_quantiles(nj_page *page, const json_t *durations, const char *name)
{
    static const char *const KEYS[] = {"mean", "p50", "p90", "p99", "max"};
    nj_html_row(&page->html);
    nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s", name);
    nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                 nj_page_say_count(nj_page_number(durations, "count")).text);
    for (size_t k = 0; k < sizeof KEYS / sizeof KEYS[0]; k++) {
        nj_html_cell(&page->html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_seconds(nj_page_number(durations, KEYS[k]) / MS_PER_S).text);
    }
}

static void add_histogram_table(nj_page *page, const histogram *h)
{
    static const nj_html_column COLUMNS[] = {
        {"from", NJ_HTML_WORDS}, {"shards", NJ_HTML_NUMBER}, {"share", NJ_HTML_NUMBER}};
    nj_html *html = &page->html;
    nj_html_fold(html, "The numbers of this chart");
    nj_html_table_begin(html, NULL, COLUMNS, 3);
    for (size_t g = 0; g < h->count; g++) {
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", h->names[g].text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_count(h->counts[g]).text);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_share(h->shares[g] / 100).text);
    }
    nj_html_table_end(html);
    nj_html_fold_end(html);
}

void nj_page_add_latency(nj_page *page)
{
    static const nj_html_column COLUMNS[] = {{"", NJ_HTML_WORDS},        {"shards", NJ_HTML_NUMBER},
                                             {"mean", NJ_HTML_NUMBER},   {"half", NJ_HTML_NUMBER},
                                             {"90 %", NJ_HTML_NUMBER},   {"99 %", NJ_HTML_NUMBER},
                                             {"longest", NJ_HTML_NUMBER}};
    const json_t *work = nj_page_at(page->document, "work");
    histogram h;
    nj_html *html = &page->html;
    read_histogram(work, &h);
    nj_html_section(html, "latency", "How long a shard takes");
    if (h.count == 0) {
        nj_html_note(html, "Not recorded.");
        return;
    }
    nj_svg svg;
    const nj_chart_bar bar = {.values = h.shares};
    const nj_chart chart = {.title = "Shards by the time that their worker needed",
                            .x_label = "from",
                            .y_label = "% of shards",
                            .height = 260};
    nj_chart_bars(&svg, &chart, h.words, h.count, &bar, 1);
    nj_html_svg_take(html, &svg, NULL);
    nj_html_table_begin(html, NULL, COLUMNS, sizeof COLUMNS / sizeof COLUMNS[0]);
    add_quantiles(page, work, "worker's time");
    add_quantiles(page, nj_page_at(page->document, "latency"), "lease to rows");
    nj_html_table_end(html);
    nj_html_note(html,
                 "A worker holds a second lease while it computes the first. Its time for a "
                 "shard begins when it has delivered what it held before; from the lease on "
                 "the waiting counts too. Shares are told to 19 %% (a quarter of an octave).");
    add_histogram_table(page, &h);
}

// ---- memory ----

static void add_memory_table(nj_page *page, const axis *a)
{
    static const nj_html_column COLUMNS[] = {
        {"from", NJ_HTML_WORDS}, {"coordinator", NJ_HTML_NUMBER}, {"all workers", NJ_HTML_NUMBER}};
    static const char *const KEYS[] = {"coordinator_bytes", "workers_bytes"};
    const size_t step = bins_a_row(a);
    nj_html *html = &page->html;
    nj_html_fold(html, "The numbers of this chart");
    nj_html_table_begin(html, NULL, COLUMNS, 3);
    for (size_t first = 0; first < a->count; first += step) {
        const size_t end = first + step < a->count ? first + step : a->count;
        nj_html_row(html);
        nj_html_cell(html, NJ_HTML_PLAIN, "%s",
                     nj_page_say_seconds((double)first * a->width_ms / MS_PER_S).text);
        for (size_t k = 0; k < 2; k++) {
            const double most = max_bins(nj_page_at(a->series, KEYS[k]), first, end);
            nj_html_cell(html, NJ_HTML_PLAIN, "%s", nj_page_say_bytes(most > 0 ? most : NAN).text);
        }
    }
    nj_html_table_end(html);
    nj_html_fold_end(html);
}

// The bins in which it was looked at, as points. Returns how many.
static size_t read_bytes(const axis *a, const char *key, double *at, double *mib)
{
    const json_t *bytes = nj_page_at(a->series, key);
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (nj_page_element(bytes, i) > 0) {
            at[count] = a->at[i];
            mib[count++] = nj_page_element(bytes, i) / (1 << 20);
        }
    }
    return count;
}

static void draw_memory(nj_page *page, const axis *a)
{
    double at[2][NJ_RECORDER_BINS];
    double mib[2][NJ_RECORDER_BINS];
    nj_svg svg;
    const nj_chart_line lines[] = {{.name = "coordinator",
                                    .x = at[0],
                                    .y = mib[0],
                                    .count = read_bytes(a, "coordinator_bytes", at[0], mib[0])},
                                   {.name = "all workers together",
                                    .x = at[1],
                                    .y = mib[1],
                                    .count = read_bytes(a, "workers_bytes", at[1], mib[1])}};
    const nj_chart chart = {.title = "Resident memory",
                            .x_label = page->unit,
                            .y_label = "MiB",
                            .height = 240,
                            .y_zero = true};
    nj_chart_lines(&svg, &chart, lines, 2);
    nj_html_svg_take(&page->html, &svg, NULL);
}

void nj_page_add_memory(nj_page *page)
{
    axis a;
    const json_t *actual = nj_page_at(nj_page_at(page->document, "actual"), "memory_bytes");
    nj_html *html = &page->html;
    nj_html_section(html, "memory", "Memory");
    if (!read_axis(page, &a)) {
        nj_html_note(html, "Not recorded.");
        return;
    }
    draw_memory(page, &a);
    const double worker = nj_page_number(actual, "worker");
    nj_html_paragraph(html, "The coordinator had at most %s.",
                      nj_page_say_bytes(nj_page_number(actual, "coordinator")).text);
    if (isnan(worker)) {
        nj_html_note(html, "Workers tell their memory with their heartbeats, one a second at most: "
                           "none came, or they are of an older version.");
    } else {
        nj_html_paragraph(html, "The largest worker told %s.", nj_page_say_bytes(worker).text);
    }
    add_memory_table(page, &a);
}
